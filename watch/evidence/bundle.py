"""A folder of evidence for one likeness: whole or not there, whenever the power goes.

capture.warc.gz   requests and answers          post.raw       the source's own record of the post, byte for byte
log.json          what was asked, when, where   post.json      what was read from it
1.jpg, 2.png …    the pictures as received      finding.json   the answer
screenshot.png    when asked for                SHA256SUMS     the digest of every file above

The digest of SHA256SUMS is what the ledger commits to; `sha256sum -c SHA256SUMS` checks the rest without this program.
"""

import json
import os
import secrets
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sakigake import durable
from sakigake.clock import iso
from sakigake.errors import SakigakeError, VerificationError
from sakigake.model import Finding
from watch.evidence import warc
from watch.fetch.records import Fetched, Hop
from watch.finding import to_json
from watch.post import Post, Stamp
from watch.sanitise import kind_of

FOLDER = "evidence"
SUMS = "SHA256SUMS"
_NEW = ".new-"
_STALE_S = 3600.0  # another process may be writing one at this moment
_NAME_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Bundle:
    """A kept folder; `digest` is the SHA-256 of its list of digests, 64 hex digits."""

    folder: Path
    digest: str

    @property
    def name(self) -> str:
        """Return what the folder is called."""
        return self.folder.name


