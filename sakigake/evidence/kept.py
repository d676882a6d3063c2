"""What was kept of a post, in a package: a signed list of digests with times of its own, and those of its files that are shown.

The list is that of the watcher, byte for byte. A ledger of its own names its digest, so outsiders' clocks bound when it
was there. Files may be left out, since they name the account that posted; what the list says of them stays.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sakigake.anchor.rfc3161 import MAX_TOKEN_BYTES, read_token
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import comparison, container, layout
from sakigake.evidence.container import Container
from sakigake.model import EntryType
from sakigake.timeline import merkle, note, rotation
from sakigake.timeline.entry import ZERO_LEAF, Entry, parse_entry

MAX_SUMS, MAX_LEDGER, MAX_ENTRIES = 1 << 14, 1 << 16, 8
_SUMS = re.compile(r"(?:[0-9a-f]{64}  [a-z0-9.]{1,40}\n)+")


@dataclass(frozen=True, slots=True)
class Kept:
    """`shown` of `listed` files are in the package; `not_after` is by when the list was there, None without a counted token.

    `holds_post` says whether the picture that was compared is one of those on the list, `older_than_post` whether the list was there
    before the post is stated to have been: then it cannot be what was kept of that post.
    """

    listed: int
    shown: int
    not_after: datetime | None = None
    holds_post: bool = False
    older_than_post: bool = False


def check(package: Container, public: Ed25519PublicKey, trust: Trust) -> Kept | None:
    """Check what a package holds of a post's evidence, None when it holds none; raises VerificationError."""
    names = [name for name in package.names() if layout.KEPT_FILE.fullmatch(name)]
    ledger = [name for name in package.names() if layout.KEPT_LEDGER.fullmatch(name)]
    if layout.KEPT_SUMS not in package.names():
        if names or ledger:
            raise VerificationError("package-file-missing", name=layout.KEPT_SUMS)
        return None
    if layout.FINDING not in package.names():
        raise VerificationError("package-file-missing", name=layout.FINDING)
    raw = container.read(package, layout.KEPT_SUMS, MAX_SUMS)
    listed = _listed(raw)
    for name in names:
        if listed.get(name.removeprefix("post/")) != container.digest(package, name):
            raise VerificationError("commitment-wrong", what=name)
    highs = _highs(package, ledger, public, trust, sha256(raw).hexdigest()) if ledger else []
    posts = [name for name in package.names() if name.startswith("post/picture.")]
    holds = any(container.digest(package, name) in listed.values() for name in posts)
    not_after = min(highs, default=None)
    since = comparison.parse(container.read(package, layout.FINDING, comparison.MAX_BYTES)).post.not_before
    older = not_after is not None and since is not None and not_after < since
    return Kept(len(listed), len(names), not_after, holds, older)


def _listed(raw: bytes) -> dict[str, str]:
    text = raw.decode("ascii", errors="replace")
    if not _SUMS.fullmatch(text):
        raise VerificationError("evidence-malformed", what=layout.KEPT_SUMS)
    rows = [line.split("  ") for line in text.splitlines()]
    if [name for _, name in rows] != sorted({name for _, name in rows}):
        raise VerificationError("evidence-malformed", what=layout.KEPT_SUMS)
    return {name: digest for digest, name in rows}


def _highs(
    package: Container, names: Sequence[str], public: Ed25519PublicKey, trust: Trust, digest: str
) -> list[datetime]:
    """Check the ledger that names the list and the tokens over it; returns the later ends of those that count."""
    for name in (layout.KEPT_ENTRIES, layout.KEPT_CHECKPOINT):
        if name not in names:
            raise VerificationError("package-file-missing", name=name)
    leaves = _ledger(container.read(package, layout.KEPT_ENTRIES, MAX_LEDGER), public, digest)
    raw = container.read(package, layout.KEPT_CHECKPOINT, note.MAX_NOTE_BYTES)
    stated = note.verify(raw, public, layout.KEPT_CHECKPOINT)
    whole = stated.size == len(leaves) and stated.ledger == leaves[0].hex()[:32]
    if not whole or stated.prev or stated.after or stated.events not in {None, len(leaves)}:
        raise VerificationError("checkpoints-broken", name=layout.KEPT_CHECKPOINT)
    if merkle.root(leaves) != stated.root:
        raise VerificationError("root-wrong", name=layout.KEPT_CHECKPOINT)
    highs, seen = [], set()
    for name in names:
        if name in {layout.KEPT_ENTRIES, layout.KEPT_CHECKPOINT}:
            continue
        token = container.read(package, name, MAX_TOKEN_BYTES)
        if token in seen:
            raise VerificationError("package-file-extra", name=name)
        seen.add(token)
        reading = read_token(token, raw, trust, open_chain=True, what=name)
        highs += [reading.high] if reading.authority else []
    return highs


def _ledger(raw: bytes, public: Ed25519PublicKey, digest: str) -> list[bytes]:
    """Return the leaf hashes of the ledger that claims the list; it holds no stage and follows no token."""
    where = layout.KEPT_ENTRIES
    lines = raw.removesuffix(b"\n").split(b"\n")
    if not raw.endswith(b"\n") or len(lines) > MAX_ENTRIES:
        raise VerificationError("evidence-malformed", what=where)
    entries: dict[int, Entry] = {}
    leaves: list[bytes] = []
    for seq, line in enumerate(lines):
        entry = parse_entry(line, where)
        linked = entry.prev == (leaves[-1].hex() if leaves else ZERO_LEAF)
        if entry.seq != seq or not linked or entry.after is not None or entry.type is EntryType.STAGE:
            raise VerificationError("entry-not-in-ledger", what=where, seq=seq)
        entries[seq] = entry
        leaves.append(merkle.leaf_hash(line))
    key = public.public_bytes_raw().hex()
    if entries[0].type is not EntryType.SESSION_START or entries[0].info.get("key") != key:
        raise VerificationError("signature-invalid", what=where)
    claims = [entry for entry in entries.values() if entry.type is EntryType.CLAIM]
    if len(claims) != 1 or claims[0].info != {"bundle": digest}:
        raise VerificationError("commitment-wrong", what=where)
    rotation.check(entries, leaves[0].hex()[:32], key, where)
    return leaves
