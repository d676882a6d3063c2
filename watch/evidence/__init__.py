"""What is kept of a post that is like a recorded stage: as it was received, with digests, in a ledger of its own."""
