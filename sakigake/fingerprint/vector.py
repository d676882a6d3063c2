"""The fingerprint of a picture: what is kept of every stage so that posts found later can be compared with it.

Layout of version 1 (5,232 bytes): magic `SKFP`, version u16, size of the rest u16 (big endian), then the sections
of `SECTIONS` in their order. Fingerprints of different versions are never compared: their numbers mean other things.
"""

import struct
from dataclasses import dataclass
from hashlib import sha256

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.errors import UsageError, VerificationError
from sakigake.fingerprint import colour, dct, edges, gradients
from sakigake.fingerprint.information import EDGE_PRESENT
from sakigake.fingerprint.views import Floats, Pixels, Reduced, check_pixels, reduce_v1

VERSION = "sakigake-fp/1"
MAGIC = b"SKFP"
_HEADER = struct.Struct(">4sHH")
_NUMBER = 1


@dataclass(frozen=True, slots=True)
class Section:
    """One descriptor as it is stored: its versioned name, type and number of values."""

    name: str
    dtype: str
    count: int

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return np.dtype(self.dtype).itemsize * self.count


SECTIONS = (
    Section("measures_v1", ">f4", 2),
    Section("pdq_v1", "u1", 32),
    Section("edge_layout_v1", "i1", 1536),
    Section("gradient_v1", "i1", 576),
    Section("oklab_thumb_v1", "i1", 3072),
)
_BODY = sum(section.size for section in SECTIONS)


@dataclass(frozen=True, slots=True, eq=False)
class Descriptors:
    """A fingerprint taken apart.

    `edges` 1536 and `gradients` 576 int8, each to be read as a direction only (its length is lost); `thumb`
    32x32x3 float32 OKLab; `pdq` 256 bool; `coverage` the share of cells with an edge in them, `contrast` the
    standard deviation of OKLab over the thumbnail.
    """

    version: str
    edges: NDArray[np.int8]
    gradients: NDArray[np.int8]
    thumb: Floats
    pdq: NDArray[np.bool_]
    coverage: float
    contrast: float


def fingerprint_v1(pixels: Pixels) -> bytes:
    """Return the fingerprint of a BGR picture (height x width x 3 uint8) of any size; a few ms of CPU."""
    return pack_v1(reduce_v1(pixels))


def pack_v1(reduced: Reduced) -> bytes:
    """Return the fingerprint of a reduced picture, such as the mirrored view of one that is at hand."""
    lab = colour.oklab(reduced.square)
    angle, strength = edges.gradients(lab)
    thumb = colour.oklab_thumb_v1(lab)
    measures = np.array([edges.coverage(strength, EDGE_PRESENT), thumb.std(axis=(0, 1)).max()], ">f4")
    steps = np.array([colour.LIGHT_STEP, colour.CHROMA_STEP, colour.CHROMA_STEP], np.float32)
    middle = np.array([0.5, 0.0, 0.0], np.float32)
    parts = (
        measures.tobytes(),
        np.packbits(dct.pdq_v1(reduced.luma)).tobytes(),
        _direction(edges.edge_layout_v1(angle, strength)),
        _direction(gradients.gradient_v1(angle, strength)),
        np.clip(np.rint((thumb - middle) / steps), -127, 127).astype(np.int8).tobytes(),
    )
    return _HEADER.pack(MAGIC, _NUMBER, _BODY) + b"".join(parts)


def _direction(values: Floats) -> bytes:
    """Return int8 values along `values`, the largest at 127: only the direction is kept."""
    peak = float(np.abs(values).max())
    return np.rint(values * (127 / peak) if peak else values).astype(np.int8).tobytes()


def unpack(raw: bytes) -> Descriptors:
    """Take a fingerprint apart; raises UsageError for another version, VerificationError for damaged bytes."""
    if len(raw) < _HEADER.size or raw[:4] != MAGIC:
        raise VerificationError("fingerprint-damaged")
    _, number, body = _HEADER.unpack_from(raw)
    if number != _NUMBER:
        raise UsageError("fingerprint-other-version", found=f"sakigake-fp/{number}", known=VERSION)
    if body != _BODY or len(raw) != _HEADER.size + _BODY:
        raise VerificationError("fingerprint-damaged")
    parts: dict[str, NDArray[np.generic]] = {}
    offset = _HEADER.size
    for section in SECTIONS:
        parts[section.name] = np.frombuffer(raw, section.dtype, section.count, offset)
        offset += section.size
    coverage, contrast = (float(value) for value in parts["measures_v1"].astype(np.float64))
    if not (0 <= coverage <= 1 and 0 <= contrast <= 1):
        raise VerificationError("fingerprint-damaged")
    steps = np.array([colour.LIGHT_STEP, colour.CHROMA_STEP, colour.CHROMA_STEP], np.float32)
    thumb = parts["oklab_thumb_v1"].reshape(colour.THUMB, colour.THUMB, 3).astype(np.float32) * steps
    return Descriptors(
        version=VERSION,
        edges=parts["edge_layout_v1"].astype(np.int8),
        gradients=parts["gradient_v1"].astype(np.int8),
        thumb=thumb + np.array([0.5, 0.0, 0.0], np.float32),
        pdq=np.unpackbits(parts["pdq_v1"].astype(np.uint8)).astype(np.bool_),
        coverage=coverage,
        contrast=contrast,
    )


def require_same_version(one: str, other: str) -> None:
    """Raise UsageError when two fingerprints were made by different versions."""
    if one != other:
        raise UsageError("fingerprint-other-version", found=one, known=other)


def pixel_digest_v1(pixels: Pixels) -> str:
    """Return the SHA-256 of the picture itself, whatever file it sits in: 64 hex digits.

    Hashed are `sakigake/pixels/v1` and a zero byte, width and height as u32 big endian, then R, G, B of each pixel
    row by row. Lossless copies in any format have the same digest.
    """
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    digest = sha256(b"sakigake/pixels/v1\0" + struct.pack(">II", width, height))
    for top in range(0, height, 64):  # in strips: a full copy of a 4K canvas would be 25 MB
        digest.update(np.asarray(cv2.cvtColor(pixels[top : top + 64], cv2.COLOR_BGR2RGB)).tobytes())
    return digest.hexdigest()
