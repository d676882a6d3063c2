"""Entries, the tree over them, signed checkpoints, and bounds in time."""
