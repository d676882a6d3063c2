"""Make the conformance vectors that `sakigake selftest` checks: config/vectors-v1.json.

    python -m bench.make_vectors

Everything is fixed but the time token, which is asked of a throw-away authority of `openssl ts` and so differs in each
run; there is no reason to run this again unless the format changes.
"""

import base64
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from bench import attack_chains, chain
from desk.demo import authority as demo
from sakigake.anchor import ots, rfc3161
from sakigake.anchor.trust import Trust
from sakigake.clock import to_ms
from sakigake.fingerprint.vector import V1, VERSION, fingerprint_v1, fingerprint_v2, pixel_digest_v1
from sakigake.timeline import merkle, note
from sakigake.timeline.entry import canonical
from tests.fingerprint.pictures import face, rings
from tests.peers import forge

OUT = Path(__file__).resolve().parents[1] / "config" / "vectors-v1.json"
# Headers of blocks 0, 100000, 125552 and 840000 of the main chain; only the last has work above the floor.
MAIN_HEADERS = (
    (
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd"
        "7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
    ),
    (
        "0100000050120119172a610421a6c3011dd330d9df07b63616c2cc1f1cd00200000000006657a925"
        "2aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f337221b4d4c86041b0f2b5710"
    ),
    (
        "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2"
        "fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695"
    ),
    (
        "00e05f2aab948491071265ad552351d0ad625745668da54b0172010000000000000000004f89a5d7"
        "3bd4d4887f25981fe81892ccafda10c27f52d6f3dd28183a7c411b03b7072366194203177d9863ea"
    ),
)
BLOCK_BITS = 0x1E00FFFF  # 16 million hashes
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33)


def b64(raw: bytes) -> str:
    """Return base64."""
    return base64.b64encode(raw).decode()


def json_vectors() -> dict[str, Any]:
    """Return objects with their one form, and texts (base64) that are refused."""
    accepted: list[dict[str, Any]] = [
        {},
        {"b": 1, "a": 2, "A": 3, "_": 4, "1": 5},
        {"n": 0, "low": -(2**53 - 1), "high": 2**53 - 1},
        {"text": 'quote " slash / back \\ tab \t line \n bell \u0007 del \u007f'},
        {"text": "先駆け é 𠮷 \u2028"},
        {"outer": {"z": "1", "a": {"inner": 1}}},
    ]
    refused = [
        b'{"a":1.0}',
        b'{"a":1e0}',
        b'{"a":-0}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":01}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":true}',
        b'{"a":null}',
        b'{"a":[]}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        '{"a":"e\u0301"}'.encode(),
        '{"\u00e9":1}'.encode(),
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        b'{"a":1}\n',
        b"[]",
        b"",
    ]
    return {
        "accepted": [{"value": value, "canonical": b64(canonical(value))} for value in accepted],
        "refused": [b64(raw) for raw in refused],
    }


