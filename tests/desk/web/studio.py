"""Homes with recorded sessions for the tests of the pages: made by the real ledger and spool, in a second."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import cv2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.spool import Spool
from sakigake.fingerprint.vector import VERSION, fingerprint_v2
from sakigake.model import EntryType, Picture, Session, StoredToken
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Fingerprint, Ledger
from tests.watch.studio import START, Pixels, Ticking, pictures


def picture_bytes(pixels: Pixels, suffix: str = ".png") -> bytes:
    """Return a picture as a file's bytes."""
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


class Recorder:
    """Writes a session by hand: stages with pictures and fingerprints, and whatever else a ledger can hold."""

    def __init__(self, home: Path, source: str = "screen") -> None:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "sakigake.toml").exists():  # no test asks a time authority
            (home / "sakigake.toml").write_text("[anchor]\nenabled = false\n", encoding="utf-8")
        self.store = SqliteStore(home / "sakigake.db")
        self.spool = Spool(home / "pictures")
        self.ticking = Ticking()
        self.ledger = Ledger.start(self.store, Ed25519PrivateKey.generate(), source, self.ticking.clock())

    @property
    def session(self) -> Session:
        return self.ledger.session

    def note(self, seconds: float, kind: EntryType, **info: int | str) -> int:
        self.ticking.now = START + timedelta(seconds=seconds)
        return self.ledger.append(kind, info=info or None).seq

    def stage(self, seconds: float, pixels: Pixels, picture: Picture | None = None) -> int:
        self.ticking.now = START + timedelta(seconds=seconds)
        kept = picture or self.spool.keep(pixels)
        return self.ledger.append(
            EntryType.STAGE,
            info={"label": "canvas", "why": "settled"},
            picture=kept,
            fingerprint=Fingerprint(VERSION, fingerprint_v2(pixels)),
        ).seq

    def token(self, seconds: float) -> None:
        """Sign a checkpoint and give it a trusted token of this moment."""
        moment = START + timedelta(seconds=seconds)
        checkpoint = self.ledger.checkpoint([])
        if checkpoint:
            raw = f"token {self.session.id} {checkpoint.number}".encode()
            until = moment + timedelta(seconds=1)
            digest = sha256(raw).digest()
            token = StoredToken(checkpoint.number, "test", raw, digest, moment, until, trusted=True)
            self.store.add_token(self.session.id, token)

    def end(self, seconds: float) -> None:
        self.note(seconds, EntryType.SESSION_END, reason="stop")
        self.store.end_session(self.session.id, START + timedelta(seconds=seconds))
        self.store.close()


def home_with_a_session(home: Path, drawn: Sequence[Pixels] | None = None) -> Path:
    """Record a drawing of eight stages, one each minute, with a pause, a gap, a stream and tokens."""
    recorder = Recorder(home)
    recorder.token(0)
    recorder.note(20, EntryType.STREAM_STATE, state="started", how="event")
    for number, pixels in enumerate(pictures() if drawn is None else drawn):
        recorder.stage(60 * (number + 1), pixels)
        recorder.token(60 * (number + 1) + 10)
        if number == 2:
            recorder.note(195, EntryType.PAUSE, reason="asked")
            recorder.note(225, EntryType.RESUME, ms=30_000)
    recorder.note(590, EntryType.GAP, reason="sleep", ms=95_000)
    recorder.note(595, EntryType.STREAM_STATE, state="stopped", how="event")
    recorder.end(600)
    return home
