"""The report: a run's record as pages, pictures and TensorBoard files that people can look at."""
