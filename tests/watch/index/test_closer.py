"""The closer look: it may spare a comparison, and it may not spare one that would find a likeness."""

from collections.abc import Callable

import numpy as np
import pytest

from sakigake.fingerprint.vector import fingerprint_v2, unpack
from sakigake.fingerprint.views import Pixels
from sakigake.model import Likeness
from tests.watch.studio import drawing, framed, redrawn
from watch.compare import calibration, cohort, engine
from watch.index.closer import Closer
from watch.index.look import first_look, shrunk

POSTS: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda pixels: pixels,
    "mirrored": lambda pixels: pixels[:, ::-1],
    "in a frame": framed,
    "cropped": lambda pixels: pixels[60:-40, 50:-30],
}
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def gallery(seed: int) -> engine.Gallery:
    stages = [unpack(fingerprint_v2(drawing(seed, stage))) for stage in range(1, 8)]
    return engine.gallery(stages, cohort.load())


def surprise(pixels: Pixels, stages: engine.Gallery) -> float:
    views, reason = engine.comparable(engine.post_views(pixels))
    assert reason is None
    return float(engine.match(views, stages, cohort.load(), calibration.load()).surprise.max())


@pytest.mark.parametrize("kind", POSTS)
def test_what_a_comparison_calls_alike_is_compared(kind: str) -> None:
    pixels = np.ascontiguousarray(POSTS[kind](redrawn(drawing(11, 7))))
    stages = gallery(11)
    value, closer = surprise(pixels, stages), Closer(first_look(shrunk(pixels)))
    alike = [size for size in SIZES if calibration.load().level(value, size) is not Likeness.NONE]
    assert alike, "the comparison finds this one"
    assert all(closer.could(stages, size) for size in alike)


def test_the_value_is_near_that_of_the_comparison() -> None:
    pixels = redrawn(drawing(11, 7))
    stages = gallery(11)
    value = Closer(first_look(shrunk(pixels))).reach(stages).whole
    assert value == pytest.approx(surprise(pixels, stages), rel=0.2, abs=0.5)


def test_what_is_unrelated_is_mostly_not_compared() -> None:
    stages = gallery(11)
    posts = [redrawn(drawing(seed, 7), seed) for seed in range(300, 310)]
    could = [Closer(first_look(shrunk(each))).could(stages, 10_000) for each in posts]
    assert sum(could) <= len(posts) // 4


def test_the_more_stages_the_further_a_post_has_to_come() -> None:
    pixels = redrawn(drawing(11, 7))
    stages = gallery(12)
    could = [Closer(first_look(shrunk(pixels))).could(stages, size) for size in SIZES]
    assert could == sorted(could, reverse=True)


def test_of_a_blank_post_nothing_is_compared() -> None:
    blank = first_look(np.full((300, 300, 3), 200, np.uint8))
    assert not Closer(blank).could(gallery(11), 1_000)
