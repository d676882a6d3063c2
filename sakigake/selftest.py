"""Does this installation compute what the evidence format says? The shipped conformance vectors, part by part.

The vectors are plain data (`config/vectors-v1.json`), so that a stranger can hold another implementation against them.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sakigake import resources
from sakigake.anchor import bitcoin, ots
from sakigake.anchor.rfc3161 import read_token
from sakigake.anchor.trust import Trust
from sakigake.clock import from_ms, to_ms
from sakigake.errors import VerificationError
from sakigake.fingerprint.vector import V1, fingerprint_v1, fingerprint_v2, pixel_digest_v1, unpack
from sakigake.model import Interval
from sakigake.timeline import curve, merkle, note
from sakigake.timeline.bounds import TokenTime, bounds, picture_after
from sakigake.timeline.entry import canonical, parse_canonical

VECTORS = "vectors-v1.json"
HEIGHT_BYTES = 3  # at the end of a proof: stated, and bound by nothing but the list of files
# OpenCV 4.10 and 5 round differently when they shrink; scores do not notice differences as small as these.
MIN_COSINE, MAX_TONE, MAX_BITS, MAX_COVERAGE, MAX_CONTRAST = 0.9995, 0.012, 4, 0.012, 0.002


@dataclass(frozen=True, slots=True)
class Part:
    """What came out for one part: how many vectors were tried and the first one that did not hold, if any."""

    name: str
    tried: int
    wrong: str | None


def run(vectors: Mapping[str, Any] | None = None) -> list[Part]:
    """Check every part; `vectors` are the shipped ones when omitted."""
    shipped = json.loads(resources.read_text(VECTORS)) if vectors is None else vectors
    return [_part(name, checks(shipped[table])) for name, (table, checks) in _PARTS.items()]


Check = tuple[str, Callable[[], bool]]


def _part(name: str, checks: Iterator[Check]) -> Part:
    tried = 0
    for label, holds in checks:
        tried += 1
        try:
            good = holds()
        except Exception as error:  # noqa: BLE001 - whatever an odd installation raises is the finding
            return Part(name, tried, f"{label}: {type(error).__name__}")
        if not good:
            return Part(name, tried, label)
    return Part(name, tried, None)


def _refused(read: Callable[[], object]) -> bool:
    try:
        read()
    except VerificationError:
        return True
    return False


def _json(table: Mapping[str, Any]) -> Iterator[Check]:
    for number, row in enumerate(table["accepted"]):
        raw = base64.b64decode(row["canonical"])
        yield f"accepted {number}", partial(_same_json, row["value"], raw)
    for number, text in enumerate(table["refused"]):
        yield (
            f"refused {number}",
            partial(_refused, partial(parse_canonical, base64.b64decode(text), "vector")),
        )


def _same_json(value: dict[str, Any], raw: bytes) -> bool:
    return canonical(value) == raw and parse_canonical(raw, "vector") == value


def _tree(table: Mapping[str, Any]) -> Iterator[Check]:
    leaves = [bytes.fromhex(leaf) for leaf in table["leaves"]]
    for number, leaf in enumerate(leaves):
        yield f"leaf {number}", partial(_equal, merkle.leaf_hash, f"entry {number}".encode(), leaf)
    for size, root in table["roots"].items():
        yield f"root {size}", partial(_equal, merkle.root, leaves[: int(size)], bytes.fromhex(root))
    for row in table["proofs"]:
        yield f"proof {row['index']} of {row['size']}", partial(_proof, leaves, row)


def _equal(function: Callable[[Any], Any], given: object, wanted: object) -> bool:
    return bool(function(given) == wanted)


def _proof(leaves: list[bytes], row: Mapping[str, Any]) -> bool:
    index, size = row["index"], row["size"]
    path = [bytes.fromhex(node) for node in row["path"]]
    made = list(merkle.inclusion_proof(index, leaves[:size])) == path
    root = merkle.root(leaves[:size])
    leads = merkle.root_from_proof(index, size, leaves[index], path) == root
    other = merkle.root_from_proof(index, size, merkle.leaf_hash(b"other"), path) == root
    longer = merkle.root_from_proof(index, size, leaves[index], [*path, root]) == root
    return made and leads and not other and not longer


def _note(table: Mapping[str, Any]) -> Iterator[Check]:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(table["seed"]))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(table["public"]))
    for number, row in enumerate(table["accepted"]):
        stated = note.Checkpoint(
            row["ledger"], row["size"], bytes.fromhex(row["root"]), row["prev"], row["after"], row["events"]
        )
        raw = base64.b64decode(row["note"])
        yield f"signed {number}", partial(_equal, partial(note.sign, key=key), stated, raw)
        yield f"read {number}", partial(_equal, partial(note.verify, public=public), raw, stated)
    for name, text in table["refused"].items():
        yield name, partial(_refused, partial(note.verify, base64.b64decode(text), public))
    for raw in table["unsound_keys"]:
        yield f"key {raw[:8]}", partial(_equal, curve.is_sound, bytes.fromhex(raw), wanted=False)


def _token(table: Mapping[str, Any]) -> Iterator[Check]:
    trust = Trust().with_roots(table["root"].encode(), "vectors")
    data, raw = base64.b64decode(table["data"]), base64.b64decode(table["token"])
    yield "read", partial(_token_times, raw, data, trust, (table["low"], table["high"]))
    yield "other data", partial(_refused, partial(read_token, raw, data + b"x", trust))
    for at, bit in table["refused_bits"]:
        changed = raw[:at] + bytes((raw[at] ^ 1 << bit,)) + raw[at + 1 :]
        yield f"bit {bit} of byte {at}", partial(_refused, partial(read_token, changed, data, trust))


def _chains(table: list[Mapping[str, Any]]) -> Iterator[Check]:
    for row in table:
        yield row["name"], partial(_counted, row)


def _counted(row: Mapping[str, Any]) -> bool:
    """Say whether a token is counted, only read, or refused, as it should be."""
    trust = Trust().with_roots(row["root"].encode(), "vectors")
    read = partial(read_token, base64.b64decode(row["token"]), base64.b64decode(row["data"]), trust)
    if row["counted"] is None:
        return _refused(read)
    return (read().authority == "vectors") is row["counted"]


def _token_times(raw: bytes, data: bytes, trust: Trust, wanted: tuple[int, int]) -> bool:
    reading = read_token(raw, data, trust)
    return reading.authority == "vectors" and (to_ms(reading.low), to_ms(reading.high)) == wanted


def _block(table: Mapping[str, Any]) -> Iterator[Check]:
    for row in table["headers"]:
        yield row["hash"], partial(_header, bytes.fromhex(row["header"]), row)
    raw, header = bytes.fromhex(table["proof"]), bytes.fromhex(table["header"])
    digest = sha256(base64.b64decode(table["data"])).digest()
    confirm = partial(ots.confirm, easiest=int(table["easiest"], 16))
    yield "read", partial(_block_times, partial(confirm, raw, digest, header), (table["low"], table["high"]))
    yield "below the floor", partial(_refused, partial(ots.confirm, raw, digest, header))
    yield "promise", partial(_refused, partial(confirm, bytes.fromhex(table["pending"]), digest, header))
    for at in range(0, len(raw) - HEIGHT_BYTES, 7):
        changed = raw[:at] + bytes((raw[at] ^ 1 << at % 8,)) + raw[at + 1 :]
        yield f"byte {at}", partial(_refused, partial(confirm, changed, digest, header))


def _header(raw: bytes, row: Mapping[str, Any]) -> bool:
    """Say whether a header has its work and its name, and whether that work is enough to count."""
    known = bitcoin.read(raw, easiest=bitcoin.DIFFICULTY_1).name == row["hash"]
    return known and _refused(partial(bitcoin.read, raw)) is not row["counts"]


def _block_times(confirm: Callable[[], bitcoin.Header], wanted: tuple[int, int]) -> bool:
    block = confirm()
    return (to_ms(block.low), to_ms(block.high)) == wanted


def _bounds(table: Mapping[str, Any]) -> Iterator[Check]:
    rows = table["bounds"]
    times = {
        name: TokenTime(size, from_ms(low), from_ms(high))
        for name, (size, low, high) in rows["tokens"].items()
    }
    found = bounds([(seq, after) for seq, after in rows["afters"]], times, map(int, rows["intervals"]))
    for seq, (low, high) in rows["intervals"].items():
        wanted = Interval(None if low is None else from_ms(low), None if high is None else from_ms(high))
        yield f"entry {seq}", partial(_equal, found.get, int(seq), wanted)
    for number, (seq, still, after, low) in enumerate(rows.get("stills", ())):
        yield f"still {number}", partial(_after, seq, still, after, low, times)


def _after(seq: int, still: str, after: str | None, low: int | None, times: Mapping[str, TokenTime]) -> bool:
    return picture_after(seq, still, after, times) == (None if low is None else from_ms(low))


def _pixels(table: list[Mapping[str, Any]]) -> Iterator[Check]:
    for row in table:
        yield row["name"], partial(_same_pixels, row)


def _same_pixels(row: Mapping[str, Any]) -> bool:
    return bool(pixel_digest_v1(_decoded(row)) == row["pixels"])


def _fingerprint(table: list[Mapping[str, Any]]) -> Iterator[Check]:
    for row in table:
        yield row["name"], partial(_alike, row)


def _decoded(row: Mapping[str, Any]) -> Any:
    return cv2.imdecode(np.frombuffer(base64.b64decode(row["png"]), np.uint8), cv2.IMREAD_COLOR)


def _alike(row: Mapping[str, Any]) -> bool:
    made = fingerprint_v1 if row["version"] == V1 else fingerprint_v2
    known, got = unpack(base64.b64decode(row["fingerprint"])), unpack(made(_decoded(row)))
    cosines = [
        float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in (
            (getattr(known, name).astype(np.float64).ravel(), getattr(got, name).astype(np.float64).ravel())
            for name in ("layout", "edges", "gradients")
            if getattr(known, name).size
        )
    ]
    return (
        row["version"] == known.version == got.version
        and min(cosines) > MIN_COSINE
        and float(np.abs(known.thumb - got.thumb).max()) < MAX_TONE
        and int((known.pdq != got.pdq).sum()) <= MAX_BITS
        and abs(known.coverage - got.coverage) < MAX_COVERAGE
        and abs(known.contrast - got.contrast) < MAX_CONTRAST
    )


_PARTS: dict[str, tuple[str, Callable[[Any], Iterator[Check]]]] = {
    "json": ("canonical_json", _json),
    "tree": ("tree", _tree),
    "note": ("note", _note),
    "token": ("token", _token),
    "chains": ("chains", _chains),
    "bounds": ("token", _bounds),
    "block": ("block", _block),
    "pixels": ("pictures", _pixels),
    "fingerprint": ("pictures", _fingerprint),
}
