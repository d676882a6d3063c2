"""What the watcher remembers: sources, posts, findings, messages that wait, holes in what was watched."""
