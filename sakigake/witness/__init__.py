"""The stream as a witness: the newest head of a ledger on air, and what others saw of it."""
