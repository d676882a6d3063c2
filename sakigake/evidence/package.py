"""Writing a package: chosen stages, everything needed to check them, nothing else.

The same records give the same bytes each time, apart from the token over the list of files.
"""

import errno
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake import durable
from sakigake.anchor.trust import Authority, Trust
from sakigake.errors import ConfigError, NotFoundError, SakigakeError, UsageError
from sakigake.evidence import comparison, handcheck, layout, report
from sakigake.evidence.standalone.joined import joined
from sakigake.model import EntryType, Finding, Session, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline import proof
from sakigake.timeline.entry import parse_picture
from sakigake.timeline.reading import is_forgotten

TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
ZIP_LIMIT = (1 << 32) - (1 << 26)  # beyond 4 GiB a ZIP needs extensions that old unpackers lack

Contents = dict[str, bytes | Path]


@dataclass(frozen=True, slots=True)
class Post:
    """The picture that was compared: its file, its extension (png, jpg, webp, gif) and what was found."""

    path: Path
    extension: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    `tokens` counts those of authorities we know, `untrusted` the others; `blocks` proofs of Bitcoin blocks, `unsealed`
    newer entries that no checkpoint covers yet, `forgotten` stages left out, `timed` stages with a token or block over them.
    """

    path: Path
    stages: int
    tokens: int
    unsealed: int
    stamped: bool
    forgotten: int = 0
    blocks: int = 0
    untrusted: int = 0
    fingerprints: tuple[int, ...] = ()
    timed: int = 0


def export(
    store: Store,
    session: Session,
    *,
    key: Ed25519PrivateKey,
    pictures: Path,
    trust: Trust,
    out: Path,
    chosen: Iterable[int] | None = None,
    without_picture: Iterable[int] = (),
    entry_only: Iterable[int] = (),
    post: Post | None = None,
    stamp: Callable[[bytes], bytes | None] | None = None,
) -> Exported:
    """Write the package of a session to `out`, a ZIP when it ends in .zip or .ZIP, else a new folder.

    `chosen` are the entry numbers of the stages to disclose (None: all that still have their pictures). Of the stages
    `without_picture` only the fingerprint is shown, of those `entry_only` not even that; of the others, those that a
    finding rests on show theirs. `stamp` asks for a time token over the
    list of files and returns None when it cannot be had. Raises UsageError, NotFoundError, ConfigError.
    """
    if key.public_key().public_bytes_raw() != store.public_key(session.id):
        raise ConfigError("key-of-another-session", session=session.id)
    _must_be_free(out)
    _must_have_a_folder(out)
    checkpoints = store.checkpoints(session.id)
    if not checkpoints:
        raise NotFoundError("session-unsealed", session=session.id)
    if len(checkpoints) > layout.MAX_CHECKPOINTS:
        raise UsageError("export-checkpoints", session=session.id, count=len(checkpoints))
    leaves = store.leaves(session.id)
    size = checkpoints[-1].size
    bare = set(entry_only)
    hidden = {*without_picture, *bare}
    stages, forgotten = _choose(store, session, size, chosen, hidden)
    if post:
        _must_show(post.finding, {entry.seq for entry in stages})
    contents, stamps = _anchors(store, session, trust)
    proofs, held = _blocks(store, session)
    contents |= proofs
    contents[layout.LEAVES] = "".join(f"{leaf.hex()}\n" for leaf in leaves[:size]).encode()
    events = [
        entry for entry in store.entries(session.id) if entry.type is not EntryType.STAGE and entry.seq < size
    ]
    contents[layout.EVENTS] = b"".join(entry.raw + b"\n" for entry in events)
    compared = _rests_on(post.finding) if post else range(0)
    for entry in stages:
        told = entry.seq not in bare and (entry.seq in hidden or entry.seq in compared)
        contents |= _stage(entry, None if entry.seq in hidden else pictures, told)
        contents[layout.stage(entry.seq, "proof.txt")] = proof.write(
            entry.seq, leaves[:size], checkpoints[-1].note
        )
    if post:
        contents[layout.post(post.extension)] = post.path
        contents[layout.FINDING] = comparison.write(post.finding)
    public = key.public_key()
    contents[layout.PUBLIC] = f"{public.public_bytes_raw().hex()}\n".encode()
    contents[layout.PUBLIC_PEM] = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    contents[layout.VERIFIER] = joined()
    view = report.gather(store, session, stages, size, post.finding if post else None, contents=contents)
    contents[layout.README] = handcheck.text(view, stamps, held).encode()
    contents[layout.PAGE] = report.page(view, contents).encode()
    manifest = "".join(f"{_digest(contents[name])}  {name}\n" for name in sorted(contents)).encode()
    contents[layout.MANIFEST] = manifest
    contents[layout.SIGNATURE] = key.sign(manifest)
    token = stamp(manifest) if stamp else None
    if token:
        contents[layout.STAMP] = token
    _write(contents, out)
    covered = max([0, *(each.size for each in stamps), *(each.size for each in held)])
    return Exported(
        path=out,
        stages=len(stages),
        tokens=len(stamps),
        unsealed=len(leaves) - size,
        stamped=token is not None,
        forgotten=forgotten,
        blocks=len(held),
        fingerprints=tuple(
            entry.seq
            for entry in stages
            if layout.stage(entry.seq, "fp.bin") in contents and entry.seq in hidden
        ),
        timed=sum(entry.seq < covered for entry in stages),
        untrusted=sum(layout.TOKEN_FILE.fullmatch(name) is not None for name in contents) - len(stamps),
    )


def _must_be_free(out: Path) -> None:
    """Refuse a place that is taken: an earlier package may carry a token that cannot be had again."""
    try:
        out.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise UsageError("export-write-failed", path=out, why=error) from error
    raise UsageError("export-exists", path=out)


def _must_have_a_folder(out: Path) -> None:
    """Refuse to make folders: a mistyped name would put the package where nobody looks for it."""
    if not out.absolute().parent.is_dir():
        raise UsageError("export-folder-missing", path=out.parent)


def _must_show(finding: Finding, shown: set[int]) -> None:
    """Refuse to state an order that rests on stages which nobody gets to see: a verifier could not tell it apart."""
    stages = {finding.stage, finding.first_stage, finding.last_stage} - {None}
    if not stages <= shown:
        raise UsageError("export-finding-hidden", stages=",".join(map(str, sorted(stages, key=str))))


def _rests_on(finding: Finding) -> range:
    """Return the entry numbers from the first to the last stage that a finding names."""
    named = [seq for seq in (finding.first_stage, finding.stage, finding.last_stage) if seq is not None]
    return range(min(named), max(named) + 1) if named else range(0)


def _choose(
    store: Store, session: Session, size: int, chosen: Iterable[int] | None, hidden: set[int]
) -> tuple[list[StoredEntry], int]:
    """Return the stages to disclose, and how many were left out since their pictures are forgotten."""
    known = {entry.seq: entry for entry in store.entries(session.id, EntryType.STAGE) if entry.seq < size}
    if not known:
        raise NotFoundError("session-without-stage", session=session.id)
    if chosen is None:
        whole = [entry for entry in known.values() if not is_forgotten(entry)]
        if not whole:
            raise NotFoundError("stages-forgotten", session=session.id)
        chosen = [entry.seq for entry in whole]
        forgotten = len(known) - len(whole)
    else:
        forgotten = 0
    wanted = sorted({*chosen, *hidden})
    for seq in wanted:
        if seq not in known:
            raise UsageError("stage-unknown", seq=seq, session=session.id)
        if is_forgotten(known[seq]):
            raise UsageError("stage-forgotten", seq=seq)
    return [known[seq] for seq in wanted], forgotten


def _anchors(store: Store, session: Session, trust: Trust) -> tuple[Contents, list[handcheck.Stamp]]:
    """Return the checkpoints, tokens and roots, and which root each trusted token chains to."""
    contents: Contents = {}
    sizes: dict[int, int] = {}
    for checkpoint in store.checkpoints(session.id):
        contents[layout.checkpoint(checkpoint.number)] = checkpoint.note
        sizes[checkpoint.number] = checkpoint.size
    stamps: list[handcheck.Stamp] = []
    used = {token.authority for token in store.tokens(session.id) if token.trusted} | set(trust.asked)
    for authority in filter(None, map(trust.get, sorted(used))):
        # One file for all of an authority's certificates: `openssl ts -CAfile` reads them all.
        certificates = (*authority.roots, *authority.between)
        pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)
        contents[_roots_name(authority)] = pem
    count: dict[int, int] = {}
    for token in store.tokens(session.id):
        count[token.checkpoint] = nth = count.get(token.checkpoint, 0) + 1
        name = layout.token(token.checkpoint, nth)
        contents[name] = token.raw
        witness = trust.get(token.authority)
        if witness is None or not token.trusted:
            continue
        seconds = int(token.time_low.timestamp())
        roots = _roots_name(witness)
        stamps.append(
            handcheck.Stamp(
                name, layout.checkpoint(token.checkpoint), sizes[token.checkpoint], roots, seconds
            )
        )
    return contents, sorted(stamps, key=lambda stamp: (stamp.size, stamp.token))


def _blocks(store: Store, session: Session) -> tuple[Contents, list[handcheck.Held]]:
    """Return the proofs that reach a Bitcoin block, with its header; what is only promised stays here."""
    sizes = {checkpoint.number: checkpoint.size for checkpoint in store.checkpoints(session.id)}
    contents: Contents = {}
    held = []
    for each in store.proofs(session.id):
        number = each.checkpoint
        names = layout.proof(number), layout.header(number)
        contents |= {names[0]: each.raw, names[1]: each.header}
        held.append(handcheck.Held(*names, layout.checkpoint(number), sizes[number]))
    return contents, held


def _stage(entry: StoredEntry, pictures: Path | None, fingerprint: bool) -> Contents:  # noqa: FBT001 - one call
    """Return what is disclosed of a stage: its entry, its picture unless `pictures` is None, its `fingerprint`."""
    contents: Contents = {layout.stage(entry.seq, "entry.json"): entry.raw}
    if entry.opening and pictures:
        picture = parse_picture(entry.opening)
        path = pictures / picture.file[:2] / f"{picture.file}.png"
        if not path.is_file():
            raise NotFoundError("picture-lost", seq=entry.seq, path=path)
        contents[layout.stage(entry.seq, "open.json")] = entry.opening
        contents[layout.stage(entry.seq, "png")] = path
    if entry.fp_opening and entry.fingerprint and fingerprint:
        contents[layout.stage(entry.seq, "fp.json")] = entry.fp_opening
        contents[layout.stage(entry.seq, "fp.bin")] = entry.fingerprint
    return contents


def _roots_name(authority: Authority) -> str:
    """Return the name of the file with an authority's roots: ASCII letters, digits and hyphens."""
    slug = re.sub(r"[^a-z0-9]+", "-", authority.name.lower()).strip("-")[:48]
    return f"trust/{slug or 'authority'}.pem"


def _digest(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return sha256(content).hexdigest()
    running = sha256()
    with content.open("rb") as file:
        while chunk := file.read(1 << 20):
            running.update(chunk)
    return running.hexdigest()


def _write(contents: Contents, out: Path) -> None:
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
