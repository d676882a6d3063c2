"""What the recording holds and the post does not: parts outside it, finer detail, earlier stages.

Whoever made a picture from a stream has what the stream showed. Earlier stages, a larger canvas and what lay outside the
post's crop are on the recorder's side alone. None of it says who drew anything; it says what this recording had.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from sakigake.fingerprint.views import Pixels
from watch.explaining.alignment import Alignment
from watch.explaining.letters import Letters, titled
from watch.explaining.sheet import below, beside, bordered, enlarged, fit, margined, resized

_LARGE, _SMALL, _DETAIL = 460, 150, 224
_FRAME = (30, 130, 240)  # BGR, the post's orange
_EARLIER = 5
_OUTSIDE = 0.02  # of a side: what lies outside the post by less is not worth a word


def spread(numbers: Sequence[int], best: int, most: int = _EARLIER) -> list[int]:
    """Return stages up to the best one, evenly spread, the first and the best among them."""
    before = [number for number in numbers if number <= best]
    if len(before) <= most:
        return before
    return [before[round(place * (len(before) - 1) / (most - 1))] for place in range(most)]


def outside(alignment: Alignment) -> bool:
    """Say whether the stage shows more than the post at any of its sides."""
    (left, top, right, bottom), (width, height) = alignment.stage_box, alignment.stage_size
    least_x, least_y = width * _OUTSIDE, height * _OUTSIDE
    return left > least_x or top > least_y or width - right > least_x or height - bottom > least_y


def finer(alignment: Alignment) -> float:
    """Return how many pixels of the stage there are for one of the post, along a side."""
    across, down = alignment.scale
    return float(np.sqrt(across * down))


def sheet(
    alignment: Alignment,
    both: tuple[Pixels, Pixels],
    earlier: Sequence[tuple[str, Pixels]],
    titles: dict[str, str],
    letters: Letters,
) -> Pixels:
    """Return the sheet; `both` are the post and the stage, `earlier` pictures of stages with what stands above them, in drawing order.

    `titles` names `whole`, `detail-stage`, `detail-post`, `earlier`.
    """
    post, stage = both
    whole = titled(bordered(_marked(alignment, stage)), titles["whole"], letters)
    one, other = _details(alignment, post, stage)
    details = below(
        [
            titled(bordered(one), titles["detail-stage"], letters),
            titled(bordered(other), titles["detail-post"], letters),
        ]
    )
    parts = [beside([whole, details], 24)]
    if earlier:
        row = beside([titled(bordered(fit(pixels, _SMALL)), name, letters) for name, pixels in earlier])
        parts += [letters.strip(titles["earlier"], 17, max(row.shape[1], parts[0].shape[1])), row]
    return margined(below(parts))


def _marked(alignment: Alignment, stage: Pixels) -> Pixels:
    """Return the stage with a frame around the part that the post shows."""
    small = fit(stage, _LARGE)
    scale = small.shape[1] / stage.shape[1], small.shape[0] / stage.shape[0]
    left, top, right, bottom = alignment.stage_box
    corners = (
        (round(left * scale[0]), round(top * scale[1])),
        (round(right * scale[0]) - 1, round(bottom * scale[1]) - 1),
    )
    cv2.rectangle(small, *corners, (255, 255, 255), 5)
    cv2.rectangle(small, *corners, _FRAME, 3)
    return small


def _details(alignment: Alignment, post: Pixels, stage: Pixels) -> tuple[Pixels, Pixels]:
    """Return the same small part of both, as their pixels are: where the stage has the most lines."""
    left, top, right, bottom = alignment.stage_box
    covered = stage[top:bottom, left:right]
    size = min(_DETAIL, covered.shape[0], covered.shape[1])
    grey = cv2.cvtColor(covered, cv2.COLOR_BGR2GRAY).astype(np.float32)
    energy = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    sums = cv2.integral(energy)
    windows = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    row, column = np.unravel_index(int(windows.argmax()), windows.shape)
    mine = np.ascontiguousarray(covered[row : row + size, column : column + size])
    height, width = covered.shape[:2]
    first, second, third, fourth = alignment.post_box
    low, high = column / width, (column + size) / width
    if alignment.mirrored:
        low, high = 1 - high, 1 - low
    x1, x2 = first + low * (third - first), first + high * (third - first)
    y1, y2 = second + row / height * (fourth - second), second + (row + size) / height * (fourth - second)
    theirs = post[int(y1) : max(int(np.ceil(y2)), int(y1) + 1), int(x1) : max(int(np.ceil(x2)), int(x1) + 1)]
    if alignment.mirrored:
        theirs = theirs[:, ::-1]
    goal = (_DETAIL, _DETAIL)
    theirs = np.ascontiguousarray(theirs)
    shown = enlarged(theirs, goal) if max(theirs.shape[:2]) < _DETAIL else resized(theirs, goal)
    return enlarged(mine, goal), shown
