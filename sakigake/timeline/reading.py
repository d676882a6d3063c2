"""Reading a kept session: the bounds in time of its entries."""

from collections.abc import Iterable

from sakigake.model import LIVE_SOURCES, EntryType, Interval, StoredEntry, StoredProof, StoredToken
from sakigake.store.protocol import Store
from sakigake.timeline.bounds import TokenTime, bounds
from sakigake.timeline.entry import Entry, parse_entry


def token_times(sizes: dict[int, int], tokens: Iterable[StoredToken]) -> dict[str, TokenTime]:
    """Return the trusted tokens by hex digest; `sizes` maps checkpoint number to the entries it covers."""
    return {
        token.digest.hex(): TokenTime(sizes[token.checkpoint], token.time_low, token.time_high)
        for token in tokens
        if token.trusted
    }


def block_times(sizes: dict[int, int], proofs: Iterable[StoredProof]) -> dict[str, TokenTime]:
    """Return the times of the blocks that hold checkpoints. No entry can name one: they only bound from above."""
    return {
        f"block of {proof.checkpoint}": TokenTime(sizes[proof.checkpoint], proof.time_low, proof.time_high)
        for proof in proofs
    }


def entry_bounds(store: Store, session: str, wanted: Iterable[int]) -> dict[int, Interval]:
    """Return [not before, not after] of the entries numbered `wanted`, from the tokens and blocks that have come so far."""
    sizes = {checkpoint.number: checkpoint.size for checkpoint in store.checkpoints(session)}
    afters = ((entry.seq, parse_entry(entry.raw).after) for entry in store.entries(session))
    times = token_times(sizes, store.tokens(session)) | block_times(sizes, store.proofs(session))
    return bounds(afters, times, wanted)


def picture_bounds(store: Store, session: str, earliest: int, first: int, last: int) -> Interval:
    """Return when a picture came about that is alike from stage `earliest` on and fits `first` to `last` best.

    A stage is taken some time after its picture has appeared, but after the stage before it was taken. So the picture
    is not before what the record of the stage before is not before. For a session's first stage, which shows what was
    there already, that is the beginning of the recording. Pictures taken in from files or a video have no such end.
    """
    numbers = [entry.seq for entry in store.entries(session, EntryType.STAGE) if entry.seq <= earliest]
    before = numbers[-2:][0]
    bounded = entry_bounds(store, session, [before, first, last])
    low = bounded[before].not_before if _is_live(store, session) else None
    return Interval(low, bounded[first].hull(bounded[last]).not_after)


def kept_picture_bounds(store: Store, session: str, seq: int) -> Interval:
    """Return when the picture that was kept as stage `seq` came about: that picture itself, not one that is alike.

    Its entry may name the newest token at the last look at which the canvas was still as at the stage before. A picture
    that is merely alike may show no more than the stage before does, so `picture_bounds` makes nothing of it.
    """
    found = picture_bounds(store, session, seq, seq, seq)
    entry = store.entry(session, seq)
    still = parse_entry(entry.raw).info.get("still") if entry and _is_live(store, session) else None
    lows = [
        token.time_low for token in store.tokens(session) if token.trusted and token.digest.hex() == still
    ]
    return Interval(max([*lows, *filter(None, [found.not_before])], default=None), found.not_after)


def _is_live(store: Store, session: str) -> bool:
    """Say whether a session's pictures were recorded as they came about."""
    begun = store.entry(session, 0)
    return begun is not None and parse_entry(begun.raw).info.get("source") in LIVE_SOURCES


def is_forgotten(stored: StoredEntry) -> bool:
    """Say whether an entry committed to a picture that was forgotten since: nothing opens it any more."""
    return stored.opening is None and parse_entry(stored.raw).commit is not None


def stages(store: Store, session: str) -> list[tuple[StoredEntry, Entry]]:
    """Return the stage entries of a session in order, as stored and as parsed."""
    return [(stored, parse_entry(stored.raw)) for stored in store.entries(session, EntryType.STAGE)]
