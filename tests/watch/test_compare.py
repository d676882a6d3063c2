"""The arithmetic of comparing: normalisation, calibration, attribution, and the data that ships."""

import hashlib
import json
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake import resources
from sakigake.errors import ConfigError, UsageError
from sakigake.fingerprint.vector import V1, VERSION, fingerprint_v1, fingerprint_v2, unpack
from sakigake.model import Likeness
from tests.watch.studio import drawing, framed, pictures, redrawn
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.compare import crops, engine
from watch.compare.accidental import widening
from watch.compare.attribute import attribute, copies
from watch.compare.calibration import Channel, Kind, Tail, combine, upper_bound
from watch.compare.masked import masked
from watch.compare.measures import EDGES, LAYOUT, MEASURES, PARTS, names, prepared, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("version", [V1, VERSION])
def test_the_cohort_that_ships_is_whole_and_holds_no_picture(version: str) -> None:
    cohort = cohorts.load(version)
    about = json.loads(resources.read_text(f"{cohorts.NAMES[version]}.json"))
    assert set(cohort.rows) == set(PARTS[version])
    assert {measure.part for measure in MEASURES[version]} <= set(cohort.ready)
    sizes = {rows.shape[0] for rows in cohort.rows.values()}
    assert sizes == {about["pictures"]}
    assert about["pictures"] >= 500
    assert about["pictures"] == about["drawn"]["count"] + len(about["clipart"]["names"])
    assert about["fingerprint"] == cohort.fingerprint == version
    for rows in cohort.rows.values():
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)


def test_a_damaged_cohort_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "read_bytes", lambda _: b"PK\x03\x04 not the cohort")
    with pytest.raises(ConfigError) as caught:
        cohorts._load.__wrapped__(VERSION)
    assert caught.value.code == "check-data-damaged"


@pytest.mark.parametrize("version", [V1, VERSION])
def test_the_calibration_that_ships_fits_the_cohort_and_the_fingerprint(version: str) -> None:
    calibration = calibrations.load(version)
    record = json.loads(resources.read_text(calibrations.NAMES[version]))
    assert calibration.fingerprint == version
    cohort = resources.read_bytes(f"{cohorts.NAMES[version]}.npz")
    assert record["cohort"]["sha256"] == hashlib.sha256(cohort).hexdigest()
    # The first version knows neither frames nor parts of a stage.
    added = {engine.FRAME, engine.FRAME_MIRROR, *engine.CROPS}
    own = {*engine.VIEWS, *engine.CROPS} - (added if version == V1 else set())
    assert set(calibration.views) == own
    channels = [channel for row in calibration.views.values() for channel in row]
    for view, row in calibration.views.items():
        measures = crops.MEASURES if view in engine.CROPS else names(version)
        assert {name for channel in row for name in channel.weights} == set(measures)
    for kind in Kind if version == VERSION else [Kind.MARGINS]:
        assert sum(channel.shares.get(kind, 0) for channel in channels) == pytest.approx(1)
    counts = calibration.counts
    # Counted at the step of the grid below a level, so rather too many.
    assert calibration.count(calibration.some).post_alarms <= 0.0105 * counts.posts
    assert calibration.count(calibration.strong).post_alarms <= 0.0015 * counts.posts
    assert calibration.strong - calibration.some > 0.6
    assert counts.posts > 3000
    assert counts.pairs > 1_000_000
    for reaching in (counts.pairs_reaching, counts.posts_reaching):
        assert len(reaching) == len(counts.grid)
        assert all(one >= other for one, other in pairwise(reaching))
    assert counts.posts_reaching[counts.grid.index(2.0)] <= 0.0105 * counts.posts


def test_a_damaged_calibration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("{", "{}", '{"views": {}}', "[]"):
        monkeypatch.setattr(resources, "read_text", lambda _, text=text: text)
        with pytest.raises(ConfigError):
            calibrations.load.__wrapped__()


@pytest.mark.parametrize("version", [V1, VERSION])
def test_the_calibration_that_ships_names_what_the_engine_computes(version: str) -> None:
    views = calibrations.load(version).views
    assert {
        view: {name for each in channels for name in each.tails} for view, channels in views.items()
    } == engine.computed(version)


