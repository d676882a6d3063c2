"""What the steps show: the sessions, the stages of one, and what the finding needs. Reads the records, makes nothing."""

import json
import os
import re
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from desk import reviewing
from desk.sessions import find, open_store
from desk.watching import open_watch
from desk.web.exporting import wanted as choice
from desk.web.exporting.wanted import Wanted
from sakigake.clock import from_ms
from sakigake.errors import NotFoundError, UsageError
from sakigake.settings import Settings
from sakigake.timeline.reading import is_forgotten, stages
from watch.sanitise import kind_of
from watch.store.records import FindingRow

MOST_SESSIONS = 30
FOLDER = "sakigake"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.zip")
MOST_SAME = 1000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session to choose. `stages` are the entry numbers of those that still have their picture."""

    id: str
    started: datetime
    stages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage to tick: when it was recorded by the computer's clock, and whether the finding cannot go without it."""

    number: int
    place: int
    claimed: datetime
    needed: bool
    ticked: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The stages of a session: those with a thumbnail, how many there are, and what cannot be left out."""

    session: Recorded
    shown: tuple[Stage, ...]
    needed: tuple[int, ...]
    entries: int


def sessions(settings: Settings) -> list[Recorded]:
    """Return the newest sessions that have stages, the newest first; none when nothing was recorded."""
    try:
        store = open_store(settings)
    except NotFoundError:
        return []
    found: list[Recorded] = []
    with closing(store):
        for session in reversed(store.sessions()):
            numbers = tuple(
                entry.seq for stored, entry in stages(store, session.id) if not is_forgotten(stored)
            )
            if numbers:
                found.append(Recorded(session.id, session.started, numbers))
            if len(found) == MOST_SESSIONS:
                break
    return found


def finding_of(settings: Settings, wanted: Wanted) -> FindingRow | None:
    """Return the finding that a package is about, None without one; raises NotFoundError."""
    if not wanted.finding:
        return None
    with closing(open_watch(settings)) as store:
        return store.finding(wanted.finding)


def look(settings: Settings, wanted: Wanted, ticked: tuple[int, ...] | None) -> Choice:
    """Return the stages to choose from; `ticked` are those chosen so far, None before anything was.

    Raises NotFoundError for a session that is not there.
    """
    with closing(open_store(settings)) as store:
        session = find(store, wanted.session)
        kept = [(stored, entry) for stored, entry in stages(store, session.id) if not is_forgotten(stored)]
        last = store.last_entry(session.id)
    known = [entry.seq for _, entry in kept]
    needed = _needed(finding_of(settings, wanted), known) if wanted.kind == "order" else ()
    on = set(choice.suggested(wanted, known, needed) if ticked is None else ticked) | set(needed)
    shown = set(choice.spread(known, needed))
    return Choice(
        Recorded(session.id, session.started, tuple(known)),
        tuple(
            Stage(entry.seq, place, from_ms(entry.wall), entry.seq in needed, entry.seq in on)
            for place, (_, entry) in enumerate(kept, start=1)
            if entry.seq in shown
        ),
        needed,
        last.seq + 1 if last else 0,
    )


def _needed(row: FindingRow | None, known: list[int]) -> tuple[int, ...]:
    """Return the stages that a finding rests on: the best fitting and those that fit nearly as well."""
    if row is None:
        return ()
    detail = json.loads(row.new.detail)
    ends = detail.get("stage_range") or []
    if not ends:
        return ()
    return tuple(seq for seq in known if ends[0] <= seq <= ends[1])


def place(settings: Settings) -> Path:
    """Return the folder that packages go to unless another is named: one that people find again."""
    import platformdirs  # noqa: PLC0415 - only this page needs it

    documents = Path(platformdirs.user_documents_path())
    return (documents if documents.is_dir() else settings.home) / FOLDER


def out(settings: Settings, folder: str, name: str) -> Path:
    """Return where a package is written: never over another file. The usual folder is made when it is not there.

    Raises UsageError for a folder that is not there or a name that is none.
    """
    told = Path(folder.strip()).expanduser() if folder.strip() else place(settings)
    if "\0" in folder or not told.is_absolute():
        raise UsageError("export-folder-odd", path=folder)
    if told == place(settings):
        told.mkdir(parents=True, exist_ok=True)
    if not told.is_dir():
        raise UsageError("export-folder-odd", path=told)
    if not _NAME.fullmatch(name):
        raise UsageError("export-name-odd", name=name)
    for number in range(1, MOST_SAME):
        each = told / (name if number == 1 else f"{name.removesuffix('.zip')}-{number}.zip")
        if not each.exists():
            return each
    raise UsageError("export-name-odd", name=name)


def post_arguments(settings: Settings, wanted: Wanted) -> tuple[list[str], Path | None]:
    """Return how the command is told of the post of a finding, and the picture that was put down for it.

    Raises NotFoundError when no copy of the post was kept.
    """
    row = finding_of(settings, wanted) if wanted.kind == "order" else None
    if row is None:
        return [], None
    data = reviewing.picture(settings, row)
    if data is None:
        raise NotFoundError("findings-no-evidence", number=row.number)
    handle, name = tempfile.mkstemp(suffix=kind_of(data), prefix="sakigake-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    posted = json.loads(row.new.detail).get("post") or {}  # what decided, not what was claimed
    arguments = ["--post", name]
    for end, option in (("not_before", "--posted-not-before"), ("not_after", "--posted-not-after")):
        if posted.get(end):
            arguments += [option, str(posted[end])]
    return arguments, Path(name)
