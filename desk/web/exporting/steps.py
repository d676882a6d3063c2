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
from desk.watching import open_watch
from desk.web.exporting import wanted as choice
from desk.web.exporting.wanted import Wanted
from desk.web.timeline.naming import named
from desk.web.timeline.records import Records
from sakigake.clock import from_ms
from sakigake.errors import NotFoundError, UsageError
from sakigake.labels import shown as labelled
from sakigake.model import EntryType
from sakigake.settings import Settings
from watch.post import PostTime
from watch.sanitise import kind_of
from watch.store.records import FindingRow

MOST_SESSIONS = 30
FOLDER = "sakigake"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.zip")
MOST_SAME = 1000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session to choose, with the title that a person gave it."""

    id: str
    started: datetime
    title: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage to tick: its name, when it was recorded by the computer's clock, and whether the finding needs it."""

    number: int
    name: str
    claimed: datetime
    needed: bool
    ticked: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The stages of a session: those with a thumbnail, all there are, and what cannot be left out."""

    session: Recorded
    stages: tuple[int, ...]
    shown: tuple[Stage, ...]
    needed: tuple[int, ...]
    entries: int


def sessions(records: Records) -> list[Recorded]:
    """Return the newest sessions that have stages, the newest first; none when nothing was recorded."""
    found = [
        each for each in records.sessions() if records.store.last_entry(each.id, EntryType.STAGE) is not None
    ]
    titles = records.store.titles() if found else {}
    return [Recorded(each.id, each.started, titles.get(each.id, "")) for each in found[:MOST_SESSIONS]]


def finding_of(settings: Settings, wanted: Wanted) -> FindingRow | None:
    """Return the finding that a package is about, None without one; raises NotFoundError."""
    if not wanted.finding:
        return None
    with closing(open_watch(settings)) as store:
        return store.finding(wanted.finding)


def look(records: Records, wanted: Wanted, row: FindingRow | None, ticked: tuple[int, ...] | None) -> Choice:
    """Return the stages to choose from; `ticked` are those chosen so far, None before anything was.

    `row` is the finding that the package is about. Raises NotFoundError for a session that is not there.
    """
    reel = records.reel(records.session(wanted.session))
    shots = [shot for shot in reel.shots if shot.file]  # of the others only the entry is left
    known = tuple(shot.seq for shot in shots)
    needed = _needed(row, known) if wanted.compares else ()
    on = set(choice.suggested(wanted, known, needed) if ticked is None else ticked) | set(needed)
    shown = set(choice.spread(known, needed))
    labels = labelled(records.store.labels(reel.session.id))
    return Choice(
        Recorded(reel.session.id, reel.session.started, records.store.titles().get(reel.session.id, "")),
        known,
        tuple(
            Stage(
                shot.seq,
                named(labels.get(shot.seq)),
                from_ms(shot.at),
                shot.seq in needed,
                shot.seq in on,
            )
            for shot in shots
            if shot.seq in shown
        ),
        needed,
        reel.entries,
    )


def _needed(row: FindingRow | None, known: tuple[int, ...]) -> tuple[int, ...]:
    """Return the stages that a finding rests on: the whole range on which its order rests."""
    if row is None:
        return ()
    ends = json.loads(row.new.detail).get("stage_range") or []
    return tuple(seq for seq in known if ends[0] <= seq <= ends[1]) if ends else ()


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


def post_arguments(settings: Settings, row: FindingRow | None) -> tuple[list[str], Path | None]:
    """Return how the command is told of the post of a finding, and the picture that was put down for it, if any.

    A time that was only stated by hand stands in the answer alone: then the picture is named, and the time with it.
    Raises NotFoundError when no copy of the post was kept.
    """
    if row is None:
        return [], None
    posted = json.loads(row.new.detail).get("post") or {}
    if row.post.time != PostTime() or not any(posted.values()):
        return ["--finding", str(row.number)], None
    data = reviewing.picture(settings, row)
    if data is None:
        raise NotFoundError("findings-no-evidence", number=row.number)
    handle, name = tempfile.mkstemp(suffix=kind_of(data), prefix="sakigake-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    arguments = ["--post", name]
    for end, option in (("not_before", "--posted-not-before"), ("not_after", "--posted-not-after")):
        if posted.get(end):
            arguments += [option, str(posted[end])]
    return arguments, Path(name)
