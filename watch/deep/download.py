"""Bringing a model here: mirrors in order, each file from where it broke off, nothing in place until every digest fits.

What has come lies in `models/.incoming/ID` as `NAME.part`, with a note of the version of the file it belongs to. A kill,
a full disk or a server that goes away leaves it there for the next try; bytes of another version are thrown away.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sakigake import durable
from sakigake.errors import ConfigError, NetworkError, SakigakeError, UsageError
from watch.deep import shelf, weights
from watch.deep.manifest import Model, ModelFile
from watch.fetch import streaming
from watch.fetch.guard import Guard

Progress = Callable[[str, int, int], None]  # name of the file, bytes so far, bytes in all (0: not known)


@dataclass(frozen=True, slots=True)
class Ways:
    """How files are fetched: through which guard, how long standing still is borne, who is told of the progress."""

    guard: Guard
    stall_s: float = streaming.STALL_S
    progress: Progress = lambda _name, _came, _total: None
    failed: Callable[[str, SakigakeError], None] = lambda _url, _error: None


def get(home: Path, model: Model, ways: Ways, *, offline: bool = False) -> shelf.Installed:
    """Fetch a model and put it in place; returns what is here already when that is this very model.

    Raises ConfigError (`deep-offline`) before anything is asked, UsageError for a model whose digest is not known,
    NetworkError when no mirror sent the right bytes, SakigakeError when they could not be written, or while models are
    being fetched or taken in elsewhere.
    """
    if held := _held(home, model):
        return held
    if offline:
        raise ConfigError("deep-offline", name=model.id)
    if not model.pinned:
        raise UsageError("deep-digest-unknown", name=model.id, page=model.page)
    with shelf.alone(home):
        return _held(home, model) or _get(
            home, model, ways
        )  # another may have brought it while this one waited


def _get(home: Path, model: Model, ways: Ways) -> shelf.Installed:
    place = shelf.incoming(home, model.id)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in model.files:
            _file(place, model.id, each, ways)
        digests = {each.name: each.sha256 for each in model.files}
        return shelf.finish(home, model, digests, shelf.BY_MANIFEST)
    except OSError as error:
        raise weights.no_room(error, place) from error


def _held(home: Path, model: Model) -> shelf.Installed | None:
    """Return the model when exactly this one is here, by its record and its bytes."""
    with suppress(SakigakeError):
        there = shelf.get(home, model.id)
        wanted = {each.name: each.sha256 for each in model.files if each.sha256}
        config = hashlib.sha256(model.config.encode()).hexdigest()
        if there.digests.items() >= wanted.items() and config in there.digests.values():
            shelf.verify(there)
            return there
    return None


def _file(place: Path, model: str, file: ModelFile, ways: Ways) -> None:
    """Bring one file; raises NetworkError (`deep-no-mirror`) with what the last mirror did."""
    target = place / file.name
    if target.is_file() and weights.digest_of(target) == file.sha256:
        return
    part = place / f"{file.name}.part"
    if file.size and part.is_file() and part.stat().st_size == file.size:  # killed before it got its name
        with suppress(UsageError):
            _settle(part, place / f"{part.name}.json", target, file, file.size)
            return
    last: SakigakeError | None = None
    for url in file.urls:
        try:
            _from(url, place, file, ways)
        except (NetworkError, UsageError) as error:
            last = error
            ways.failed(url, error)
        else:
            return
    raise NetworkError(
        "deep-no-mirror", name=model, file=file.name, why=last.message() if last else "–"
    ) from last


def _from(url: str, place: Path, file: ModelFile, ways: Ways) -> None:
    part, note = place / f"{file.name}.part", place / f"{file.name}.part.json"
    start, validator = _resume(part, note, url, file)
    with streaming.opened(ways.guard, url, start=start, validator=validator, stall_s=ways.stall_s) as stream:
        total = stream.total or file.size
        if stream.start != start:
            start = stream.start  # the server began anew: it has another version now
        with part.open("r+b" if start else "wb") as out:
            out.truncate(start)
            out.seek(start)
            # Known before the first byte: what a kill leaves can be told from another version.
            durable.write(note, json.dumps({"url": url, "validator": stream.validator}).encode())
            _pour(stream, out, file, ways, total)
    _settle(part, note, place / file.name, file, total)


def _pour(stream: streaming.Stream, out: BinaryIO, file: ModelFile, ways: Ways, total: int) -> None:
    came = stream.start
    head = b""
    seen = stream.start > 0
    for piece in stream.pieces:
        came += len(piece)
        if not seen:
            head += piece[: weights.HEAD]
            seen = len(head) >= weights.HEAD
            if seen and not weights.begins_well(
                file.name, head
            ):  # before its length: a page has another one too
                raise UsageError("deep-not-a-model", name=file.name)
        offered = max(stream.total, came)
        if seen and file.size and (offered > file.size or stream.total not in {0, file.size}):
            raise UsageError(
                "deep-other-size", name=file.name, host=stream.host, found=offered, wanted=file.size
            )
        out.write(piece)
        ways.progress(file.name, came, total)


def _settle(part: Path, note: Path, target: Path, file: ModelFile, total: int) -> None:
    """Give a file its name when it has its digest; else throw it away, so that the next try begins anew."""
    size = part.stat().st_size
    if total and size < total:  # cut off: what has come is kept
        raise UsageError("deep-cut-short", name=file.name)
    weights.sync(part)
    found = weights.digest_of(part)
    if found != file.sha256:
        part.unlink()
        note.unlink(missing_ok=True)
        raise UsageError("deep-other-digest", name=file.name, found=found, wanted=file.sha256)
    durable.replace(part, target)
    note.unlink(missing_ok=True)


def _resume(part: Path, note: Path, url: str, file: ModelFile) -> tuple[int, str]:
    """Return how much of a file is here and which version that is of; (0, "") when it is to begin anew."""
    try:
        size = part.stat().st_size
        known = json.loads(note.read_text(encoding="utf-8"))
        # Another mirror's tag says nothing of this one's file: the digest decides at the end.
        validator = str(known["validator"]) if known["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""
    if not validator or (file.size and size >= file.size):
        return 0, ""
    return size, validator
