"""A small recorded session for the tests of this room: drawn stages in a real ledger, with their pictures and fingerprints."""

from pathlib import Path

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from capture.spool import Spool
from sakigake.clock import Clock
from sakigake.fingerprint.vector import VERSION, fingerprint_v2
from sakigake.model import EntryType, Session
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Fingerprint, Ledger

Pixels = NDArray[np.uint8]


def drawing(step: int, seed: int = 0) -> Pixels:
    """Return stage `step` of a drawing: 0 blank, 1 grey search lines, 2 ink, 3 flat colours, 4 with soft light and shadow."""
    rng = np.random.default_rng(seed)
    canvas = np.full((360, 480, 3), 255, np.uint8)
    middle = (240 + int(rng.integers(-20, 20)), 180)
    if step >= 3:
        cv2.ellipse(canvas, middle, (120, 140), 0, 0, 360, (150, 190, 240), -1)
        cv2.rectangle(canvas, (middle[0] - 130, 20), (middle[0] + 130, 70), (60, 60, 200), -1)
        cv2.rectangle(canvas, (100, 310), (380, 350), (170, 120, 60), -1)
    if step >= 4:
        painted = (canvas != 255).any(axis=2)
        brush = cv2.GaussianBlur(rng.normal(0, 1, (360, 480, 3)).astype(np.float32), (0, 0), 9)
        sky = np.linspace((235, 200, 150), (200, 225, 250), 360)[:, None].repeat(480, axis=1)
        canvas[~painted] = sky.astype(np.uint8)[~painted]
        rows, columns = np.mgrid[0:360, 0:480].astype(np.float32)
        ball = np.hypot((columns - middle[0] + 50) / 190, (rows - middle[1] + 60) / 210)
        light = np.clip(1.15 - 0.75 * ball**1.5, 0.3, 1.15)[:, :, None]
        light = light + brush / brush.std() * 0.07
        tinted = canvas * light + np.array([40, 10, 0], np.float32) * (1 - light)  # shadows are cooler
        canvas[painted] = np.clip(tinted, 0, 255).astype(np.uint8)[painted]
        cv2.ellipse(canvas, (middle[0] - 40, 120), (26, 16), 20, 0, 360, (245, 245, 255), -1, cv2.LINE_AA)
    if step >= 1:
        shade = (205, 205, 205) if step == 1 else (20, 20, 20)
        lines = 3 if step == 1 else 1
        for _ in range(lines):
            shift = rng.integers(-5, 6, 2) if step == 1 else np.zeros(2, np.int64)
            spot = (middle[0] + int(shift[0]), middle[1] + int(shift[1]))
            cv2.ellipse(canvas, spot, (120, 140), 0, 0, 360, shade, 2, cv2.LINE_AA)
            cv2.circle(canvas, (spot[0] - 40, spot[1] - 20), 22, shade, 2, cv2.LINE_AA)
            cv2.circle(canvas, (spot[0] + 40, spot[1] - 20), 22, shade, 2, cv2.LINE_AA)
            cv2.ellipse(canvas, (spot[0], spot[1] + 60), (45, 20), 0, 0, 180, shade, 2, cv2.LINE_AA)
    return canvas


class Studio:
    """Records into a home. `seal` signs a checkpoint over what is there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = SqliteStore(home / "sakigake.db")
        self._ledgers: dict[str, Ledger] = {}
        self._spool = Spool(home / "pictures")

    def session(self) -> Session:
        ledger = Ledger.start(self.store, Ed25519PrivateKey.generate(), "screen", Clock())
        self._ledgers[ledger.session.id] = ledger
        return ledger.session

    def draw(self, session: Session, *pictures: Pixels) -> list[int]:
        """Add stages; return their numbers."""
        return [
            self._ledgers[session.id]
            .append(
                EntryType.STAGE,
                picture=self._spool.keep(each),
                fingerprint=Fingerprint(VERSION, fingerprint_v2(each)),
            )
            .seq
            for each in pictures
        ]

    def seal(self, session: Session) -> None:
        self._ledgers[session.id].checkpoint([])

    def forget(self, session: Session, seqs: list[int]) -> None:
        assert self._ledgers[session.id].forget(seqs, {"stages": len(seqs)}, [])
