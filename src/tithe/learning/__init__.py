"""Networks and their training on one participant's rows."""
