"""The desk in a browser: a page of this machine, for the person who sits at it."""
