"""Comparing a post with recorded stages: every view of the post with every stage, on one calibrated scale."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.frame import frame_v1
from sakigake.fingerprint.information import information
from sakigake.fingerprint.placed import Window
from sakigake.fingerprint.vector import (
    V1,
    VERSION,
    Descriptors,
    pack_both_v2,
    pack_v1,
    require_same_version,
    unpack,
)
from sakigake.fingerprint.views import Pixels, reduce_v1, trim_v1
from sakigake.model import Score
from watch.compare import cohort as cohorts
from watch.compare import crops
from watch.compare.calibration import Calibration, Kind, combine
from watch.compare.cohort import Against, Cohort
from watch.compare.crops import Canvases
from watch.compare.masked import Masked
from watch.compare.measures import EDGES, LAYOUT, MEASURES, Matrix, Ready, prepared, rows_of

FULL, MIRROR, TRIM, TRIM_MIRROR = "full", "mirror", "trim", "trim-mirror"
FRAME, FRAME_MIRROR = "frame", "frame-mirror"
MIRRORED = {FULL: MIRROR, TRIM: TRIM_MIRROR, FRAME: FRAME_MIRROR}
VIEWS = (FULL, MIRROR, TRIM, TRIM_MIRROR, FRAME, FRAME_MIRROR)
# A part of a stage, seen in the innermost of these views: without a frame, or margins, if the post has any.
CROP, CROP_MIRROR = "crop", "crop-mirror"
CROPS = (CROP, CROP_MIRROR)
_INNERMOST = (FRAME, TRIM, FULL)


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Stages made ready for comparing, and how they score against the cohort."""

    ready: dict[str, Ready]
    against: dict[str, Against]
    size: int
    version: str
    canvases: Canvases | None


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Views of a post made ready for comparing, and how they score against the cohort: the same for every gallery."""

    ready: dict[str, Ready]
    against: dict[str, Against]


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A post against a gallery. `surprise` has one value per stage, `views` which view (index of `names`) gave it."""

    surprise: Matrix
    views: NDArray[np.intp]
    names: tuple[str, ...]
    raw: Mapping[str, Mapping[str, Matrix]]
    normalised: Mapping[str, Mapping[str, Matrix]]
    windows: Mapping[str, Mapping[int, Window]] = field(default_factory=dict)

    def window(self, stage: int) -> Window | None:
        """Return the part of a stage that the post shows, None when it was seen as the whole of it."""
        return self.windows.get(self.names[self.views[stage]], {}).get(stage)

    def scores(self, stage: int) -> tuple[Score, ...]:
        """Return each measure's score of one stage in the view that fitted best."""
        view = self.names[self.views[stage]]
        return tuple(
            Score(
                name,
                float(values[stage]),
                float(self.normalised[view][name][stage]),
            )
            for name, values in self.raw[view].items()
        )


def shown(pixels: Pixels, version: str = VERSION) -> dict[str, Pixels]:
    """Return a post as it is, and without its frame, or else its margins, when it has any: pixels by view.

    Version 1 of the fingerprint knows no frames.
    """
    found = {FULL: pixels}
    inside = None if version == V1 else frame_v1(pixels)
    if inside is not None:
        found[FRAME] = inside
    elif (trimmed := trim_v1(pixels)).shape != pixels.shape:
        found[TRIM] = trimmed
    return found


def post_views(pixels: Pixels, version: str = VERSION) -> dict[str, Descriptors]:
    """Return the fingerprints of a post as it is shown and of the mirror images.

    They are of the `version` of the stages that they are to be compared with.
    """
    found: dict[str, Descriptors] = {}
    for name, picture in shown(pixels, version).items():
        reduced = reduce_v1(picture)
        both = (pack_v1(reduced), pack_v1(reduced.mirrored())) if version == V1 else pack_both_v2(reduced)
        plain, found[MIRRORED[name]] = map(unpack, both)
        found[name] = replace(plain, square=reduced.square)
    return found


def view_pixels(pixels: Pixels, view: str, version: str = VERSION) -> Pixels:
    """Return the post as one of its views shows it; raises KeyError for a view that it does not have."""
    pictures = shown(pixels, version)
    if view in pictures:
        return np.ascontiguousarray(pictures[view])
    plain = {mirrored: name for name, mirrored in MIRRORED.items()}[view]
    return np.ascontiguousarray(pictures[plain][:, ::-1])


def kind_of(views: Collection[str]) -> Kind:
    """Return what kind of post has these views: its budget of false alarms depends on it."""
    if FRAME in views:
        return Kind.FRAMED
    return Kind.MARGINS if TRIM in views else Kind.PLAIN


def comparable(views: Mapping[str, Descriptors]) -> tuple[dict[str, Descriptors], str | None]:
    """Return the views that carry enough; none, and why, when the post as it is does not.

    Cutting the margins away makes a lone stroke fill the picture, so the trimmed view never speaks alone.
    """
    reasons = {name: information(view.coverage, view.contrast) for name, view in views.items()}
    if reasons[FULL]:
        return {}, reasons[FULL]
    return {name: view for name, view in views.items() if reasons[name] is None}, None


