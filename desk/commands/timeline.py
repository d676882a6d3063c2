"""`sakigake timeline`: what was recorded, and when by whose clock."""

import json
from collections import Counter
from typing import Any

import click

from sakigake import words
from sakigake.clock import iso
from sakigake.model import Session
from sakigake.phrases import span


@click.group(help=words.text("cli.timeline"))
def timeline() -> None:
    """List and show sessions."""


def _counts(store: Any, session: Session) -> dict[str, Any]:
    kinds = Counter(entry.type.value for entry in store.entries(session.id))
    return {
        "id": session.id,
        "started": iso(session.started),
        "ended": iso(session.ended) if session.ended else None,
        "entries": kinds.total(),
        "stages": kinds["stage"],
        "checkpoints": len(store.checkpoints(session.id)),
        "tokens": len(store.tokens(session.id)),
        "waiting": len(store.pending_jobs(session.id)),
    }


@timeline.command("list", help=words.text("timeline.list-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def list_sessions(as_json: bool) -> None:
    """List the sessions, oldest first."""
    from desk.sessions import open_store
    from sakigake import settings

    store = open_store(settings.load())
    rows = [_counts(store, session) for session in store.sessions()]
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "sessions": rows}))
        return
    for row in rows:
        click.echo(
            words.text("timeline.row", **{**row, "ended": row["ended"] or words.text("timeline.running")})
        )
    if not rows:
        click.echo(words.text("timeline.none"))


@timeline.command("show", help=words.text("timeline.show-help"))
@click.argument("session", default="last")
@click.option("--all", "everything", is_flag=True, help=words.text("timeline.all-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def show(session: str, everything: bool, as_json: bool) -> None:
    """Show one session's entries."""
    from desk.sessions import find, open_store
    from sakigake import settings
    from sakigake.clock import from_ms
    from sakigake.model import EntryType
    from sakigake.timeline.entry import parse_entry
    from sakigake.timeline.reading import entry_bounds

    store = open_store(settings.load())
    found = find(store, session)
    entries = [parse_entry(stored.raw) for stored in store.entries(found.id)]
    shown = [entry for entry in entries if everything or entry.type is not EntryType.HEARTBEAT]
    intervals = entry_bounds(store, found.id, [entry.seq for entry in shown])
    counts = _counts(store, found)
    if as_json:
        rows = [
            {
                "seq": entry.seq,
                "type": entry.type.value,
                "claimed": iso(from_ms(entry.wall)),
                "not_before": iso(low) if (low := intervals[entry.seq].not_before) else None,
                "not_after": iso(high) if (high := intervals[entry.seq].not_after) else None,
                "info": entry.info,
            }
            for entry in shown
        ]
        click.echo(json.dumps({"schema_version": 1, **counts, "rows": rows}, ensure_ascii=False))
        return
    click.echo(words.text("timeline.head", **counts))
    for entry in shown:
        kind = words.table(words.language()).get(f"report.event.{entry.type.value}", entry.type.value)
        if entry.type is EntryType.STAGE:
            kind = words.text("timeline.stage")
        claimed = words.text("report.claimed", when=iso(from_ms(entry.wall)))
        click.echo(
            words.text(
                "timeline.entry", seq=entry.seq, kind=kind, span=span(intervals[entry.seq]), claimed=claimed
            )
        )


@timeline.command("anchor", help=words.text("timeline.anchor-help"))
def anchor() -> None:
    """Ask for the tokens that are still waiting."""
    from desk.sessions import open_store
    from sakigake import settings
    from sakigake.anchor import queue, trust
    from sakigake.clock import Clock

    loaded = settings.load()
    store = open_store(loaded)
    before = sum(len(store.tokens(session.id)) for session in store.sessions())
    queue.drain(store, trust.load(loaded.tables), Clock())
    after = sum(len(store.tokens(session.id)) for session in store.sessions())
    click.echo(words.text("timeline.anchored", stamped=after - before, waiting=len(store.pending_jobs())))
