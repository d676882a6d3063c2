"""Placeholder until the evidence room is merged."""
