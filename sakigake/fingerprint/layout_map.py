"""The learned layout map: what of a picture's layout survives when a generator redraws it.

A small fully-convolutional net (trained by bench/train_layout.py on drawn pictures only) reads edges and OKLab
colours on a grid of 32 x 32 and writes a map of 12 values on a grid of 16 x 16. Two maps are compared by the cosine of
their channel-centred values. Fingerprints of version 2 contain it; their version names the weights.

Run here by numpy alone: at this size a matrix product per layer costs a few milliseconds, and the numbers do not
depend on how a runtime for nets was built. Sums of floats differ in their last bits between machines, so a stored map
is what is committed to and computing it again is a check with a tolerance of one step.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError, VerificationError
from sakigake.fingerprint.colour import box_mean, oklab
from sakigake.fingerprint.edges import products
from sakigake.fingerprint.views import SQUARE, Floats, Pixels, check_pixels

NAME = "layout-net-v1"
VERSION = "sakigake-layout/1"
# SHA-256 of the weights that ship. It is a part of the fingerprint's version, so it stands here and not only in a file
# beside them: other weights are another version, and nobody can change them without changing this line.
DIGEST = "68b05785453a7a675ae6f9dfa50651552d4f73d3cab78c28997ee669891443bb"
STEM_SIDE = 32
STEM_CHANNELS = 9
BINS = 6
CHANNELS = 12
SIDE = 16
SIZE = CHANNELS * SIDE * SIDE

_SIGMA = 1.2  # finer than the hand-made edge layout: the net does the rest of the smoothing
_FLOOR = 0.02
EDGE_GAIN = 2.0
COLOUR_GAIN = np.array([2.0, 4.0, 4.0], np.float32)
_BLOCK = SQUARE // STEM_SIDE
_CELL_OF: NDArray[np.intp] = (
    (np.arange(SQUARE)[:, None] // _BLOCK * STEM_SIDE + np.arange(SQUARE)[None, :] // _BLOCK) * BINS
).ravel()
_DEEP = 32  # channels from which on one product for each place of a kernel is quicker than one for all
# An orientation k becomes its mirror image -k; L, a and b stay.
MIRRORED = (0, 5, 4, 3, 2, 1, 6, 7, 8)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A convolution with what normalises it folded in: `kernel` out x in x k x k, `bias` out, both float32."""

    kernel: Floats
    bias: Floats
    stride: int
    added: bool  # the layer's input is added to its output
    rectified: bool


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A trained net. `digest` is the SHA-256 of the file it came from: maps of different digests are never compared."""

    version: str
    digest: str
    layers: tuple[Layer, ...]


# name, stride, input added, rectified: the order in which the net is run.
PLAN = (
    ("first", 1, False, True),
    ("down", 2, False, True),
    ("third", 1, True, True),
    ("fourth", 1, True, True),
    ("out", 1, False, False),
)


def assemble(arrays: Mapping[str, NDArray[np.generic]], digest: str) -> Weights:
    """Return a net from arrays `<layer>.kernel` and `<layer>.bias`; raises KeyError when one is not there."""
    layers = tuple(
        Layer(
            np.asarray(arrays[f"{name}.kernel"], np.float32),
            np.asarray(arrays[f"{name}.bias"], np.float32),
            stride,
            added,
            rectified,
        )
        for name, stride, added, rectified in PLAN
    )
    return Weights(VERSION, digest, layers)


@cache
def load() -> Weights:
    """Return the net that ships; raises ConfigError when its file is damaged."""
    raw = resources.read_bytes(f"{NAME}.npz")
    about = json.loads(resources.read_text(f"{NAME}.json"))
    digest = hashlib.sha256(raw).hexdigest()
    if not (digest == about["sha256"] == DIGEST and about["version"] == VERSION):
        raise ConfigError("check-data-damaged", name=f"{NAME}.npz")
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        return assemble(arrays, digest)


def square_v1(pixels: Pixels) -> Pixels:
    """Return a BGR picture of any size as 128 x 128, by area means; generators stretch, so the aspect is forgotten."""
    check_pixels(pixels)
    return np.asarray(cv2.resize(pixels, (SQUARE, SQUARE), interpolation=cv2.INTER_AREA), np.uint8)


def stem_v1(square: Pixels) -> Floats:
    """Return what the net sees of a 128 x 128 BGR square: 9 x 32 x 32 float32.

    Six energies of oriented edges (colour structure tensor in OKLab, Di Zenzo 1986; strength saturated against the
    picture's own median, then a square root) and OKLab around its mean.
    """
    return stem_of_v1(oklab(square))


def stem_of_v1(lab: Floats) -> Floats:
    """Return the stem of a square that is OKLab (128 x 128 x 3) already."""
    smooth = cv2.GaussianBlur(lab, (0, 0), _SIGMA)
    across = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    down = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), np.float32)
    xx, yy, xy = (products(a, b) for a, b in ((across, across), (down, down), (across, down)))
    strength = np.sqrt(xx + yy)
    saturated = (strength / (strength + 2 * np.median(strength) + _FLOOR)).ravel()
    angle = (0.5 * np.arctan2(2 * xy, xx - yy)).ravel()
    angle[angle < 0] += np.pi  # what a remainder would give, to the bit, at a tenth of its time
    position = angle * (BINS / np.pi)
    lower = np.floor(position)
    part = position - lower
    first = lower.astype(np.intp) % BINS
    size = STEM_SIDE * STEM_SIDE * BINS
    votes = np.bincount(_CELL_OF + first, saturated * (1 - part), size)
    votes += np.bincount(_CELL_OF + (first + 1) % BINS, saturated * part, size)
    edges = np.sqrt(votes.reshape(STEM_SIDE, STEM_SIDE, BINS) / _BLOCK**2) * EDGE_GAIN
    colours = box_mean(lab, _BLOCK)
    colours = (colours - colours.mean(axis=(0, 1))) * COLOUR_GAIN
    return np.ascontiguousarray(np.concatenate([edges, colours], axis=-1).transpose(2, 0, 1), np.float32)


def mirror_stem(stem: Floats) -> Floats:
    """Return the stem (... x 9 x 32 x 32) of the mirrored picture."""
    return np.ascontiguousarray(stem[..., MIRRORED, :, ::-1])


def run(stems: Floats, weights: Weights) -> Floats:
    """Return the maps (n x 12 x 16 x 16 float32, each channel around its mean) of n x 9 x 32 x 32 stems."""
    values = np.asarray(stems, np.float32).transpose(0, 2, 3, 1)
    for layer in weights.layers:
        made = _convolve(values, layer)
        if layer.added:
            made += values
        values = np.maximum(made, 0) if layer.rectified else made
    maps = values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(maps - maps.mean(axis=(2, 3), keepdims=True), np.float32)


def _convolve(values: Floats, layer: Layer) -> Floats:
    """Return the convolution of n x h x w x in values, zeros around them."""
    out, depth, size, _ = layer.kernel.shape
    if layer.stride == 1 and size > 1 and depth >= _DEEP:
        return _shifted(values, layer)
    rim = size // 2
    padded = _rimmed(values, rim)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    windows = windows[:, :: layer.stride, :: layer.stride]
    count, height, width = windows.shape[:3]
    rows = windows.reshape(count * height * width, depth * size * size)
    made = rows @ layer.kernel.reshape(out, -1).T + layer.bias
    return np.asarray(made.reshape(count, height, width, out), np.float32)


def _rimmed(values: Floats, rim: int) -> Floats:
    count, height, width, depth = values.shape
    padded = np.zeros((count, height + 2 * rim, width + 2 * rim, depth), np.float32)
    padded[:, rim : rim + height, rim : rim + width] = values
    return padded


def _shifted(values: Floats, layer: Layer) -> Floats:
    """Return the convolution as one product for each place of the kernel: nothing is copied nine times.

    In a row of cells, with the rim of zeros, each place of the kernel is the same row begun later. What is computed for
    the rim's own cells on the way means nothing and is left out.
    """
    out, depth, size, _ = layer.kernel.shape
    rim = size // 2
    padded = _rimmed(values, rim)
    count, height, width = padded.shape[:3]
    cells = padded.reshape(-1, depth)
    length = len(cells) - 2 * rim * (width + 1)
    made = np.zeros((len(cells), out), np.float32)
    for row in range(size):
        for column in range(size):
            start = row * width + column
            made[:length] += cells[start : start + length] @ layer.kernel[:, :, row, column].T
    kept = made.reshape(count, height, width, out)[:, : height - 2 * rim, : width - 2 * rim]
    return np.asarray(kept + layer.bias, np.float32)


def quantise(layout: Floats) -> bytes:
    """Return a map as 3,072 int8 (channel, row, column), the largest at 127: only the direction is kept."""
    peak = float(np.abs(layout).max())
    scaled = np.rint(layout * (127 / peak)) if peak else layout
    return scaled.astype(np.int8).tobytes()


def layout_map_v1(pixels: Pixels, weights: Weights) -> bytes:
    """Return the layout map of a BGR picture (height x width x 3 uint8) of any size as 3,072 bytes.

    A picture of one colour has a map of zeros, which resembles nothing.
    """
    square = square_v1(pixels)
    return bytes(SIZE) if is_plain(square) else quantise(run(stem_v1(square)[None], weights)[0])


def layout_maps_v1(pixels: Pixels, weights: Weights) -> tuple[bytes, bytes]:
    """Return the layout maps of a picture and of its mirror image; the picture is shrunk only once."""
    square = square_v1(pixels)
    if is_plain(square):
        return bytes(SIZE), bytes(SIZE)
    stem = stem_v1(square)
    plain, mirrored = run(np.stack([stem, mirror_stem(stem)]), weights)
    return quantise(plain), quantise(mirrored)


def is_plain(square: Pixels) -> bool:
    """Say whether a square has one colour: what the net makes of the picture's rim would be all there is."""
    return bool((square == square[0, 0]).all())


def read_map(raw: bytes) -> NDArray[np.int8]:
    """Return the 12 x 16 x 16 int8 of a stored map; raises VerificationError for another number of bytes."""
    if len(raw) != SIZE:
        raise VerificationError("fingerprint-damaged")
    return np.frombuffer(raw, np.int8).reshape(CHANNELS, SIDE, SIDE)
