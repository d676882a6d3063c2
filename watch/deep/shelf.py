"""The models on this computer: a folder for each, put in place whole or not at all, and checked before each use.

    models/.incoming/ID/   what is still coming; nothing is ever loaded from there
    models/ID/             open_clip_config.json, open_clip_model.safetensors, sakigake-model.json

The record holds the digest of every file, also of the configuration. What is computed with a model is kept under its
`key`, which is made of these digests: another file, another preprocessing, another key.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sakigake import durable
from sakigake.errors import NotFoundError, SakigakeError, UsageError, VerificationError
from sakigake.lock import FileLock
from watch.deep import weights
from watch.deep.manifest import CONFIG, RECORD, WEIGHTS, Model, is_file_name, is_id

FOLDER, INCOMING, OLD = "models", ".incoming", ".old"
LOCK = "models.lock"
MOST_RECORD = 1 << 20  # bytes
BY_MANIFEST, BY_HAND = "manifest", "import"


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that is here. `digests` are the SHA-256 by file name, the configuration included.

    `pinned_by` says where the digest of the weights came from: the manifest, or the file that a person brought.
    """

    id: str
    title: str
    licence: str
    languages: tuple[str, ...]
    folder: Path
    digests: Mapping[str, str]
    size: int
    pinned_by: str

    @property
    def key(self) -> str:
        """Return the name under which results of this model are kept: its id and 16 hex digits of all its digests."""
        whole = "\n".join(f"{name} {digest}" for name, digest in sorted(self.digests.items()))
        return f"{self.id}@{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


def folder_of(home: Path, name: str) -> Path:
    """Return where a model lies when it is here; raises NotFoundError for a name that none may have."""
    return home / FOLDER / _checked(name)


def incoming(home: Path, name: str) -> Path:
    """Return where the files of a model are gathered until all are there; raises as `folder_of` does."""
    return home / FOLDER / INCOMING / _checked(name)


def _checked(name: str) -> str:
    """Return a name that may stand in a path: what a person types can be `..` as well, which would be the records."""
    if not is_id(name):
        raise NotFoundError("deep-model-absent", name=name)
    return name


def alone(home: Path) -> FileLock:
    """Return the right to put models in place and to remove them; taking it raises SakigakeError (`deep-busy`)."""
    return FileLock(home / LOCK, "deep-busy", "deep-home-unwritable")


def installed(home: Path) -> dict[str, Installed]:
    """Return the models that are here by id; one whose record cannot be read is left out."""
    found = {}
    for record in sorted((home / FOLDER).glob(f"*/{RECORD}")):
        if not is_id(
            record.parent.name
        ):  # one that was being replaced when the power went, or no model of ours
            continue
        with suppress(SakigakeError):
            each = _read(record)
            found[each.id] = each
    return found


def get(home: Path, name: str) -> Installed:
    """Return one model that is here; raises NotFoundError (`deep-model-absent`)."""
    record = folder_of(home, name) / RECORD
    if not record.is_file():
        raise NotFoundError("deep-model-absent", name=name)
    return _read(record)


def verify(model: Installed) -> None:
    """Check every byte of a model against its record; raises VerificationError (`deep-model-changed`).

    Also refused is a file that does not belong there: the library might take it instead of the one that was checked.
    """
    present = {each.name for each in model.folder.iterdir()} if model.folder.is_dir() else set()
    if WEIGHTS not in model.digests or CONFIG not in model.digests:
        raise VerificationError("deep-model-changed", name=model.id, file=WEIGHTS)
    for name in sorted(present - set(model.digests) - {RECORD}):
        raise VerificationError("deep-model-changed", name=model.id, file=name)
    for name, digest in model.digests.items():
        try:
            same = weights.digest_of(model.folder / name) == digest
        except OSError:
            same = False
        if not same:
            raise VerificationError("deep-model-changed", name=model.id, file=name)


def take_in(home: Path, model: Model, given: Mapping[str, Path], *, pin: bool) -> Installed:
    """Copy files that a person brought, by file name, and put the model in place; the files stay where they are.

    A file must have the digest of the manifest; where that knows none, `pin` keeps the digest of this file. Raises
    UsageError for a file that is another, is not whole, or has no digest to hold it against, SakigakeError while models
    are being fetched or taken in elsewhere.
    """
    with alone(home):
        return _take_in(home, model, given, pin=pin)


