"""Real sessions: pictures drawn here, a real ledger, real packages."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.anchor.trust import Trust
from sakigake.evidence import package
from sakigake.fingerprint.vector import VERSION, fingerprint_v2, pixel_digest_v1
from sakigake.model import EntryType, Picture, Session
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Fingerprint, Ledger


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished session and everything an export needs."""

    store: SqliteStore
    session: Session
    key: Ed25519PrivateKey
    pictures: Path
    stages: list[int]

    def export(self, out: Path, trust: Trust | None = None, **more: object) -> package.Exported:
        return package.export(
            self.store,
            self.session,
            key=self.key,
            pictures=self.pictures,
            trust=trust or Trust(),
            out=out,
            **more,  # type: ignore[arg-type]
        )


def drawing(strokes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A canvas of 160 x 120 that grows by circles and lines."""
    canvas = np.full((120, 160, 3), 255, np.uint8)
    rng = np.random.default_rng(7)
    for _ in range(strokes):
        x, y, r = (int(rng.integers(10, high)) for high in (150, 110, 30))
        cv2.circle(canvas, (x, y), r, tuple(int(v) for v in rng.integers(0, 200, 3)), 2)
    return canvas


def keep(pictures: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Picture:
    """Write a picture where the recorder would and return its record."""
    png = cv2.imencode(".png", pixels)[1].tobytes()
    digest = sha256(png).hexdigest()
    path = pictures / digest[:2] / f"{digest}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    return Picture(digest, pixel_digest_v1(pixels), pixels.shape[1], pixels.shape[0])


Recorder = Callable[..., Recorded]


@pytest.fixture
def record(tmp_path: Path) -> Recorder:
    """Return a function that records a session of some stages; `seal` is called after each checkpoint."""

    def run(
        stages: int = 4, seal: Callable[[SqliteStore, str], None] | None = None, *, close: bool = True
    ) -> Recorded:
        store = SqliteStore(tmp_path / "sakigake.db")
        key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        ledger = Ledger.start(store, key, "screen")
        seqs = []

        def checkpoint() -> None:
            ledger.checkpoint([])
            if seal:
                seal(store, ledger.session.id)

        checkpoint()
        for number in range(stages):
            pixels = drawing(4 * (number + 1))
            entry = ledger.append(
                EntryType.STAGE,
                {"changed_ppm": 9000},
                keep(tmp_path / "pictures", pixels),
                Fingerprint(VERSION, fingerprint_v2(pixels)),
            )
            seqs.append(entry.seq)
            checkpoint()
        ledger.append(EntryType.GAP, {"reason": "sleep"})
        if close:
            ledger.append(EntryType.SESSION_END)
        checkpoint()
        return Recorded(store, ledger.session, key, tmp_path / "pictures", seqs)

    return run
