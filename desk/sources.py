"""The sources of the watcher as a person keeps them: what the command line and the page both do, and how it is told."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from desk.needing import watch_parts
from desk.watching import open_watch, shown_options, why
from sakigake import words
from sakigake.clock import iso
from sakigake.errors import UsageError
from sakigake.settings import Settings
from sakigake.text import plain
from watch import retention
from watch.post import SourceInfo
from watch.store.records import INBOX, HoleRow, SourceRow

MOST_NAME = 100  # characters of a source's name


@dataclass(frozen=True, slots=True)
class Added:
    """A source that was added: what it is called, and what a person should know of it."""

    name: str
    info: SourceInfo


def add(
    settings: Settings, kind: str, options: Mapping[str, object], name: str | None, now: datetime
) -> Added:
    """Keep a new source; without a name it gets one after its kind. Nobody is asked.

    Raises UsageError for a kind, an option or a name that cannot be, and for a source that reads what another does.
    """
    with watch_parts():
        from watch import assembly  # noqa: PLC0415 - needs the extra
        from watch.sources import registry  # noqa: PLC0415
    if name is not None and (not name.strip() or len(name) > MOST_NAME or plain(name) != name):
        raise UsageError("watch-name-odd", value=name)
    with assembly.network(settings) as net:
        config = registry.check(
            kind, options
        )  # a path is kept as it is meant here, not from wherever it runs
        source = assembly.make_source(kind, kind, config, net)
        info = source.describe()
        source.close()
    with closing(open_watch(settings, make=True)) as store:
        rows = store.sources()
        if twin := registry.same(rows, kind, config):
            raise UsageError("watch-source-twin", source=twin)
        taken = {row.id for row in rows} | {INBOX}  # what a person hands in is kept under that name
        free = (each for each in (kind, *(f"{kind}-{n}" for n in range(2, len(taken) + 3))))
        chosen = name or next(each for each in free if each not in taken)
        store.add_source(chosen, kind, config, now)
    return Added(chosen, info)


def pause(settings: Settings, source: str, *, paused: bool, now: datetime) -> None:
    """Pause or resume a source; raises NotFoundError."""
    with closing(open_watch(settings)) as store:
        store.pause_source(source, paused=paused, now=now)


def remove(settings: Settings, source: str) -> None:
    """Remove a source; its findings stay. Raises NotFoundError."""
    with closing(open_watch(settings)) as store:
        store.remove_source(source)
        retention.clean(store)


def described(info: SourceInfo) -> list[str]:
    """Return what a person should know of a source, in sentences."""
    told = [
        words.text("watch.about-sent", sent=_sentence(info.sent)),
        words.text("watch.about-terms", terms=_sentence(info.terms)),
        words.text("watch.about-clock", clock=words.text(f"findings.clock.{info.clock.value}")),
    ]
    return told if info.tried_live else [*told, words.text("watch.about-not-tried")]


def _sentence(slug: str) -> str:
    """Return the wording of a slug that a source gave; the slug itself when this version does not know it."""
    return words.table(words.language()).get(f"source.{slug}", slug)


def state_line(row: SourceRow) -> str:
    """Return how a source is, as a sentence."""
    if row.paused:
        return words.text("watch.state-paused")
    if row.resting_until and row.failures:
        return words.text("watch.state-resting", until=iso(row.resting_until), why=why(row.trouble))
    if row.good is None:
        return words.text("watch.state-never")
    return words.text("watch.state-good", when=iso(row.good))


def options_line(config: Mapping[str, object]) -> str:
    """Return the options of a source as they are given to `watch add`, without what opens an account."""
    return plain("  ".join(f"{name}={value}" for name, value in shown_options(config).items()))


def hole_line(hole: HoleRow) -> str:
    """Return a hole as a sentence."""
    told = {"source": plain(hole.source), "began": iso(hole.began), "why": why(hole.reason)}
    if hole.ended is None:
        return words.text("watch.hole-open", **told)
    return words.text("watch.hole-closed", ended=iso(hole.ended), **told)
