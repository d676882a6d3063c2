"""A drawing, a post made from it, and the finding about them, all by code."""

from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from sakigake.fingerprint.vector import VERSION, fingerprint_v2, pixel_digest_v1, unpack
from sakigake.model import EntryType, Finding, Interval, Likeness, Order, Picture, Session
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Fingerprint, Ledger
from tests.watch.studio import Pixels, Ticking, drawing, redrawn
from watch.explaining import chance
from watch.explaining.material import Material, Moment

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def cut(pixels: Pixels, top: float, left: float, bottom: float, right: float) -> Pixels:
    """Return a part of a picture, in shares of its sides."""
    height, width = pixels.shape[:2]
    rows, columns = (
        slice(round(top * height), round(bottom * height)),
        slice(round(left * width), round(right * width)),
    )
    return np.ascontiguousarray(pixels[rows, columns])


def finding(post: Pixels, stage: Pixels, order: Order = Order.DRAFT_FIRST) -> Finding:
    described = unpack(fingerprint_v2(stage))
    valued = chance.value(post, described)
    assert valued is not None
    return Finding(
        session="a" * 32,
        order=order,
        order_reason="",
        likeness=Likeness.STRONG,
        likeness_reason="",
        post=Interval(START + timedelta(days=2), START + timedelta(days=2, seconds=1)),
        draft=Interval(START, START + timedelta(minutes=9)),
        claimed=None,
        stage=7,
        first_stage=6,
        last_stage=8,
        view=valued.view,
        compared=8,
        counts=valued.counts,
        fingerprint_version=described.version,
        post_digest="b" * 64,
        earliest=5,
        part=valued.part,
    )


def material(post: Pixels, stage: Pixels, *, kept: bool = True) -> Material:
    moments = [
        Moment(
            number,
            Interval(START + timedelta(minutes=number - 1), START + timedelta(minutes=number)),
            START + timedelta(minutes=number, seconds=-20),
        )
        for number in range(1, 9)
    ]
    earlier = [(number, drawing(11, number - 1)) for number in (1, 4, 7)]
    described = unpack(fingerprint_v2(stage))
    return Material(post, stage if kept else None, described, finding(post, stage), moments, earlier)


@cache
def usual() -> Material:
    """Return a recoloured post of a whole drawing."""
    return material(redrawn(drawing(11, 7)), drawing(11, 6))


def recorded(home: Path, pictures: list[Pixels]) -> tuple[SqliteStore, Session]:
    """Record a session whose pictures are kept in the home."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    home.mkdir(parents=True, exist_ok=True)
    ticking = Ticking(START, START - timedelta(days=1))
    store = SqliteStore(home / "sakigake.db")
    ledger = Ledger.start(store, Ed25519PrivateKey.generate(), "screen", ticking.clock())
    for pixels in pictures:
        ticking.now += timedelta(minutes=1)
        coded = cv2.imencode(".png", pixels)[1].tobytes()
        digest = sha256(coded).hexdigest()
        folder = home / "pictures" / digest[:2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{digest}.png").write_bytes(coded)
        picture = Picture(digest, pixel_digest_v1(pixels), pixels.shape[1], pixels.shape[0])
        ledger.append(
            EntryType.STAGE, picture=picture, fingerprint=Fingerprint(VERSION, fingerprint_v2(pixels))
        )
    ledger.checkpoint([])
    return store, ledger.session