def tree_vectors() -> dict[str, Any]:
    """Return leaves and roots for growing sizes, and an audit path of every leaf of some."""
    entries = [f"entry {number}".encode() for number in range(max(SIZES))]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    return {
        "entries": "the texts `entry 0`, `entry 1` …",
        "leaves": [leaf.hex() for leaf in leaves],
        "roots": {str(size): merkle.root(leaves[:size]).hex() for size in SIZES},
        "proofs": [
            {
                "size": size,
                "index": at,
                "path": [node.hex() for node in merkle.inclusion_proof(at, leaves[:size])],
            }
            for size in (1, 5, 8, 33)
            for at in sorted({0, size // 2, size - 1})
        ],
    }


def note_vectors() -> dict[str, Any]:
    """Return a key, checkpoints with their signed notes, and notes that are refused."""
    seed = bytes(range(32))
    key = Ed25519PrivateKey.from_private_bytes(seed)
    root = sha256(b"root").digest()
    stated = [
        note.Checkpoint("ab" * 16, 7, root, None, None),
        note.Checkpoint("ab" * 16, 7, root, "cd" * 32, "ef" * 32, 3),
    ]
    notes = [note.sign(each, key) for each in stated]
    last = notes[-1]
    head, line = last.split(b"\n\n")
    refused = {
        "size changed": last.replace(b"\n7\n", b"\n8\n"),
        "no signature": head + b"\n\n",
        "two signatures": last + line,
        "carriage returns": last.replace(b"\n", b"\r\n"),
        "key id of another key": last[:-92] + (b"AAAA" if last[-92:-88] != b"AAAA" else b"BBBB") + last[-88:],
        "line added": last.replace(b"\n\n", b"\nmore\n\n"),
        "leading zero": last.replace(b"\n7\n", b"\n07\n"),
    }
    return {
        "seed": seed.hex(),
        "public": key.public_key().public_bytes_raw().hex(),
        "accepted": [
            {
                "ledger": each.ledger,
                "size": each.size,
                "root": each.root.hex(),
                "events": each.events,
                "prev": each.prev,
                "after": each.after,
                "note": b64(raw),
            }
            for each, raw in zip(stated, notes, strict=True)
        ],
        "refused": {name: b64(raw) for name, raw in refused.items()},
        "unsound_keys": [
            each.to_bytes(32, "little").hex()
            for each in (
                0,
                1,
                2**255 - 20,
                2**255 - 18,
                2**255 - 1,
                2707385501144840649318225287225658788936804267575313519463743609750303402022,
            )
        ],
    }


def token_vectors() -> dict[str, Any]:
    """Return a token with its bounds, changes of it that are refused, and intervals from several tokens."""
    data = b"sakigake conformance vector 1\n"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        demo.create(place, "accuracy = secs:1, millisecs:500, microsecs:100")
        raw = rfc3161.normal_form(demo.reply(place, rfc3161.build_request(data)))
        root = (place / "root.pem").read_bytes()
    reading = rfc3161.read_token(raw, data, Trust().with_roots(root, "vectors"))
    assert reading.authority
    at = list(range(0, len(raw), max(1, len(raw) // 60)))
    return {
        "root": root.decode(),
        "data": b64(data),
        "token": b64(raw),
        "low": to_ms(reading.low),
        "high": to_ms(reading.high),
        "refused_bits": [[place, place % 8] for place in at],
        "bounds": {
            "tokens": {
                "a": [1, 1000, 2000],
                "b": [4, 5000, 6000],
                "c": [8, 4000, 5500],
                "d": [8, 9000, 9500],
            },
            "afters": [[1, "a"], [2, None], [4, "b"], [6, "c"], [7, "unknown"]],
            "intervals": intervals(
                {
                    "0": (None, 2000),
                    "1": (1000, 5500),
                    "3": (1000, 5500),
                    "5": (5000, 5500),
                    "7": (5000, 5500),
                    "8": (5000, None),
                }
            ),
            "stills": [
                [4, "a", "b", 1000],
                [4, "b", "b", 5000],
                [8, "c", "b", 4000],
                [9, "d", "d", 9000],
                [8, "b", "c", None],
                [3, "b", "b", None],
                [9, "d", "b", None],
                [8, "unknown", "b", None],
                [8, "a", "unknown", None],
                [8, "a", None, None],
            ],
        },
    }


def chain_vectors() -> list[dict[str, Any]]:
    """Return tokens of signers below many kinds of chains: whether each is counted, only read, or refused (None)."""
    data = b"sakigake conformance vector 2\n"
    rows: list[dict[str, Any]] = []
    for name, right, links in attack_chains.variants():
        carried = tuple(forge.der(one) for one in (links.leaf, *links.above[:-1]))
        raw = forge.forge(forge.Plan(links, data=data).but(certificates=carried))
        root = links.root.public_bytes(Encoding.PEM)
        counted: bool | None = right == attack_chains.SOUND
        if right == ("FAILED",):
            counted = None
        rows.append(
            {"name": name, "root": root.decode(), "data": b64(data), "token": b64(raw), "counted": counted}
        )
    return rows


def intervals(ends: dict[str, tuple[int | None, int | None]]) -> dict[str, Sequence[int | None]]:
    """Return the intervals as lists, worked out by hand."""
    return {seq: list(pair) for seq, pair in ends.items()}


def block_vectors() -> dict[str, Any]:
    """Return headers of the main chain, and a proof with the header of a block that is mined here: a minute or two."""
    headers = [bytes.fromhex(each) for each in MAIN_HEADERS]
    draw = random.Random(20260101).randbytes
    calendar = chain.Calendar(chain.Chain(entropy=draw), "https://calendar.example")
    calendar.chain.bits = BLOCK_BITS
    data = b"sakigake test vector: a file\n"
    digest = sha256(data).digest()
    hidden = (ots.Step(ots.APPEND, draw(ots.NONCE_BYTES)), ots.HASH)
    message = ots.HASH.apply(hidden[0].apply(digest))
    promised = ots.read_reply(calendar.submit(message), message)[0]
    for _ in range(4):  # others that the calendar puts into the same block
        calendar.submit(draw(32))
    calendar.mine(1_767_225_600)
    reached = ots.read_reply(calendar.done[promised.message], promised.message)[0]
    height = ots.Attestation(ots.Kind.BITCOIN, 840_000)
    raw = ots.write_file(digest, (*hidden, *promised.steps, *reached.steps), height)
    header, easiest = calendar.chain.headers[-1], chain.easiest(BLOCK_BITS)
    block = ots.confirm(raw, digest, header, easiest=easiest)
    return {
        "headers": [
            {"header": each.hex(), "hash": chain.double(each)[::-1].hex(), "counts": each is headers[-1]}
            for each in headers
        ],
        "data": b64(data),
        "pending": ots.write_file(digest, (*hidden, *promised.steps), promised.end).hex(),
        "proof": raw.hex(),
        "header": header.hex(),
        "easiest": f"{easiest:x}",
        "low": to_ms(block.low),
        "high": to_ms(block.high),
    }


def picture_vectors() -> list[dict[str, Any]]:
    """Return pictures as PNG with the digest of their pixels and their fingerprints."""
    found = []
    for name, pixels, version, made in (
        ("face", face(240, 180), V1, fingerprint_v1),
        ("rings", rings(160, 120), V1, fingerprint_v1),
        ("face, version 2", face(240, 180), VERSION, fingerprint_v2),
        ("rings, version 2", rings(160, 120), VERSION, fingerprint_v2),
    ):
        png = bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])
        found.append(
            {
                "name": name,
                "png": b64(png),
                "pixels": pixel_digest_v1(pixels),
                "version": version,
                "fingerprint": b64(made(pixels)),
            }
        )
    return found


def main() -> int:
    """Write the file."""
    record = {
        "v": 1,
        "about": "Conformance vectors of the evidence format, version 1: see docs/evidence-format.md. Octets are base64 or hex.",
        "canonical_json": json_vectors(),
        "tree": tree_vectors(),
        "note": note_vectors(),
        "token": token_vectors(),
        "chains": chain_vectors(),
        "block": block_vectors(),
        "pictures": picture_vectors(),
    }
    OUT.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(OUT.name, OUT.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
