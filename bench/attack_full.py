"""What makes the package of `bench.attack` a full one: reports, forms, steps, pictures that explain, evidence of the post."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from sakigake.evidence import layout
from sakigake.evidence.audience import SELF
from sakigake.evidence.explained import Caption, Explained
from sakigake.evidence.paper.matter import Paper
from sakigake.evidence.posted import Posted, PostedTime
from sakigake.model import EntryType, StoredCheckpoint
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import canonical
from sakigake.timeline.ledger import Ledger

FOUND = datetime(2026, 11, 22, 10, 2, 3, tzinfo=UTC)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><path d="M0 0h8v8z"/></svg>\n'
# Files of a post's evidence as the watcher names them, but for the picture itself.
LOG = b'{"requests":1}\n'
RECORD = b'{"author_id":"someone"}\n'
CAPTURE = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x03\x00" + bytes(8)

Files = dict[str, bytes]


@dataclass(frozen=True)
class Watched:
    """A ledger of the watcher's: its entries, its checkpoint."""

    entries: bytes
    checkpoint: StoredCheckpoint


def listing(files: Files) -> bytes:
    """Return the list of what was kept, as the watcher writes it; `files` by their names in `post/`."""
    return "".join(f"{sha256(raw).hexdigest()}  {name}\n" for name, raw in sorted(files.items())).encode()


def watched(folder: Path, key: Ed25519PrivateKey, *claims: bytes, more: int = 0) -> Watched:
    """Return a ledger of `key` that claims lists, with `more` heartbeats, through the real writer."""
    place = folder / f"watch-{len(list(folder.glob('watch-*.db')))}.db"
    store = SqliteStore(place)
    ledger = Ledger.start(store, key, "watch")
    for sums in claims:
        ledger.append(EntryType.CLAIM, {"bundle": sha256(sums).hexdigest()})
    for _ in range(more):
        ledger.append(EntryType.HEARTBEAT, {"looks": 1})
    ledger.append(EntryType.SESSION_END, {"reason": "kept"})
    checkpoint = ledger.checkpoint([])
    assert checkpoint
    entries = b"".join(entry.raw + b"\n" for entry in store.entries(ledger.session.id))
    store.close()
    return Watched(entries, checkpoint)


def kept(
    folder: Path, key: Ed25519PrivateKey, picture: bytes, asks: Iterable[Callable[[bytes], bytes]]
) -> Files:
    """Return what was kept of a post whose picture this is: list, files, ledger, and a token of each that is asked."""
    files = {"capture.warc.gz": CAPTURE, "log.json": LOG, "post.json": RECORD, "1.png": picture}
    sums = listing(files)
    made = watched(folder, key, sums)
    out = {f"post/{name}": raw for name, raw in files.items()}
    out |= {layout.KEPT_SUMS: sums, layout.KEPT_ENTRIES: made.entries}
    out[layout.KEPT_CHECKPOINT] = made.checkpoint.note
    for nth, ask in enumerate(asks, start=1):
        out[layout.kept_token(nth)] = ask(made.checkpoint.note)
    return out


def picture(form: str) -> bytes:
    """Return a picture of 8 x 8."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 40, 40)).save(out, form)
    return out.getvalue()


def paper(files: Files) -> Paper:
    """Return everything a package can hold for people, with the other account named and `files` of its post."""
    drawn = {
        "overlay.png": picture("PNG"),
        "blink.gif": picture("GIF"),
        "timeline.svg": SVG,
        "method.json": canonical({"v": 1, "warp": "identity"}),
    }
    captions = {
        name: Caption("finding.likeness.strong") for name in drawn if name.endswith((".png", ".gif", ".svg"))
    }
    told = Posted(
        platform="x",
        number="77",
        address="https://x.com/someone/status/1234567",
        account="someone",
        found=FOUND,
        times=(PostedTime("not-before", FOUND, "A"), PostedTime("not-after", FOUND, "W")),
        kept=files,
        complete=True,
    )
    return Paper(SELF, SELF.report, named=True, posted=told, explained=Explained(drawn, captions))
