"""Findings on a page: what is shown of each, and the picture that the watcher saw, drawn anew."""
