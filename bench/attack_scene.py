"""Packages for `bench.attack`: an honest one through the real exporter, and ones made by hand by the key's holder."""

import json
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import attack_full, chain
from desk.demo import authority as demo
from sakigake.anchor import bitcoin, ots, rfc3161
from sakigake.anchor.trust import Authority, Trust
from sakigake.evidence import container, layout, package
from sakigake.fingerprint.vector import VERSION, fingerprint_v2, pixel_digest_v1
from sakigake.model import (
    EntryType,
    Finding,
    Interval,
    Likeness,
    Order,
    Picture,
    StoredCheckpoint,
    StoredProof,
    StoredToken,
)
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import merkle, note, proof
from sakigake.timeline.entry import ZERO_LEAF, canonical, open_picture, write_entry
from sakigake.timeline.ledger import Fingerprint, Ledger
from sakigake.timeline.reading import entry_bounds

Contents = dict[str, bytes]
BLOCK = 1  # the checkpoint that a block holds as well; later stages have their tokens alone
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
# A block of a quarter of a million hashes: that seldom does a changed bit of its header pass.
BITS = 0x1E3FFFFF
EASIEST = chain.easiest(BITS)
GAP_INFO: dict[str, int | str] = {"reason": "sleep", "ms": 60_000}


def drawing(strokes: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a canvas of 48 x 36 that grows by circles."""
    canvas = np.full((36, 48, 3), 255, np.uint8)
    rng = np.random.default_rng(7)
    for _ in range(strokes):
        x, y, r = (int(rng.integers(4, high)) for high in (44, 32, 12))
        cv2.circle(canvas, (x, y), r, tuple(int(v) for v in rng.integers(0, 200, 3)), 1)
    return canvas


def png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Return the PNG of a canvas."""
    return bytes(cv2.imencode(".png", pixels)[1])


def ask(folder: Path, data: bytes) -> bytes:
    """Return a token over `data` of the `openssl ts` authority in `folder`, as the program would keep it."""
    return rfc3161.normal_form(demo.reply(folder, rfc3161.build_request(data)))


def held(data: bytes, seconds: int, bits: int = BITS) -> tuple[bytes, bytes]:
    """Return a proof that `data` is in a block of that time, mined here, and the block's header."""
    calendar = chain.Calendar(chain.Chain())
    calendar.chain.bits = bits
    digest = sha256(data).digest()
    promised = ots.read_reply(calendar.submit(digest), digest)[0]
    calendar.mine(seconds)
    reached = ots.read_reply(calendar.done[promised.message], promised.message)[0]
    raw = ots.write_file(digest, (*promised.steps, *reached.steps), reached.end)
    return raw, calendar.chain.headers[-1]


def mined(checkpoint: StoredCheckpoint) -> StoredProof:
    """Return the proof, as it is stored, that a checkpoint is in a block of now."""
    raw, header = held(checkpoint.note, int(time.time()))
    block = bitcoin.read(header, easiest=EASIEST)
    return StoredProof(checkpoint.number, raw, header, block.low, block.high)


def sealed(contents: Mapping[str, bytes], key: Ed25519PrivateKey = KEY) -> Contents:
    """List and sign the files anew, as the key's holder can; a token over the list does not fit any more."""
    out = {name: body for name, body in contents.items() if name not in layout.UNLISTED}
    manifest = "".join(f"{sha256(out[name]).hexdigest()}  {name}\n" for name in sorted(out)).encode()
    return out | {layout.MANIFEST: manifest, layout.SIGNATURE: key.sign(manifest)}


def is_free(name: str) -> bool:
    """Say whether a file is the key holder's own statement: no rule binds its bytes, or not all of them.

    Of the finding and the roots their form is bound, of all others nothing.
    """
    for_people = {layout.PAGE, layout.README, layout.VERIFIER, layout.REPORT, layout.CUSTODY, *layout.FORMS}
    stated = for_people | {layout.METHOD, layout.FINDING}
    return name in stated or name.startswith("trust/") or bool(layout.COMPARED_FILE.fullmatch(name))


def pack(
    contents: Mapping[str, bytes],
    *,
    names: list[str] | None = None,
    local: Callable[[str, dict[str, int]], None] | None = None,
    central: Callable[[str, dict[str, int]], None] | None = None,
    end: Callable[[dict[str, int]], None] | None = None,
) -> bytes:
    """Return the one form of ZIP, with what the three functions change in its headers; `names` gives the order."""
    parts, directory, offset = [], [], 0
    for name in names or sorted(contents):
        body, raw = contents[name], name.encode()
        head = {
            "version": 20,
            "flags": 0,
            "method": 0,
            "time": 0,
            "date": 33,
            "crc": zlib.crc32(body),
            "packed": len(body),
            "size": len(body),
            "name": len(raw),
            "extra": 0,
        }
        first, second = (
            dict(head),
            dict(head)
            | {
                "made": 20 | 3 << 8,
                "comment": 0,
                "disk": 0,
                "internal": 0,
                "mode": 0o100644 << 16,
                "offset": offset,
            },
        )
        if local:
            local(name, first)
        if central:
            central(name, second)
        parts.append(b"PK\x03\x04" + struct.pack("<5H3L2H", *(first[key] for key in head)) + raw + body)
        offset += len(parts[-1])
        made = struct.pack("<H", second["made"]) + struct.pack("<5H3L2H", *(second[key] for key in head))
        tail = struct.pack(
            "<3H2L", *(second[key] for key in ("comment", "disk", "internal", "mode", "offset"))
        )
        directory.append(b"PK\x01\x02" + made + tail + raw)
    last = {"disk": 0, "start": 0, "here": len(directory), "all": len(directory)}
    last |= {"size": sum(map(len, directory)), "offset": offset, "comment": 0}
    if end:
        end(last)
    return b"".join((*parts, *directory, b"PK\x05\x06" + struct.pack("<4H2LH", *last.values())))


@dataclass
class Scene:
    """Everything an attacker may start from. `evil` has the same names as `honest`, `other` is honest but not pinned."""

    folder: Path
    honest: Path
    evil: Path
    other: Path
    contents: Contents = field(default_factory=dict)

    @property
    def trust(self) -> Trust:
        """Return the trust in the honest authority alone."""
        return Trust().with_roots((self.honest / "root.pem").read_bytes(), "local")

    def bare(self) -> Contents:
        """Return the package without the token over its list, signed anew: what the key's holder starts from."""
        return sealed(self.contents)


def make(folder: Path) -> Scene:
    """Record, stamp, compare and export one session in `folder`."""
    scene = Scene(folder, folder / "honest", folder / "evil", folder / "other")
    for place in (scene.honest, scene.evil, scene.other):
        demo.create(place)
    trust = scene.trust
    store = SqliteStore(folder / "sakigake.db")
    ledger = Ledger.start(store, KEY, "screen")
    session = ledger.session

    def seal(*places: Path) -> None:
        checkpoint = ledger.checkpoint([])
        assert checkpoint
        for place in places:
            raw = ask(place, checkpoint.note)
            read = rfc3161.read_token(raw, checkpoint.note, trust, open_chain=True)
            trusted = read.authority is not None
            kept = StoredToken(
                checkpoint.number,
                "local" if trusted else "other",
                raw,
                sha256(raw).digest(),
                read.low,
                read.high,
                trusted,
            )
            store.add_token(session.id, kept)
        if checkpoint.number == BLOCK:
            store.add_proof(session.id, mined(checkpoint))

    seal(scene.honest)
    numbers = []
    for number in range(5):
        pixels = drawing(5 * (number + 1))
        body = png(pixels)
        digest = sha256(body).hexdigest()
        path = folder / "pictures" / digest[:2] / f"{digest}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        shown = Picture(digest, pixel_digest_v1(pixels), pixels.shape[1], pixels.shape[0])
        large = cv2.resize(pixels, (480, 360), interpolation=cv2.INTER_NEAREST)
        prints = Fingerprint(VERSION, fingerprint_v2(np.asarray(large, np.uint8)))
        numbers.append(ledger.append(EntryType.STAGE, _info(store, session.id, number), shown, prints).seq)
        if number == 1:
            ledger.append(EntryType.PAUSE, {"reason": "asked"})
            ledger.append(EntryType.RESUME, {"ms": 1000})
        if number == 2:
            ledger.append(EntryType.GAP, GAP_INFO)
        seal(*((scene.honest, scene.other) if number % 2 else (scene.honest,)))
    ledger.append(EntryType.SESSION_END)
    seal(scene.honest)
    bounds = entry_bounds(store, session.id, numbers)
    draft = Interval(None, bounds[numbers[0]].hull(bounds[numbers[2]]).not_after)
    assert draft.not_after
    post = folder / "post.png"
    post.write_bytes(png(drawing(12)))
    later = draft.not_after + timedelta(hours=1)
    found = Finding(
        session=session.id,
        order=Order.DRAFT_FIRST,
        order_reason="",
        likeness=Likeness.STRONG,
        likeness_reason="",
        post=Interval(later, later + timedelta(minutes=1)),
        draft=draft,
        claimed=None,
        stage=numbers[1],
        first_stage=numbers[0],
        last_stage=numbers[2],
        view="full",
        compared=5,
        post_digest=sha256(post.read_bytes()).hexdigest(),
    )
    asks = [partial(ask, place) for place in (scene.honest, scene.other)]
    package.export(
        store,
        session,
        key=KEY,
        pictures=folder / "pictures",
        trust=trust,
        out=folder / "pack.zip",
        chosen=numbers[:4],
        post=package.Post(post, "png", found),
        stamp=lambda manifest: ask(scene.honest, manifest),
        paper=attack_full.paper(attack_full.kept(folder, KEY, post.read_bytes(), asks)),
    )
    store.close()
    archive = container.open_container(folder / "pack.zip")
    scene.contents = {name: container.read(archive, name, 1 << 26) for name in archive.names()}
    assert pack(scene.contents) == (folder / "pack.zip").read_bytes()
    return scene


def _info(store: SqliteStore, session: str, number: int) -> dict[str, int | str]:
    """Return what the entry of a stage says; from the third on it names a token as `still`."""
    token = store.newest_token(session)
    return {"still": token.hex()} if token and number > 1 else {"changed_ppm": 9000}


class Hand:
    """A package made by hand: consistent and signed whatever it states, as an attacker who holds the key makes it."""

    def __init__(self, key: Ed25519PrivateKey = KEY, **info: int | str) -> None:
        self.key = key
        self.raws: list[bytes] = []
        self.after: str | None = None
        self.files: Contents = {}
        self.notes: list[bytes] = []
        self._tokens = 0
        self.add(EntryType.SESSION_START, info={"key": key.public_key().public_bytes_raw().hex(), **info})

    @property
    def leaves(self) -> list[bytes]:
        """Return the leaf hashes so far."""
        return [merkle.leaf_hash(raw) for raw in self.raws]

    def add(self, kind: EntryType, change: Mapping[str, Any] | None = None, **more: Any) -> int:
        """Write the next entry; `change` puts values into the finished entry. Returns its number."""
        prev = merkle.leaf_hash(self.raws[-1]).hex() if self.raws else ZERO_LEAF
        fields = {"wall": 1_800_000_000_000, "mono": 1000, "boot": "0" * 16, "after": self.after, **more}
        raw = write_entry(seq=len(self.raws), kind=kind, prev=prev, **fields)
        if change:
            raw = canonical(json.loads(raw) | dict(change))
        self.raws.append(raw)
        return len(self.raws) - 1

    def stage(self, strokes: int = 5, change: Mapping[str, Any] | None = None) -> int:
        """Write a stage and disclose it."""
        pixels = drawing(strokes)
        body = png(pixels)
        opening = open_picture(Picture(sha256(body).hexdigest(), pixel_digest_v1(pixels), 48, 36))
        seq = self.add(EntryType.STAGE, change, commit=sha256(opening).hexdigest())
        self.files[layout.stage(seq, "open.json")] = opening
        self.files[layout.stage(seq, "png")] = body
        return seq

    def seal(self, **change: Any) -> bytes:
        """Sign a checkpoint over the entries so far; `change` gives other values than the true ones."""
        leaves = self.leaves
        events = sum(b'"type":"stage"' not in raw for raw in self.raws)
        stated: dict[str, Any] = {
            "ledger": leaves[0].hex()[:32],
            "size": len(leaves),
            "root": merkle.root(leaves),
            "prev": sha256(self.notes[-1]).hexdigest() if self.notes else None,
            "after": self.after,
            "events": events,
        } | change
        self.notes.append(note.sign(note.Checkpoint(**stated), self.key))
        self._tokens = 0
        return self.notes[-1]

    def token(self, raw: bytes, *, name_it: bool = True) -> None:
        """Put a token over the last checkpoint into the package; later entries name it."""
        self._tokens += 1
        self.files[layout.token(len(self.notes) - 1, self._tokens)] = raw
        if name_it:
            self.after = sha256(raw).hexdigest()

    def contents(self) -> Contents:
        """Return the package, listed and signed."""
        leaves = self.leaves
        public = self.key.public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        files: Contents = {
            layout.LEAVES: "".join(f"{leaf.hex()}\n" for leaf in leaves).encode(),
            layout.EVENTS: b"".join(raw + b"\n" for raw in self.raws if b'"type":"stage"' not in raw),
            layout.PUBLIC: f"{public.public_bytes_raw().hex()}\n".encode(),
            layout.PUBLIC_PEM: pem,
            layout.PAGE: b"<p>page</p>\n",
            layout.README: b"read me\n",
        }
        for number, each in enumerate(self.notes):
            files[layout.checkpoint(number)] = each
        for seq in {int(name[7:13]) for name in self.files if name.startswith("stages/")}:
            files[layout.stage(seq, "entry.json")] = self.raws[seq]
            files[layout.stage(seq, "proof.txt")] = proof.write(seq, leaves, self.notes[-1])
        return sealed(files | self.files, self.key)


def authority(path: Path, name: str) -> Authority:
    """Return an authority by its root, as a verifier would pin it."""
    found = Trust().with_roots(path.read_bytes(), name).get(name)
    assert found
    return found


def restated(contents: Mapping[str, bytes], **change: Any) -> Contents:
    """Return the package with other values in its finding, signed anew by the key's holder."""
    finding = json.loads(contents[layout.FINDING]) | change
    return sealed({**contents, layout.FINDING: canonical(finding)})
