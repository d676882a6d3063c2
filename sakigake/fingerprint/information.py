"""Whether a picture carries enough to be compared at all.

A blank canvas or a single stroke resembles thousands of pictures; an answer about it would be noise, so it is
refused with the reason instead.
"""

# Change of OKLab per pixel of the smoothed 128 square, times the Sobel kernel's gain of 8. Sensor noise, JPEG at
# quality 30 and paper grain stay below it; a light grey pencil line of two pixels on a 1920 wide canvas reaches it.
EDGE_PRESENT = 0.02
# A single line across the canvas touches up to 12 % of the 16 x 16 cells, the first rough of a figure over 20 %.
MIN_COVERAGE = 0.13
BLANK_CONTRAST = 0.004


def information(coverage: float, contrast: float) -> str | None:
    """Return why a picture with these measures cannot be compared (`blank`, `too-little`), or None when it can."""
    if coverage >= MIN_COVERAGE:
        return None
    return "blank" if coverage == 0 and contrast < BLANK_CONTRAST else "too-little"
