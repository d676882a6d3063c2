"""A ledger of evidence checked as a stranger would: every byte of it counts again, and nothing that the store says of it.

The store keeps with each token what was read of it when it came. Whoever may write the store may change that, so here the
entries are hashed anew, the checkpoints' signatures and roots checked, each token read and its signature verified against the
authorities that the settings trust now, and each proof of a block computed again.
"""

from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sakigake.anchor import bitcoin, ots
from sakigake.anchor.rfc3161 import read_token
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.model import Interval, StoredCheckpoint, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline import merkle, note
from sakigake.timeline.bounds import TokenTime, bounds
from sakigake.timeline.entry import Entry, parse_entry


def written(
    store: Store, session: str, seq: int, trust: Trust, *, easiest: int = bitcoin.EASIEST
) -> Interval:
    """Return between which times entry `seq` of a ledger was written, by what holds of it now.

    A token of an authority that is not trusted now is checked and does not count. Raises VerificationError when an entry, a
    checkpoint, a token or a proof is not what it was. `easiest` is for tests, which mine blocks of their own.
    """
    stored = list(store.entries(session))
    entries = _entries(stored, session)
    checkpoints = store.checkpoints(session)
    _signed(checkpoints, stored, entries, session)
    notes = {each.number: each for each in checkpoints}
    times: dict[str, TokenTime] = {}
    for token in store.tokens(session):
        over, digest = _over(notes, token.checkpoint, token.authority), sha256(token.raw).hexdigest()
        reading = read_token(token.raw, over.note, trust, open_chain=True, what=token.authority)
        if reading.authority is not None:
            times[digest] = TokenTime(over.size, reading.low, reading.high)
    for proof in store.proofs(session):
        name = f"block of {proof.checkpoint}"
        over = _over(notes, proof.checkpoint, name)
        digest_of = sha256(over.note).digest()
        block = ots.confirm(proof.raw, digest_of, proof.header, easiest=easiest, what=name)
        times[name] = TokenTime(over.size, block.low, block.high)
    return bounds([(entry.seq, entry.after) for entry in entries], times, [seq])[seq]


def _entries(stored: Sequence[StoredEntry], session: str) -> list[Entry]:
    """Return the entries, each read from its bytes; one that follows another names its leaf."""
    found, before = [], bytes(32)
    for number, each in enumerate(stored):
        entry = parse_entry(each.raw)
        if entry.seq != number or entry.prev != before.hex():
            raise VerificationError("checkpoints-broken", name=f"{session} #{number}")
        before = merkle.leaf_hash(each.raw)
        found.append(entry)
    return found


def _signed(
    checkpoints: Sequence[StoredCheckpoint],
    stored: Sequence[StoredEntry],
    entries: Sequence[Entry],
    session: str,
) -> None:
    """Check signature, order and root of every checkpoint, by the key that the first entry names."""
    leaves = [merkle.leaf_hash(each.raw) for each in stored]
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(str(entries[0].info.get("key"))))
    except (IndexError, ValueError) as error:
        raise VerificationError("signature-invalid", what=session) from error
    previous = ""
    for each in checkpoints:
        what = f"{session} @{each.number}"
        stated = note.verify(each.note, public, what)
        if (
            stated.ledger != leaves[0].hex()[:32]
            or (stated.prev or "") != previous
            or stated.size != each.size
        ):
            raise VerificationError("checkpoints-broken", name=what)
        if stated.size > len(leaves) or merkle.root(leaves[: stated.size]) != stated.root:
            raise VerificationError("root-wrong", name=what)
        previous = sha256(each.note).hexdigest()


def _over(notes: dict[int, StoredCheckpoint], number: int, what: str) -> StoredCheckpoint:
    if number not in notes:
        raise VerificationError("checkpoints-broken", name=what)
    return notes[number]