@pytest.mark.parametrize("version", [V1, VERSION])
def test_a_calibration_of_another_engine_is_refused(version: str) -> None:
    shipped = resources.read_text(calibrations.NAMES[version])
    changes: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda views: views.pop("mirror"),
        lambda views: views.update({"sideways": views["full"]}),
        lambda views: views["trim"]["shape"]["measures"].pop("edge_layout_v1"),
        lambda views: views["full"]["shape"]["measures"].update(
            {"edge_layout_v0": views["full"]["shape"]["measures"]["edge_layout_v1"]}
        ),
    )
    for change in changes:
        record = json.loads(shipped)
        change(record["views"])
        with pytest.raises(ConfigError) as caught:
            calibrations.parse(record)
        assert caught.value.code == "check-data-damaged"


def test_upper_bounds() -> None:
    """The rule of three, and exact Poisson limits of a textbook (5 % one-sided): 4.74, 6.30, 10.51, 18.21 events."""
    assert upper_bound(0, 3000) == pytest.approx(3 / 3000, rel=2e-3)
    for seen, limit in ((1, 4.744), (2, 6.296), (5, 10.513), (11, 18.208), (100, 118.08)):
        assert upper_bound(seen, 10_000) * 10_000 == pytest.approx(limit, rel=5e-3)
    assert upper_bound(0, 0) == 1
    assert upper_bound(7, 7) == 1


@given(st.floats(-3, 30), st.floats(-3, 30))
def test_counts_fall_as_values_rise(one: float, other: float) -> None:
    calibration = calibrations.load()
    low, high = (calibration.count(value) for value in sorted((one, other)))
    assert low.reached >= high.reached
    assert low.post_alarms >= high.post_alarms
    assert low.post_bound >= high.post_bound
    assert high.reached <= high.pairs
    assert high.post_bound * high.posts >= high.post_alarms


def test_more_stages_are_more_chances_and_are_charged_for() -> None:
    calibration = calibrations.load()
    value = calibration.some + 0.01
    assert calibration.level(value, 10) is Likeness.SOME
    assert calibration.level(value, calibration.stages) is Likeness.SOME
    assert calibration.level(value, 10 * calibration.stages) is Likeness.NONE
    assert calibration.level(calibration.strong, calibration.stages) is Likeness.STRONG
    assert calibration.level(calibration.some - 0.01, 1) is Likeness.NONE


def test_a_tail_says_how_rare_a_score_is() -> None:
    tail = Tail(start=2.0, scale=0.5, above=0.1)
    values = tail.surprise(np.array([2.0, 2.0 + 0.5 * math.log(10)], np.float32))
    assert np.allclose(values, [1, 2])


def test_channels_share_one_budget() -> None:
    plain = Tail(0.0, 1 / math.log(10), 0.1)
    whole = Channel("a", {"x": 1.0}, {"x": plain}, plain, {Kind.PLAIN: 1.0, Kind.FRAMED: 0.25})
    half = Channel("a", {"x": 1.0}, {"x": plain}, plain, {Kind.PLAIN: 0.5})
    scores = {"x": np.array([3.0], np.float32)}

    def surprise(*channels: Channel, kind: Kind = Kind.PLAIN) -> float:
        return float(combine(channels, scores, kind)[0])

    assert surprise(whole) - surprise(half) == pytest.approx(math.log10(2), abs=1e-5)
    assert surprise(half, half) == surprise(half)
    assert surprise(whole) - surprise(whole, kind=Kind.FRAMED) == pytest.approx(math.log10(4), abs=1e-5)
    with pytest.raises(ValueError, match="without channels"):
        combine([], scores, Kind.PLAIN)


def test_normalised_scores_are_deviations_above_the_closest_cohort() -> None:
    cohort = cohorts.load()
    stages = [unpack(fingerprint_v2(picture)) for picture in pictures()[2:]]
    gallery = engine.gallery(stages, cohort)
    raw, normalised = engine.score_views(stages, gallery, cohort)
    rows = rows_of(stages)
    wider = float(widening(masked(rows[LAYOUT]), rows[EDGES])[3])
    for measure in MEASURES[VERSION]:
        own = prepared(rows)[measure.part]
        others = cohort.ready[measure.part]
        expected = 0.0
        for scores in (measure.compare(own, others)[3], measure.compare(others, own)[:, 3]):
            top = np.sort(scores)[-100:]
            expected += (raw[measure.name][3, 3] - top.mean()) / max(top.std(), measure.floor) / wider / 2
        assert normalised[measure.name][3, 3] == pytest.approx(expected, rel=1e-3)
        assert np.argmax(normalised[measure.name][3]) == 3


