"""Colour as people see it: OKLab, and the thumbnail that survives strong redrawing."""

import cv2
import numpy as np

from sakigake.fingerprint.views import SQUARE, Floats, Pixels

THUMB = 32
SMALL_THUMB = 16
LIGHT_STEP = 1 / 254  # OKLab L lies in 0..1; stored around its middle
_SRGB_KNEE = 0.04045
CHROMA_STEP = 0.32 / 127  # sRGB's OKLab a and b stay within ±0.32

# Björn Ottosson, "A perceptual color space for image processing" (2020): linear sRGB -> LMS -> Lab; columns in BGR.
_CODES = np.arange(256) / 255
_LINEAR = np.where(_CODES <= _SRGB_KNEE, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LMS = np.array(
    [
        [0.0514459929, 0.5363325363, 0.4122214708],
        [0.1073969566, 0.6806995451, 0.2119034982],
        [0.6299787005, 0.2817188376, 0.0883024619],
    ],
    np.float32,
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)


def oklab(pixels: Pixels) -> Floats:
    """Return L (0..1), a, b of a BGR picture as height x width x 3 float32."""
    lms = np.cbrt(cv2.transform(cv2.LUT(pixels, _LINEAR), _LMS))
    return np.asarray(cv2.transform(lms, _LAB), np.float32)


def oklab_thumb_v1(lab: Floats) -> Floats:
    """Return 32x32x3 means of a 128x128x3 OKLab square; `shrink_thumb_v1` makes the 16 and the 8 of it."""
    return box_mean(lab, SQUARE // THUMB)


def oklab_thumb_v2(lab: Floats) -> Floats:
    """Return 16x16x3 means of a 128x128x3 OKLab square."""
    return box_mean(lab, SQUARE // SMALL_THUMB)


def shrink_thumb_v1(thumb: Floats, side: int) -> Floats:
    """Return a thumbnail of `side` 16 or 8 from a larger one of 32 or 16."""
    return box_mean(thumb, thumb.shape[0] // side)


def box_mean(picture: Floats, factor: int) -> Floats:
    """Return the means of `factor` x `factor` blocks; numpy's own means over two short axes take ten times as long."""
    height, width, _ = picture.shape
    size = (width // factor, height // factor)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
