"""Ledger entries and commitments: canonical bytes that are kept and hashed exactly as written.

Only integers, NFC strings (of Unicode 3.2) and flat objects occur, for which `json.dumps` with sorted keys gives RFC 8785 (JCS)
bytes; a test holds it against an independent JCS library.
"""

import json
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sakigake.errors import VerificationError
from sakigake.model import EntryType, Picture
from sakigake.text import is_text

ENTRY_VERSION = 1
SALT_BYTES = 32
ZERO_LEAF = "00" * 32
MAX_INT = 2**53 - 1  # JCS numbers are doubles
MAX_ENTRY_BYTES = 16_384
MAX_LEVELS = 4  # objects in objects, the outermost counted; so that no reader ends at a depth of its own
HEX32 = re.compile(r"[0-9a-f]{64}")
BOOT = re.compile(r"[0-9a-f]{16}")
_TYPES = [kind.value for kind in EntryType]  # a list: what is looked up may be unhashable
INFO_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")

Info = dict[str, int | str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One parsed entry. `wall` in ms since 1970 as the PC's clock claimed, `mono` in ms since boot."""

    seq: int
    type: EntryType
    wall: int
    mono: int
    boot: str
    prev: str
    salt: str
    after: str | None
    commit: str | None
    fp: str | None
    info: Info


def canonical(value: dict[str, Any]) -> bytes:
    """Return RFC 8785 bytes of an object with ASCII keys, integers, NFC strings and such objects inside.

    Raises ValueError for anything else: floats, lone surrogates, integers that a double cannot carry, a fifth level.
    """
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _check(value: object, level: int = 1) -> None:
    if isinstance(value, dict):
        if level > MAX_LEVELS:
            raise ValueError("objects lie too deep")
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise ValueError("keys are ASCII strings")
            _check(inner, level + 1)
    elif isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
        if not is_text(value):
            raise ValueError("strings are NFC, of characters of Unicode 3.2")
    elif not (type(value) is int and abs(value) <= MAX_INT):
        raise ValueError("numbers are integers below 2^53")


def parse_canonical(raw: bytes, what: str) -> dict[str, Any]:
    """Read bytes that `canonical` wrote; raises VerificationError unless writing them again gives the same bytes."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_float=_refuse, parse_constant=_refuse)
        if isinstance(value, dict) and canonical(value) == raw:
            return value
    except (ValueError, RecursionError):
        pass
    raise VerificationError("evidence-not-canonical", what=what)


def _refuse(literal: str) -> float:
    raise ValueError(literal)


def write_entry(
    *,
    seq: int,
    kind: EntryType,
    wall: int,
    mono: int,
    boot: str,
    prev: str,
    after: str | None = None,
    commit: str | None = None,
    fp: str | None = None,
    info: Info | None = None,
) -> bytes:
    """Return the bytes of a new entry, with a fresh salt that hides what its leaf hash stands for."""
    entry: dict[str, Any] = {
        "v": ENTRY_VERSION,
        "seq": seq,
        "type": kind.value,
        "wall": wall,
        "mono": mono,
        "boot": boot,
        "prev": prev,
        "salt": secrets.token_hex(SALT_BYTES),
    }
    optional: dict[str, Any] = {"after": after, "commit": commit, "fp": fp, "info": info or None}
    entry |= {key: value for key, value in optional.items() if value is not None}
    return canonical(entry)


def parse_entry(raw: bytes, what: str = "entry") -> Entry:
    """Read one entry strictly; raises VerificationError for any field that is missing, odd or unknown."""
    if len(raw) > MAX_ENTRY_BYTES:
        raise VerificationError("evidence-too-large", what=what)
    value = parse_canonical(raw, what)
    required = {"v", "seq", "type", "wall", "mono", "boot", "prev", "salt"}
    known = required | {"after", "commit", "fp", "info"}
    info = value.get("info", {})
    digests = [value.get(key) for key in ("prev", "salt", "after", "commit", "fp") if key in value]
    well_formed = (
        required <= set(value) <= known
        and value["v"] == ENTRY_VERSION
        and all(type(value[key]) is int and value[key] >= 0 for key in ("seq", "wall", "mono"))
        and value["type"] in _TYPES
        and isinstance(value["boot"], str)
        and BOOT.fullmatch(value["boot"])
        and all(isinstance(digest, str) and HEX32.fullmatch(digest) for digest in digests)
        and isinstance(info, dict)
        and ("info" not in value or info)
        and all(INFO_KEY.fullmatch(key) and type(inner) in (int, str) for key, inner in info.items())
    )
    if not well_formed:
        raise VerificationError("evidence-malformed", what=what)
    return Entry(
        seq=value["seq"],
        type=EntryType(value["type"]),
        wall=value["wall"],
        mono=value["mono"],
        boot=value["boot"],
        prev=value["prev"],
        salt=value["salt"],
        after=value.get("after"),
        commit=value.get("commit"),
        fp=value.get("fp"),
        info=info,
    )


def open_picture(picture: Picture) -> bytes:
    """Return the opening of a picture's commitment; the commitment is the SHA-256 of these bytes.

    A plain hash of a salted text, so that `sha256sum` alone can check it.
    """
    return canonical(
        {
            "v": 1,
            "file": picture.file,
            "pixels": picture.pixels,
            "width": picture.width,
            "height": picture.height,
            "salt": secrets.token_hex(SALT_BYTES),
        }
    )


def parse_picture(raw: bytes, what: str = "opening") -> Picture:
    """Read the opening of a picture strictly; raises VerificationError."""
    value = parse_canonical(raw, what)
    if not (
        set(value) == {"v", "file", "pixels", "width", "height", "salt"}
        and value["v"] == 1
        and all(type(value[key]) is int and 0 < value[key] < 1 << 20 for key in ("width", "height"))
        and all(_is_digest(value[key]) for key in ("file", "pixels", "salt"))
    ):
        raise VerificationError("evidence-malformed", what=what)
    return Picture(value["file"], value["pixels"], value["width"], value["height"])


def open_fingerprint(version: str, fingerprint: bytes) -> bytes:
    """Return the opening of a fingerprint's commitment: which algorithms, the digest of their bytes, a salt."""
    return canonical(
        {
            "v": 1,
            "version": version,
            "digest": sha256(fingerprint).hexdigest(),
            "salt": secrets.token_hex(SALT_BYTES),
        }
    )


def parse_fingerprint(raw: bytes, what: str = "fingerprint") -> tuple[str, str]:
    """Read the opening of a fingerprint strictly; returns (version, digest), raises VerificationError."""
    value = parse_canonical(raw, what)
    if not (
        set(value) == {"v", "version", "digest", "salt"}
        and value["v"] == 1
        and isinstance(value["version"], str)
        and all(_is_digest(value[key]) for key in ("digest", "salt"))
    ):
        raise VerificationError("evidence-malformed", what=what)
    return value["version"], value["digest"]


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and HEX32.fullmatch(value) is not None
