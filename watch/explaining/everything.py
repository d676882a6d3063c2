"""All pictures that explain one comparison, with their captions and with a record of how they were made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from sakigake import __version__, words
from sakigake.fingerprint.vector import Descriptors, pixel_digest_v1
from sakigake.fingerprint.views import Pixels
from sakigake.model import CalibrationCount, Finding, Interval
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.explaining import axis, chance, maps, moving, registered, registration, seen, superset, thumbnails
from watch.explaining.alignment import Alignment, apply
from watch.explaining.alignment import of as aligned
from watch.explaining.letters import Letters
from watch.explaining.seen import Seen
from watch.explaining.sheet import png

VERSION = "explaining/1"
Words = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Caption:
    """The sentence that stands beside a picture: a key into the string tables and what fills its places."""

    key: str
    params: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: str | None = None) -> str:
        """Return the sentence in a language."""
        return words.text(self.key, lang, **self.params)


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Files by ASCII name and a caption for each picture; `method` is the name of the record. Same input, same bytes."""

    files: Mapping[str, bytes]
    captions: Mapping[str, Caption]
    method: str = "method.json"


@dataclass(frozen=True, slots=True)
class Moment:
    """A stage in time: by outsiders' clocks, and as the computer's own clock claims."""

    number: int
    interval: Interval
    claimed: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What is explained. `stage` is None when the stage's picture was not kept.

    `finding` is the answer about `post` (BGR, as posted), `described` the best stage's fingerprint, `moments` the stages of
    the session in order, `earlier` pictures of stages up to the best one.
    """

    post: Pixels
    stage: Pixels | None
    described: Descriptors
    finding: Finding
    moments: Sequence[Moment] = ()
    earlier: Sequence[tuple[int, Pixels]] = ()


def said(key: str, langs: Sequence[str], **params: object) -> str:
    """Return a sentence in all of some languages, one after the other: a picture may be read in either."""
    return " / ".join(dict.fromkeys(words.text(f"pictures.{key}", lang, **params) for lang in langs))


def align(view: Seen, post: Pixels, stage: Pixels) -> Alignment:
    """Return how a view of a post lies on a stage, after the bounded registration."""
    found = registration.register(view.pixels, stage, view.window)
    return aligned(
        (post.shape[1], post.shape[0]),
        (stage.shape[1], stage.shape[0]),
        view.box,
        mirrored=view.mirrored,
        matched=view.window,
        refined=found.window,
        scores=(found.before, found.after),
    )


def view_of(material: Material) -> Seen:
    """Return the view of the post that fitted best."""
    finding = material.finding
    return seen.of(material.post, finding.view, finding.part, finding.fingerprint_version)


def explain_all(material: Material, letters: Letters, langs: Sequence[str] = words.LANGUAGES) -> Explained:
    """Return every picture that can be made of some material, in some languages at once.

    Where the stage's picture was not kept, there are the maps of its fingerprint, and nothing to be laid over it.
    Raises ValueError for a finding without a stage.
    """
    finding = material.finding
    if finding.stage is None:
        raise ValueError("a finding without a stage")
    view = view_of(material)
    files: dict[str, bytes] = {}
    captions: dict[str, Caption] = {}
    method = _method(material)

    def put(name: str, data: bytes, key: str, **params: object) -> None:
        files[name], captions[name] = data, Caption(f"pictures.caption.{key}", params)

    put(
        "maps.png",
        png(map_sheet(material, view, letters, langs)),
        "maps" if material.stage is not None else "maps-alone",
    )
    if material.stage is not None:
        _with_picture(material, view, letters, langs, put, method)
    for lang in langs if material.moments else ():
        drawn = timeline(material, letters, lang)
        put(f"timeline-{lang}.svg", drawn.svg(), "timeline")
        put(f"timeline-{lang}.png", png(drawn.pixels(letters)), "timeline")
    method["files"] = sorted(files)
    files["method.json"] = (json.dumps(method, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode()
    return Explained(files, captions)


def _with_picture(  # noqa: PLR0917 - a step of the function above
    material: Material, view: Seen, letters: Letters, langs: Sequence[str], put: Any, method: dict[str, Any]
) -> None:
    stage, finding = material.stage, material.finding
    if stage is None:
        raise ValueError("a stage without its picture")
    placed = align(view, material.post, stage)
    post_part, stage_part = apply(placed, material.post, stage)
    method["alignment"] = placed.as_json()
    numbers = numbers_of(placed)
    put("aligned-post.png", png(post_part), "aligned-post", **numbers)
    put("aligned-stage.png", png(stage_part), "aligned-stage", seq=finding.stage)
    put("overlay.png", png(registered.overlay(post_part, stage_part)), "overlay", **numbers)
    called = names(langs, finding.stage)
    put("aligned.png", png(registered.sheet(post_part, stage_part, called, letters)), "aligned", **numbers)
    put("blink.gif", moving.gif(_blinking(post_part, stage_part, called, letters)), "blink")
    method["chance"] = {"set": chance.NAME, "sha256": chance.digest(), "rule": chance.RULE, "examples": []}
    found = chance.examples(material.described)
    beside = None
    for example in found:
        other, placed_other, both = _example(example, stage, finding)
        method["chance"]["examples"].append(_example_method(example, placed_other))
        key = f"chance-{example.role}"
        theirs = (said("unrelated", langs), *called[1:])
        put(
            f"{key}.png",
            png(registered.sheet(*both, theirs, letters, 320)),
            _counted(key, example.counts, finding.fingerprint_version, example.surprise),
            rank=example.rank,
            among=example.among,
            **_count_words(example.counts),
            **numbers_of(placed_other),
        )
        beside = beside or both
    pairs = [thumbnails.Pair(said("pair", langs), called[:2], (post_part, stage_part))]
    if beside:
        pairs.append(
            thumbnails.Pair(said("pair-chance", langs), (said("unrelated", langs), called[1]), beside)
        )
    put("thumbnails.png", png(thumbnails.sheet(pairs, letters)), "thumbnails")
    put(
        "superset.png",
        png(_superset(material, placed, letters, langs)),
        "superset",
        **_superset_words(placed),
    )


def _example(
    example: chance.Example, stage: Pixels, finding: Finding
) -> tuple[Seen, Alignment, tuple[Pixels, Pixels]]:
    view = seen.of(example.pixels, example.view, example.part, finding.fingerprint_version)
    placed = align(view, example.pixels, stage)
    return view, placed, apply(placed, example.pixels, stage)


def names(langs: Sequence[str], seq: int | None) -> tuple[str, str, str, str]:
    """Return what stands above post, stage, overlay and lines."""
    return (
        said("post", langs),
        said("stage", langs, seq=seq),
        said("overlay", langs),
        said("lines", langs),
    )


def _blinking(
    post: Pixels, stage: Pixels, called: Sequence[str], letters: Letters
) -> list[tuple[Pixels, int]]:
    (first, time), (second, again) = registered.blink(post, stage)
    return [
        (registered.named(first, called[1], letters, (160, 80, 10)), time),
        (registered.named(second, called[0], letters, (20, 100, 210)), again),
    ]


def map_sheet(material: Material, view: Seen, letters: Letters, langs: Sequence[str]) -> Pixels:
    """Return what the matcher sees of both, and where they agree."""
    post, stage, agreed = maps.both(view, material.described)
    titles = {name: said(f"map-{name}", langs) for name in ("edges", "colours", "layout", "agree")}
    titles |= {"post": said("post", langs), "stage": said("stage", langs, seq=material.finding.stage)}
    picture = material.stage
    shape = (view.pixels if picture is None else picture).shape
    return maps.sheet(post, stage, agreed, (shape[0], shape[1]), titles, letters, picture)


def timeline(material: Material, letters: Letters, lang: str) -> Any:
    """Return the figure of the session's stages and the post in one language."""
    finding = material.finding
    named = [
        each
        for each in (finding.earliest, finding.first_stage, finding.stage, finding.last_stage)
        if each is not None
    ]
    shown = axis.chosen([each.number for each in material.moments], named)
    known = {each.number: each for each in material.moments}
    rows = [
        axis.Row(
            words.text("pictures.best" if number == finding.stage else "pictures.stage", lang, seq=number),
            known[number].interval,
            known[number].claimed,
            number == finding.stage,
        )
        for number in shown
    ]
    rows.append(axis.Row(words.text("pictures.post", lang), finding.post, post=True))
    sentences = axis.Said(
        words.text("pictures.timeline", lang),
        words.text(f"finding.order.{finding.order.value}", lang),
        words.text("pictures.clocks", lang),
        words.text("pictures.claim", lang),
        words.text("pictures.unknown", lang),
        lang,
    )
    return axis.figure(rows, sentences, letters)


