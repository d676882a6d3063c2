"""The verifier: what a package shows, from its bytes and our own pinned authorities alone.

Imports the standard library, `cryptography` and `rfc3161_client` only, opens no socket and decodes no picture.
Everything in a package is either checked here or refused; there is no file and no byte that nobody looks at.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sakigake.anchor.bitcoin import EASIEST
from sakigake.anchor.rfc3161 import read_token
from sakigake.anchor.trust import Trust
from sakigake.clock import from_ms
from sakigake.errors import VerificationError
from sakigake.evidence import blocks as witnesses
from sakigake.evidence import carried, comparison, container, disclosed, head, inside, kept, layout, listing
from sakigake.evidence.blocks import Block
from sakigake.evidence.container import Container
from sakigake.model import LIVE_SOURCES, EntryType, Interval, Order, Verdict
from sakigake.timeline import merkle, note, rotation
from sakigake.timeline.bounds import TokenTime, bounds, clock_disagrees, picture_after
from sakigake.timeline.entry import (
    MAX_ENTRY_BYTES,
    ZERO_LEAF,
    Entry,
    parse_entry,
)

MAX_TOKEN, MAX_LARGE = 1 << 16, 1 << 26
GAPS = frozenset({EntryType.GAP, EntryType.PAUSE, EntryType.DROP})
SKEW = timedelta(seconds=2)  # two honest authorities may differ by as much
STILL = "still"
_LEAVES = re.compile(r"(?:[0-9a-f]{64}\n)+")


@dataclass(frozen=True, slots=True)
class StageReport:
    """One disclosed stage: its interval from tokens, the PC's own claim, what was disclosed, and flags.

    `picture_after` is what its picture is not before, where the entry says so: the canvas was still as at the stage before.
    """

    seq: int
    interval: Interval
    claimed: datetime | None
    picture: bool
    flags: tuple[str, ...]
    picture_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What holds of a package that did not fail."""

    verdict: Verdict
    ledger: str
    key: str
    entries: int
    withheld: int
    checkpoints: int
    authorities: tuple[str, ...]
    untrusted_tokens: int
    closed: bool
    gaps: int
    gaps_counted: bool
    sealed: datetime | None  # the list of files is not after this; its token can be replaced, so nothing more
    stages: tuple[StageReport, ...]
    blocks: tuple[Block, ...] = ()
    order: Order | None = None
    compared: comparison.Comparison | None = None  # what the exporter states, and which stages that names
    reasons: tuple[str, ...] = field(default_factory=tuple)
    heads: tuple[int, ...] = ()  # sizes of the heads that were given and are in this ledger
    continues: str | None = None  # the key before this one, which signed that as well
    under_way: Interval | None = None  # begun by then, and not yet ended then, by the tokens
    verify_py: str = inside.ABSENT
    post_kept: kept.Kept | None = None  # what the exporter kept of the post, and by when that was there


