"""A closer look at a post that is near some works at first sight: could a comparison call it alike at all.

The maps of the first look are put to the measures of the comparison itself: both ways of comparing layouts, read against the
cohort on both sides, and the search for parts of a stage. What is left out (the picture at its full size, edges, colours, the
picture put into its window) costs several times as much and seldom changes the outcome, so a comparison is made when what was found comes
within `SLACK` of what would be called alike. This is never an answer either.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sakigake.fingerprint.edges import BINS
from sakigake.fingerprint.layout_map import SIDE
from sakigake.fingerprint.vector import VERSION
from watch.compare import accidental, calibration, cohort
from watch.compare.calibration import Channel
from watch.compare.cohort import Against
from watch.compare.engine import Gallery, kind_of
from watch.compare.masked import Masked, masked
from watch.compare.measures import MEASURES, SHARP, Matrix, unit
from watch.compare.sharpened import sharpened
from watch.compare.windows import Searched, refine, search
from watch.index.look import Look

# How much higher, in decades, the comparison itself may come out than the layouts of the small picture say: of the pairs as posted
# that it calls alike, one in a hundred comes out more than .6 higher.
SLACK = 0.75
# From which score of its best window on a part of a stage is worth comparing (docs/index-and-scale.md).
PART = 0.35
REFINED = 2  # stages of a work whose windows are searched again, of each hand
# Edges that run upright and level as often as those of most drawings do: they make no deviation larger.
_UPRIGHT = 1.6
_LAYOUTS = tuple(each for each in MEASURES[VERSION] if each.part == SHARP)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a post could come: the surprise of its whole views by layout, and the search score of its best window."""

    whole: float
    part: float


def could(found: Reach, among: int) -> bool:
    """Say whether a comparison that is charged for `among` stages could call a post alike that has come so far."""
    known = calibration.load(VERSION)
    charge = max(0.0, math.log10(max(among, 1) / known.stages))
    return found.whole >= known.some + charge - SLACK or found.part >= PART


class Closer:
    """One post, as its first look saw it; what the cohort says of it is worked out once, when it is first asked for."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._known = calibration.load(VERSION)

    def could(self, stages: Gallery, among: int) -> bool:
        """Say whether a comparison with the stages of one work, charged for `among` stages, could call it alike."""
        return could(self.reach(stages), among)

    def reach(self, stages: Gallery) -> Reach:
        """Return how far the post could come with the stages of one work."""
        if not self._look.views:
            return Reach(-math.inf, 0.0)
        return Reach(self._whole(stages), self._part(stages))

    @cached_property
    def _rows(self) -> Masked:
        return masked(sharpened(unit(self._look.maps)))

    @cached_property
    def _beside(self) -> dict[str, Against]:
        others, plain = cohort.load(VERSION).ready[SHARP], masked(unit(self._look.maps))
        edges = np.ones((len(plain.maps), SIDE * SIDE, BINS), np.float32)
        edges[..., [0, BINS // 2]] *= math.sqrt(_UPRIGHT)
        wider = accidental.widening(plain, edges.reshape(len(edges), -1))
        found = {}
        for measure in _LAYOUTS:
            each = cohort.top(measure.compare(self._rows, others), measure.floor)
            found[measure.name] = Against(each.mean, each.spread * wider)
        return found

    def _whole(self, stages: Gallery) -> float:
        scores = {
            each.name: cohort.normalise(
                each.compare(self._rows, stages.ready[SHARP]),
                self._beside[each.name],
                stages.against[each.name],
            )
            for each in _LAYOUTS
        }
        kind, best = kind_of(self._look.views), -math.inf
        for row, view in enumerate(self._look.views):
            for channel in self._known.views[view]:
                if scores.keys() <= channel.weights.keys() and kind in channel.shares:
                    voted = _voted(channel, {name: values[row] for name, values in scores.items()})
                    surprise = float(channel.joint.surprise(voted).max())
                    best = max(best, surprise + math.log10(channel.shares[kind]))
        return best

    def _part(self, stages: Gallery) -> float:
        if stages.canvases is None:
            return 0.0
        # The innermost view is the last of each hand.
        hands = self._look.maps[len(self._look.views) // 2 - 1], self._look.maps[-1]
        return max(_window(each, stages.canvases.searched) for each in hands)


def _voted(channel: Channel, scores: Mapping[str, Matrix]) -> Matrix:
    """Return the sum of the votes; a measure that is not there votes as the others do."""
    there = sum(channel.weights[name] for name in scores)
    votes = sum(
        (channel.weights[name] * channel.tails[name].surprise(values) for name, values in scores.items()),
        start=np.zeros((), np.float32),
    )
    return np.asarray(votes * (sum(channel.weights.values()) / there), np.float32)


def _window(post: Matrix, stages: Searched) -> float:
    """Return the score of the best window of the stages that fit a post's map (3,072) best."""
    values = search(post, stages)
    first = np.argsort(-values, kind="stable")[:REFINED]
    return max((score for score, _, _ in refine(post, stages, first)), default=0.0)
