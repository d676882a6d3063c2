"""The evaluation protocol of the matcher: which pictures are stages, which are posts, and what counts as what.

A corpus folder holds pairs.csv (input picture -> output picture), timelines.csv, negatives.csv and families.csv.
Stages: the distinct inputs, the timeline stages and one half of the negatives as other artists' drafts. Posts: the
outputs, each with one true stage, and the other half of the negatives. Pictures of one family or of one
self-similar group count neither for nor against each other.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.vector import Descriptors, fingerprint_v2, unpack
from sakigake.fingerprint.views import Pixels
from watch.compare.engine import post_views

STAGES = 1000
IMG2IMG = "img2img"
RELATED = Path(__file__).with_name("related.csv")
_IMG2IMG = ("img2img", "image-to-image", "sdedit")
ATTACKS = ("none", "mirror", "crop", "ui", "recompress", "all")

Views = Mapping[str, Descriptors]
Rng = np.random.Generator
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pair:
    """A true pair; `source` groups pairs that come from one project, `strength` is the one its authors state, if any."""

    post: str
    stage: str
    category: str
    kind: str
    source: str
    strength: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Negative:
    """An unrelated picture: its group, the source it comes from, whether its group resembles itself."""

    file: str
    group: str
    source: str
    self_similar: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """The tables of a corpus folder; pairs that keep no layout are left out."""

    folder: Path
    pairs: tuple[Pair, ...]
    timelines: tuple[str, ...]
    negatives: tuple[Negative, ...]
    families: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Who is compared with whom. The first `len(pairs)` posts are outputs, whose true stage is `truth`.

    `ignored` (posts x stages) marks what counts neither way; the true pair itself is marked too.
    """

    pairs: tuple[Pair, ...]
    unrelated: tuple[Negative, ...]
    stages: tuple[str, ...]
    truth: NDArray[np.intp]
    ignored: Mask

    @property
    def posts(self) -> tuple[str, ...]:
        """Return the files of all posts."""
        return tuple(pair.post for pair in self.pairs) + tuple(negative.file for negative in self.unrelated)


def read(folder: Path) -> Corpus:
    """Read the tables of a corpus."""
    pairs = tuple(
        Pair(
            row["output"],
            row["input"],
            row["category"],
            row["kind"],
            row["source_group"],
            stated(row["strength"]),
            IMG2IMG if any(name in row["method"].lower() for name in _IMG2IMG) else "other",
        )
        for row in _rows(folder / "pairs.csv")
        if row["category"] != "semantic-only"
    )
    negatives = tuple(
        Negative(row["file"], row["group"], source_of(row["source"]), row["self_similar_group"] == "yes")
        for row in _rows(folder / "negatives.csv")
    )
    timelines = tuple(row["file"] for row in _rows(folder / "timelines.csv"))
    families = {row["file"]: row["family"] for row in _rows(folder / "families.csv")}
    return Corpus(folder, pairs, timelines, negatives, related(families, _rows(RELATED)))


