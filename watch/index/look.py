"""A first look at a post: only as much of it as tells whether a recorded work could be like it at all.

Describing a post for a comparison takes five times as long as this. The views are those of the comparison, read from a
picture that was shrunk by a whole factor first; only the layout map is made of them. What is found here is never an answer:
it names the works that the post is then compared with in full.
"""

import cv2
import numpy as np

from sakigake.fingerprint import layout_map
from sakigake.fingerprint.layout_map import SIZE, is_plain, mirror_stem, quantise, run, square_v1, stem_v1
from sakigake.fingerprint.views import Floats, Pixels, check_pixels
from watch.compare.engine import shown
from watch.index import coding

_SIDE = 384  # the shorter side of what is looked at is at least this, where the post has it


def first_look(pixels: Pixels) -> Floats:
    """Return the described views of a BGR picture (views x 256): as it is, without frame or margins, and mirrored.

    A view of one colour is left out; of a blank picture nothing is left.
    """
    small = shrunk(pixels)
    squares = [square for square in map(square_v1, shown(small).values()) if not is_plain(square)]
    if not squares:
        return np.zeros((0, coding.FINE), np.float32)
    stems = np.stack([stem_v1(square) for square in squares])
    maps = run(np.concatenate([stems, mirror_stem(stems)]), layout_map.load())
    rows = np.frombuffer(b"".join(map(quantise, maps)), np.int8).reshape(-1, SIZE)
    return coding.describe(rows)


def shrunk(pixels: Pixels) -> Pixels:
    """Return a picture with both sides divided by a whole number, by area means; a rest at the far rim is cut off."""
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    factor = min(height, width) // _SIDE
    if factor <= 1:
        return pixels
    size = (width // factor, height // factor)
    whole = pixels[: size[1] * factor, : size[0] * factor]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