def _superset(material: Material, placed: Alignment, letters: Letters, langs: Sequence[str]) -> Pixels:
    if material.stage is None:
        raise ValueError("a stage without its picture")
    titles = {name: said(f"superset-{name}", langs) for name in ("detail-stage", "detail-post", "earlier")}
    titles["whole"] = said("superset-outside" if superset.outside(placed) else "superset-whole", langs)
    earlier = [(f"{number}", pixels) for number, pixels in material.earlier]
    return superset.sheet(placed, material.post, material.stage, earlier, titles, letters)


def _superset_words(placed: Alignment) -> dict[str, object]:
    left, top, right, bottom = placed.post_box
    size = placed.stage_size
    return {
        "stage_width": size[0],
        "stage_height": size[1],
        "post_width": round(right - left),
        "post_height": round(bottom - top),
        "finer": f"{superset.finer(placed):.2f}",
        "covered": f"{100 * placed.covered:.0f}",
    }


def numbers_of(placed: Alignment) -> dict[str, object]:
    """Return the numbers of an alignment as they fill sentences; `mirrored` is 0 or 1."""
    return {
        "mirrored": int(placed.mirrored),
        "across": f"{placed.scale[0]:.3f}",
        "down": f"{placed.scale[1]:.3f}",
        "left": f"{100 * placed.offset[0]:.1f}",
        "top": f"{100 * placed.offset[1]:.1f}",
        "covered": f"{100 * placed.covered:.0f}",
        "before": f"{placed.before:.2f}",
        "after": f"{placed.after:.2f}",
    }


