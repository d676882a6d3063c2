"""The demonstration: a small picture drawn in a real paint program, recorded, compared, exported and verified."""
