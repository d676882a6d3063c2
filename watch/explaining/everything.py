"""All pictures that explain one comparison, with their captions and with a record of how they were made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sakigake import words
from sakigake.fingerprint.views import Pixels
from watch.compare import calibration as calibrations
from watch.explaining import axis, chance, maps, method, moving, registered, seen, superset, thumbnails
from watch.explaining.alignment import Alignment, apply
from watch.explaining.chance import Example
from watch.explaining.figure import Figure
from watch.explaining.letters import Letters
from watch.explaining.material import (
    Caption,
    Explained,
    Material,
    align,
    names,
    numbers_of,
    said,
    view_of,
)
from watch.explaining.seen import Seen
from watch.explaining.sheet import png

_CHANCE_PANEL = 320  # dots: a chance example stands beside, and is smaller than what it is compared with
_TINTS = (160, 80, 10), (20, 100, 210)  # BGR, of the words over stage and post: those of their frames, darker


@dataclass(frozen=True, slots=True, eq=False)
class _Album:
    """What is being made: files and captions so far, the letters, and the languages of the words in the pictures."""

    letters: Letters
    langs: Sequence[str]
    record: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    captions: dict[str, Caption] = field(default_factory=dict)

    def put(self, name: str, data: Pixels | bytes, key: str, **params: object) -> None:
        """Add a picture with its caption."""
        self.files[name] = data if isinstance(data, bytes) else png(data)
        self.captions[name] = Caption(f"pictures.caption.{key}", params)


def explain_all(material: Material, letters: Letters, langs: Sequence[str] = words.LANGUAGES) -> Explained:
    """Return every picture that can be made of some material, in some languages at once.

    Where the stage's picture was not kept, there are the maps of its fingerprint, and nothing to be laid over it.
    Raises ValueError for a finding without a stage.
    """
    if material.finding.stage is None:
        raise ValueError("a finding without a stage")
    album = _Album(letters, langs, method.begun(material))
    view = view_of(material)
    told = "maps-alone" if material.stage is None else "maps"
    album.put("maps.png", map_sheet(material, view, letters, langs), told)
    if material.stage is not None:
        _with_picture(album, material, view, material.stage)
    for lang in langs if material.moments else ():
        drawn = timeline(material, letters, lang)
        album.put(f"timeline-{lang}.svg", drawn.svg(), "timeline")
        album.put(f"timeline-{lang}.png", drawn.pixels(letters), "timeline")
    album.record["files"] = sorted(album.files)
    album.files["method.json"] = method.written(album.record)
    return Explained(album.files, album.captions)


def map_sheet(material: Material, view: Seen, letters: Letters, langs: Sequence[str]) -> Pixels:
    """Return what the matcher sees of both, and where they agree."""
    post, stage, agreed = maps.both(view, material.described)
    titles = {name: said(f"map-{name}", langs) for name in ("edges", "colours", "layout", "agree")}
    titles |= {"post": said("post", langs), "stage": said("stage", langs, seq=material.finding.stage)}
    picture = material.stage
    shape = (view.pixels if picture is None else picture).shape
    return maps.sheet((post, stage, agreed), (shape[0], shape[1]), titles, letters, picture)


def timeline(material: Material, letters: Letters, lang: str) -> Figure:
    """Return the figure of the session's stages and the post in one language."""
    finding = material.finding
    ends = (finding.earliest, finding.first_stage, finding.stage, finding.last_stage)
    known = {each.number: each for each in material.moments}
    rows = [
        axis.Row(
            words.text("pictures.best" if number == finding.stage else "pictures.stage", lang, seq=number),
            known[number].interval,
            known[number].claimed,
            number == finding.stage,
        )
        for number in axis.chosen(list(known), [each for each in ends if each is not None])
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


def _with_picture(album: _Album, material: Material, view: Seen, stage: Pixels) -> None:
    """Add what needs the stage's picture."""
    placed = align(view, material.post, stage)
    post_part, stage_part = apply(placed, material.post, stage)
    album.record["alignment"] = placed.as_json()
    numbers, called = numbers_of(placed), names(album.langs, material.finding.stage)
    album.put("aligned-post.png", post_part, "aligned-post", **numbers)
    album.put("aligned-stage.png", stage_part, "aligned-stage", seq=material.finding.stage)
    album.put("overlay.png", registered.overlay(post_part, stage_part), "overlay", **numbers)
    album.put(
        "aligned.png", registered.sheet(post_part, stage_part, called, album.letters), "aligned", **numbers
    )
    frames = [
        (registered.named(pixels, name, album.letters, tint), time)
        for (pixels, time), name, tint in zip(
            registered.blink(post_part, stage_part), called[1::-1], _TINTS, strict=True
        )
    ]
    album.put("blink.gif", moving.gif(frames), "blink")
    title = said("pair", album.langs)
    pairs = [thumbnails.Pair(title, called[:2], (post_part, stage_part)), *_chance(album, material, stage)]
    album.put("thumbnails.png", thumbnails.sheet(pairs, album.letters), "thumbnails")
    album.put(
        "superset.png", _superset(album, material, placed, stage), "superset", **_superset_words(placed)
    )


def _chance(album: _Album, material: Material, stage: Pixels) -> list[thumbnails.Pair]:
    """Add the chance examples; returns the pair of the closest one for the thumbnail test."""
    album.record["chance"] = method.of_chance()
    version = material.finding.fingerprint_version
    called = (said("unrelated", album.langs), *names(album.langs, material.finding.stage)[1:])
    pairs = []
    for example in chance.examples(material.described):
        view = seen.of(example.pixels, example.view, example.part, version)
        placed = align(view, example.pixels, stage)
        both = apply(placed, example.pixels, stage)
        album.record["chance"]["examples"].append(method.of_example(example, placed))
        key, counted = _counted(example, version)
        drawn = registered.sheet(*both, called, album.letters, _CHANCE_PANEL)
        place = {"rank": example.rank, "among": example.among}
        album.put(f"chance-{example.role}.png", drawn, key, **place, **counted, **numbers_of(placed))
        pairs.append(thumbnails.Pair(said("pair-chance", album.langs), (called[0], called[1]), both))
    return pairs[:1]


def _counted(example: Example, version: str) -> tuple[str, dict[str, object]]:
    """Return the key of a caption, and its counts. Below the lowest value that was counted there is only a least."""
    known, key = calibrations.load(version).counts, f"chance-{example.role}"
    below = example.surprise < known.grid[0]
    reached = known.pairs_reaching[0] if below else example.counts.reached
    counted = {"reached": f"{reached:,}", "pairs": f"{known.pairs:,}"}
    return (f"{key}-least" if below else key), dict(counted)


def _superset(album: _Album, material: Material, placed: Alignment, stage: Pixels) -> Pixels:
    titles = {
        name: said(f"superset-{name}", album.langs) for name in ("detail-stage", "detail-post", "earlier")
    }
    titles["whole"] = said("superset-outside" if superset.outside(placed) else "superset-whole", album.langs)
    earlier = [(str(number), pixels) for number, pixels in material.earlier]
    return superset.sheet(placed, (material.post, stage), earlier, titles, album.letters)


def _superset_words(placed: Alignment) -> dict[str, object]:
    left, top, right, bottom = placed.post_box
    box = placed.stage_box
    return {
        "stage_width": box[2] - box[0],
        "stage_height": box[3] - box[1],
        "post_width": round(right - left),
        "post_height": round(bottom - top),
        "finer": f"{superset.finer(placed):.2f}",
        "covered": f"{100 * placed.covered:.0f}",
    }
