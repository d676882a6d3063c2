"""`sakigake export`: write a package that a stranger can check."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.answering import as_json as json_option
from desk.answering import say, told
from sakigake import errors, words

if TYPE_CHECKING:
    from desk.exporting import Done
    from sakigake.anchor.queue import Drained
    from sakigake.anchor.trust import Trust
    from sakigake.evidence.package import Exported
    from sakigake.model import Session
    from sakigake.settings import Settings
    from sakigake.store.protocol import Store

_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
DRAIN_S = 40.0  # an export waits no longer for time tokens; what is missing then stays queued
BLOCKS_S = 15.0  # and no longer for calendars


def parse_stages(value: str, known: list[int]) -> list[int] | None:
    """Read `3,5-9` or `all`; a range takes the stages among `known` that lie in it. Raises UsageError."""
    if value.strip().lower() == "all":
        return None
    chosen: list[int] = []
    for part in value.split(","):
        match = _RANGE.fullmatch(part.strip())
        if not match:
            raise errors.UsageError("export-stages-unreadable", value=value)
        first = int(match[1])
        if match[2] is None:
            chosen.append(first)
            continue
        inside = [seq for seq in known if first <= seq <= int(match[2])]
        if not inside:
            raise errors.UsageError("export-stages-unreadable", value=value)
        chosen += inside
    return chosen


def _part(value: str | None, among: list[int], option: str) -> list[int]:
    """Read which of the chosen stages an option means; raises UsageError for others, which nobody asked to disclose."""
    if value is None:
        return []
    part = parse_stages(value, among)
    if part is None:
        return among
    if other := sorted(set(part) - set(among)):
        raise errors.UsageError("export-not-chosen", option=option, stages=",".join(map(str, other)))
    return part


@click.command(help=words.text("cli.export"))
@click.argument("session", default="last")
@click.option("--stages", default="all", show_default=True, help=words.text("export.stages"))
@click.option("--without-picture", metavar="STAGES", help=words.text("export.without-picture"))
@click.option("--entry-only", metavar="STAGES", help=words.text("export.entry-only"))
@click.option("--post", type=click.Path(path_type=Path), help=words.text("export.post"))
@click.option("--posted-not-before", help=words.text("check.posted-not-before"))
@click.option("--posted-not-after", help=words.text("check.posted-not-after"))
@click.option("--finding", type=click.IntRange(min=1), help=words.text("paper.help.finding"))
@click.option(
    "--audience",
    type=click.Choice(("self", "platform", "client", "lawyer", "public")),
    default="self",
    show_default=True,
    help=words.text("paper.help.audience"),
)
@click.option(
    "--report", type=click.Choice(("order", "process", "both")), help=words.text("paper.help.report")
)
@click.option(
    "--lang", "langs", multiple=True, type=click.Choice(words.LANGUAGES), help=words.text("paper.help.lang")
)
@click.option("--with-account", is_flag=True, help=words.text("paper.help.with-account"))
@click.option("--no-stamp", is_flag=True, help=words.text("export.no-stamp"))
@click.option("--older-copy", is_flag=True, help=words.text("export.older-copy"))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help=words.text("export.output")
)
@json_option()
def export(  # noqa: PLR0917 - click passes by name; one step after the other
    session: str,
    stages: str,
    without_picture: str | None,
    entry_only: str | None,
    post: Path | None,
    posted_not_before: str | None,
    posted_not_after: str | None,
    finding: int | None,
    audience: str,
    report: str | None,
    langs: tuple[str, ...],
    with_account: bool,
    no_stamp: bool,
    older_copy: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write the package."""
    from desk import exporting, passphrase, progress
    from desk.commands.check import read_posted
    from desk.sessions import find, open_store
    from sakigake import settings
    from sakigake.timeline.reading import is_forgotten
    from sakigake.timeline.reading import stages as stages_of

    posted = read_posted(posted_not_before, posted_not_after)
    if (posted_not_before or posted_not_after) and not post:
        raise errors.UsageError("export-times-without-post")
    request = exporting.Request(
        out=output,
        post=post,
        posted=posted,
        finding=finding,
        audience=audience,
        report=report,
        langs=tuple(dict.fromkeys(langs)) or ("ja", "en"),
        named=with_account,
        stamp=not no_stamp,
        older_copy=older_copy,
    )
    exporting.check(request)
    loaded = settings.load()
    store = open_store(loaded)
    if finding and session == "last":
        session = exporting.row_of(loaded, finding).new.session
    found = find(store, session)
    passphrase.provide(loaded.keys)
    shown = [stored.seq for stored, _ in stages_of(store, found.id) if not is_forgotten(stored)]
    chosen = parse_stages(stages, shown)
    among = shown if chosen is None else chosen
    request = replace(
        request,
        chosen=chosen,
        hidden=_part(without_picture, among, "--without-picture"),
        bare=_part(entry_only, among, "--entry-only"),
    )
    with progress.busy("export"):
        done = exporting.run(loaded, store, found, request)
    told(_tell(done, store, audience), as_json=as_json)


