"""The alignment: found to a hundredth of a side, mirrored and cropped posts too, bounded, and done again from its numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sakigake.fingerprint.placed import Window
from tests.watch.explaining.case import cut, finding
from tests.watch.studio import Pixels, drawing, framed, redrawn
from watch.explaining import alignment, registration, seen
from watch.explaining.alignment import WHOLE, Alignment, apply
from watch.explaining.material import align


def ends(window: Window) -> np.typing.NDArray[np.float64]:
    return np.array(
        [window.top, window.left, window.top + window.height, window.left + window.width], np.float64
    )


@pytest.mark.parametrize("seed", [11, 104, 7])
@pytest.mark.parametrize("shift", [(1, -1, -1, 1), (-1, 1, 0, -1)])
def test_a_crop_is_found_to_a_hundredth_of_a_side(seed: int, shift: tuple[int, int, int, int]) -> None:
    truth = np.array([0.08, 0.11, 0.91, 0.86])
    post = cut(redrawn(drawing(seed, 7)), *truth)
    begun = np.round(truth * 32) / 32 + np.array(shift) / 32
    window = Window(begun[0], begun[1], begun[2] - begun[0], begun[3] - begun[1])
    found = registration.register(post, drawing(seed, 5), window)
    assert np.abs(ends(found.window) - truth).max() < 0.012
    assert found.after > found.before + 0.05


@pytest.mark.parametrize("seed", [11, 104])
def test_a_post_of_all_rows_is_found_from_a_window_that_has_not_all(seed: int) -> None:
    """The matcher's windows end before the rim: this is a portrait cut out of a square, as a real one was found."""
    truth = np.array([0.0, 0.17, 1.0, 0.83])
    found = registration.register(
        cut(redrawn(drawing(seed, 7)), *truth), drawing(seed, 5), Window(0.094, 0.125, 0.75, 0.75)
    )
    assert np.abs(ends(found.window) - truth).max() < 0.015


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_no_side_moves_further_than_the_bound(one: int, other: int) -> None:
    """With unrelated pictures there is nothing to be found, and the search may go where it likes."""
    found = registration.register(drawing(one, 7), drawing(other, 7), WHOLE)
    assert np.abs(ends(found.window) - ends(WHOLE)).max() <= registration.BOUND + 1e-6
    assert found.after >= found.before


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("kind", ["whole", "crop", "frame"])
def test_what_the_matcher_found_comes_out_registered(kind: str, mirrored: bool) -> None:
    """The post is the stage itself seen otherwise, so whatever still differs is the alignment's own error."""
    stage = drawing(11, 7)
    given_, truth = stage, np.array([0.0, 0.0, 1.0, 1.0])
    if kind == "crop":
        truth = np.array([0.07, 0.12, 0.93, 0.88])
        given_ = cut(stage, *truth)
    post = np.ascontiguousarray(given_[:, ::-1]) if mirrored else given_
    post = framed(post) if kind == "frame" else post
    told = finding(post, stage)
    assert told.view.endswith("mirror") == mirrored
    placed = align(seen.of(post, told.view, told.part, told.fingerprint_version), post, stage)
    height, width = stage.shape[:2]
    box = np.array(placed.stage_box)[[1, 0, 3, 2]] / np.array([height, width, height, width])
    assert np.abs(box - truth).max() < 0.012
    assert placed.mirrored == mirrored
    one, other = apply(placed, post, stage)
    assert one.shape == other.shape
    assert float(np.abs(one.astype(np.float32) - other).mean()) < 12


def redone(placed: dict[str, object], post: Pixels, stage: Pixels) -> tuple[Pixels, Pixels]:
    """Do what `recipe` says with nothing but the printed numbers and Pillow."""
    size: tuple[int, int] = tuple(placed["size"])  # type: ignore[arg-type,assignment]
    under = Image.fromarray(stage[..., ::-1].copy()).resize(
        size,
        Image.Resampling.BICUBIC,
        box=tuple(placed["stage_box"]),  # type: ignore[arg-type]
    )
    over = Image.fromarray(post[..., ::-1].copy()).resize(
        size,
        Image.Resampling.BICUBIC,
        box=tuple(placed["post_box"]),  # type: ignore[arg-type]
    )
    if placed["mirrored"]:
        over = over.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(over)[..., ::-1], np.asarray(under)[..., ::-1]


shares = st.floats(-0.1, 0.6)
lengths = st.integers(1, 300)


@given(
    st.tuples(lengths, lengths),
    st.tuples(lengths, lengths),
    st.tuples(shares, shares, st.floats(0.3, 1.1)),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_printed_numbers_give_the_same_pictures(
    post_size: tuple[int, int],
    stage_size: tuple[int, int],
    lies: tuple[float, float, float],
    mirrored: bool,
) -> None:
    """Of any shape, also where the post reaches beyond the stage."""
    rng = np.random.default_rng(3)
    post = rng.integers(0, 256, (post_size[1], post_size[0], 3)).astype(np.uint8)
    stage = rng.integers(0, 256, (stage_size[1], stage_size[0], 3)).astype(np.uint8)
    placed = alignment.of(
        post_size,
        stage_size,
        (0.0, 0.0, float(post_size[0]), float(post_size[1])),
        mirrored=mirrored,
        matched=WHOLE,
        refined=Window(lies[0], lies[1], lies[2], lies[2]),
    )
    told = placed.as_json()
    for one, other in zip(apply(placed, post, stage), redone(told, post, stage), strict=True):
        assert np.array_equal(one, other)
    assert 0 < told["covered_part_of_stage"] <= 1
    assert max(placed.size) <= alignment.LONGEST


def test_pictures_that_were_exchanged_are_refused() -> None:
    stage = drawing(11, 7)
    told = finding(stage, stage)
    placed: Alignment = align(seen.of(stage, told.view, None, told.fingerprint_version), stage, stage)
    with pytest.raises(ValueError, match="other sizes"):
        apply(placed, stage[:-1], stage)
