"""Many institutions, one model: everything of it that is ours and not transport."""
