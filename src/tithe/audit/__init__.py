"""What a model, and what uploads, really give away: attacks, and bounds that hold."""
