"""From a screen to draft stages."""
