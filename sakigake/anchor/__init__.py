"""Outside witnesses of a checkpoint."""
