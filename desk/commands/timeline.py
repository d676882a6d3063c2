"""`sakigake timeline`: what was recorded, and when by whose clock."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer, told
from desk.answering import as_json as json_option
from desk.commands.hashes import hashes
from desk.commands.naming import find_stages, labels_json, name
from desk.commands.timeline_names import labels, merge, rename
from sakigake import errors, words
from sakigake.clock import iso
from sakigake.model import Session
from sakigake.phrases import cause, span

if TYPE_CHECKING:
    from sakigake.anchor.queue import Drained
    from sakigake.labels import StageLabel
    from sakigake.settings import Settings
    from sakigake.timeline.widths import Ends, Summary

# Of a film: pictures a second unless asked otherwise, and when its length is given; the highest that comes unasked.
FPS, FPS_OF_A_LENGTH, GIF_FPS_OF_A_LENGTH = 10.0, 30, 20
HEIGHT = 1080
DRAIN_S = 60.0  # how long calendars are asked for
LIMITS = {"--fps": (0.1, 60.0), "--seconds": (1.0, 3600.0), "--height": (64.0, 2160.0)}


@click.group(help=words.text("cli.timeline"))
def timeline() -> None:
    """List and show sessions."""


for command in (hashes, rename, merge, labels, name, find_stages):
    timeline.add_command(command)


def _counts(store: Any, session: Session) -> dict[str, Any]:
    from sakigake.anchor import blocks

    kinds = Counter(entry.type.value for entry in store.entries(session.id))
    return {
        "id": session.id,
        "started": iso(session.started),
        "ended": iso(session.ended) if session.ended else None,
        "entries": kinds.total(),
        "stages": kinds["stage"],
        "checkpoints": len(store.checkpoints(session.id)),
        "tokens": sum(token.trusted for token in store.tokens(session.id)),
        "waiting": len(store.pending_jobs(session.id)),
        "blocks": len(store.proofs(session.id)),
        "blocks_promised": blocks.waiting(store, session.id),
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
        answer({"sessions": rows})
        return
    for row in rows:
        click.echo(
            words.text("timeline.row", **{**row, "ended": row["ended"] or words.text("timeline.running")})
        )
        _tell_blocks(row)
    if not rows:
        click.echo(words.text("timeline.none"))


def _tell_blocks(counts: dict[str, Any]) -> None:
    if counts["blocks"] or counts["blocks_promised"]:
        click.echo(
            words.text("timeline.row-blocks", confirmed=counts["blocks"], promised=counts["blocks_promised"])
        )


@timeline.command("show", help=words.text("timeline.show-help"))
@click.argument("session", default="last")
@click.option("--all", "everything", is_flag=True, help=words.text("timeline.all-help"))
@click.option("--bounds", "wide", is_flag=True, help=words.text("timeline.bounds-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def show(session: str, everything: bool, wide: bool, as_json: bool) -> None:
    """Show one session's entries."""
    from desk.sessions import find, open_store
    from sakigake import settings
    from sakigake.clock import from_ms
    from sakigake.model import EntryType
    from sakigake.timeline import widths
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
    ends = widths.ends(store, found.id, intervals)
    named = _named(store, found.id)
    if as_json:
        rows = [
            {
                "seq": entry.seq,
                "type": entry.type.value,
                "claimed": iso(from_ms(entry.wall)),
                "not_before": iso(low) if (low := intervals[entry.seq].not_before) else None,
                "not_after": iso(high) if (high := intervals[entry.seq].not_after) else None,
                "width_s": widths.width_s(intervals[entry.seq]),
                "not_before_by": ends[entry.seq].before,
                "not_after_by": ends[entry.seq].after,
                "info": entry.info,
                **({"forgotten": True} if entry.seq in forgotten else {}),
                **(labels_json(named[entry.seq]) if entry.seq in named else {}),
            }
            for entry in shown
        ]
        answer({**counts, "rows": rows})
        return
    click.echo(words.text("timeline.head", **counts))
    _tell_blocks(counts)
    for entry in shown:
        kind = words.table(words.language()).get(f"report.event.{entry.type.value}", entry.type.value)
        if entry.type is EntryType.STAGE:
            kind = words.text("timeline.forgotten" if entry.seq in forgotten else "timeline.stage")
            kind += _called(named.get(entry.seq, []))
        else:
            kind += cause(entry.info)
        claimed = words.text("report.claimed", when=iso(from_ms(entry.wall)))
        click.echo(
            words.text(
                "timeline.entry", seq=entry.seq, kind=kind, span=span(intervals[entry.seq]), claimed=claimed
            )
        )
        if wide:
            _tell_ends(widths.width_s(intervals[entry.seq]), ends[entry.seq])
    if wide:
        _tell_widths(widths.summary(intervals.values()))


