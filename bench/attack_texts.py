"""The structured attacks of `bench.attack` on keys, signed notes, lists, records and proofs, byte by byte."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

from bench.attack_scene import KEY, Contents, Scene, pack, sealed
from sakigake.evidence import layout

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
Attack = tuple[Any, ...]


def cases(scene: Scene) -> Iterator[Attack]:
    """Yield (name, how it is made)."""
    yield from _keys(scene)
    yield from _texts(scene)


def _packed(contents: Contents) -> Callable[[], bytes]:
    return lambda: pack(contents)


def _keys(scene: Scene) -> Iterator[Attack]:
    """Yield signatures and keys of Ed25519 that mean something else to a careless verifier."""
    bare = scene.bare()
    signature = bare[layout.SIGNATURE]
    low = int.from_bytes(signature[32:], "little")
    for times in (1, 2, 7):
        moved = signature[:32] + (low + times * ED25519_ORDER).to_bytes(32, "little")
        yield f"key: S plus {times} times the order", _packed({**bare, layout.SIGNATURE: moved})
    p = 2**255 - 19
    eight = 2707385501144840649318225287225658788936804267575313519463743609750303402022
    small = {
        "identity": 1,
        "order 2": p - 1,
        "order 4": 0,
        "identity, not reduced": p + 1,
        "all ones": 2**255 - 1,
    }
    for name, y in {**small, "order 8, as printed elsewhere": eight}.items():
        yield f"key: small order, {name}", lambda y=y: pack(_weak_key(scene, y.to_bytes(32, "little")))
    note = bare[layout.checkpoint(0)]

    def put(name: str, changed: bytes) -> Attack:
        assert changed != note
        return f"note: {name}", _packed(sealed({**bare, layout.checkpoint(0): changed}))

    head, tail = note.split("\n— ".encode())
    line = "— ".encode() + tail
    yield put("two signatures", head + b"\n" + line + line)
    yield put("no signature", head + b"\n")
    yield put("name of another key", note.replace(b"sakigake/", b"sakigaki/"))
    yield put("line added", head[:-1] + b"\nextra line\n\n" + line)
    yield put("hyphen instead of the dash", note.replace("— ".encode(), b"- "))
    yield put("carriage returns", note.replace(b"\n", b"\r\n"))
    yield put("byte order mark", b"\xef\xbb\xbf" + note)
    yield put("no last line end", note[:-1])
    yield put("size with a zero before it", note.replace(b"\n1\n", b"\n01\n"))
    yield put("key id of another key", note[:-92] + b"AAAA" + note[-88:])
    yield put("base64 with other unused bits", note[:-3] + bytes((note[-3] + 1,)) + note[-2:])


def _weak_key(scene: Scene, public: bytes) -> Contents:
    """Return a package under a key of small order, where R = identity and S = 0 may pass as a signature."""
    contents = scene.bare()
    weak = bytes((1,)) + bytes(31) + bytes(32)
    prefix = bytes.fromhex("302a300506032b6570032100")
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(prefix + public).decode()}\n-----END PUBLIC KEY-----\n"
    contents[layout.PUBLIC], contents[layout.PUBLIC_PEM] = public.hex().encode() + b"\n", pem.encode()
    return sealed(contents) | {layout.SIGNATURE: weak}


def _texts(scene: Scene) -> Iterator[Attack]:
    """Yield lists, records and proofs in other writings that mean the same to a careless reader."""
    bare = scene.bare()
    raw = bare[layout.MANIFEST]
    lines = raw.splitlines(keepends=True)
    writings = {
        "carriage returns": raw.replace(b"\n", b"\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + raw,
        "capital digits": raw.upper(),
        "binary mode": raw.replace(b"  ", b" *"),
        "other order": b"".join(reversed(lines)),
        "line twice": lines[0] + raw,
        "path with a dot": raw.replace(b"  index", b"  ./index"),
        "escaped name": b"\\" + raw,
        "no last line end": raw[:-1],
        "empty line": raw + b"\n",
        "zero byte": raw[:-1] + b"\0\n",
        "file not there": raw + b"0" * 64 + b"  zzz.txt\n",
        "nothing": b"",
        "not UTF-8": raw + b"\xff\xfe\n",
        "list in the list": raw + b"0" * 64 + b"  SHA256SUMS\n",
    }
    for name, text in writings.items():
        yield f"list: {name}", _packed({**bare, layout.MANIFEST: text, layout.SIGNATURE: KEY.sign(text)})
    opening = bare[layout.stage(1, "open.json")]
    jsons = {
        "spaces": opening.replace(b":", b": "),
        "key twice": opening.replace(b'"v":1', b'"v":1,"v":1'),
        "1.0": opening.replace(b'"v":1', b'"v":1.0'),
        "1e0": opening.replace(b'"v":1', b'"v":1e0'),
        "infinity": opening.replace(b'"v":1', b'"v":Infinity'),
        "minus zero": opening.replace(b'"width":48', b'"width":-0'),
        "escaped letter": opening.replace(b'"file"', b'"\\u0066ile"'),
        "other order": b'{"v":1,' + opening.replace(b',"v":1', b"")[1:],
        "list": b"[" + opening + b"]",
        "nothing": b"",
        "byte order mark": b"\xef\xbb\xbf" + opening,
    }
    for name, text in jsons.items():
        assert text != opening, name
        yield f"json: {name}", _packed(sealed({**bare, layout.stage(1, "open.json"): text}))
    proof = bare[layout.stage(1, "proof.txt")]
    path = proof.splitlines(keepends=True)
    proofs = {
        "another number": proof.replace(b"index 1\n", b"index 2\n"),
        "path too short": b"".join([*path[:2], *path[3:]]),
        "path too long": b"".join([*path[:3], path[2], *path[3:]]),
        "path in another order": b"".join([*path[:2], path[3], path[2], *path[4:]]),
        "number with a zero": proof.replace(b"index 1\n", b"index 01\n"),
        "another checkpoint": proof.replace(bare[layout.checkpoint(6)], bare[layout.checkpoint(5)]),
        "64 hashes": b"".join([*path[:2], *[path[2]] * 64, *path[-8:]]),
    }
    for name, text in proofs.items():
        assert text != proof, name
        yield f"proof: {name}", _packed(sealed({**bare, layout.stage(1, "proof.txt"): text}))