def _tell(done: "Done", store: "Store", audience: str) -> dict[str, object]:
    """Say what was written, and what is not in it; returns the same for programs."""
    from capture.closing import is_closed
    from sakigake.anchor import blocks

    made, found = done.exported, done.session
    say(words.text("export.done", path=made.path, stages=made.stages, tokens=made.tokens))
    report = words.text(f"paper.title.{done.report}")
    say(words.text("paper.help.done", audience=audience, report=report, pages=made.pages))
    if made.odd:
        say(words.text("paper.help.odd", letters=", ".join(made.odd)))
    if done.evidence:
        say(words.text(done.evidence))
    if made.untrusted:
        say(words.text("export.untrusted", count=made.untrusted))
    if made.fingerprints:
        say(words.text("export.fingerprints", stages=", ".join(map(str, made.fingerprints))))
    if made.unseen:
        say(words.text("export.order-unseen", stages=", ".join(map(str, made.unseen))))
    _tell_blocks(made.blocks, blocks.waiting(store, found.id))
    if done.headless:
        say(words.text("export.headless"))
    closed = is_closed(store, found) and not made.unsealed
    _tell_what_lacks(made, found.id, closed=closed, behind=done.behind)
    if not made.stamped:
        why = done.why or words.text("export.no-answer")
        say(words.text(_unstamped(made), why=why, timed=made.timed))
    say(words.text("export.look", page="index.html", path=made.path))
    return {
        "path": str(made.path),
        "session": found.id,
        "stages": made.stages,
        "timed": made.timed,
        "tokens": made.tokens,
        "untrusted_tokens": made.untrusted,
        "stamped": made.stamped,
        "forgotten": made.forgotten,
        "unsealed": made.unsealed,
        "blocks": made.blocks,
        "closed": closed,
        "older_copy": done.behind,
    }


def _unstamped(done: "Exported") -> str:
    """Return the key of what is said where the package has no token: that of the stages which have a time keep it."""
    if done.timed == done.stages:
        return "export.not-stamped"
    return "export.not-stamped-part" if done.timed else "export.not-stamped-untimed"


def _tell_what_lacks(done: "Exported", session: str, *, closed: bool, behind: bool) -> None:
    if done.forgotten:
        say(words.text("export.forgotten", count=done.forgotten))
    if done.unsealed:
        say(words.text("export.unsealed", count=done.unsealed))
    if behind:
        say(words.text("export.older-copy-done"))
    elif not closed:
        say(words.text("export.open", session=session))


def _tell_blocks(held: int, promised: int) -> None:
    if held or promised:
        say(words.text("export.blocks", blocks=held, promised=promised))


def is_behind(loaded: "Settings", store: "Store", session: "Session", *, allowed: bool) -> bool:
    """Say whether the database lacks what was signed last; raises SakigakeError then, unless that is allowed."""
    from sakigake.timeline import heads, keys

    behind = keys.heads_of(loaded.keys).compare(store, session).standing is heads.Standing.BEHIND
    if behind and not allowed:
        raise errors.SakigakeError("ledger-behind", session=session.id)
    return behind


def seal_rest(loaded: "Settings", trusted: "Trust", session: str) -> bool:
    """Sign a last checkpoint over entries that a break-off left unsealed and ask for the tokens that still wait.

    A recorder that is at work does both by itself. Says whether there was no head to hold the ledger against before;
    the ledger says so too then.
    """
    from capture.closing import own_up
    from capture.lock import RecorderLock
    from sakigake.store.sqlite import SqliteStore
    from sakigake.timeline import keys
    from sakigake.timeline.ledger import Ledger

    store = SqliteStore(loaded.database)
    known = next(item for item in store.sessions() if item.id == session)
    headless = False
    try:
        with RecorderLock(loaded.home):
            key = keys.find(loaded.keys, store.public_key(session))
            if key is not None:
                ledger = Ledger.resume(store, known, key, heads=keys.heads_of(loaded.keys))
                headless = own_up(store, ledger)
                ledger.checkpoint(asked_for(loaded, trusted, len(store.checkpoints(session))))
            ask_for_tokens(loaded, trusted, store, session)
    except errors.SakigakeError as error:
        if error.code != "record-running":
            raise
    finally:
        store.close()
    return headless


def asked_for(loaded: "Settings", trusted: "Trust", number: int) -> list[str]:
    """Return the authorities that a session's last checkpoint goes to."""
    from sakigake.anchor import queue

    anchoring = loaded.section("anchor").get("enabled", True)
    return queue.choose(trusted, number, important=True) if anchoring and trusted.asked else []


def ask_for_tokens(loaded: "Settings", trusted: "Trust", store: "Store", session: str) -> "Drained":
    """Ask now for what a session still waits for; what does not come stays queued. Under the recorder's lock."""
    from sakigake.anchor import blocks, calendars, queue
    from sakigake.anchor.queue import Drained
    from sakigake.clock import Clock

    table = loaded.section("anchor")
    drained = Drained()
    if table.get("enabled", True) and store.pending_jobs(session):
        drained = queue.drain(store, trusted, Clock(), DRAIN_S, timeout_s=float(table["timeout_s"]))
    blocks.BlockWorker(store, calendars.load(loaded.tables), Clock()).drain(BLOCKS_S, session)
    return drained


def stamper(loaded: "Settings", trusted: "Trust") -> tuple[Callable[[bytes], bytes | None] | None, str]:
    """Return a function that asks one authority for a token over the package, and why there is none otherwise."""
    from sakigake.anchor import client

    timeout = float(loaded.section("anchor")["timeout_s"])
    if not loaded.section("anchor").get("enabled", True):
        return None, words.text("export.stamp-off")

    def ask(manifest: bytes) -> bytes | None:
        for authority in filter(None, map(trusted.get, trusted.asked)):
            try:
                stamp = client.stamp(authority, manifest, timeout)
                if stamp.reading.authority:
                    return stamp.raw
            except (errors.NetworkError, errors.VerificationError):
                continue
        return None

    return ask, ""