@dataclass(frozen=True, slots=True)
class _Token:
    digest: str
    size: int
    authority: str | None
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a package holds once every part of it has been checked."""

    public: Ed25519PublicKey
    leaves: list[bytes]
    checkpoints: int
    tokens: dict[str, _Token]
    blocks: tuple[Block, ...]
    events: dict[int, Entry]
    stages: dict[int, Entry]
    counted: bool


def verify(path: Path, trust: Trust, seen: Sequence[head.Seen] = (), *, easiest: int = EASIEST) -> Report:
    """Check a package, a folder or a ZIP. Raises VerificationError for the first thing that does not hold.

    The package must hold the heads that others have `seen`. `easiest` is the least work of a block that counts, as a
    target; only tests give another one.
    """
    package = container.open_container(path)
    public = listing.check(package)
    roots = carried.certificates(package)
    leaves = _leaves(package)
    checkpoints = _checkpoints(package, public, leaves)
    tokens = _tokens(package, checkpoints, trust)
    blocks = witnesses.check(package, [(raw, stated.size) for raw, stated in checkpoints], easiest=easiest)
    _chain_after(checkpoints, tokens, blocks)
    events, stages = _entries(package, leaves, tokens)
    _first_entry(events, public)
    _first_stage_alone(events, stages)
    counted = _count_events(checkpoints, events)
    evidence = _Evidence(public, leaves, len(checkpoints), tokens, blocks, events, stages, counted)
    sealed = _sealed(package, trust, roots)
    return replace(
        _report(evidence, package, sealed),
        heads=head.check(seen, leaves, public),
        continues=rotation.check(
            events, leaves[0].hex()[:32], public.public_bytes_raw().hex(), layout.EVENTS
        ),
        verify_py=inside.verifier(package),
        post_kept=kept.check(package, public, trust),
    )


def _leaves(package: Container) -> list[bytes]:
    text = container.read(package, layout.LEAVES, MAX_LARGE).decode("ascii", errors="replace")
    if not _LEAVES.fullmatch(text):
        raise VerificationError("evidence-malformed", what=layout.LEAVES)
    leaves = [bytes.fromhex(line) for line in text.split()]
    if len(set(leaves)) != len(leaves):
        raise VerificationError("ledger-repeats")
    return leaves


def _checkpoints(
    package: Container, public: Ed25519PublicKey, leaves: list[bytes]
) -> list[tuple[bytes, note.Checkpoint]]:
    """Check every checkpoint against the leaves, its signature and the checkpoint before it."""
    names = [name for name in package.names() if layout.CHECKPOINT_FILE.fullmatch(name)]
    if not names or names != [layout.checkpoint(number) for number in range(len(names))]:
        raise VerificationError("checkpoints-broken", name="anchors/")
    tree = merkle.Frontier()
    checked: list[tuple[bytes, note.Checkpoint]] = []
    previous: bytes | None = None
    for name in names:
        raw = container.read(package, name, note.MAX_NOTE_BYTES)
        stated = note.verify(raw, public, name)
        in_order = tree.size < stated.size <= len(leaves)
        in_order &= stated.events is not None or not checked or checked[-1][1].events is None
        linked = stated.prev == (sha256(previous).hexdigest() if previous else None)
        if not (in_order and linked and stated.ledger == leaves[0].hex()[:32]):
            raise VerificationError("checkpoints-broken", name=name)
        for leaf in leaves[tree.size : stated.size]:
            tree.append(leaf)
        if tree.root() != stated.root:
            raise VerificationError("root-wrong", name=name)
        checked.append((raw, stated))
        previous = raw
    if tree.size != len(leaves):
        raise VerificationError("leaves-unsealed")
    return checked


def _tokens(
    package: Container, checkpoints: list[tuple[bytes, note.Checkpoint]], trust: Trust
) -> dict[str, _Token]:
    """Read every token strictly; returns them by digest. One of an authority we do not know is kept, not counted."""
    tokens: dict[str, _Token] = {}
    for name in package.names():
        match = layout.TOKEN_FILE.fullmatch(name)
        if not match:
            continue
        number = int(match["number"])
        if number >= len(checkpoints):
            raise VerificationError("package-file-extra", name=name)
        raw = container.read(package, name, MAX_TOKEN)
        data, stated = checkpoints[number]
        # The list of files covers these bytes already, so a chain that leads nowhere only means: not counted.
        reading = read_token(raw, data, trust, open_chain=True, what=name)
        digest = sha256(raw).hexdigest()
        if digest in tokens:
            raise VerificationError("package-file-extra", name=name)
        tokens[digest] = _Token(digest, stated.size, reading.authority, reading.low, reading.high)
    return tokens


def _chain_after(
    checkpoints: list[tuple[bytes, note.Checkpoint]], tokens: dict[str, _Token], blocks: Sequence[Block]
) -> None:
    """Check that each checkpoint names a token over an earlier one, if any."""
    highs: dict[int, list[datetime]] = {}
    for token in tokens.values():
        if token.authority:
            highs.setdefault(token.size, []).append(token.high)
    for block in blocks:
        highs.setdefault(block.size, []).append(block.high)
    for number, (_, stated) in enumerate(checkpoints):
        _named(stated.after, stated.size - 1, tokens, layout.checkpoint(number))
        before = tokens[stated.after] if stated.after else None
        earliest = min(highs.get(stated.size, ()), default=None)
        if before and before.authority and earliest and before.low > earliest + SKEW:
            raise VerificationError("times-contradict", seq=stated.size - 1)


def _count_events(checkpoints: list[tuple[bytes, note.Checkpoint]], events: dict[int, Entry]) -> bool:
    """Check that no pause, gap or other event was left out; returns False when this ledger does not count them."""
    numbers = sorted(events)
    for number, (_, stated) in enumerate(checkpoints):
        if stated.events not in {None, bisect_left(numbers, stated.size)}:
            raise VerificationError("events-left-out", what=layout.checkpoint(number))
    return checkpoints[-1][1].events is not None


def _named(after: str | None, below: int, tokens: dict[str, _Token], what: str) -> None:
    if after is not None and (after not in tokens or tokens[after].size > below):
        raise VerificationError("token-missing", what=what)


def _entries(
    package: Container, leaves: list[bytes], tokens: dict[str, _Token]
) -> tuple[dict[int, Entry], dict[int, Entry]]:
    """Check each disclosed entry against its leaf, its chain link and its own files."""
    events: dict[int, Entry] = {}
    lines = container.read(package, layout.EVENTS, MAX_LARGE)
    if not lines.endswith(b"\n"):
        raise VerificationError("evidence-malformed", what=layout.EVENTS)
    for line in lines[:-1].split(b"\n"):
        entry = _entry(line, leaves, tokens, layout.EVENTS)
        if entry.type is EntryType.STAGE or (events and entry.seq <= next(reversed(events))):
            raise VerificationError("evidence-malformed", what=layout.EVENTS)
        events[entry.seq] = entry
    stages: dict[int, Entry] = {}
    kinds: dict[int, set[str]] = {}
    for name in package.names():
        if match := layout.STAGE_FILE.fullmatch(name):
            kinds.setdefault(int(match["seq"]), set()).add(match["kind"])
    for seq, files in sorted(kinds.items()):
        name = layout.stage(seq, "entry.json")
        if not {"entry.json", "proof.txt"} <= files or ("png" in files and "open.json" not in files):
            raise VerificationError("package-file-missing", name=name)
        entry = _entry(container.read(package, name, MAX_ENTRY_BYTES), leaves, tokens, name)
        if entry.seq != seq or entry.type is not EntryType.STAGE:
            raise VerificationError("evidence-malformed", what=name)
        disclosed.check_files(package, entry, files)
        stages[seq] = entry
    if not stages:
        raise VerificationError("package-without-stage")
    disclosed.check_proofs(package, leaves, stages)
    return events, stages


def _entry(raw: bytes, leaves: list[bytes], tokens: dict[str, _Token], what: str) -> Entry:
    entry = parse_entry(raw, what)
    if entry.seq >= len(leaves) or merkle.leaf_hash(raw) != leaves[entry.seq]:
        raise VerificationError("entry-not-in-ledger", what=what, seq=entry.seq)
    if entry.prev != (leaves[entry.seq - 1].hex() if entry.seq else ZERO_LEAF):
        raise VerificationError("entry-not-in-ledger", what=what, seq=entry.seq)
    _named(entry.after, entry.seq, tokens, what)
    if STILL in entry.info:
        _still(entry, tokens, what)
    return entry


def _still(entry: Entry, tokens: dict[str, _Token], what: str) -> None:
    """Check that a stage names a token as one that was there before the newest one, or is that."""
    digest = entry.info[STILL]
    if entry.type is not EntryType.STAGE or entry.after is None or not isinstance(digest, str):
        raise VerificationError("evidence-malformed", what=what)
    _named(digest, entry.seq, tokens, what)
    if picture_after(entry.seq, digest, entry.after, tokens) is None:
        raise VerificationError("times-contradict", seq=entry.seq)


def _first_stage(events: dict[int, Entry]) -> int:
    """Return the number of the ledger's first stage: the first entry that is no event."""
    return next(number for number, seq in enumerate([*sorted(events), None]) if seq != number)


