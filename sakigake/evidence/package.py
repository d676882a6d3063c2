"""Writing a package: chosen stages, everything needed to check them, nothing else.

The same records give the same bytes each time, apart from the token over the list of files.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sakigake.anchor.trust import Authority, Trust
from sakigake.errors import ConfigError, NotFoundError, UsageError
from sakigake.evidence import comparison, forms, handcheck, kept, layout, placing, report, steps
from sakigake.evidence import custody as custody_file
from sakigake.evidence.paper.matter import Matter, Paper
from sakigake.evidence.placing import Contents
from sakigake.evidence.standalone.joined import joined
from sakigake.evidence.view import View, gather
from sakigake.model import LIVE_SOURCES, EntryType, Finding, Order, Session, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline import proof, widths
from sakigake.timeline.entry import parse_picture
from sakigake.timeline.reading import is_forgotten

if TYPE_CHECKING:
    from sakigake.evidence.paper import pdf


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
    newer entries that no checkpoint covers yet, `forgotten` stages left out, `timed` stages with a token or block over them;
    `unseen` are the stages without a picture that a stated order rests on.
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
    pages: int = 0
    odd: tuple[str, ...] = ()
    unseen: tuple[int, ...] = ()


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
    paper: Paper | None = None,
) -> Exported:
    """Write the package of a session to `out`, a ZIP when it ends in .zip or .ZIP, else a new folder.

    `chosen` are the entry numbers of the stages to disclose (None: all that still have their pictures). Of the stages
    `without_picture` only the fingerprint is shown, of those `entry_only` not even that; of the others, those that a
    finding rests on show theirs. `stamp` asks for a time token over the
    list of files and returns None when it cannot be had. With `paper` the reports are written for a reader: the PDF, the
    steps of custody, drafts of letters, the pictures that explain; without it the page alone.
    Raises UsageError, NotFoundError, ConfigError.
    """
    if key.public_key().public_bytes_raw() != store.public_key(session.id):
        raise ConfigError("key-of-another-session", session=session.id)
    placing.must_be_free(out)
    placing.must_have_a_folder(out)
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
        _must_show(post.finding, {entry.seq for entry in stages} - bare)
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
    finding = post.finding if post else None
    gathered = gather(store, session, stages, size, finding, contents=contents)
    contents[layout.README] = handcheck.text(gathered, stamps, held).encode()
    printed = _papers(store, gathered, paper, contents, trust)
    manifest = "".join(f"{placing.digest(contents[name])}  {name}\n" for name in sorted(contents)).encode()
    contents[layout.MANIFEST] = manifest
    contents[layout.SIGNATURE] = key.sign(manifest)
    token = stamp(manifest) if stamp else None
    if token:
        contents[layout.STAMP] = token
    placing.write(contents, out)
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
        unseen=_unseen(finding, gathered) if finding else (),
        pages=printed.pages if printed else 0,
        odd=printed.odd if printed else (),
        untrusted=sum(layout.TOKEN_FILE.fullmatch(name) is not None for name in contents) - len(stamps),
    )


def _papers(
    store: Store, told: View, paper: Paper | None, contents: Contents, trust: Trust
) -> "pdf.Printed | None":
    """Add what people read, the page always and the rest for a reader; returns what was printed."""
    asked = paper or Paper()
    if told.finding:
        contents |= asked.posted.kept if asked.audience.kept else {}
        if asked.explained and asked.order:
            contents |= {layout.compared(name): raw for name, raw in asked.explained.files.items()}
    key = store.public_key(told.session.id)
    small = report.thumbnails(told, asked, contents)
    matter = Matter(
        view=told,
        paper=asked,
        ends=widths.ends(store, told.session.id, told.bounds),
        small=frozenset(small),
        live=told.session.source in LIVE_SOURCES,
        closed=told.known[-1].type is EntryType.SESSION_END,
        key=key.hex(),
        kept=_kept(contents, key, trust),
    )
    contents[layout.PAGE] = report.page(matter, small).encode()
    if paper is None:
        return None
    from sakigake.evidence.paper import pdf  # noqa: PLC0415 - the font and its library are for who prints

    printed = pdf.write(matter, small)
    contents[layout.REPORT] = printed.raw
    contents |= forms.write(matter)
    if paper.audience.custody:
        came = steps.found(paper.posted) if told.finding and paper.audience.kept else None
        contents[layout.CUSTODY] = custody_file.write(steps.of(store, told.session, told, key.hex(), came))
    return printed


def _kept(contents: Contents, key: bytes, trust: Trust) -> kept.Kept | None:
    """Return what the verifier will say of what was kept of the post: the reports say the same."""
    return kept.check(_Held(contents), Ed25519PublicKey.from_public_bytes(key), trust)


@dataclass(frozen=True, slots=True)
class _Held:
    """A package that is not written yet, as a verifier reads one."""

    contents: Contents

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self.contents)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        body = self.contents[name]
        yield body if isinstance(body, bytes) else body.read_bytes()


def _must_show(finding: Finding, shown: set[int]) -> None:
    """Refuse to state an order that rests on stages which nobody gets to see: a verifier could not tell it apart."""
    stages = {finding.stage, finding.first_stage, finding.last_stage} - {None}
    if not stages <= shown:
        raise UsageError("export-finding-hidden", stages=",".join(map(str, sorted(stages, key=str))))


def _unseen(finding: Finding, told: View) -> tuple[int, ...]:
    """Return the stages that a decided order rests on and whose pictures are not shown: no verifier confirms that order."""
    named = {finding.stage, finding.first_stage, finding.last_stage} - told.pictured
    return () if finding.order is Order.UNCLEAR else tuple(sorted(seq for seq in named if seq is not None))


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
        # genTime without its fraction lies in the middle: the interval is that second, and the accuracy to both sides.
        middle = token.time_low + (token.time_high - token.time_low - timedelta(seconds=1)) / 2
        seconds = int(middle.timestamp())
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
