"""How a post lies on a stage, as a few numbers from which anybody can lay the two pictures over each other again.

The recipe is one line each with Pillow, and `method.json` repeats it:

    stage.resize(size, BICUBIC, box=stage_box)
    post.resize(size, BICUBIC, box=post_box), then mirrored if `mirrored`

A post is never turned nor bent: the matcher knows mirror images, parts and different shapes, and nothing else.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sakigake.fingerprint.placed import Window
from sakigake.fingerprint.views import Pixels

LONGEST, LEAST = 640, 360  # dots of the longer side of aligned pictures: no more, and no less
WHOLE = Window(0.0, 0.0, 1.0, 1.0)
_DIGITS = 2  # of a pixel: the numbers that are printed are those that are used

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which part of a post lies on which part of a stage; both parts become `size` (width, height).

    `post_box` is in pixels of the post as it was posted, before it is mirrored; `stage_box` in whole pixels of the stage.
    `matched` is where the matcher put the post's seen part, in shares of the stage's sides, and `refined` where it lies
    after the bounded search of `watch.explaining.registration`; `before` and `after` are the correlations of lines there.
    """

    mirrored: bool
    post_size: tuple[int, int]
    stage_size: tuple[int, int]
    post_box: Box
    stage_box: tuple[int, int, int, int]
    size: tuple[int, int]
    matched: Window
    refined: Window
    before: float
    after: float

    @property
    def scale(self) -> tuple[float, float]:
        """Return how many pixels of the stage one pixel of the post takes, across and down."""
        post, stage = self.post_box, self.stage_box
        return (stage[2] - stage[0]) / (post[2] - post[0]), (stage[3] - stage[1]) / (post[3] - post[1])

    @property
    def offset(self) -> tuple[float, float]:
        """Return where the corner of the seen part lies in the stage, in shares of its sides: from the left, from the top."""
        return self.refined.left, self.refined.top

    @property
    def covered(self) -> float:
        """Return the share of the stage that the post covers."""
        left, top, right, bottom = self.stage_box
        return (right - left) * (bottom - top) / (self.stage_size[0] * self.stage_size[1])

    @property
    def shown(self) -> float:
        """Return the share of the post that lies on the stage."""
        left, top, right, bottom = self.post_box
        return (right - left) * (bottom - top) / (self.post_size[0] * self.post_size[1])

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as they are printed, and all that is needed to do it again."""
        return {
            "mirrored": self.mirrored,
            "scale": [round(each, 4) for each in self.scale],
            "offset": [round(each, 4) for each in self.offset],
            "covered_part_of_stage": round(self.covered, 4),
            "shown_part_of_post": round(self.shown, 4),
            "post_size": list(self.post_size),
            "stage_size": list(self.stage_size),
            "post_box": list(self.post_box),
            "stage_box": list(self.stage_box),
            "size": list(self.size),
            "matched": _shares(self.matched),
            "refined": _shares(self.refined),
            "correlation_of_lines": {"as_matched": round(self.before, 4), "refined": round(self.after, 4)},
        }


def of(
    post_size: tuple[int, int],
    stage_size: tuple[int, int],
    seen: Box,
    *,
    mirrored: bool,
    matched: Window,
    refined: Window,
    scores: tuple[float, float] = (0.0, 0.0),
) -> Alignment:
    """Return the alignment of the part `seen` of a post, which lies on a stage as `refined` says; sizes are (width, height).

    `refined` may reach beyond the stage; what lies outside is cut off on both sides.
    """
    width, height = stage_size
    across = _cut(refined.left, refined.width, width)
    down = _cut(refined.top, refined.height, height)
    left, right = _back(across, refined.left, refined.width, width, (seen[0], seen[2]), mirrored=mirrored)
    top, bottom = _back(down, refined.top, refined.height, height, (seen[1], seen[3]), mirrored=False)
    box = (across[0], down[0], across[1], down[1])
    return Alignment(
        mirrored,
        post_size,
        stage_size,
        (left, top, right, bottom),
        box,
        _size(box),
        matched,
        refined,
        *scores,
    )


def apply(alignment: Alignment, post: Pixels, stage: Pixels) -> tuple[Pixels, Pixels]:
    """Return the two pictures laid over each other, both of `alignment.size`.

    Raises ValueError for pictures of other sizes than those that were aligned.
    """
    if (post.shape[1::-1], stage.shape[1::-1]) != (alignment.post_size, alignment.stage_size):
        raise ValueError("pictures of other sizes")
    placed = _resampled(post, alignment.size, alignment.post_box)
    if alignment.mirrored:
        placed = np.ascontiguousarray(placed[:, ::-1])
    return placed, _resampled(stage, alignment.size, alignment.stage_box)


def _resampled(pixels: Pixels, size: tuple[int, int], box: Box) -> Pixels:
    from PIL import Image  # noqa: PLC0415 - the only one here that shrinks a part given in fractions without aliasing

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC, box), np.uint8)


def _cut(start: float, share: float, length: int) -> tuple[int, int]:
    """Return the whole pixels of a stage's side that are covered, at least one."""
    first = min(max(round(start * length), 0), length - 1)
    return first, max(first + 1, min(length, round((start + share) * length)))


def _back(
    pixels: tuple[int, int],
    start: float,
    share: float,
    length: int,
    seen: tuple[float, float],
    *,
    mirrored: bool,
) -> tuple[float, float]:
    """Return which pixels of the post lie on these pixels of the stage, inside the seen part."""
    ends = sorted((each / length - start) / share for each in pixels)
    low, high = (1 - ends[1], 1 - ends[0]) if mirrored else (ends[0], ends[1])
    first, last = seen
    found = [round(min(max(first + each * (last - first), first), last), _DIGITS) for each in (low, high)]
    # A part of less than a hundredth of a pixel would be none.
    return found[0], max(found[1], round(found[0] + 10**-_DIGITS, _DIGITS))


def _size(box: tuple[int, int, int, int]) -> tuple[int, int]:
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(max(width, height, LEAST), LONGEST) / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shares(window: Window) -> dict[str, float]:
    return {
        name: round(value, 5)
        for name, value in zip(
            ("left", "top", "width", "height"),
            (window.left, window.top, window.width, window.height),
            strict=True,
        )
    }