def test_a_post_is_closest_to_the_drawing_it_came_from() -> None:
    cohort, calibration = cohorts.load(), calibrations.load()
    stages = [unpack(fingerprint_v2(drawing(seed, 7))) for seed in range(20, 26)]
    gallery = engine.gallery(stages, cohort)
    for number in range(6):
        views = engine.post_views(redrawn(drawing(20 + number, 7)))
        found = engine.match(views, gallery, cohort, calibration)
        assert int(found.surprise.argmax()) == number
        others = np.delete(found.surprise, number)
        assert found.surprise[number] > calibration.some > others.max()
        assert {score.name for score in found.scores(number)} == set(names(VERSION))


def test_what_a_post_has_beside_the_cohort_is_the_same_for_every_gallery() -> None:
    cohort, calibration = cohorts.load(), calibrations.load()
    views = engine.comparable(engine.post_views(framed(drawing(3, 5))))[0]
    beside = engine.beside_of(views, cohort, calibration)
    for seeds in ((3,), (4, 5, 6)):
        gallery = engine.gallery([unpack(fingerprint_v2(drawing(seed, 5))) for seed in seeds], cohort)
        alone = engine.match(views, gallery, cohort, calibration)
        shared = engine.match(views, gallery, cohort, calibration, beside)
        assert (shared.surprise == alone.surprise).all()
        assert (shared.views == alone.views).all()
        assert shared.scores(0) == alone.scores(0)
    with pytest.raises(UsageError):
        engine.beside_of(views, cohorts.load(V1), calibration)


def test_versions_are_never_mixed() -> None:
    cohort, calibration = cohorts.load(), calibrations.load()
    stage = unpack(fingerprint_v2(drawing(11, 7)))
    other = unpack(fingerprint_v1(drawing(11, 7)))
    with pytest.raises(UsageError):
        engine.gallery([stage, other], cohort)
    with pytest.raises(UsageError):
        engine.match({engine.FULL: other}, engine.gallery([stage], cohort), cohort, calibration)
    with pytest.raises(UsageError):
        engine.gallery([other], cohort)


NOT_COPIED = np.array([], np.intp)


def test_a_plain_copy_is_placed_at_its_stage_whatever_fits_as_well() -> None:
    surprise = np.array([0.1, 3.9, 4.2, 4.4, 4.1, 1.0], np.float32)
    found = attribute(surprise, np.array([1], np.intp))
    assert (found.first, found.best, found.last) == (1, 1, 1)
    twice = attribute(surprise, np.array([1, 4], np.intp))
    assert (twice.first, twice.best, twice.last) == (1, 4, 4)


def test_what_lies_between_two_stages_is_no_copy_of_either() -> None:
    stages = [unpack(fingerprint_v2(drawing(11, stage))) for stage in range(8)]
    for stage in (3, 5, 7):
        assert copies(stages[stage], stages).tolist() == [stage]
        assert copies(unpack(fingerprint_v2(redrawn(drawing(11, stage)))), stages).tolist() == []
        others = [each for number, each in enumerate(stages) if number != stage]
        assert copies(stages[stage], others).tolist() == []


def test_attribution_names_all_that_fit_nearly_as_well_and_the_next() -> None:
    found = attribute(np.array([0.1, 3.9, 4.2, 4.4, 4.1, 1.0, 0.5], np.float32), NOT_COPIED)
    assert (found.first, found.best, found.last) == (1, 3, 5)
    alone = attribute(np.array([0.1, 9.0, 0.2, 0.1], np.float32), NOT_COPIED)
    assert (alone.first, alone.best, alone.last) == (1, 1, 2)
    newest = attribute(np.array([0.1, 9.0], np.float32), NOT_COPIED)
    assert (newest.first, newest.best, newest.last) == (1, 1, 1)
    wide = attribute(np.array([20.0, 1.0, 18.0], np.float32), NOT_COPIED)
    assert (wide.first, wide.last) == (0, 2)


def test_views_within_appear_only_when_there_are_margins_or_a_frame() -> None:
    full = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    assert set(engine.post_views(full)) == {engine.FULL, engine.MIRROR}
    assert engine.kind_of(engine.post_views(full)) is Kind.PLAIN
    framed = np.full((420, 520, 3), 255, np.uint8)
    framed[60:360, 60:460] = full
    seen = engine.post_views(framed)
    assert set(seen) == {engine.FULL, engine.MIRROR, engine.FRAME, engine.FRAME_MIRROR}
    assert engine.kind_of(seen) is Kind.FRAMED
    disc = np.full((420, 520, 3), 255, np.uint8)
    cv2.circle(disc, (260, 210), 120, (40, 90, 200), -1)
    seen = engine.post_views(disc)
    assert set(seen) == {engine.FULL, engine.MIRROR, engine.TRIM, engine.TRIM_MIRROR}
    assert engine.kind_of(seen) is Kind.MARGINS
