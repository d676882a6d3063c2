"""`sakigake timeline rename|merge|labels`: what stages are called. Notes beside the record; nothing of it changes."""

import re
from typing import TYPE_CHECKING, Any

import click

from desk.answering import as_json as json_option
from desk.answering import told
from sakigake import errors, words
from sakigake.clock import iso

if TYPE_CHECKING:
    from desk.web.timeline.reel import Reel
    from sakigake.labels import StageLabel
    from sakigake.model import Session
    from sakigake.store.sqlite import SqliteStore

_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})", re.ASCII)


def _opened(session: str, *, write: bool) -> "tuple[SqliteStore, Session, Reel]":
    from desk.sessions import find, open_store
    from desk.web.timeline.reel import Reels
    from sakigake import settings

    loaded = settings.load()
    store = open_store(loaded)
    if write and store.frozen:
        raise errors.SakigakeError("store-frozen", path=loaded.home)
    found = find(store, session)
    return store, found, Reels().of(store, found)


def _place(reel: "Reel", stage: int) -> int:
    place = reel.index(stage)
    if place is None:
        raise errors.NotFoundError("label-stage-unknown", session=reel.session.id, stage=stage)
    return place


@click.command("rename", help=words.text("desk.names.rename-help"))
@click.argument("session")
@click.argument("stage", type=click.IntRange(0, 10**9))
@click.argument("label")
@json_option()
def rename(session: str, stage: int, label: str, as_json: bool) -> None:
    """Call a stage something; an empty label takes the name back."""
    from datetime import UTC, datetime

    from desk.web.timeline.naming import name, named
    from sakigake.labels import PERSON, StageLabel

    store, found, reel = _opened(session, write=True)
    _place(reel, stage)
    now = datetime.now(UTC)
    kept = name(store, found.id, [stage], label, now)
    line = words.text("desk.names.taken-back", stage=stage)
    if kept:
        shown = named(StageLabel(stage, kept, PERSON, now))
        line = words.text("desk.names.renamed", stage=stage, label=shown)
    told({"session": found.id, "stage": stage, "label": kept or None}, line, as_json=as_json)


@click.command("merge", help=words.text("desk.names.merge-help"))
@click.argument("session")
@click.argument("stages", metavar="FIRST-LAST")
@click.option("--undo", is_flag=True, help=words.text("desk.names.undo-help"))
@json_option()
def merge(session: str, stages: str, undo: bool, as_json: bool) -> None:
    """Show neighbouring stages as one, or each for itself again."""
    from desk.web.timeline import naming

    match = _RANGE.fullmatch(stages.strip())
    if not match or int(match[1]) >= int(match[2]):
        raise errors.UsageError("merge-unreadable", value=stages)
    store, found, reel = _opened(session, write=True)
    first, last = _place(reel, int(match[1])), _place(reel, int(match[2]))
    if undo:
        naming.part(store, reel, [(first, last)])
    else:
        naming.merge(store, reel, first, last)
    key = "desk.names.parted" if undo else "desk.names.merged"
    told(
        {"session": found.id, "first": int(match[1]), "last": int(match[2]), "merged": not undo},
        words.text(key, first=match[1], last=match[2], count=last - first + 1),
        as_json=as_json,
    )


@click.command("labels", help=words.text("desk.names.labels-help"))
@click.argument("session", default="last")
@json_option()
def labels(session: str, as_json: bool) -> None:
    """List what stages are called, and by whom."""
    from desk.web.timeline.naming import named
    from desk.web.timeline.strip import blocks, tiles
    from sakigake.labels import shown

    store, found, reel = _opened(session, write=False)
    said, joined = store.labels(found.id), store.joined(found.id)
    chosen = shown(said)
    parts = blocks(tiles(reel.shots, chosen, joined))
    lines = [
        words.text(
            "desk.names.row",
            first=reel.shots[block.first].seq,
            last=reel.shots[block.last].seq,
            label=named(block.label) or words.text("desk.timeline.unnamed"),
        )
        for block in parts
    ]
    record: dict[str, Any] = {
        "session": found.id,
        "labels": [_record(each, shown=chosen[each.seq] is each) for each in said],
        "shown_with_the_one_before": sorted(joined),
        "blocks": [
            {
                "first": reel.shots[block.first].seq,
                "last": reel.shots[block.last].seq,
                "label": block.label.label if block.label else None,
            }
            for block in parts
        ],
    }
    told(record, *(lines or [words.text("desk.names.none")]), as_json=as_json)


def _record(label: "StageLabel", *, shown: bool) -> dict[str, Any]:
    return {
        "stage": label.seq,
        "label": label.label,
        "source": label.source,
        "confidence": label.confidence,
        "model": label.model or None,
        "at": iso(label.at),
        "shown": shown,
    }
