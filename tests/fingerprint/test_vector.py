"""Fingerprints and pixel digests: golden vectors, form, versions, and what they are blind to."""

import base64
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import UsageError, VerificationError
from sakigake.fingerprint import colour, layout_map
from sakigake.fingerprint.vector import (
    SECTIONS,
    V1,
    VERSION,
    Descriptors,
    fingerprint_v1,
    fingerprint_v2,
    pack_both_v2,
    pack_v1,
    pack_v2,
    pixel_digest_v1,
    require_same_version,
    unpack,
)
from sakigake.fingerprint.views import reduce_v1
from tests.fingerprint.pictures import GOLDEN, blocks, face, rings

VECTORS = Path(__file__).parent.parent / "vectors"
MADE = {V1: fingerprint_v1, VERSION: fingerprint_v2}
FILES = {V1: "fingerprint-v1.json", VERSION: "fingerprint-v2.json"}
BOTH = pytest.mark.parametrize("version", [V1, VERSION])


def cosine(one: Descriptors, other: Descriptors, name: str) -> float:
    a, b = (getattr(each, name).astype(np.float64).ravel() for each in (one, other))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@BOTH
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_vectors(name: str, version: str) -> None:
    """OpenCV 4.10 and 5 round differently when they shrink; the numbers must stay as close as this."""
    known = json.loads((VECTORS / FILES[version]).read_text(encoding="utf-8"))[name]
    pixels = GOLDEN[name]()
    assert pixel_digest_v1(pixels) == known["pixels"]
    expected, got = unpack(base64.b64decode(known["fingerprint"])), unpack(MADE[version](pixels))
    assert expected.version == got.version == version
    for part in ("edges", "gradients") if version == V1 else ("edges", "layout"):
        assert cosine(expected, got, part) > 0.9995
    assert np.abs(expected.thumb - got.thumb).max() < 0.012
    assert int((expected.pdq != got.pdq).sum()) <= 4
    assert got.coverage == pytest.approx(expected.coverage, abs=0.012)
    assert got.contrast == pytest.approx(expected.contrast, abs=0.002)


@BOTH
def test_layout_of_the_bytes(version: str) -> None:
    number = {V1: 1, VERSION: 2}[version]
    raw = MADE[version](face(300, 200))
    assert raw[:4] == b"SKFP"
    assert struct.unpack(">HH", raw[4:8]) == (number, len(raw) - 8)
    assert len(raw) == {1: 5232, 2: 5456}[number] == 8 + sum(section.size for section in SECTIONS[number])


def test_version_two_names_the_weights_of_its_net() -> None:
    raw = fingerprint_v2(face(100, 100))
    digest = layout_map.load().digest
    assert f"sakigake-fp/2-{digest[:8]}" == VERSION
    assert raw[8:40].hex() == digest
    with pytest.raises(UsageError) as caught:
        unpack(raw[:8] + b"\xab" * 32 + raw[40:])
    assert caught.value.code == "fingerprint-other-version"
    assert "sakigake-fp/2-abababab" in caught.value.message("en")


def test_what_a_version_does_not_hold_is_empty() -> None:
    old, new = unpack(fingerprint_v1(face(100, 100))), unpack(fingerprint_v2(face(100, 100)))
    assert (old.layout.size, old.edges.size, old.gradients.size, old.thumb.shape) == (
        0,
        1536,
        576,
        (32, 32, 3),
    )
    assert (new.layout.size, new.edges.size, new.gradients.size, new.thumb.shape) == (
        3072,
        1536,
        0,
        (16, 16, 3),
    )
    assert np.array_equal(old.edges, new.edges)
    assert np.array_equal(old.pdq, new.pdq)
    assert (old.coverage, old.contrast) == (new.coverage, new.contrast)


def test_a_picture_and_its_mirror_image_at_once() -> None:
    reduced = reduce_v1(face(400, 300))
    one, other = pack_both_v2(reduced)
    assert one == pack_v2(reduced)
    exact, quick = unpack(pack_v2(reduced.mirrored())), unpack(other)
    for part in ("layout", "edges"):
        assert cosine(exact, quick, part) > 0.9999
    assert np.array_equal(exact.thumb, quick.thumb)


def test_a_picture_of_one_colour_has_an_empty_map() -> None:
    assert not unpack(fingerprint_v2(np.full((90, 120, 3), 77, np.uint8))).layout.any()


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert fingerprint_v1(rings(333, 222)) == fingerprint_v1(rings(333, 222).copy())