def _first_stage_alone(events: dict[int, Entry], stages: dict[int, Entry]) -> None:
    """Check that the ledger's first stage says nothing of one before it."""
    begin = _first_stage(events)
    if begin in stages and STILL in stages[begin].info:
        raise VerificationError("evidence-malformed", what=layout.stage(begin, "entry.json"))


def _first_entry(events: dict[int, Entry], public: Ed25519PublicKey) -> None:
    """Check that the first entry names the key, so that the ledger belongs to it from its first leaf on."""
    first = events.get(0)
    if not first or first.type is not EntryType.SESSION_START:
        raise VerificationError("package-file-missing", name=f"{layout.EVENTS} #0")
    if first.info.get("key") != public.public_bytes_raw().hex():
        raise VerificationError("signature-invalid", what=layout.EVENTS)


def _sealed(package: Container, trust: Trust, roots: Sequence[x509.Certificate]) -> datetime | None:
    """Return what the list of files is not after, by the token over it, if the package carries one.

    That token is over a digest that anybody can compute, and nothing lists it: whoever has the package can have a later one
    made. So its low end says nothing of when the list was made.
    """
    if layout.STAMP not in package.names():
        return None
    manifest = container.read(package, layout.MANIFEST, listing.MAX_MANIFEST)
    # Nothing lists these bytes, so each embedded certificate must be covered by a signature: the roots that the
    # package carries serve for that, without being trusted.
    reading = read_token(
        container.read(package, layout.STAMP, MAX_TOKEN),
        manifest,
        trust,
        others=roots,
        what=layout.STAMP,
    )
    return reading.high if reading.authority else None


