"""Reading a kept session: the bounds in time of its entries."""

from collections.abc import Iterable

from sakigake.model import EntryType, Interval, StoredEntry, StoredToken
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


def entry_bounds(store: Store, session: str, wanted: Iterable[int]) -> dict[int, Interval]:
    """Return [not before, not after] of the entries numbered `wanted`, from the tokens that have come so far."""
    sizes = {checkpoint.number: checkpoint.size for checkpoint in store.checkpoints(session)}
    afters = ((entry.seq, parse_entry(entry.raw).after) for entry in store.entries(session))
    return bounds(afters, token_times(sizes, store.tokens(session)), wanted)


def is_forgotten(stored: StoredEntry) -> bool:
    """Say whether an entry committed to a picture that was forgotten since: nothing opens it any more."""
    return stored.opening is None and parse_entry(stored.raw).commit is not None


def stages(store: Store, session: str) -> list[tuple[StoredEntry, Entry]]:
    """Return the stage entries of a session in order, as stored and as parsed."""
    return [(stored, parse_entry(stored.raw)) for stored in store.entries(session, EntryType.STAGE)]
