"""Our own code in the recorded picture: it changes at each checkpoint, and would look like drawing each time.

A stage makes a checkpoint, and that another code: without this a recording of the scene on air would keep itself
going. Only what the stage detector sees is covered; the picture that is kept stays as it was.
"""

from collections.abc import Callable

import numpy as np

from capture.frame import Pixels
from sakigake.witness.reader import Box, places

TRIES = 5  # looks after a change of the code at which it is looked for
NEAR = 6  # pixels: boxes that differ by less are the same, so that the cover does not tremble
WHITE = 255


class OwnCode:
    """Covers the overlay where it was last found. `turns` counts the pictures that were put on air."""

    def __init__(self, turns: Callable[[], int]) -> None:
        self._turns = turns
        self._turn = -1
        self._tries = 0
        self._boxes: list[Box] = []

    def cover(self, pixels: Pixels) -> Pixels:
        """Return the picture with the overlay white, the picture itself when there is none in it."""
        turn = self._turns()
        if turn != self._turn:
            self._turn, self._tries = turn, TRIES
        if self._tries:
            self._look_for(pixels)
        if not self._boxes:
            return pixels
        covered = pixels.copy()
        for box in self._boxes:
            left, top = max(0, box.left), max(0, box.top)
            covered[top : max(0, box.top + box.height), left : max(0, box.left + box.width)] = WHITE
        return covered

    def _look_for(self, pixels: Pixels) -> None:
        found = places(np.ascontiguousarray(pixels))
        if found:
            self._tries = 0
            if not _alike(found, self._boxes):
                self._boxes = found
            return
        self._tries -= 1
        if not self._tries:
            self._boxes = []  # it was taken off the scene, or never was in it


def _alike(some: list[Box], others: list[Box]) -> bool:
    if len(some) != len(others):
        return False
    pairs = zip(sorted(some), sorted(others), strict=True)
    return all(abs(a - b) <= NEAR for one, other in pairs for a, b in zip(one, other, strict=True))
