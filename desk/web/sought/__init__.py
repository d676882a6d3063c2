"""Finding a stage by words: searches that run in a process of their own beside the desk."""
