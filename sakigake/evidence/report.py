"""The page of a package: what was recorded and what was found, in Japanese and English, without scripts.

The page certifies nothing about itself; it says how to check it.
"""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from sakigake import __version__, words
from sakigake.clock import from_ms
from sakigake.evidence import layout
from sakigake.model import LIVE_SOURCES, EntryType, Finding, Interval, Likeness, Session, StoredEntry
from sakigake.phrases import cause, chance
from sakigake.store.protocol import Store
from sakigake.timeline.bounds import clock_disagrees
from sakigake.timeline.entry import Entry, parse_entry
from sakigake.timeline.reading import entry_bounds, is_forgotten

# Small copies stand in the page; the more stages there are, the smaller, so that a long session can still be mailed.
THUMBNAIL_PX = ((60, 320), (150, 240), (1 << 31, 160))
_ZONES = {"ja": timezone(timedelta(hours=9), "JST"), "en": UTC}
NOTABLE = {
    EntryType.PAUSE,
    EntryType.RESUME,
    EntryType.GAP,
    EntryType.CLOCK_JUMP,
    EntryType.DROP,
    EntryType.RECOVERED,
    EntryType.KEY_ROTATE,
    EntryType.SESSION_START,
    EntryType.SESSION_END,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page's timeline: an entry, its interval from tokens, and the PC's own claim."""

    entry: Entry
    interval: Interval
    claimed: datetime
    shown: bool

    @property
    def clock_disagrees(self) -> bool:
        """Say whether that claim lies clearly outside the interval: the verifiers flag it, so the page does."""
        return clock_disagrees(self.claimed, self.interval)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small copy of a picture: a data URI, and its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class View:
    """Everything a page says, gathered once. `pictured` and `printed` are the stages whose picture or fingerprint is shown."""

    session: Session
    rows: tuple[Row, ...]
    stages: tuple[int, ...]
    pictured: frozenset[int]
    printed: frozenset[int]
    withheld: int
    forgotten: int
    entries: int
    checkpoints: int
    blocks: int
    finding: Finding | None


def gather(
    store: Store,
    session: Session,
    stages: list[StoredEntry],
    size: int,
    finding: Finding | None,
    *,
    contents: Collection[str],
) -> View:
    """Collect the rows of the disclosed stages and of the notable events among the first `size` entries.

    `contents` are the names of the files that are in the package so far.
    """
    shown = {stage.seq for stage in stages}
    kept = [stored for stored in store.entries(session.id) if stored.seq < size]
    known = [parse_entry(stored.raw) for stored in kept]
    forgotten = sum(stored.type is EntryType.STAGE and is_forgotten(stored) for stored in kept)
    listed = [entry for entry in known if entry.seq in shown or entry.type in NOTABLE]
    intervals = entry_bounds(store, session.id, [entry.seq for entry in listed])
    return View(
        session=session,
        rows=tuple(
            Row(entry, intervals[entry.seq], from_ms(entry.wall), entry.seq in shown) for entry in listed
        ),
        stages=tuple(sorted(shown)),
        pictured=frozenset(seq for seq in shown if layout.stage(seq, "png") in contents),
        printed=frozenset(seq for seq in shown if layout.stage(seq, "fp.bin") in contents),
        withheld=sum(entry.type is EntryType.STAGE for entry in known) - len(shown) - forgotten,
        forgotten=forgotten,
        entries=size,
        checkpoints=len(store.checkpoints(session.id)),
        blocks=len(store.proofs(session.id)),
        finding=finding,
    )


def page(view: View, contents: dict[str, bytes | Path]) -> str:
    """Return the page. Pictures stand in it once, as small copies; the originals lie beside it."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.PackageLoader("sakigake.evidence"),
    )
    side = next(px for most, px in THUMBNAIL_PX if len(view.stages) <= most)
    bodies = {f"s{seq}": contents.get(layout.stage(seq, "png")) for seq in view.stages}
    bodies["post"] = next((body for name, body in contents.items() if name.startswith("post/picture.")), None)
    thumbnails = {name: small for name, body in bodies.items() if (small := _thumbnail(body, side))}
    values: dict[str, Any] = {
        "view": view,
        "languages": [
            (lang, partial(words.text, lang=lang), partial(_when, lang), partial(cause, lang=lang))
            for lang in ("ja", "en")
        ],
        "thumbnails": thumbnails,
        "chance": chance,
        "version": __version__,
        "live": view.session.source in LIVE_SOURCES,
        "stage_file": layout.stage,
        "has_time": any(row.interval.not_after for row in view.rows if row.shown),
        "alike": view.finding is not None and view.finding.likeness in {Likeness.STRONG, Likeness.SOME},
    }
    return environment.get_template("package.html.j2").render(values)


def _when(lang: str, moment: datetime) -> str:
    """Return a moment for people: Japanese time for Japanese readers, the zone always named."""
    return moment.astimezone(_ZONES[lang]).strftime("%Y-%m-%d %H:%M:%S %Z")


def _thumbnail(content: bytes | Path | None, side: int) -> Thumbnail | None:
    """Return a copy whose longer side is `side` pixels at most, or None when there is none or it cannot be shown."""
    if content is None:
        return None
    raw = content if isinstance(content, bytes) else content.read_bytes()
    pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        return None
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    encoded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not encoded:
        return None
    height, width = pixels.shape[:2]
    return Thumbnail(f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}", width, height)
