"""Checking a post from the page: the comparison runs in a process of its own."""
