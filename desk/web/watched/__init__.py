"""What is watched, on a page: the sources and how each is, and the forms that add one."""
