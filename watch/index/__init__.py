"""The shortlist: which recorded works a post should be compared with when there are too many to compare it with all."""
