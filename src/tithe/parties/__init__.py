"""Who takes part: the participant, the server, and whose turn it is."""
