"""What `sakigake doctor` looks at."""
