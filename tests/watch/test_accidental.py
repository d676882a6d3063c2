"""Pictures that resemble others by accident are measured in wider deviations, and nothing else changes."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.fingerprint.vector import Descriptors, fingerprint_v1, fingerprint_v2, unpack
from tests.watch.studio import Pixels, drawing
from watch.compare import cohort as cohorts
from watch.compare.accidental import along_axes, of_lines, spread_out, widening
from watch.compare.masked import Masked, Matrix, masked
from watch.compare.measures import EDGES, LAYOUT, MEASURES, prepared, rows_of

PAPER = 255


def blank() -> Pixels:
    return np.full((256, 256, 3), PAPER, np.uint8)


def lone_shape() -> Pixels:
    canvas = blank()
    cv2.circle(canvas, (60, 60), 22, (30, 30, 200), -1)
    return canvas


def stripes() -> Pixels:
    canvas = blank()
    canvas[:, np.arange(256) // 16 % 2 == 0] = (40, 90, 20)
    return canvas


def screen() -> Pixels:
    canvas = blank()
    for at in range(3):
        cv2.rectangle(canvas, (10, 10 + 80 * at), (245, 70 + 80 * at), (60, 60, 60), 3)
    return canvas


def evenly_full() -> Pixels:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (24, 24, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC), np.uint8)


def made_ready(*pictures: Pixels) -> tuple[Masked, Matrix]:
    rows = rows_of([unpack(fingerprint_v2(picture)) for picture in pictures])
    return masked(rows[LAYOUT]), rows[EDGES]


@pytest.mark.parametrize(
    ("make", "measured"),
    [
        (lone_shape, lambda layouts, _: 1 - spread_out(layouts)),
        (stripes, lambda layouts, _: of_lines(layouts)),
        (screen, lambda _, edges: along_axes(edges)),
        (evenly_full, lambda layouts, _: spread_out(layouts)),
    ],
)
def test_each_kind_of_commonplace_picture_is_told_by_its_own_measure(
    make: Callable[[], Pixels], measured: Callable[[Masked, Matrix], Matrix]
) -> None:
    pictures = made_ready(make(), *(drawing(seed, 5) for seed in range(20, 26)))
    values, factors = measured(*pictures), widening(*pictures)
    assert values[0] > values[1:].max(), "no drawing has as much of it"
    assert factors[0] > factors[1:].max()


def test_most_drawings_stay_as_they_are() -> None:
    factors = widening(*made_ready(*(drawing(seed, stage) for seed in range(30, 40) for stage in (3, 5, 7))))
    assert (factors >= 1).all()
    assert np.median(factors) < 1.05
    assert factors.max() < 1.3


def test_a_mirror_image_is_as_commonplace_as_the_picture() -> None:
    pictures = [drawing(50, 6), stripes(), lone_shape()]
    plain = widening(*made_ready(*pictures))
    mirrored = widening(*made_ready(*(np.ascontiguousarray(each[:, ::-1]) for each in pictures)))
    assert np.allclose(plain, mirrored, atol=0.03)


@given(st.integers(0, 2**32 - 1))
def test_any_map_has_a_finite_factor_of_one_at_least(seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.normal(0, 1, (3, 12 * 256)).astype(np.float32) ** rng.integers(1, 5)
    maps[0] = 0
    edges = rng.normal(0, 1, (3, 1536)).astype(np.float32)
    edges[1] = 0
    factors = widening(masked(maps), edges)
    assert np.isfinite(factors).all()
    assert (factors >= 1).all()
    assert (factors < 3).all()


def described(*pictures: Pixels) -> list[Descriptors]:
    return [unpack(fingerprint_v2(picture)) for picture in pictures]


def test_both_sides_are_widened_by_their_own_factor_and_no_mean_moves() -> None:
    cohort = cohorts.load()
    ready = prepared(rows_of(described(stripes(), drawing(60, 5))))
    layouts, edges = ready[LAYOUT], ready[EDGES]
    assert isinstance(layouts, Masked)
    assert not isinstance(edges, Masked)
    factors = widening(layouts, edges)
    assert factors[0] > 1.1
    beside, against = cohorts.beside_posts(cohort, ready), cohorts.beside_stages(cohort, ready)
    for each in MEASURES[cohort.fingerprint]:
        seen = cohorts.top(each.compare(ready[each.part], cohort.ready[each.part]), each.floor)
        shown = cohorts.top(each.compare(cohort.ready[each.part], ready[each.part]).T, each.floor)
        for found, plain in ((beside[each.name], seen), (against[each.name], shown)):
            assert np.allclose(found.spread, plain.spread * factors, rtol=1e-5)
            assert np.array_equal(found.mean, plain.mean)


def test_fingerprints_of_the_first_version_are_measured_as_they_were() -> None:
    first = [unpack(fingerprint_v1(picture)) for picture in (stripes(), drawing(60, 5))]
    cohort = cohorts.load(first[0].version)
    ready = prepared(rows_of(first))
    beside = cohorts.beside_posts(cohort, ready)
    for each in MEASURES[cohort.fingerprint]:
        plain = cohorts.top(each.compare(ready[each.part], cohort.ready[each.part]), each.floor)
        assert np.array_equal(beside[each.name].spread, plain.spread)
