"""Putting a package in its place: whole or not at all, as a folder or as the one form of ZIP."""

import errno
import os
import shutil
import zipfile
from hashlib import sha256
from pathlib import Path

from sakigake import durable
from sakigake.errors import SakigakeError, UsageError

TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
ZIP_LIMIT = (1 << 32) - (1 << 26)  # beyond 4 GiB a ZIP needs extensions that old unpackers lack

Contents = dict[str, bytes | Path]


def must_be_free(out: Path) -> None:
    """Refuse a place that is taken: an earlier package may carry a token that cannot be had again."""
    try:
        out.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise UsageError("export-write-failed", path=out, why=error) from error
    raise UsageError("export-exists", path=out)


def must_have_a_folder(out: Path) -> None:
    """Refuse to make folders: a mistyped name would put the package where nobody looks for it."""
    if not out.absolute().parent.is_dir():
        raise UsageError("export-folder-missing", path=out.parent)


def digest(content: bytes | Path) -> str:
    """Return the SHA-256 of a file in hex."""
    if isinstance(content, bytes):
        return sha256(content).hexdigest()
    running = sha256()
    with content.open("rb") as file:
        while chunk := file.read(1 << 20):
            running.update(chunk)
    return running.hexdigest()


def write(contents: Contents, out: Path) -> None:
    """Write beside the goal and rename: an export that is cut off leaves nothing that looks whole.

    The name may have been taken since the export began, by another one: that one stays.
    """
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        if out.suffix.lower() == ".zip":
            _write_zip(contents, temporary)
            durable.claim(temporary, out)
        else:
            _write_folder(contents, temporary)
            temporary.rename(out)  # a folder never replaces a file, nor a folder that holds anything
    except OSError as error:
        if error.errno in TAKEN and os.path.lexists(out):
            raise UsageError("export-exists", path=out) from error
        raise SakigakeError("export-write-failed", path=out, why=error.strerror) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def _write_folder(contents: Contents, folder: Path) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copyfile(content, path)


def _write_zip(contents: Contents, path: Path) -> None:
    sizes = {
        name: len(body) if isinstance(body, bytes) else body.stat().st_size for name, body in contents.items()
    }
    if sum(sizes.values()) > ZIP_LIMIT:
        raise UsageError("export-too-large")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            info.file_size = sizes[name]
            body = contents[name]
            with archive.open(info, "w") as member:
                if isinstance(body, bytes):
                    member.write(body)
                else:
                    with body.open("rb") as file:
                        shutil.copyfileobj(file, member, 1 << 20)
