"""A home with stages kept at given moments, and what must not be left of those that are forgotten."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from capture.forget import Request, forget, sweep
from capture.spool import Spool
from sakigake.clock import Clock
from sakigake.fingerprint.vector import VERSION, fingerprint_v2
from sakigake.model import EntryType, StoredEntry, StoredToken
from sakigake.settings import Settings, load
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import parse_fingerprint, parse_picture
from sakigake.timeline.keys import load_or_create
from sakigake.timeline.ledger import Fingerprint, Ledger
from tests.capture.running import configure

MINUTE = 60_000


class Drawn:
    """A home with a session whose stages were kept at given moments, and all that must not be left of them."""

    def __init__(self, home: Path) -> None:
        configure(home)
        self.settings: Settings = load(home)
        self.store = SqliteStore(self.settings.database)
        self.spool = Spool(self.settings.pictures)
        self.now_ms = 1_700_000_000_000
        self.clock = Clock(lambda: self.now_ms * 1_000_000, lambda: self.now_ms * 1_000_000)
        self.ledger = Ledger.start(self.store, load_or_create(self.settings.keys), "screen", self.clock)
        self.session = self.ledger.session
        self.random = np.random.default_rng(8)

    def stage(self, seed: int | None = None) -> StoredEntry:
        random = self.random if seed is None else np.random.default_rng(seed)
        pixels = np.asarray(cv2.resize(random.integers(0, 256, (30, 40, 3), np.uint8), (400, 300)), np.uint8)
        return self.ledger.append(
            EntryType.STAGE,
            picture=self.spool.keep(pixels),
            fingerprint=Fingerprint(VERSION, fingerprint_v2(pixels)),
        )

    def on(self, ms: int) -> None:
        self.now_ms += ms

    def seal(self, *, trusted: bool = True) -> None:
        checkpoint = self.ledger.checkpoint([])
        assert checkpoint
        at = datetime(2026, 1, 1, tzinfo=UTC)
        raw = secrets.token_bytes(64)
        self.store.add_token(
            self.session.id,
            StoredToken(checkpoint.number, "w", raw, sha256(raw).digest(), at, at + timedelta(1), trusted),
        )

    def forget(self, minutes: float, discarded: int = 0) -> tuple[int, int]:
        done = forget(
            self.store, self.ledger, Request(round(minutes * MINUTE), self.now_ms), discarded=discarded
        )
        sweep(self.store, self.spool)
        return done.count, done.stamped

    def end(self) -> None:
        self.ledger.append(EntryType.SESSION_END, info={"reason": "stop"})
        self.store.end_session(self.session.id, self.clock.now())


def marks(entry: StoredEntry) -> list[bytes]:
    """Return byte strings that tell what was on a stage, as text and as bytes."""
    assert entry.opening and entry.fp_opening and entry.fingerprint  # noqa: PT018
    picture = parse_picture(entry.opening)
    salt = json.loads(entry.opening)["salt"]
    names = [picture.file, picture.pixels, salt, parse_fingerprint(entry.fp_opening)[1]]
    raw = [bytes.fromhex(name) for name in names]
    body = entry.fingerprint
    return [*map(str.encode, names), *raw, *(body[at : at + 60] for at in range(0, len(body) - 60, 500))]


def traces(home: Path, wanted: list[bytes]) -> list[str]:
    """Return where any of these bytes are found under a home, in names as well."""
    found = []
    for path in home.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        found += [str(path) for mark in wanted if mark in data or mark.decode("latin-1") in path.name]
    return found
