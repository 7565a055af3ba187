"""What leaving costs: privacy events and the ledger they are charged to."""