def related(families: Mapping[str, str], rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return families with more pictures that show one thing, as `bench/related.csv` names them, each with a reason.

    Who labels a corpus compares whole pictures; that one is a part of another, or its line art, is seen when a matcher
    puts both at the top of its list.
    """
    joined = dict(families)
    for row in rows:
        one, other = (joined.get(row[name], row[name]) for name in ("file", "other"))
        joined = {file: one if family == other else family for file, family in joined.items()}
        joined[row["file"]] = joined[row["other"]] = one
    return joined


def stated(text: str) -> str:
    """Return a strength of 0 to 1 to one place as stated by a pair's authors, empty when they state none.

    SDEdit states the step of 1,000 that it starts from, which is the same thing.
    """
    found = re.match(r"(t=)?([\d.]+)(/1000)?(?=\s|$)", text)
    if not found or bool(found[1]) != bool(found[3]):
        return ""
    value = float(found[2]) / (1000 if found[3] else 1)
    return f"{value:.1f}" if 0 < value <= 1 else ""


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def source_of(text: str) -> str:
    """Return the collection a picture comes from: `npm:name`, `debian:name` or `owner/repository`."""
    parts = text.split(":")
    return ":".join(parts[:2]) if parts[0] in {"npm", "debian", "pypi"} else parts[0]


def digest(text: str) -> int:
    """Return a number that depends on the text only."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def lay_out(corpus: Corpus, *, half: int = 0, loose: bool = False) -> Layout:
    """Return the layout; `half` 1 swaps the halves of the negatives, `loose` keeps similar groups as negatives."""
    inputs = sorted({pair.stage for pair in corpus.pairs})
    drafts = [negative for negative in corpus.negatives if digest(negative.file) % 2 == half]
    unrelated = tuple(negative for negative in corpus.negatives if digest(negative.file) % 2 != half)
    drafts.sort(key=lambda negative: digest("order:" + negative.file))
    drafts = drafts[: max(0, STAGES - len(inputs) - len(corpus.timelines))]
    stages = (*inputs, *corpus.timelines, *(negative.file for negative in drafts))
    family = [corpus.families.get(file, file) for file in stages]
    ignored = np.zeros((len(corpus.pairs) + len(unrelated), len(stages)), np.bool_)
    for row, pair in enumerate(corpus.pairs):
        mine = {corpus.families.get(file, file) for file in (pair.post, pair.stage)}
        ignored[row] = [name in mine for name in family]
        ignored[row, inputs.index(pair.stage)] = True
    groups = [""] * (len(inputs) + len(corpus.timelines)) + [
        negative.group if negative.self_similar else "" for negative in drafts
    ]
    for row, post in enumerate(unrelated, start=len(corpus.pairs)):
        mine = {corpus.families.get(post.file, post.file)}
        ignored[row] = [
            name in mine or (not loose and post.self_similar and group == post.group)
            for name, group in zip(family, groups, strict=True)
        ]
    truth = np.array([inputs.index(pair.stage) for pair in corpus.pairs], np.intp)
    return Layout(corpus.pairs, unrelated, stages, truth, ignored)


def picture(path: Path) -> Pixels:
    """Return a picture of the corpus, which is trusted."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FileNotFoundError(path)
    return np.asarray(pixels, np.uint8)


def stage_fingerprint(path: Path) -> Descriptors:
    """Return what a recorder would have kept of a stage."""
    return unpack(fingerprint_v2(picture(path)))


def attacked(pixels: Pixels, attack: str, seed: str) -> Pixels:
    """Return what a poster may have made of a picture; the same for the same `seed`."""
    rng = np.random.default_rng([digest(seed), ATTACKS.index(attack)])
    steps = ("mirror", "crop", "ui", "recompress") if attack == "all" else (attack,)
    for step in steps:
        pixels = np.ascontiguousarray(_STEPS[step](pixels, rng))
    return pixels


def _none(pixels: Pixels, _: Rng) -> Pixels:
    return pixels


def _mirror(pixels: Pixels, _: Rng) -> Pixels:
    return pixels[:, ::-1]


def _crop(pixels: Pixels, rng: Rng) -> Pixels:
    """Keep .7 to .92 of each side, anywhere."""
    part = rng.uniform(0.7, 0.92)
    height, width = int(pixels.shape[0] * part), int(pixels.shape[1] * part)
    top = int(rng.integers(0, pixels.shape[0] - height + 1))
    left = int(rng.integers(0, pixels.shape[1] - width + 1))
    return pixels[top : top + height, left : left + width]


def _ui(pixels: Pixels, rng: Rng) -> Pixels:
    """Frame it as an app would: a bar of 2 to 16 % on each side, some words, a button."""
    reach = max(pixels.shape[:2])
    top, bottom, left, right = (int(rng.uniform(0.02, 0.16) * reach) for _ in range(4))
    tint = [int(part) for part in rng.integers(0, 2) * 225 + rng.integers(0, 30, 3)]
    framed = cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_CONSTANT, value=tint)
    for _ in range(6):
        spot = (int(rng.integers(0, pixels.shape[1])), int(rng.integers(0, max(1, top))) + 8)
        cv2.putText(framed, f"user_{rng.integers(0, 999)} likes", spot, 0, 0.35, (128, 128, 128), 1)
    cv2.circle(
        framed, (framed.shape[1] // 2, framed.shape[0] - bottom // 2), max(3, bottom // 4), (200, 60, 90), -1
    )
    return np.asarray(framed, np.uint8)


def _recompress(pixels: Pixels, rng: Rng) -> Pixels:
    """Shrink to .35 to .8 and save as JPEG of quality 30 to 60."""
    scale = rng.uniform(0.35, 0.8)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 61))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


_STEPS: Mapping[str, Callable[[Pixels, Rng], Pixels]] = {
    "none": _none,
    "mirror": _mirror,
    "crop": _crop,
    "ui": _ui,
    "recompress": _recompress,
}


def views_of(folder: Path, files: Sequence[str], attack: str = "none") -> list[Views]:
    """Return the fingerprints of the views of some posts, each attacked first."""
    return [post_views(attacked(picture(folder / file), attack, file)) for file in files]