def test_views_of_arrays_are_read_as_they_look() -> None:
    pixels = rings(400, 300)
    assert fingerprint_v1(pixels[:, ::-1]) == fingerprint_v1(np.ascontiguousarray(pixels[:, ::-1]))
    assert pixel_digest_v1(pixels[::-1]) == pixel_digest_v1(np.ascontiguousarray(pixels[::-1]))


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: raw[:0], lambda raw: b"X" + raw[1:]]
)
def test_damaged_bytes_are_refused(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(VerificationError) as caught:
        unpack(damage(fingerprint_v1(face(100, 100))))
    assert caught.value.code == "fingerprint-damaged"


def test_measures_out_of_range_are_refused() -> None:
    raw = bytearray(fingerprint_v1(face(100, 100)))
    raw[8:12] = struct.pack(">f", float("nan"))
    with pytest.raises(VerificationError):
        unpack(bytes(raw))


def test_another_version_is_refused_not_compared() -> None:
    raw = fingerprint_v2(face(100, 100))
    with pytest.raises(UsageError) as caught:
        unpack(raw[:4] + struct.pack(">H", 3) + raw[6:])
    assert caught.value.code == "fingerprint-other-version"
    assert "sakigake-fp/3" in caught.value.message("en")
    with pytest.raises(UsageError):
        require_same_version(VERSION, V1)


@given(st.binary(max_size=80))
def test_unpack_never_fails_otherwise(raw: bytes) -> None:
    with pytest.raises((UsageError, VerificationError)):
        unpack(b"SKFP" + raw)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    for function in (fingerprint_v1, pixel_digest_v1):
        with pytest.raises(ValueError, match="height x width x 3 uint8"):
            function(pixels)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 5), (513, 512), (1024, 1024), (2000, 40)])
def test_any_size_has_a_fingerprint(size: tuple[int, int]) -> None:
    unpack(fingerprint_v1(blocks(max(size[0], 20), max(size[1], 20))[: size[1], : size[0]]))


def test_mirrored_reduction_is_the_mirrored_picture() -> None:
    pixels = face(640, 480)
    pixels[100:200, 50:150] = (0, 0, 200)  # not symmetric
    one, other = unpack(pack_v1(reduce_v1(pixels).mirrored())), unpack(fingerprint_v1(pixels[:, ::-1]))
    assert cosine(one, other, "edges") > 0.995
    assert np.abs(one.thumb - other.thumb).max() < 0.02
    assert cosine(one, unpack(fingerprint_v1(pixels)), "edges") < 0.9


def test_edges_survive_other_colours_and_thumbnails_survive_a_cast() -> None:
    pixels = blocks(600, 600)
    recoloured = np.ascontiguousarray(255 - pixels[:, :, [1, 2, 0]])
    one, other = unpack(fingerprint_v1(pixels)), unpack(fingerprint_v1(recoloured))
    assert cosine(one, other, "edges") > 0.8
    stranger = unpack(fingerprint_v1(blocks(600, 600, seed=77)))
    assert cosine(one, stranger, "edges") < 0.4


def test_oklab_of_known_colours() -> None:
    """Reference values of Ottosson's article for the primaries."""
    bgr = np.array([[[255, 255, 255], [0, 0, 0], [0, 0, 255], [0, 255, 0], [255, 0, 0]]], np.uint8)
    expected = [
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.62796, 0.22486, 0.12585],
        [0.86644, -0.23389, 0.17950],
        [0.45201, -0.03246, -0.31153],
    ]
    assert np.allclose(colour.oklab(bgr)[0], expected, atol=2e-4)


def test_thumbnail_is_kept_to_a_hundredth() -> None:
    pixels = rings(512, 512)
    exact = colour.oklab_thumb_v1(colour.oklab(reduce_v1(pixels).square))
    assert np.abs(unpack(fingerprint_v1(pixels)).thumb - exact).max() < 0.003


def test_pixel_digest_is_as_specified() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    rgb = pixels[:, :, ::-1].tobytes()
    text = b"sakigake/pixels/v1\0" + struct.pack(">II", 3, 2) + rgb
    assert pixel_digest_v1(pixels) == hashlib.sha256(text).hexdigest()


def test_pixel_digest_ignores_the_file_and_sees_one_changed_pixel() -> None:
    pixels = rings(150, 131)
    coded = cv2.imdecode(cv2.imencode(".png", pixels)[1], cv2.IMREAD_COLOR)
    assert pixel_digest_v1(np.asarray(coded, np.uint8)) == pixel_digest_v1(pixels)
    changed = pixels.copy()
    changed[130, 149, 2] ^= 1
    assert pixel_digest_v1(changed) != pixel_digest_v1(pixels)
    turned = np.ascontiguousarray(pixels.reshape(150, 131, 3))
    assert pixel_digest_v1(turned) != pixel_digest_v1(pixels)


def test_pdq_agrees_with_the_reference_where_it_is_installed() -> None:
    """Bit for bit up to 512 pixels, in the reference's reversed order; larger pictures are shrunk first."""
    reference: Any = pytest.importorskip("pdqhash")
    for name, make in GOLDEN.items():
        pixels = make()
        if max(pixels.shape) > 512:
            continue
        bits, _ = reference.compute(np.ascontiguousarray(pixels[:, :, ::-1]))
        ours = unpack(fingerprint_v1(pixels)).pdq
        assert int((np.asarray(bits, np.bool_)[::-1] != ours).sum()) <= 1, name
