"""Telling the artist: neutral words, to receivers that were configured and to nobody else."""
