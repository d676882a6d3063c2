"""Where on the screen is the canvas? A suggestion to confirm, never a decision."""

from capture.frame import Pixels, Region


class CanvasFinder:
    """Takes in frames of the drawing program and suggests the rectangle of its canvas view."""

    def add(self, pixels: Pixels) -> None:
        """Take in one frame."""

    def suggest(self) -> Region | None:
        """Return the suggestion."""
        return None
