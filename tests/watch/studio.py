"""A drawing that grows stage by stage, a session that recorded it, and posts made from it; all by code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from sakigake.clock import Clock
from sakigake.fingerprint.vector import VERSION, fingerprint_v2
from sakigake.model import EntryType, Session, StoredToken
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Fingerprint, Ledger

Pixels = NDArray[np.uint8]

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
STAGES = 8


def drawing(seed: int, stage: int, size: tuple[int, int] = (480, 640)) -> Pixels:
    """Return stage 0 to 7 of a picture: first searching lines, then shapes filled one after another."""
    rng = np.random.default_rng(seed)
    height, width = size
    canvas = np.full((height, width, 3), 255, np.uint8)
    shapes = []
    for _ in range(9):
        middle = rng.uniform((0.15, 0.15), (0.85, 0.85)) * (width, height)
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        radius = (
            rng.uniform(0.08, 0.24)
            * height
            * (1 + 0.3 * np.sin(angle * rng.integers(2, 6) + rng.uniform(0, 6)))
        )
        outline = middle + np.stack(
            [radius * np.cos(angle), radius * np.sin(angle) * rng.uniform(0.5, 1.2)], 1
        )
        shapes.append((outline.round().astype(np.int32), [int(part) for part in rng.integers(0, 230, 3)]))
    if stage >= 6:
        canvas[:] = np.linspace(rng.integers(90, 255, 3), rng.integers(90, 255, 3), height)[:, None].round()
    for number, (shape, tint) in enumerate(shapes):
        if number < 3 * (stage - 1):
            cv2.fillPoly(canvas, [shape], tint, cv2.LINE_AA)
        if number < 4 + 2 * stage:
            cv2.polylines(canvas, [shape], True, (40, 40, 40), 3, cv2.LINE_AA)
    if stage >= 5:
        for _ in range(12 * (stage - 4)):
            spot = rng.integers((0, 0), (width, height))
            cv2.circle(
                canvas,
                (int(spot[0]), int(spot[1])),
                int(rng.integers(6, 26)),
                [int(v) for v in rng.integers(0, 255, 3)],
                -1,
            )
    return canvas


def redrawn(pixels: Pixels, seed: int = 1) -> Pixels:
    """Return what is left of a picture that was recoloured, blurred, made noisy, shrunk and saved as JPEG."""
    rng = np.random.default_rng(seed)
    changed = pixels.astype(np.float32) @ (np.eye(3) + rng.normal(0, 0.18, (3, 3))) + rng.normal(0, 18, 3)
    blurred = cv2.GaussianBlur(changed.astype(np.float32), (0, 0), 2.5)
    noisy = np.clip(blurred + rng.normal(0, 14, blurred.shape), 0, 255).astype(np.uint8)
    small = cv2.resize(noisy, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 55])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def framed(pixels: Pixels) -> Pixels:
    """Return a picture inside an app's plain frame."""
    return np.asarray(
        cv2.copyMakeBorder(pixels, 47, 73, 27, 40, cv2.BORDER_CONSTANT, value=(20, 20, 20)), np.uint8
    )


def saved(path: Path, pixels: Pixels) -> Path:
    cv2.imwrite(str(path), pixels)
    return path


@dataclass(slots=True)
class Ticking:
    """A wall clock that a test can set; the monotonic one follows it."""

    now: datetime = START
    booted: datetime = START - timedelta(days=1)

    def clock(self) -> Clock:
        return Clock(
            wall_ns=lambda: int(self.now.timestamp() * 1000) * 1_000_000,
            mono_ns=lambda: int((self.now - self.booted).total_seconds() * 1000) * 1_000_000,
        )


@dataclass(frozen=True, slots=True)
class Studio:
    """A store with a session; `seqs` are the entry numbers of the stages in drawing order."""

    store: SqliteStore
    session: Session
    seqs: list[int]


def record(
    store: SqliteStore,
    pictures: list[Pixels],
    *,
    tokens: bool = True,
    claim: timedelta = timedelta(0),
    fingerprint: Callable[[Pixels], bytes] = fingerprint_v2,
    start: datetime = START,
    source: str = "screen",
) -> Studio:
    """Record a session: a stage each minute, and a trusted token ten seconds after each, unless `tokens` is false.

    Like a real recording it asks for a token before the first stage.

    `claim` moves the PC's clock away from the authority's time.
    """
    ticking = Ticking(start + claim, start + claim - timedelta(days=1))
    ledger = Ledger.start(store, Ed25519PrivateKey.generate(), source, ticking.clock())

    def seal(moment: datetime) -> None:
        checkpoint = ledger.checkpoint([])
        if tokens and checkpoint:
            raw = f"token {ledger.session.id} {checkpoint.number}".encode()
            digest = sha256(raw).digest()
            until = moment + timedelta(seconds=1)
            store.add_token(
                ledger.session.id,
                StoredToken(checkpoint.number, "test", raw, digest, moment, until, trusted=True),
            )

    seal(start)
    seqs: list[int] = []
    for number, pixels in enumerate(pictures):
        ticking.now = start + claim + timedelta(minutes=number + 1)
        entry = ledger.append(EntryType.STAGE, fingerprint=Fingerprint(VERSION, fingerprint(pixels)))
        seqs.append(entry.seq)
        ticking.now += timedelta(seconds=10)
        seal(start + timedelta(minutes=number + 1, seconds=10))
    return Studio(store, ledger.session, seqs)


def pictures(seed: int = 11) -> list[Pixels]:
    """Return all stages of one drawing."""
    return [drawing(seed, stage) for stage in range(STAGES)]
