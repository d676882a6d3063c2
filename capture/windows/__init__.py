"""What is on the screen: top-level windows, the foreground, the lock. One watcher per window system."""
