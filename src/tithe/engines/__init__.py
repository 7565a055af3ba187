"""Ways to run a training: all of them reach the same parameters where the order is fixed."""
