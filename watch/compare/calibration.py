"""Calibration: from normalised scores to how rarely an unrelated post reaches them, and the counts that say so.

All is on one scale, `surprise`: minus log10 of the probability that an unrelated post reaches a value against `stages`
recorded stages. Each measure and view has its own fitted tail; measures and views share one budget of false alarms
(their `shares` add up to 1), so that taking the largest over them costs nothing that is not paid for. A post with margins
or in a frame has two views more, and a budget of its own.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint.vector import V1, VERSION
from sakigake.model import CalibrationCount, Likeness
from watch.compare.measures import Matrix

NAMES = {V1: "calibration-v1.json", VERSION: "calibration-v2.json"}
_CONFIDENCE = 0.05


class Kind(StrEnum):
    """What a post looks like: fills its rim, has uniform margins, lies in an app's frame."""

    PLAIN = "plain"
    MARGINS = "margins"
    FRAMED = "framed"


@dataclass(frozen=True, slots=True)
class Tail:
    """An exponential tail: a share `above` of unrelated posts has a best score over `start`, falling off by `scale`."""

    start: float
    scale: float
    above: float

    def surprise(self, scores: Matrix) -> Matrix:
        """Return -log10 of the probability of each score."""
        return np.asarray(
            -math.log10(self.above) + (scores - self.start) / (self.scale * math.log(10)), np.float32
        )


@dataclass(frozen=True, slots=True)
class Channel:
    """Measures that vote together: a weighted sum of their surprises, calibrated again as `joint`.

    `shares` is what they may spend on a post of each kind that has the view.
    """

    name: str
    weights: Mapping[str, float]
    tails: Mapping[str, Tail]
    joint: Tail
    shares: Mapping[Kind, float]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many unrelated pairs and posts reached each value of `grid` (ascending)."""

    pairs: int
    posts: int
    grid: tuple[float, ...]
    pairs_reaching: tuple[int, ...]
    posts_reaching: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything that turns scores into an answer. `views` maps the view of a post to its channels."""

    version: str
    fingerprint: str
    cohort: str
    stages: int
    views: Mapping[str, tuple[Channel, ...]]
    strong: float
    some: float
    counts: Counts

    def level(self, surprise: float, stages: int) -> Likeness:
        """Return the level of the best stage among `stages`.

        More stages than the calibration had are more chances for an accident, and are charged for; fewer earn nothing.
        """
        charged = surprise - max(0.0, math.log10(max(stages, 1) / self.stages))
        if charged >= self.strong:
            return Likeness.STRONG
        return Likeness.SOME if charged >= self.some else Likeness.NONE

    def count(self, surprise: float) -> CalibrationCount:
        """Return how many unrelated pairs and posts reached `surprise`, counting too many rather than too few."""
        counts = self.counts
        at = int(np.searchsorted(counts.grid, surprise, side="right")) - 1
        pairs = counts.pairs_reaching[at] if at >= 0 else counts.pairs
        posts = counts.posts_reaching[at] if at >= 0 else counts.posts
        return CalibrationCount(
            version=self.version,
            pairs=counts.pairs,
            reached=pairs,
            pair_bound=upper_bound(pairs, counts.pairs),
            posts=counts.posts,
            post_alarms=posts,
            post_bound=upper_bound(posts, counts.posts),
        )


def upper_bound(reached: int, total: int) -> float:
    """Return the 95 % upper limit of a rate of which `reached` in `total` were seen: 3/total for none (rule of three).

    The Poisson limit (Garwood 1936), by Wilson and Hilferty's approximation from one event on.
    """
    if total <= 0:
        return 1.0
    if reached == 0:
        return min(1.0, -math.log(_CONFIDENCE) / total)
    degrees = reached + 1
    limit = degrees * (1 - 1 / (9 * degrees) + 1.6449 / (3 * math.sqrt(degrees))) ** 3
    return min(1.0, limit / total)


def combine(channels: Sequence[Channel], scores: Mapping[str, Matrix], kind: Kind) -> Matrix:
    """Return the surprise of one view of a post of a kind, from its normalised scores; its shares are charged for."""
    best: Matrix | None = None
    for channel in channels:
        voted = sum(
            (weight * channel.tails[name].surprise(scores[name]) for name, weight in channel.weights.items()),
            start=np.zeros((), np.float32),
        )
        charged = channel.joint.surprise(voted) + np.float32(math.log10(channel.shares[kind]))
        best = charged if best is None else np.maximum(best, charged)
    if best is None:
        raise ValueError("a view without channels")
    return best


@cache
def load(fingerprint: str = VERSION) -> Calibration:
    """Return the calibration that ships for a version of the fingerprint; raises ConfigError when it is damaged."""
    name = NAMES[fingerprint]
    try:
        return parse(json.loads(resources.read_text(name)))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("check-data-damaged", name=name) from error


def parse(record: Mapping[str, Any]) -> Calibration:
    """Read a calibration record; raises ConfigError for measures or views other than those that are computed.

    KeyError, TypeError or ValueError when something else is missing or odd.
    """
    _require_computed(record)
    views = {
        view: tuple(
            Channel(
                name=name,
                weights={key: float(value["weight"]) for key, value in channel["measures"].items()},
                tails={key: _tail(value["tail"]) for key, value in channel["measures"].items()},
                joint=_tail(channel["joint"]),
                shares=_shares(channel["share"]),
            )
            for name, channel in channels.items()
        )
        for view, channels in record["views"].items()
    }
    counts = record["counts"]
    return Calibration(
        version=str(record["version"]),
        fingerprint=str(record["fingerprint"]),
        cohort=str(record["cohort"]["version"]),
        stages=int(record["stages"]),
        views=views,
        strong=float(record["levels"]["strong"]),
        some=float(record["levels"]["some"]),
        counts=Counts(
            pairs=int(counts["pairs"]),
            posts=int(counts["posts"]),
            grid=tuple(float(value) for value in counts["grid"]),
            pairs_reaching=tuple(int(value) for value in counts["pairs_reaching"]),
            posts_reaching=tuple(int(value) for value in counts["posts_reaching"]),
        ),
    )


def _require_computed(record: Mapping[str, Any]) -> None:
    """Refuse a calibration that was fitted for another engine, at the start and not at the first post that needs it."""
    from watch.compare import engine  # noqa: PLC0415 - it is made of calibrations

    version = record["fingerprint"]
    fitted = {
        view: frozenset(name for channel in channels.values() for name in channel["measures"])
        for view, channels in record["views"].items()
    }
    if fitted != engine.computed(version):
        raise ConfigError("check-data-damaged", name=NAMES[version])


def _shares(record: Any) -> dict[Kind, float]:
    """Read the shares by kind; a lone number, as version 1 has it, is for every kind."""
    if isinstance(record, Mapping):
        return {Kind(kind): float(share) for kind, share in record.items()}
    return dict.fromkeys(Kind, float(record))


def _tail(record: Mapping[str, Any]) -> Tail:
    return Tail(float(record["start"]), float(record["scale"]), float(record["above"]))
