"""The ledger of one session: appends entries, signs checkpoints. One writer at a time."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake import __version__
from sakigake.clock import Clock, boot_id, from_ms
from sakigake.errors import SakigakeError
from sakigake.model import EntryType, Picture, Session, StoredCheckpoint, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline import merkle, note, rotation
from sakigake.timeline.entry import (
    ZERO_LEAF,
    Info,
    open_fingerprint,
    open_picture,
    write_entry,
)
from sakigake.timeline.heads import Heads, Standing


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Descriptor bytes of a picture and the version of the algorithms that made them."""

    version: str
    raw: bytes


class Ledger:
    """Appends to one session. Make one with `start` or `resume`; each returned entry is durable."""

    def __init__(self, store: Store, session: Session, key: Ed25519PrivateKey, clock: Clock) -> None:
        self.session = session
        self._store = store
        self._key = key
        self._clock = clock
        self._tree = merkle.Frontier()
        self._prev = ZERO_LEAF
        self._events = 0  # entries that are not stages
        self._boot = ""
        self._heads: Heads | None = None
        self._owed: bytes | None = None  # signed, made the head, and not in the store yet
        self.headless = False  # gone on with without a head to hold it against

    @classmethod
    def start(
        cls,
        store: Store,
        key: Ed25519PrivateKey,
        source: str,
        clock: Clock | None = None,
        heads: Heads | None = None,
    ) -> "Ledger":
        """Open a new session with its first entry, which names the key and the program."""
        clock = clock or Clock()
        wall = clock.wall_ns() // 1_000_000
        boot = boot_id(secrets.token_bytes(16))
        public = key.public_key().public_bytes_raw()
        raw = write_entry(
            seq=0,
            kind=EntryType.SESSION_START,
            wall=wall,
            mono=clock.mono_ns() // 1_000_000,
            boot=boot,
            prev=ZERO_LEAF,
            info={"key": public.hex(), "program": f"sakigake {__version__}", "source": source},
        )
        leaf = merkle.leaf_hash(raw)
        # The ledger's name is its first leaf: nobody can open a second ledger under the same name.
        started = from_ms(wall)
        session = Session(
            id=f"{started:%Y%m%d-%H%M%S}-{leaf.hex()[:4]}",
            ledger=leaf.hex()[:32],
            started=started,
            source=source,
        )
        ledger = cls(store, session, key, clock)
        ledger._boot = boot
        ledger._heads = heads
        store.add_session(session, public)
        ledger._keep(StoredEntry(0, EntryType.SESSION_START, raw, leaf))
        return ledger

    @classmethod
    def resume(
        cls,
        store: Store,
        session: Session,
        key: Ed25519PrivateKey,
        clock: Clock | None = None,
        heads: Heads | None = None,
    ) -> "Ledger":
        """Go on with a session that a crash or a restart cut off.

        Raises SakigakeError (`ledger-behind`) when the store lacks what was signed last: it was put back from a backup.
        """
        ledger = cls(store, session, key, clock or Clock())
        leaves = store.leaves(session.id)
        if heads is not None:
            compared = heads.compare(store, session, leaves)
            if compared.standing is Standing.BEHIND:
                raise SakigakeError("ledger-behind", session=session.id)
            ledger._heads, ledger._owed = heads, compared.owed
            ledger.headless = compared.standing is Standing.MISSING
        ledger._tree = merkle.Frontier(leaves)
        ledger._prev = leaves[-1].hex() if leaves else ZERO_LEAF
        ledger._events = len(leaves) - sum(1 for _ in store.entries(session.id, EntryType.STAGE))
        ledger._boot = boot_id(secrets.token_bytes(16))  # another salt: monotonic times start anew
        return ledger

    @property
    def size(self) -> int:
        """Return the number of entries."""
        return self._tree.size

    def append(
        self,
        kind: EntryType,
        info: Info | None = None,
        picture: Picture | None = None,
        fingerprint: Fingerprint | None = None,
        *,
        wall_ns: int | None = None,
        mono_ns: int | None = None,
    ) -> StoredEntry:
        """Write the next entry and return it once it is durable.

        `wall_ns`/`mono_ns` are the clocks at the moment that is recorded (the grab of a frame); now when omitted.
        """
        opening = open_picture(picture) if picture else None
        fp_opening = open_fingerprint(fingerprint.version, fingerprint.raw) if fingerprint else None
        token = self._store.newest_token(self.session.id)
        raw = write_entry(
            seq=self.size,
            kind=kind,
            wall=max(0, (wall_ns if wall_ns is not None else self._clock.wall_ns()) // 1_000_000),
            mono=(mono_ns if mono_ns is not None else self._clock.mono_ns()) // 1_000_000,
            boot=self._boot,
            prev=self._prev,
            after=token.hex() if token else None,
            commit=sha256(opening).hexdigest() if opening else None,
            fp=sha256(fp_opening).hexdigest() if fp_opening else None,
            info=info,
        )
        entry = StoredEntry(
            seq=self.size,
            type=kind,
            raw=raw,
            leaf=merkle.leaf_hash(raw),
            opening=opening,
            fp_opening=fp_opening,
            fingerprint=fingerprint.raw if fingerprint else None,
        )
        self._keep(entry)
        return entry

    def forget(self, seqs: Sequence[int], info: Info, files: Sequence[str]) -> StoredEntry | None:
        """Forget the pictures and fingerprints of the stages `seqs`, whose `files` are to be removed, and say so.

        In one step with the entry that says it. Returns None, with nothing changed, when a trusted time token has
        come for one of them in the meantime.
        """
        token = self._store.newest_token(self.session.id)
        raw = write_entry(
            seq=self.size,
            kind=EntryType.GAP,
            wall=max(0, self._clock.wall_ns() // 1_000_000),
            mono=self._clock.mono_ns() // 1_000_000,
            boot=self._boot,
            prev=self._prev,
            after=token.hex() if token else None,
            info=info,
        )
        entry = StoredEntry(self.size, EntryType.GAP, raw, merkle.leaf_hash(raw))
        if not self._store.forget(self.session.id, seqs, entry, files):
            return None
        self._follow(entry)
        return entry

    def _keep(self, entry: StoredEntry) -> None:
        self._store.append(self.session.id, entry)
        self._follow(entry)

    def _follow(self, entry: StoredEntry) -> None:
        self._tree.append(entry.leaf)
        self._prev = entry.leaf.hex()
        self._events += entry.type is not EntryType.STAGE

    def continue_key(self, old: Ed25519PrivateKey, reason: str) -> StoredEntry:
        """Write, as entry 1, that this ledger's key continues an older one; both sign it."""
        return self.append(EntryType.KEY_ROTATE, rotation.sign(self.session.ledger, old, self._key, reason))

    def checkpoint(self, authorities: list[str]) -> StoredCheckpoint | None:
        """Sign the entries so far and queue the checkpoint for `authorities`; None when nothing is new.

        What is signed becomes the head before it enters the store. When the second step fails, now or by a power cut,
        the next call ends it with the same bytes, so that no two checkpoints ever follow one.
        """
        earlier = self._store.checkpoints(self.session.id)
        known = len(earlier)
        if self._owed is not None:
            if not earlier or earlier[-1].note != self._owed:
                earlier.append(self._add(len(earlier), self._owed, authorities))
            self._owed = None
        last = earlier[-1] if earlier else None
        if not self.size:
            return None
        if last and last.size == self.size:
            return last if len(earlier) > known else None
        token = self._store.newest_token(self.session.id)
        signed = note.sign(
            note.Checkpoint(
                ledger=self.session.ledger,
                size=self.size,
                root=self._tree.root(),
                prev=sha256(last.note).hexdigest() if last else None,
                after=token.hex() if token else None,
                events=self._events,
            ),
            self._key,
        )
        if self._heads is not None:
            self._heads.put(self.session.ledger, signed)
            self._owed = signed
        checkpoint = self._add(len(earlier), signed, authorities)
        self._owed = None
        return checkpoint

    def _add(self, number: int, signed: bytes, authorities: list[str]) -> StoredCheckpoint:
        stated = note.verify(signed, self._key.public_key())
        checkpoint = StoredCheckpoint(number=number, size=stated.size, note=signed)
        self._store.add_checkpoint(self.session.id, checkpoint, authorities)
        return checkpoint
