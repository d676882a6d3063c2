"""A picture turned into versioned numbers."""
