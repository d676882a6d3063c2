"""A comparison as one file that can be posted: the pictures, and under them what the comparison says and does not say.

Nothing but pixels goes into it: no account, no title, no address, no date. What it says of likeness, order and chance is
burnt into the picture, so that it cannot be shown without it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sakigake import words
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding
from watch.explaining import material as materials
from watch.explaining import moving, registered
from watch.explaining.alignment import apply
from watch.explaining.letters import Letters
from watch.explaining.material import Material
from watch.explaining.sheet import below, beside, bordered, margined, png, resized, size_within

SUFFIXES = (".gif", ".mp4", ".png")
_LONGEST = 600
_LEAST = 420  # dots: narrower, the sentences would not be read
_SMALL = 380


class Way(StrEnum):
    """How the two pictures are shown."""

    BLINK = "blink"
    WIPE = "wipe"
    OVERLAY = "overlay"


@dataclass(frozen=True, slots=True)
class Share:
    """How a comparison is shown, in which language, and the letters for it."""

    way: Way
    lang: str
    letters: Letters


def file_of(material: Material, share: Share, suffix: str) -> bytes:
    """Return the bytes of a file to share, `.gif`, `.mp4` or `.png`.

    Raises ValueError when the stage's picture was not kept, UsageError without the extra `video` for an MP4.
    """
    made = list(frames(material, share))
    if suffix == ".png":
        return png(still(material, share))
    return moving.mp4(made) if suffix == ".mp4" else moving.gif(made)


def frames(material: Material, share: Share) -> Iterator[tuple[Pixels, int]]:
    """Yield the frames, all of one size, each with its time in ms."""
    post, stage = _laid(material)
    names = materials.names((share.lang,), material.finding.stage)
    shown: Sequence[tuple[Pixels, int]]
    if share.way is Way.BLINK:
        (first, time), (second, again) = registered.blink(post, stage)
        shown = [(_named(first, names[1], share), time), (_named(second, names[0], share), again)]
    elif share.way is Way.WIPE:
        title = f"{names[0]} | {names[1]}"
        shown = [(_named(each, title, share), time) for each, time in registered.wipe(post, stage)]
    else:
        over = registered.overlay(post, stage)
        trio = ((stage, names[1]), (post, names[0]), (over, names[2]))
        shown = [(_named(each, name, share), 2 * registered.BLINK_MS) for each, name in trio]
    strip = strip_of(material.finding, share, shown[0][0].shape[1])
    for pixels, time in shown:
        yield margined(below([pixels, strip], 6), 8), time


def still(material: Material, share: Share) -> Pixels:
    """Return stage, post and both laid over each other as one picture."""
    post, stage = _laid(material)
    names = materials.names((share.lang,), material.finding.stage)
    size = size_within((post.shape[1], post.shape[0]), _SMALL)
    trio = ((stage, names[1]), (post, names[0]), (registered.overlay(post, stage), names[2]))
    row = beside(
        [registered.named(bordered(resized(each, size)), name, share.letters) for each, name in trio]
    )
    return margined(below([row, strip_of(material.finding, share, row.shape[1])], 6), 8)


def strip_of(finding: Finding, share: Share, width: int) -> Pixels:
    """Return what stands under the pictures: likeness, order, chance, and what it does not show."""
    lines = told(finding, share.lang)
    return below([share.letters.strip(line, 16, width) for line in lines], 0)


def told(finding: Finding, lang: str) -> list[str]:
    """Return the sentences that every shared file bears."""
    lines = [
        words.text(
            "pictures.share.likeness",
            lang,
            text=words.text(f"finding.likeness.{finding.likeness.value}", lang),
        ),
        words.text(
            "pictures.share.order", lang, text=words.text(f"finding.order.{finding.order.value}", lang)
        ),
    ]
    if finding.counts:
        counts = finding.counts
        lines.append(
            words.text(
                "pictures.share.chance", lang, reached=f"{counts.reached:,}", pairs=f"{counts.pairs:,}"
            )
        )
    return [*lines, words.text("report.other-explanations", lang), words.text("report.limits", lang)]


def _laid(material: Material) -> tuple[Pixels, Pixels]:
    if material.stage is None:
        raise ValueError("a stage without its picture")
    view = materials.view_of(material)
    placed = materials.align(view, material.post, material.stage)
    post, stage = apply(placed, material.post, material.stage)
    size = size_within((post.shape[1], post.shape[0]), _LONGEST)
    return resized(post, size), resized(stage, size)


def _named(pixels: Pixels, name: str, share: Share) -> Pixels:
    return registered.named(pixels, name, share.letters, least=_LEAST)