def _counted(key: str, counts: CalibrationCount, version: str, surprise: float) -> str:
    """Return the key of a caption: below the lowest value that was counted, all that is known is a least."""
    known = calibrations.load(version).counts
    return f"{key}-least" if surprise < known.grid[0] else key


def _count_words(counts: CalibrationCount) -> dict[str, object]:
    known = calibrations.load().counts
    reached = counts.reached if counts.reached < counts.pairs else known.pairs_reaching[0]
    return {"reached": f"{reached:,}", "pairs": f"{counts.pairs:,}"}


def _example_method(example: chance.Example, placed: Alignment) -> dict[str, Any]:
    return {
        "role": example.role,
        "number": example.number,
        "rank": example.rank,
        "among": example.among,
        "value": round(example.surprise, 4),
        "view": example.view,
        "part": [round(each, 5) for each in example.part] if example.part else None,
        "pixels": pixel_digest_v1(example.pixels),
        "pairs": example.counts.pairs,
        "pairs_as_high": example.counts.reached,
        "alignment": placed.as_json(),
    }


def _method(material: Material) -> dict[str, Any]:
    finding = material.finding
    others = cohorts.load(finding.fingerprint_version)
    known = calibrations.load(finding.fingerprint_version)
    valued = chance.value(material.post, material.described)
    counts = finding.counts
    return {
        "versions": {
            "sakigake": __version__,
            "pictures": VERSION,
            "registration": registration.VERSION,
            "fingerprint": finding.fingerprint_version,
            "calibration": known.version,
            "cohort": others.version,
            "cohort_sha256": others.digest,
            "numpy": np.__version__,
        },
        "inputs": {
            "post_file_sha256": finding.post_digest,
            "post_pixels": pixel_digest_v1(material.post),
            "stage": finding.stage,
            "stage_pixels": pixel_digest_v1(material.stage) if material.stage is not None else None,
            "session": finding.session,
        },
        "view": finding.view,
        "part": [round(each, 5) for each in finding.part] if finding.part else None,
        "value": round(valued.surprise, 4) if valued else None,
        "scores": {
            each.name: {"raw": round(each.raw, 4), "normalised": round(each.normalised, 4)}
            for each in finding.scores
        },
        "counts": {
            "pairs": counts.pairs,
            "pairs_as_high": counts.reached,
            "posts": counts.posts,
            "posts_as_high": counts.post_alarms,
        }
        if counts
        else None,
        "registration": {"bound": registration.BOUND, "steps": [list(each) for each in registration.STEPS]},
        "recipe": [
            "stage.resize(size, BICUBIC, box=stage_box)  # Pillow",
            "post.resize(size, BICUBIC, box=post_box), mirrored left to right if mirrored",
            "overlay = (post + stage + 1) // 2, channel by channel",
        ],
    }
