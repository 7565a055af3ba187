"""From the change of one local epoch to the update that leaves, and the store it is added to."""
