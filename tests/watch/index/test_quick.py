"""The quick layout map of the first look: the same net, other sums; held against the one that is kept of stages."""

import cv2
import numpy as np
import pytest

from sakigake.fingerprint import layout_map
from sakigake.fingerprint.frame import frame_v1
from sakigake.fingerprint.layout_map import mirror_stem, square_v1, stem_v1
from sakigake.fingerprint.views import Floats, Pixels, trim_v1
from tests.watch.studio import drawing, redrawn
from watch.compare import engine
from watch.index import coding, look, quick
from watch.index.stages import LOOKED_AT, looked_at


def cosines(one: Floats, other: Floats) -> Floats:
    one, other = one.reshape(len(one), -1), other.reshape(len(other), -1)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths, np.float32)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_net_and_its_stem_say_what_the_kept_ones_say(seed: int) -> None:
    square = square_v1(redrawn(drawing(seed, 7), seed))
    stem = stem_v1(square)
    assert float(np.abs(quick.stem(square) - stem).max()) < 2e-3  # angles come from a table
    stems = np.stack([stem, mirror_stem(stem)])
    kept, quickly = layout_map.run(stems, layout_map.load()), quick.maps(stems)
    assert float(np.abs(kept - quickly).max()) < 1e-4
    described = coding.describe(
        np.frombuffer(b"".join(map(layout_map.quantise, kept)), np.int8).reshape(2, -1)
    )
    assert float(cosines(described, coding.describe_quickly(quickly.reshape(2, -1))).min()) > 0.9995


@pytest.mark.parametrize("size", [(225, 300), (383, 192), (192, 900)])
def test_a_quickly_shrunk_square_is_nearly_the_same(size: tuple[int, int]) -> None:
    pixels = np.asarray(cv2.resize(redrawn(drawing(4, 7)), size, interpolation=cv2.INTER_CUBIC), np.uint8)
    maps = [
        layout_map.run(stem_v1(made)[None], layout_map.load())
        for made in (square_v1(pixels), quick.square(pixels))
    ]
    assert float(cosines(*maps).min()) > 0.97


def framed(pixels: Pixels, colour: tuple[int, int, int]) -> Pixels:
    return np.asarray(cv2.copyMakeBorder(pixels, 60, 40, 0, 0, cv2.BORDER_CONSTANT, value=colour), np.uint8)


@pytest.mark.parametrize("colour", [(255, 255, 255), (20, 20, 20)])
def test_the_first_look_leaves_out_what_the_comparison_leaves_out(colour: tuple[int, int, int]) -> None:
    post = framed(np.asarray(cv2.resize(drawing(5, 7), (300, 400)), np.uint8), colour)
    found = look._shown(post)
    inside = frame_v1(post)
    wanted = trim_v1(post) if inside is None else inside
    assert wanted.shape != post.shape, "this post has a frame or margins"
    assert list(found) == [engine.FULL, engine.TRIM if inside is None else engine.FRAME]
    seen = list(found.values())[1]
    assert max(abs(one - other) for one, other in zip(seen.shape, wanted.shape, strict=True)) <= 6
    assert len(look._shown(np.asarray(cv2.resize(redrawn(drawing(5, 7)), (300, 400)), np.uint8))) == 1


def test_more_codes_are_looked_at_among_more() -> None:
    assert [looked_at(rows) for rows in (0, 100, 10_000)] == [250, 250, 250]
    assert 250 < looked_at(30_000) < 450
    assert 490 <= looked_at(100_000) <= 500
    assert looked_at(1_000_000) == looked_at(10_000_000) == LOOKED_AT