def keep(
    home: Path,
    post: Post,
    fetched: Sequence[Fetched],
    finding: Finding,
    *,
    pictures: Sequence[bytes] = (),
    screenshot: bytes | None = None,
) -> Bundle:
    """Write the evidence of a likeness and return it. The same likeness again gives the bundle that is there already.

    `pictures` are files that were not fetched but given by a person. Raises SakigakeError (`evidence-unwritable`).
    """
    room = home / FOLDER
    folder = room / name_of(post, finding)
    if folder.is_dir():
        return read(folder)
    files = _files(post, fetched, finding, pictures, screenshot)
    sums = "".join(f"{sha256(raw).hexdigest()}  {name}\n" for name, raw in sorted(files.items()))
    made = room / f"{_NEW}{secrets.token_hex(8)}"
    try:
        made.mkdir(parents=True, mode=0o700)
        for name, raw in {**files, SUMS: sums.encode("ascii")}.items():
            _put(made / name, raw)
        durable.sync_folder(made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            shutil.rmtree(made, ignore_errors=True)  # another thread was quicker with the same
            return read(folder)
        durable.sync_folder(room)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        raise SakigakeError("evidence-unwritable", path=room, why=error.strerror or error) from error
    return Bundle(folder, sha256(sums.encode("ascii")).hexdigest())


def is_kept(home: Path, post: Post, finding: Finding) -> bool:
    """Say whether the evidence of a likeness is there already."""
    return (home / FOLDER / name_of(post, finding)).is_dir()


def name_of(post: Post, finding: Finding) -> str:
    """Return the name of a likeness's folder: the same for the same source, post, picture and session."""
    key = json.dumps([post.source, post.post_id, finding.post_digest, finding.session])
    return sha256(key.encode()).hexdigest()[:_NAME_DIGITS]


def bundles(home: Path, without: Collection[str] = ()) -> list[Bundle]:
    """Return what is kept, by name, but for the bundles named in `without`."""
    room = home / FOLDER
    names = sorted(os.listdir(room)) if room.is_dir() else []  # noqa: PTH208 - asked every second; names are enough
    folders = [room / name for name in names if not name.startswith(".") and name not in without]
    return [read(folder) for folder in folders if (folder / SUMS).is_file()]


def read(folder: Path) -> Bundle:
    """Return a kept folder as it states itself; raises VerificationError when its list cannot be read."""
    try:
        return Bundle(folder, sha256((folder / SUMS).read_bytes()).hexdigest())
    except OSError as error:
        raise VerificationError("evidence-bundle-changed", name=f"{folder.name}/{SUMS}") from error


def remove(home: Path, name: str) -> None:
    """Remove a kept folder as a whole; a ledger that names it keeps its digest. Raises SakigakeError when it cannot."""
    room = home / FOLDER
    folder = room / name
    try:
        if name and folder.is_dir():
            gone = folder.rename(room / f"{_NEW}{secrets.token_hex(8)}")  # what a break-off leaves is cleaned
            shutil.rmtree(gone)
    except OSError as error:
        raise SakigakeError("evidence-unwritable", path=folder, why=error.strerror or error) from error


def size(home: Path) -> int:
    """Return how many bytes all kept folders hold."""
    room = home / FOLDER
    return sum(size_of(each) for each in room.iterdir() if each.is_dir()) if room.is_dir() else 0


def size_of(folder: Path) -> int:
    """Return how many bytes a folder's files hold; what vanishes meanwhile counts nothing."""
    total = 0
    try:
        for each in folder.iterdir():
            total += each.stat().st_size
    except OSError:
        return total
    return total


def check(bundle: Bundle) -> None:
    """Hold every file against the list, and the list against the folder; raises VerificationError."""
    listed = {}
    try:
        raw = (bundle.folder / SUMS).read_bytes()
        for line in raw.decode("ascii").splitlines():
            digest, _, name = line.partition("  ")
            listed[name] = digest
        there = {each.name for each in bundle.folder.iterdir()} - {SUMS}
    except (OSError, UnicodeDecodeError) as error:
        raise VerificationError("evidence-bundle-changed", name=f"{bundle.name}/{SUMS}") from error
    if sha256(raw).hexdigest() != bundle.digest:
        raise VerificationError("evidence-bundle-changed", name=f"{bundle.name}/{SUMS}")
    for name in sorted(there | set(listed)):
        path = bundle.folder / name
        whole = name in listed and name in there and path.is_file() and not path.is_symlink()
        if not whole or sha256(path.read_bytes()).hexdigest() != listed[name]:
            raise VerificationError("evidence-bundle-changed", name=f"{bundle.name}/{name}")


def clean(home: Path) -> None:
    """Remove what a break-off left half written, unless it is so young that another process may be at it."""
    room = home / FOLDER
    for left in room.glob(f"{_NEW}*") if room.is_dir() else ():
        try:
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue


def _files(
    post: Post,
    fetched: Sequence[Fetched],
    finding: Finding,
    pictures: Sequence[bytes],
    screenshot: bytes | None,
) -> dict[str, bytes]:
    files = {
        "post.json": _json(_post(post)),
        "finding.json": _json(to_json(finding)),
        "log.json": _json({"schema_version": 1, "fetched": [_fetched(each) for each in fetched]}),
    }
    if fetched:
        files["capture.warc.gz"] = warc.write(hop for each in fetched for hop in each.hops)
    if post.raw:
        files["post.raw"] = post.raw
    bodies = dict.fromkeys([*(each.body for each in fetched), *pictures])
    for number, body in enumerate((body for body in bodies if kind_of(body)), start=1):
        files[f"{number}{kind_of(body)}"] = body
    if screenshot:
        files["screenshot.png"] = screenshot
    return files


def _post(post: Post) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "source": post.source,
        "platform": post.platform,
        "post_id": post.post_id,
        "url": post.url,
        "author_id": post.author_id,
        "media": [media.url for media in post.media if media.url],  # a path would name whose computer this is
        "not_before": _stamp(post.time.not_before),
        "not_after": _stamp(post.time.not_after),
    }


def _stamp(stamp: Stamp | None) -> dict[str, str] | None:
    if stamp is None:
        return None
    return {"time": iso(stamp.value), "clock": stamp.clock.value, "basis": stamp.basis}


def _fetched(fetched: Fetched) -> dict[str, Any]:
    return {
        "requested": fetched.requested,
        "began": iso(fetched.began),
        "ended": iso(fetched.ended),
        "hops": [_hop(hop) for hop in fetched.hops],
        "body_bytes": len(fetched.body),
        "body_sha256": sha256(fetched.body).hexdigest(),
    }


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "method": hop.method,
        "url": hop.url,
        "status": hop.status,
        "address": hop.address,
        "certificate_sha256": hop.certificate_sha256,
        "began": iso(hop.began),
        "ended": iso(hop.ended),
        "bytes": len(hop.raw),
        "sha256": sha256(hop.raw).hexdigest(),
        "cut": hop.cut,
    }


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _put(path: Path, raw: bytes) -> None:
    """Write a new file of a folder that nobody knows of yet, durably."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | durable.BINARY, 0o600), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
