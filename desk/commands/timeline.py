"""`sakigake timeline`: what was recorded, and when by whose clock."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from sakigake import errors, words
from sakigake.clock import iso
from sakigake.model import Session
from sakigake.phrases import cause, span

# Of a film: pictures a second unless asked otherwise, and when its length is given; the highest that comes unasked.
FPS, FPS_OF_A_LENGTH, GIF_FPS_OF_A_LENGTH = 10.0, 30, 20
HEIGHT = 1080
LIMITS = {"--fps": (0.1, 60.0), "--seconds": (1.0, 3600.0), "--height": (64.0, 2160.0)}


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
    from sakigake.timeline.reading import entry_bounds, is_forgotten

    store = open_store(settings.load())
    found = find(store, session)
    stored = list(store.entries(found.id))
    entries = [parse_entry(each.raw) for each in stored]
    forgotten = {each.seq for each in stored if is_forgotten(each)}
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
                **({"forgotten": True} if entry.seq in forgotten else {}),
            }
            for entry in shown
        ]
        click.echo(json.dumps({"schema_version": 1, **counts, "rows": rows}, ensure_ascii=False))
        return
    click.echo(words.text("timeline.head", **counts))
    for entry in shown:
        kind = words.table(words.language()).get(f"report.event.{entry.type.value}", entry.type.value)
        if entry.type is EntryType.STAGE:
            kind = words.text("timeline.forgotten" if entry.seq in forgotten else "timeline.stage")
        else:
            kind += cause(entry.info)
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


@timeline.command("lapse", help=words.text("timeline.lapse-help"))
@click.argument("session", default="last")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help=words.text("timeline.lapse-output")
)
@click.option("--fps", type=float, metavar="N", help=words.text("timeline.lapse-fps"))
@click.option("--seconds", type=float, metavar="S", help=words.text("timeline.lapse-seconds"))
@click.option("--height", type=int, metavar="H", help=words.text("timeline.lapse-height"))
def lapse(session: str, output: Path, fps: float | None, seconds: float | None, height: int | None) -> None:
    """Make a film of one session's stages."""
    from fractions import Fraction

    from capture import film
    from capture.lapse import frame_size, pictures, survey
    from desk.sessions import find, open_store
    from sakigake import settings

    if fps is not None and seconds is not None:
        raise errors.UsageError("lapse-two-lengths")
    for option, value in (("--fps", fps), ("--seconds", seconds), ("--height", height)):
        least, most = LIMITS[option]
        if value is not None and not least <= value <= most:
            raise errors.UsageError("lapse-number", option=option, least=f"{least:g}", most=f"{most:g}")
    loaded = settings.load()
    store = open_store(loaded)
    found = find(store, session)
    film.check(output)
    stills = _stills(store, found, loaded.pictures)
    sections, count = survey(stills)
    if not count:
        raise errors.NotFoundError("lapse-no-pictures", session=found.id)
    click.echo(words.text("timeline.lapse-begun", count=count))
    size = frame_size(sections, height, HEIGHT)
    rate, total = Fraction(fps or FPS).limit_denominator(1000), count
    if seconds is not None:
        rate = Fraction(GIF_FPS_OF_A_LENGTH if output.suffix.lower() == film.GIF else FPS_OF_A_LENGTH)
        total = max(1, round(seconds * rate))
    written = film.write(output, film.held(pictures(stills, sections, size), count, total), rate)
    click.echo(
        words.text(
            "timeline.lapse-done",
            path=output,
            frames=written,
            seconds=f"{float(written / rate):.1f}",
            width=size[0],
            height=size[1],
            megabytes=f"{output.stat().st_size / 1e6:.1f}",
        )
    )
    if count < len(stills):
        click.echo(words.text("timeline.lapse-gone", count=len(stills) - count))


def _stills(store: Any, session: Session, folder: Path) -> list[Any]:
    from capture.lapse import Still
    from capture.spool import Spool
    from sakigake.timeline.entry import parse_picture
    from sakigake.timeline.reading import stages

    spool = Spool(folder)
    return [
        Still(
            spool.path(parse_picture(stored.opening).file),
            str(entry.info.get("label", "")),
            str(entry.info.get("why", "")),
        )
        for stored, entry in stages(store, session.id)
        if stored.opening
    ]