def _named(store: Any, session: str) -> "dict[int, list[StageLabel]]":
    found: dict[int, list[StageLabel]] = {}
    for each in store.labels(session):
        found.setdefault(each.seq, []).append(each)
    return found


def _called(labels: "list[StageLabel]") -> str:
    """Return what a stage is called, in brackets with who says so; empty for one without a name."""
    from sakigake.labels import shown

    chosen = next(iter(shown(labels).values()), None)
    if chosen is None:
        return ""
    from desk.deep_room import said_by

    return words.text("deep.label.brackets", told=said_by(chosen))


def _tell_ends(width: float | None, ends: "Ends") -> None:
    nobody = words.text("timeline.bounds-none")
    seconds = words.text("timeline.bounds-open")
    if width is not None:
        seconds = words.text("timeline.bounds-width", seconds=f"{width:g}")
    click.echo(
        words.text(
            "timeline.bounds-entry", width=seconds, before=ends.before or nobody, after=ends.after or nobody
        )
    )


def _tell_widths(found: "Summary") -> None:
    if found.median_s is None:
        click.echo(words.text("timeline.bounds-sum-none"))
        return
    figures = {"median": found.median_s, "p95": found.p95_s, "most": found.most_s}
    rounded = {key: f"{value:g}" for key, value in figures.items()}
    click.echo(words.text("timeline.bounds-sum", closed=found.closed, count=found.count, **rounded))


@timeline.command("anchor", help=words.text("timeline.anchor-help"))
@json_option()
def anchor(as_json: bool) -> int:
    """Ask for the tokens that are still waiting, and what became of the promises of calendars."""
    from desk.sessions import open_store
    from sakigake import settings
    from sakigake.anchor import blocks, calendars, queue, trust
    from sakigake.anchor.queue import Drained
    from sakigake.clock import Clock

    loaded = settings.load()
    store = open_store(loaded)
    if store.frozen:
        raise errors.SakigakeError("store-frozen", path=loaded.home)
    evidence = _anchor_evidence(loaded)
    lines = []
    if evidence != Drained():
        lines = [words.text("timeline.anchored-evidence", stamped=evidence.stamped, waiting=evidence.waiting)]
    drained = queue.drain(store, trust.load(loaded.tables), Clock())
    lines.append(words.text("timeline.anchored", stamped=drained.stamped, waiting=len(store.pending_jobs())))
    if drained.untrusted:
        lines.append(words.text("timeline.anchored-unknown", count=drained.untrusted))
    blocks_done = {"submitted": 0, "confirmed": 0, "promised": blocks.waiting(store)}
    asked = calendars.load(loaded.tables)
    if asked.addresses:
        done = blocks.BlockWorker(store, asked, Clock()).drain(DRAIN_S)
        blocks_done = {
            "submitted": done.submitted,
            "confirmed": done.confirmed,
            "promised": blocks.waiting(store),
        }
        lines.append(words.text("timeline.anchored-blocks", None, **blocks_done))
    failed, waiting = drained.failed + evidence.failed, len(store.pending_jobs()) + evidence.waiting
    stamped = drained.stamped + evidence.stamped
    counts = {"stamped": stamped, "failed": failed, "waiting": waiting, "untrusted": drained.untrusted}
    told({**counts, "blocks": blocks_done}, *lines, as_json=as_json)
    if failed and not stamped:
        raise errors.NetworkError("anchor-no-answer", failed=failed, waiting=waiting)
    return errors.EXIT_OK


