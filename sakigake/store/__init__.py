"""What is kept: one protocol, SQLite behind it by default."""