def _take_in(home: Path, model: Model, given: Mapping[str, Path], *, pin: bool) -> Installed:
    missing = [each.name for each in model.files if each.name not in given]
    if missing:
        raise UsageError("deep-import-missing", name=model.id, files=", ".join(missing))
    place = incoming(home, model.id)
    found: dict[str, str] = {}
    for each in model.files:
        path = given[each.name]
        try:
            if not path.is_file():
                raise NotFoundError("deep-file-missing", path=path)
            weights.check(path, each.name)
            found[each.name] = weights.digest_of(path)
        except OSError as error:
            raise UsageError("deep-file-unreadable", path=path, why=error.strerror or error) from error
        if each.sha256 and found[each.name] != each.sha256:
            raise UsageError("deep-other-digest", name=each.name, found=found[each.name], wanted=each.sha256)
        if not each.sha256 and not pin:
            raise UsageError("deep-not-pinned", name=each.name, found=found[each.name], page=model.page)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, path in given.items():
            if name in found:
                _copy(path, place / name, found[name])
        return finish(home, model, found, BY_MANIFEST if model.pinned else BY_HAND)
    except OSError as error:
        raise weights.no_room(error, place) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def finish(home: Path, model: Model, digests: Mapping[str, str], pinned_by: str) -> Installed:
    """Put the gathered files of a model in place in one step, with its configuration and record; raises OSError."""
    place, target = incoming(home, model.id), folder_of(home, model.id)
    config = model.config.encode()
    durable.write(place / CONFIG, config)
    known = {**digests, CONFIG: hashlib.sha256(config).hexdigest()}
    for other in place.iterdir():
        if other.name not in known:
            _discard(other)
    record = {
        "schema_version": 1,
        "id": model.id,
        "title": model.title,
        "licence": model.licence,
        "languages": list(model.languages),
        "digests": known,
        "size": sum((place / name).stat().st_size for name in known),
        "pinned_by": pinned_by,
    }
    durable.write(place / RECORD, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    before = home / FOLDER / OLD
    shutil.rmtree(before, ignore_errors=True)
    if target.exists():
        target.rename(before)
    place.rename(target)
    durable.sync_folder(target.parent)
    shutil.rmtree(before, ignore_errors=True)
    return _read(target / RECORD)


def remove(home: Path, name: str) -> bool:
    """Remove a model and what had come of it; returns False when there was nothing.

    Raises NotFoundError for a name that no model may have, SakigakeError while models are being fetched, OSError.
    """
    places = folder_of(home, name), incoming(home, name)
    with alone(home):
        there = [each for each in places if each.is_symlink() or each.exists()]
        for each in there:
            if each.is_dir() and not each.is_symlink():
                # The record goes first: a folder without one is never loaded.
                (each / RECORD).unlink(missing_ok=True)
            _discard(each)
    return bool(there)


def _discard(path: Path) -> None:
    """Remove a file or a folder; of a link the link alone, never what lies behind it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _copy(source: Path, target: Path, digest: str) -> None:
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, part)
    weights.sync(part)
    if weights.digest_of(part) != digest:  # changed while it was read
        raise UsageError("deep-other-digest", name=target.name, found=weights.digest_of(part), wanted=digest)
    durable.replace(part, target)


def _read(record: Path) -> Installed:
    try:
        with record.open("rb") as stream:
            row = json.loads(stream.read(MOST_RECORD).decode())
        return Installed(
            id=record.parent.name,
            title=str(row["title"]),
            licence=str(row["licence"]),
            languages=tuple(str(each) for each in row["languages"]),
            folder=record.parent,
            digests={_file_name(name): str(digest) for name, digest in row["digests"].items()},
            size=int(row["size"]),
            pinned_by=str(row["pinned_by"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationError("deep-model-changed", name=record.parent.name, file=RECORD) from error


def _file_name(name: str) -> str:
    if not is_file_name(name):
        raise ValueError(name)
    return name
