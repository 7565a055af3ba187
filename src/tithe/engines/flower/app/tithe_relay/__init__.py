"""A relay between Flower and the daemon that a participant runs."""