def _anchor_evidence(loaded: "Settings") -> "Drained":
    from sakigake.anchor.queue import Drained
    from sakigake.clock import Clock

    if not (loaded.home / "evidence" / "ledger.db").is_file():
        return Drained()  # who never watched need not have the watcher's parts
    from watch.evidence import keeper

    return keeper.drain(loaded, Clock(), DRAIN_S)


@timeline.command("head", help=words.text("timeline.head-help"))
@click.argument("session", default="last")
@click.option("-o", "--output", type=click.Path(path_type=Path), help=words.text("timeline.head-output"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def head(session: str, output: Path | None, as_json: bool) -> None:
    """Print one session's newest head, and write it where asked."""
    from desk.sessions import find, open_store
    from sakigake import settings
    from sakigake.witness import code, overlay

    store = open_store(settings.load())
    found = find(store, session)
    checkpoints = store.checkpoints(found.id)
    if not checkpoints:
        raise errors.NotFoundError("session-unsealed", session=found.id)
    newest = code.head_of_note(checkpoints[-1].note)
    if output is not None:
        _write_head(output, newest, found.ledger, checkpoints[-1].note)
    if as_json:
        answer(json.loads(overlay.record(newest, found.ledger)))
        return
    english, japanese = (" ".join(code.words(newest, language)) for language in words.LANGUAGES)
    click.echo(newest.code)
    click.echo(words.text("timeline.head-words", english=english, japanese=japanese))
    entries = len(store.leaves(found.id))
    click.echo(words.text("timeline.head-covers", size=newest.size, entries=entries, session=found.id))
    if output is not None:
        click.echo(words.text("timeline.head-written", path=output))


def _write_head(output: Path, newest: Any, ledger: str, note: bytes) -> None:
    from sakigake.witness import overlay

    try:
        if output.suffix.lower() == ".txt":
            with output.open("xb") as file:
                file.write(note)
        else:
            overlay.check_place(output)
            overlay.write(output, newest, ledger, words.language())
    except FileExistsError as error:
        raise errors.UsageError("overlay-taken", path=output) from error
    except OSError as error:
        raise errors.SakigakeError("head-not-written", path=output, why=error.strerror or error) from error


@timeline.command("lapse", help=words.text("timeline.lapse-help"))
@click.argument("session", default="last")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help=words.text("timeline.lapse-output")
)
@click.option("--fps", type=float, metavar="N", help=words.text("timeline.lapse-fps"))
@click.option("--seconds", type=float, metavar="S", help=words.text("timeline.lapse-seconds"))
@click.option("--height", type=int, metavar="H", help=words.text("timeline.lapse-height"))
@json_option()
def lapse(  # noqa: PLR0917 - click passes by name
    session: str, output: Path, fps: float | None, seconds: float | None, height: int | None, as_json: bool
) -> None:
    """Make a film of one session's stages."""
    from fractions import Fraction

    from capture import film
    from capture.lapse import frame_size, pictures, survey
    from desk import progress
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
    click.echo(words.text("timeline.lapse-begun", count=count), err=as_json)
    size = frame_size(sections, height, HEIGHT)
    rate, total = Fraction(fps or FPS).limit_denominator(1000), count
    if seconds is not None:
        rate = Fraction(GIF_FPS_OF_A_LENGTH if output.suffix.lower() == film.GIF else FPS_OF_A_LENGTH)
        total = max(1, round(seconds * rate))
    shown = progress.track(pictures(stills, sections, size), "lapse", count)
    written = film.write(output, film.held(shown, count, total), rate)
    length, size_mb = float(written / rate), output.stat().st_size / 1e6
    lines = [
        words.text(
            "timeline.lapse-done",
            path=output,
            frames=written,
            seconds=f"{length:.1f}",
            width=size[0],
            height=size[1],
            megabytes=f"{size_mb:.1f}",
        )
    ]
    if count < len(stills):
        lines.append(words.text("timeline.lapse-gone", count=len(stills) - count))
    made = {"path": str(output), "frames": written, "seconds": length, "width": size[0], "height": size[1]}
    told(
        {**made, "bytes": output.stat().st_size, "pictures_gone": len(stills) - count},
        *lines,
        as_json=as_json,
    )


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