def _report(evidence: _Evidence, package: Container, sealed: datetime | None) -> Report:
    tokens, leaves = evidence.tokens, evidence.leaves
    times = {
        token.digest: TokenTime(token.size, token.low, token.high)
        for token in tokens.values()
        if token.authority
    } | witnesses.times(evidence.blocks)
    known = sorted((evidence.events | evidence.stages).items())
    intervals = bounds([(seq, entry.after) for seq, entry in known], times, [seq for seq, _ in known])
    for seq, interval in intervals.items():
        if interval.not_before and interval.not_after and interval.not_before > interval.not_after + SKEW:
            raise VerificationError("times-contradict", seq=seq)
    names = frozenset(package.names())
    live = evidence.events[0].info.get("source") in LIVE_SOURCES
    shown = tuple(
        replace(
            _stage_report(names, entry, intervals[seq], evidence.blocks),
            picture_after=_picture_after(entry, times) if live else None,
        )
        for seq, entry in sorted(evidence.stages.items())
    )
    compared = comparison.check(
        package,
        {seq: intervals[seq] for seq in evidence.stages},
        _first_stage(evidence.events),
        live=live,
    )
    reasons = []
    if not times:
        reasons.append("no-trusted-token" if tokens else "no-token")
    elif any(stage.interval.not_after is None for stage in shown):
        reasons.append("stage-without-token")
    if compared and not compared.confirmed:
        reasons.append("order-not-confirmed")
    if compared and not compared.seen:
        reasons.append("order-not-shown")
    last = evidence.events.get(len(leaves) - 1)
    return Report(
        verdict=Verdict.INTEGRITY_ONLY if reasons else Verdict.VERIFIED,
        ledger=leaves[0].hex()[:32],
        key=evidence.public.public_bytes_raw().hex(),
        entries=len(leaves),
        withheld=len(leaves) - len(known),
        checkpoints=evidence.checkpoints,
        authorities=tuple(
            sorted({token.authority for token in tokens.values() if token.authority})
            + [witnesses.NAME] * bool(evidence.blocks)
        ),
        untrusted_tokens=sum(token.authority is None for token in tokens.values()),
        closed=last is not None and last.type is EntryType.SESSION_END,
        gaps_counted=evidence.counted,
        gaps=sum(entry.type in GAPS for entry in evidence.events.values()),
        sealed=sealed,
        stages=shown,
        blocks=evidence.blocks,
        order=compared.order if compared else None,
        compared=compared.stated if compared else None,
        reasons=tuple(reasons),
        under_way=Interval(intervals[0].not_after, intervals[known[-1][0]].not_before),
    )


def _picture_after(entry: Entry, times: dict[str, TokenTime]) -> datetime | None:
    """Return the time of the counted token that was there while the canvas was still as at the stage before."""
    token = times.get(str(entry.info.get(STILL)))
    return token.low if token else None


def _stage_report(
    names: frozenset[str], entry: Entry, interval: Interval, blocks: Sequence[Block]
) -> StageReport:
    flags = []
    claimed: datetime | None
    try:
        claimed = from_ms(entry.wall)
    except OverflowError:
        claimed = None
    if clock_disagrees(claimed, interval):
        flags.append("clock-disagrees")
    if interval.not_after is None:
        flags.append("no-time")
    elif interval.not_after in {block.high for block in blocks if block.size > entry.seq}:
        flags.append("block-time")
    picture = layout.stage(entry.seq, "png") in names
    if not picture:
        flags.append("no-picture")
    if not any(layout.stage(entry.seq, kind) in names for kind in ("open.json", "fp.json")):
        flags.append("nothing-bound")
    return StageReport(
        seq=entry.seq,
        interval=interval,
        claimed=claimed,
        picture=picture,
        flags=tuple(flags),
    )