def computed(version: str) -> dict[str, frozenset[str]]:
    """Return what is computed of a post, the names of its measures by view: a calibration must have just these."""
    whole = frozenset(measure.name for measure in MEASURES[version])
    if version == V1:
        return dict.fromkeys((FULL, MIRROR, TRIM, TRIM_MIRROR), whole)
    return dict.fromkeys(VIEWS, whole) | dict.fromkeys(CROPS, frozenset(crops.MEASURES))


def gallery(stages: Sequence[Descriptors], cohort: Cohort) -> Gallery:
    """Return the stages made ready; raises UsageError when their fingerprints are of different versions."""
    for stage in stages:
        require_same_version(stage.version, cohort.fingerprint)
    ready = prepared(rows_of(stages))
    return Gallery(
        ready,
        cohorts.beside_stages(cohort, ready),
        len(stages),
        stages[0].version,
        canvases_of(stages, ready),
    )


def canvases_of(stages: Sequence[Descriptors], ready: Mapping[str, Ready]) -> Canvases | None:
    """Return stages made ready for looking for parts of them; nothing for those of the first version."""
    layouts, edges = ready.get(LAYOUT), ready[EDGES]
    if not isinstance(layouts, Masked) or isinstance(edges, Masked):
        return None
    return crops.canvases(stages, layouts, edges)


def match(
    views: Mapping[str, Descriptors],
    stages: Gallery,
    cohort: Cohort,
    calibration: Calibration,
    beside: Beside | None = None,
) -> Match:
    """Compare a post with a gallery; raises UsageError when the fingerprint versions differ.

    `beside` is what `beside_of` made of the same views, cohort and calibration: who compares a post with several galleries makes it once.
    """
    names = _whole(views, calibration)
    for name in names:
        require_same_version(views[name].version, stages.version)
    scores = score_views([views[name] for name in names], stages, cohort, beside)
    raw, normalised = (_by_view(names, each) for each in scores)
    windows: dict[str, Mapping[int, Window]] = {}
    kind = kind_of(names)
    for name, found in parts_of(views, stages.canvases).items():
        if name in calibration.views:
            names, windows[name] = (*names, name), found.windows
            raw[name], normalised[name] = found.raw, found.normalised
    surprise = np.stack([combine(calibration.views[name], normalised[name], kind) for name in names])
    return Match(
        surprise=surprise.max(axis=0),
        views=surprise.argmax(axis=0),
        names=names,
        raw=raw,
        normalised=normalised,
        windows=windows,
    )


def beside_of(views: Mapping[str, Descriptors], cohort: Cohort, calibration: Calibration) -> Beside:
    """Return the views of a post as `match` compares them, beside the cohort; raises UsageError for another version."""
    names = _whole(views, calibration)
    for name in names:
        require_same_version(views[name].version, cohort.fingerprint)
    return _beside([views[name] for name in names], cohort)


def _beside(views: Sequence[Descriptors], cohort: Cohort) -> Beside:
    ready = prepared(rows_of(views))
    return Beside(ready, cohorts.beside_posts(cohort, ready))


def _whole(views: Collection[str], calibration: Calibration) -> tuple[str, ...]:
    """Return the names of those views that show the whole of a stage, in their order."""
    return tuple(name for name in VIEWS if name in views and name in calibration.views)


def innermost(views: Collection[str]) -> str:
    """Return the view that crops are looked for in; raises KeyError when none of them is there."""
    for name in _INNERMOST:
        if name in views:
            return name
    raise KeyError(FULL)


def parts_of(
    views: Mapping[str, Descriptors], stages: Canvases | None, without: int | None = None
) -> dict[str, crops.Found]:
    """Return how a post fits into parts of stages, by view; nothing when it or they are of the first version."""
    name = innermost(views)
    if stages is None or MIRRORED[name] not in views or views[name].square is None:
        return {}
    return dict(zip(CROPS, crops.find(views[name], views[MIRRORED[name]], stages, without), strict=True))


def score_views(
    views: Sequence[Descriptors], stages: Gallery, cohort: Cohort, beside: Beside | None = None
) -> tuple[dict[str, Matrix], dict[str, Matrix]]:
    """Return raw and normalised scores (views x stages) by measure, of views that show the whole of a stage."""
    post = beside or _beside(views, cohort)
    raw = {
        measure.name: measure.compare(post.ready[measure.part], stages.ready[measure.part])
        for measure in MEASURES[stages.version]
    }
    return raw, {name: cohorts.normalise(raw[name], post.against[name], stages.against[name]) for name in raw}


def _by_view(names: Sequence[str], scores: Mapping[str, Matrix]) -> dict[str, dict[str, Matrix]]:
    return {
        name: {key: values[number] for key, values in scores.items()} for number, name in enumerate(names)
    }
