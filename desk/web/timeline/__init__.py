"""The timeline of a session, as a page shows it."""
