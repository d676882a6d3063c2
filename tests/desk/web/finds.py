"""A home with a recorded drawing whose pictures and key are kept, and findings that a real comparison made."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import cv2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from desk import reviewing
from sakigake import settings
from sakigake.fingerprint.vector import VERSION, fingerprint_v2
from sakigake.model import EntryType, Finding, StoredToken
from sakigake.settings import Settings
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import keys
from sakigake.timeline.ledger import Fingerprint, Ledger
from tests.evidence.conftest import keep
from tests.watch import studio
from tests.watch.pipeline import scene
from watch.check import Seen, compare, read
from watch.pipeline.verdict import deciding
from watch.post import ClockClass, MediaRef, Post, PostTime, Stamp
from watch.sanitise import decode

START = studio.START
CONFIG = "[anchor]\nenabled = false\n[ots]\nenabled = false\n[watch]\nalerts = []\n"
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@dataclass(frozen=True, slots=True)
class Home:
    """Settings over a home, the session in it, and its stages' entry numbers in drawing order."""

    settings: Settings
    session: str
    seqs: list[int]

    @property
    def path(self) -> Path:
        return self.settings.home


def recorded(home: Path, *, tokens: bool = True) -> Home:
    """Record eight stages, a minute apart, each with a token that counts here, unless `tokens` is false; close the session.

    Nobody signed those tokens: they serve comparisons, and a package with them does not hold.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "sakigake.toml").write_text(CONFIG, encoding="utf-8")
    loaded = settings.load(home)
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    loaded.keys.mkdir(exist_ok=True)
    (loaded.keys / keys.KEY_FILE).write_bytes(pem)
    store = SqliteStore(loaded.database)
    ticking = studio.Ticking(START, START - timedelta(days=1))
    ledger = Ledger.start(store, key, "screen", ticking.clock(), heads=keys.heads_of(loaded.keys))

    def seal(moment: datetime) -> None:
        checkpoint = ledger.checkpoint([])
        if checkpoint and tokens:
            raw = f"token {ledger.session.id} {checkpoint.number}".encode()
            until = moment + timedelta(seconds=1)
            token = StoredToken(
                checkpoint.number, "test", raw, sha256(raw).digest(), moment, until, trusted=True
            )
            store.add_token(ledger.session.id, token)

    seal(START)
    seqs = []
    for number, pixels in enumerate(studio.pictures()):
        ticking.now = START + timedelta(minutes=number + 1)
        entry = ledger.append(
            EntryType.STAGE,
            {"changed_ppm": 9000},
            keep(loaded.pictures, pixels),
            Fingerprint(VERSION, fingerprint_v2(pixels)),
        )
        seqs.append(entry.seq)
        ticking.now += timedelta(seconds=10)
        seal(ticking.now)
    ledger.append(EntryType.SESSION_END)
    seal(ticking.now + timedelta(seconds=5))
    store.close()
    return Home(loaded, ledger.session.id, seqs)


def posted(after: timedelta = timedelta(hours=2), clock: ClockClass = ClockClass.PLATFORM) -> PostTime:
    """Return a post's time that long after the recording began."""
    moment = START + after
    return PostTime(Stamp(moment, clock, "x-id"), Stamp(moment + timedelta(seconds=1), clock, "x-id"))


def post(number: int = 1, **more: object) -> Post:
    """Return a post of an ordinary account."""
    url = f"https://x.com/canary_handle/status/17000000000000000{number:02}"
    told = Post(
        source="inbox",
        platform="x",
        post_id=f"x:17000000000000000{number:02}",
        url=url,
        author_id="998877665544",
        author_name="canary-name",
        media=(MediaRef(url="https://pbs.twimg.com/media/x.jpg"),),
        time=posted(),
    )
    return replace(told, **more)  # type: ignore[arg-type]


def checked(home: Home, data: bytes, time: PostTime) -> Finding:
    """Compare a picture with what was recorded."""
    store = SqliteStore(home.settings.database)
    try:
        timelines = [read(store, each) for each in store.sessions()]
        pixels = decode(data, "picture")
        return compare(store, timelines, Seen(pixels), deciding(time), sha256(data).hexdigest())
    finally:
        store.close()


def found(home: Home, number: int = 1, told: Post | None = None) -> int:
    """Keep a finding of a picture made from the drawing; returns its number."""
    data = scene.derived(number)
    this = told or post(number)
    finding = checked(home, data, this.time)
    return reviewing.keep_check(home.settings, this, finding, data, datetime.now(UTC)).number


def shown_picture() -> bytes:
    """Return a picture that can be handed in."""
    return cv2.imencode(".png", studio.drawing(5, 4))[1].tobytes()
