"""Published figures beside ours: what was rebuilt, from which stored results, by which command."""
