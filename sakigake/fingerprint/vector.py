"""The fingerprint of a picture: what is kept of every stage so that posts found later can be compared with it.

Bytes: magic `SKFP`, version u16, size of the rest u16 (big endian), then the sections of that version in their order.
Version 2 holds the learned layout map and the digest of the net's weights that made it: its name ends with the first
eight hex digits of that digest, so other weights are another version. Fingerprints of different versions are never
compared: their numbers mean other things. Version 1 is no longer recorded; what was recorded with it stays readable and
is compared with posts described in the same way.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.errors import UsageError, VerificationError
from sakigake.fingerprint import colour, dct, edges, gradients, layout_map
from sakigake.fingerprint.information import EDGE_PRESENT
from sakigake.fingerprint.views import Floats, Pixels, Reduced, check_pixels, reduce_v1

V1 = "sakigake-fp/1"
VERSION = f"sakigake-fp/2-{layout_map.DIGEST[:8]}"  # what a recorder keeps
MAGIC = b"SKFP"
_HEADER = struct.Struct(">4sHH")
_NET = bytes.fromhex(layout_map.DIGEST)
_STEPS = np.array([colour.LIGHT_STEP, colour.CHROMA_STEP, colour.CHROMA_STEP], np.float32)
_MIDDLE = np.array([0.5, 0.0, 0.0], np.float32)


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


SECTIONS = {
    1: (
        Section("measures_v1", ">f4", 2),
        Section("pdq_v1", "u1", 32),
        Section("edge_layout_v1", "i1", 1536),
        Section("gradient_v1", "i1", 576),
        Section("oklab_thumb_v1", "i1", 3072),
    ),
    2: (
        Section("layout_net", "u1", 32),
        Section("measures_v1", ">f4", 2),
        Section("pdq_v1", "u1", 32),
        Section("layout_map_v1", "i1", layout_map.SIZE),
        Section("edge_layout_v1", "i1", 1536),
        Section("oklab_thumb_v2", "i1", 768),
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Descriptors:
    """A fingerprint taken apart; what its version does not hold is empty.

    `layout` 3072 (version 2), `edges` 1536 and `gradients` 576 (version 1) int8, each to be read as a direction only
    (its length is lost); `thumb` OKLab float32, 32x32x3 in version 1 and 16x16x3 in version 2; `pdq` 256 bool;
    `coverage` the share of cells with an edge in them, `contrast` the standard deviation of OKLab over the thumbnail.
    `square` is the picture itself, 128 x 128 BGR, of a post that may be put into a part of a stage; it is never stored.
    """

    version: str
    layout: NDArray[np.int8]
    edges: NDArray[np.int8]
    gradients: NDArray[np.int8]
    thumb: Floats
    pdq: NDArray[np.bool_]
    coverage: float
    contrast: float
    square: Pixels | None = None


def fingerprint_v2(pixels: Pixels) -> bytes:
    """Return the fingerprint of a BGR picture (height x width x 3 uint8) of any size; some ms of CPU."""
    return pack_v2(reduce_v1(pixels))


def pack_v2(reduced: Reduced) -> bytes:
    """Return the fingerprint of a reduced picture."""
    lab = colour.oklab(reduced.square)
    angle, strength = edges.gradients(lab)
    stem = layout_map.stem_of_v1(lab)
    layout = layout_map.run(stem[None], layout_map.load())[0]
    return _packed_v2(
        bytes(layout_map.SIZE) if _is_plain(reduced) else _direction(layout),
        edges.edge_layout_v1(angle, strength),
        colour.oklab_thumb_v2(lab),
        _measures(strength, colour.oklab_thumb_v1(lab)),
        reduced.luma,
    )


def pack_both_v2(reduced: Reduced) -> tuple[bytes, bytes]:
    """Return the fingerprints of a reduced picture and of its mirror image, for little more than the cost of one."""
    lab = colour.oklab(reduced.square)
    angle, strength = edges.gradients(lab)
    stem = layout_map.stem_of_v1(lab)
    layouts = layout_map.run(np.stack([stem, layout_map.mirror_stem(stem)]), layout_map.load())
    one, other = (bytes(layout_map.SIZE) if _is_plain(reduced) else _direction(each) for each in layouts)
    lines = edges.edge_layout_v1(angle, strength)
    thumb = colour.oklab_thumb_v2(lab)
    measures = _measures(strength, colour.oklab_thumb_v1(lab))
    return (
        _packed_v2(one, lines, thumb, measures, reduced.luma),
        _packed_v2(other, edges.mirrored(lines), thumb[:, ::-1], measures, reduced.luma[:, ::-1]),
    )


def _packed_v2(layout: bytes, lines: Floats, thumb: Floats, measures: bytes, luma: Floats) -> bytes:
    parts = (
        _NET,
        measures,
        np.packbits(dct.pdq_v1(luma)).tobytes(),
        layout,
        _direction(lines),
        _tones(thumb),
    )
    body = b"".join(parts)
    return _HEADER.pack(MAGIC, 2, len(body)) + body


def _is_plain(reduced: Reduced) -> bool:
    return layout_map.is_plain(reduced.square)


def fingerprint_v1(pixels: Pixels) -> bytes:
    """Return the fingerprint of version 1 of a BGR picture of any size."""
    return pack_v1(reduce_v1(pixels))


def pack_v1(reduced: Reduced) -> bytes:
    """Return the fingerprint of version 1 of a reduced picture, such as the mirrored view of one that is at hand."""
    lab = colour.oklab(reduced.square)
    angle, strength = edges.gradients(lab)
    thumb = colour.oklab_thumb_v1(lab)
    parts = (
        _measures(strength, thumb),
        np.packbits(dct.pdq_v1(reduced.luma)).tobytes(),
        _direction(edges.edge_layout_v1(angle, strength)),
        _direction(gradients.gradient_v1(angle, strength)),
        _tones(thumb),
    )
    body = b"".join(parts)
    return _HEADER.pack(MAGIC, 1, len(body)) + body


def _measures(strength: Floats, thumb: Floats) -> bytes:
    contrast = thumb.std(axis=(0, 1)).max()
    return np.array([edges.coverage(strength, EDGE_PRESENT), contrast], ">f4").tobytes()


def _tones(thumb: Floats) -> bytes:
    steps = np.rint((thumb - _MIDDLE) / _STEPS)
    return bytes(np.clip(steps, -127, 127).astype(np.int8).tobytes())


def _direction(values: Floats) -> bytes:
    """Return int8 values along `values`, the largest at 127: only the direction is kept."""
    peak = float(np.abs(values).max())
    return np.rint(values * (127 / peak) if peak else values).astype(np.int8).tobytes()


def unpack(raw: bytes) -> Descriptors:
    """Take a fingerprint apart; raises UsageError for another version, VerificationError for damaged bytes."""
    if len(raw) < _HEADER.size or raw[:4] != MAGIC:
        raise VerificationError("fingerprint-damaged")
    _, number, body = _HEADER.unpack_from(raw)
    if number not in SECTIONS:
        raise UsageError("fingerprint-other-version", found=f"sakigake-fp/{number}", known=VERSION)
    sections = SECTIONS[number]
    if body != len(raw) - _HEADER.size or body != sum(section.size for section in sections):
        raise VerificationError("fingerprint-damaged")
    parts: dict[str, NDArray[np.generic]] = {}
    offset = _HEADER.size
    for section in sections:
        parts[section.name] = np.frombuffer(raw, section.dtype, section.count, offset)
        offset += section.size
    version = V1
    if number != 1:
        net = parts["layout_net"].tobytes()
        version = f"sakigake-fp/{number}-{net.hex()[:8]}"
        if net != _NET:
            raise UsageError("fingerprint-other-version", found=version, known=VERSION)
    coverage, contrast = (float(value) for value in parts["measures_v1"].astype(np.float64))
    if not (0 <= coverage <= 1 and 0 <= contrast <= 1):
        raise VerificationError("fingerprint-damaged")
    name, side = ("oklab_thumb_v1", colour.THUMB) if number == 1 else ("oklab_thumb_v2", colour.SMALL_THUMB)
    return Descriptors(
        version=version,
        layout=_int8(parts, "layout_map_v1"),
        edges=_int8(parts, "edge_layout_v1"),
        gradients=_int8(parts, "gradient_v1"),
        thumb=parts[name].reshape(side, side, 3).astype(np.float32) * _STEPS + _MIDDLE,
        pdq=np.unpackbits(parts["pdq_v1"].astype(np.uint8)).astype(np.bool_),
        coverage=coverage,
        contrast=contrast,
    )


def _int8(parts: Mapping[str, NDArray[np.generic]], name: str) -> NDArray[np.int8]:
    found = parts.get(name)
    return np.zeros(0, np.int8) if found is None else found.astype(np.int8)


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
