"""verify.py: checks a package of draft stages. One file; needs Python 3.11 and the package `cryptography` (46 or newer).

    python verify.py pack.zip --trust root.pem [--trust another.pem] [--lang ja|en] [--json]

Prints VERIFIED (exit code 0), INTEGRITY ONLY (7) or FAILED (6); 2 when the package or a root cannot be read.

It is written from the description of the evidence format alone and shares no code with the program that makes the
packages, so that a fault in one does not pass in the other. It opens no socket, decodes no picture and trusts no time
authority but those whose root certificates you give with --trust. A verifier that comes inside a package proves
nothing by itself: its maker could have put another program here. If in doubt take this file from the project.
"""

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import struct
import sys
import unicodedata
import warnings
import zlib
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

try:
    import rfc3161_client
except ImportError:
    SECOND_OPINION = False
else:
    SECOND_OPINION = True

KIB, MIB = 1 << 10, 1 << 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, SKEW, CLOCK_TOLERANCE = timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=120)
DAY = timedelta(days=1)
EXIT = {"VERIFIED": 0, "INTEGRITY ONLY": 7, "FAILED": 6}
TYPES = {
    *(
        "session_start",
        "claim",
        "stage",
        "heartbeat",
        "pause",
        "resume",
        "gap",
        "clock_jump",
        "drop",
        "anchor_fail",
    ),
    *("anchor_resume", "stream_state", "recovered", "key_rotate", "session_end"),
}
HEX = re.compile(r"[0-9a-f]{64}")


class RefusedError(Exception):
    """The package does not hold: `code` says which rule, `where` which file."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(code)
        self.code, self.where = code, where


def refusal(code: str, where: str = "") -> RefusedError:
    """Return the refusal to raise."""
    return RefusedError(code, where)


def need(holds: object, code: str, where: str = "") -> None:
    """Refuse the package unless the rule holds."""
    if not holds:
        raise refusal(code, where)


# ---- files: a folder, or the one form of ZIP ----------------------------------------------------------------------

NAME = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,31}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
ALWAYS = {"SHA256SUMS", "SHA256SUMS.sig", "artist.pub", "artist-pub.pem", "leaves.txt", "events.jsonl"}
ALWAYS |= {"index.html", "READ-ME-FIRST.txt"}
STAGE = re.compile(r"stages/([0-9]{6})\.(entry\.json|proof\.txt|open\.json|png|fp\.json|fp\.bin)")
CHECKPOINT = re.compile(r"anchors/([0-9]{4})\.checkpoint\.txt")
TOKEN = re.compile(r"anchors/([0-9]{4})(?:\.[2-9])?\.tsr")
MORE = re.compile(
    r"verify\.py|trust/[a-z0-9-]{1,48}\.pem|post/picture\.(?:png|jpg|webp|gif)|compare/finding\.json"
)
DRAWN = re.compile(r"compare/[a-z-]{1,32}\.png")
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}
MAX_FILES, MAX_FOLDERS, MAX_FILE, MAX_ZIP = 60_000, 3, 256 * MIB, (1 << 32) - 1


class Files:
    """The files of a package: where the bytes of each name are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[str, tuple[Path, int, int]] = {}  # name -> file, offset, size
        try:
            if path.is_dir():
                self._walk(path, 0)
            else:
                need(path.is_file() and path.stat().st_size <= MAX_ZIP, "not-a-package")
                self._unzip(path)
        except OSError as error:
            raise refusal("unreadable", str(error.strerror)) from error
        need(len({name.lower() for name in self.places}) == len(self.places), "name")
        for name in self.places:
            devices = any(DEVICE.fullmatch(part) for part in name.split("/"))
            need(NAME.fullmatch(name) and not devices, "name", ascii(name)[:80])
        self.names = sorted(self.places)

    def _walk(self, folder: Path, depth: int) -> None:
        need(depth <= MAX_FOLDERS, "name")
        inside = sorted(os.scandir(folder), key=lambda each: each.name)
        need(inside, "extra", folder.name)
        for each in inside:
            need(not each.is_symlink() and len(self.places) < MAX_FILES, "link", ascii(each.name))
            if each.is_dir():
                self._walk(Path(each.path), depth + 1)
            elif each.name not in LITTER:
                size = each.stat().st_size
                need(each.is_file() and size <= MAX_FILE, "link", ascii(each.name))
                self.places[Path(each.path).relative_to(self.path).as_posix()] = (Path(each.path), 0, size)

    def _unzip(self, path: Path) -> None:
        """Rebuild what the whole archive has to be, and compare."""
        directory: list[bytes] = []
        before, at = "", 0
        with path.open("rb") as file:
            while (head := file.read(30))[:4] == b"PK\x03\x04":
                need(len(head) == 30 and len(directory) < MAX_FILES, "not-our-zip")  # noqa: PLR2004 - header size
                crc, packed, size, length = struct.unpack("<14x3LH2x", head)
                raw = file.read(length)
                common = struct.pack("<5H3L2H", 20, 0, 0, 0, 33, crc, size, size, length, 0)
                need(head == b"PK\x03\x04" + common and packed == size <= MAX_FILE, "not-our-zip")
                need(raw.isascii() and (name := raw.decode()) > before, "not-our-zip")
                self.places[name] = (path, at + 30 + length, size)
                running, left = 0, size
                while left:
                    need(chunk := file.read(min(MIB, left)), "damaged", ascii(name)[:80])
                    running, left = zlib.crc32(chunk, running), left - len(chunk)
                need(running == crc, "damaged", ascii(name)[:80])
                fixed = struct.pack("<4s2H", b"PK\x01\x02", 3 << 8 | 20, 20) + common[2:]
                directory.append(fixed + struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, at) + raw)
                before, at = name, at + 30 + length + size
            rest = b"".join(directory)
            count = len(directory)
            rest += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(rest), at, 0)
            need(count and head + file.read(len(rest) + 1) == rest, "not-our-zip")

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file of at most `limit` bytes."""
        need(name in self.places, "missing", name)
        path, offset, size = self.places[name]
        need(size <= limit, "too-large", name)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                raw = file.read(size)
        except OSError as error:
            raise refusal("unreadable", name) from error
        need(len(raw) == size, "damaged", name)
        return raw

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file in hex."""
        return hashlib.sha256(self.read(name, MAX_FILE)).hexdigest()


def check_list(files: Files) -> tuple[bytes, ed25519.Ed25519PublicKey]:
    """Check the signed list of files against the files; return the raw key and the key."""
    for name in sorted(ALWAYS - set(files.names)):
        raise refusal("missing", name)
    manifest, written = files.read("SHA256SUMS", 8 * MIB), files.read("artist.pub", 4 * KIB)
    need(re.fullmatch(rb"[0-9a-f]{64}\n", written), "malformed", "artist.pub")
    raw = bytes.fromhex(written.decode())
    need(sound_key(raw), "key", "artist.pub")
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    verify_note(key, files.read("SHA256SUMS.sig", 4 * KIB), manifest, "SHA256SUMS")
    need(re.fullmatch(rb"(?:[0-9a-f]{64}  [A-Za-z0-9._/-]{1,120}\n)+", manifest), "malformed", "SHA256SUMS")
    rows = [line.split("  ") for line in manifest.decode().splitlines()]
    names = [name for _, name in rows]
    need(names == sorted(set(names)), "malformed", "SHA256SUMS")
    present = set(files.names) - {"SHA256SUMS", "SHA256SUMS.sig", "SHA256SUMS.tsr"}
    for name in sorted(set(names) ^ present):
        raise refusal("missing" if name in names else "extra", name)
    for digest, name in rows:
        need(files.digest(name) == digest, "changed", name)
        known = any(form.fullmatch(name) for form in (STAGE, CHECKPOINT, TOKEN, MORE, DRAWN))
        need(name in ALWAYS or known, "extra", name)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(serialization.Encoding.PEM, form)
    need(files.read("artist-pub.pem", 4 * KIB) == pem, "malformed", "artist-pub.pem")
    return raw, key


def sound_key(raw: bytes) -> bool:
    """Say whether an Ed25519 key is in canonical form and not one of the eight points of small order.

    Under such a point one signature fits any text. Their y is 0, 1, -1 or a root of d y^4 + 2 y^2 - 1 (order 8).
    """
    p = 2**255 - 19
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    d = -121665 * pow(121666, -1, p)
    return y < p and y not in {0, 1, p - 1} and (d * y**4 + 2 * y * y - 1) % p != 0


def verify_note(key: ed25519.Ed25519PublicKey, signature: bytes, text: bytes, where: str) -> None:
    """Check an Ed25519 signature."""
    try:
        key.verify(signature, text)
    except InvalidSignature as error:
        raise refusal("signature", where) from error


# ---- canonical JSON, tree, checkpoints ----------------------------------------------------------------------------


def jcs(value: Any) -> str:
    """Return the RFC 8785 form of integers below 2^53, NFC strings and objects of them with ASCII keys."""
    if isinstance(value, dict):
        need(all(key.isascii() for key in value), "not-canonical")
        return (
            "{"
            + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{jcs(value[key])}" for key in sorted(value))
            + "}"
        )
    if isinstance(value, str):
        need(unicodedata.is_normalized("NFC", value), "not-canonical")
        return json.dumps(value, ensure_ascii=False)
    need(type(value) is int and abs(value) < 1 << 53, "not-canonical")
    return str(value)


def read_json(
    raw: bytes, where: str, *, required: set[str], optional: set[str] | None = None
) -> dict[str, Any]:
    """Read an object whose bytes are canonical and whose keys are those given (`optional` None: any more)."""
    try:
        value = json.loads(raw.decode())
        need(isinstance(value, dict) and jcs(value).encode() == raw, "not-canonical", where)
    except (ValueError, RecursionError) as error:
        raise refusal("not-canonical", where) from error
    fits = required <= set(value) and (optional is None or set(value) <= required | optional)
    need(fits and value["v"] == 1, "malformed", where)
    return dict(value)


def is_digest(value: object) -> bool:
    """Say whether a value is 64 lower-case hex digits."""
    return isinstance(value, str) and HEX.fullmatch(value) is not None


def read_entry(raw: bytes, where: str) -> dict[str, Any]:
    """Read one entry of the ledger by itself."""
    need(len(raw) <= 16 * KIB, "too-large", where)
    required = {"v", "seq", "type", "wall", "mono", "boot", "prev", "salt"}
    entry = read_json(raw, where, required=required, optional={"after", "commit", "fp", "info"})
    info = entry.get("info", {"a": 1})
    need(
        all(type(entry[key]) is int and entry[key] >= 0 for key in ("seq", "wall", "mono")),
        "malformed",
        where,
    )
    digests = [entry[key] for key in ("prev", "salt", "after", "commit", "fp") if key in entry]
    boot = isinstance(entry["boot"], str) and re.fullmatch(r"[0-9a-f]{16}", entry["boot"])
    known = isinstance(entry["type"], str) and entry["type"] in TYPES
    need(boot and known and all(map(is_digest, digests)), "malformed", where)
    need(isinstance(info, dict) and info, "malformed", where)
    for key, value in info.items():
        need(re.fullmatch(r"[a-z][a-z0-9_]{0,31}", key) and type(value) in {int, str}, "malformed", where)
    return entry


def sha(data: bytes) -> bytes:
    """Return the SHA-256."""
    return hashlib.sha256(data).digest()


def grow(stack: list[tuple[int, bytes]], leaf: bytes) -> None:
    """Add a leaf to the complete subtrees (height, root) of a growing tree (RFC 9162 section 2.1)."""
    stack.append((0, leaf))
    while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
        (height, left), (_, right) = stack[-2:]
        stack[-2:] = [(height + 1, sha(b"\1" + left + right))]


def fold(stack: list[tuple[int, bytes]]) -> bytes:
    """Return the root over the complete subtrees of a tree."""
    root = stack[-1][1]
    for _, left in reversed(stack[:-1]):
        root = sha(b"\1" + left + root)
    return root


def climb(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes | None:
    """Return the root an audit path leads to (RFC 9162 section 2.1.3.2), None when its length is wrong."""
    if size == 1:
        return None if path else leaf
    if not path:
        return None
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        below = climb(index, half, leaf, path[:-1])
        return below and sha(b"\1" + below + path[-1])
    below = climb(index - half, size - half, leaf, path[:-1])
    return below and sha(b"\1" + path[-1] + below)


def base64_exact(text: str, where: str) -> bytes:
    """Return the bytes of the only base64 form they have."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise refusal("malformed", where) from error
    need(base64.b64encode(raw).decode() == text, "malformed", where)
    return raw


NOTE = re.compile(
    r"((sakigake/[0-9a-f]{32})\n([1-9][0-9]{0,9})\n([A-Za-z0-9+/]{43}=)\n(?:events ([1-9][0-9]{0,9})\n)?"
    r"(?:prev ([0-9a-f]{64})\n)?(?:after ([0-9a-f]{64})\n)?)\n\u2014 \2 ([A-Za-z0-9+/]{91}=)\n"
)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that holds. `events` is None in ledgers that do not count them."""

    raw: bytes
    size: int
    root: bytes
    events: int | None
    after: str | None


def check_checkpoints(
    files: Files, raw_key: bytes, key: ed25519.Ed25519PublicKey, leaves: list[bytes]
) -> list[Checkpoint]:
    """Check every checkpoint against its signature, the one before it and the leaves."""
    names = [name for name in files.names if CHECKPOINT.fullmatch(name)]
    need(
        names and names == [f"anchors/{i:04d}.checkpoint.txt" for i in range(len(names))],
        "checkpoints",
        "anchors/",
    )
    found: list[Checkpoint] = []
    stack: list[tuple[int, bytes]] = []
    grown = 0
    for name in names:
        raw = files.read(name, 2 * KIB)
        match = NOTE.fullmatch(raw.decode("utf-8", "replace"))
        if match is None:
            raise refusal("malformed", name)
        signed, origin, size, root, events, prev, after, blob = match.groups()
        signature = base64_exact(blob, name)
        verify_note(key, signature[4:], signed.encode(), name)
        need(signature[:4] == sha(origin.encode() + b"\n\1" + raw_key)[:4], "signature", name)
        need(grown < int(size) <= len(leaves) and origin[9:] == leaves[0].hex()[:32], "checkpoints", name)
        need(prev == (sha(found[-1].raw).hex() if found else None), "checkpoints", name)
        for leaf in leaves[grown : int(size)]:
            grow(stack, leaf)
        grown = int(size)
        need(base64_exact(root, name) == fold(stack), "root", name)
        need(events or not found or found[-1].events is None, "checkpoints", name)
        found.append(Checkpoint(raw, grown, fold(stack), int(events) if events else None, after))
    need(grown == len(leaves), "unsealed", "leaves.txt")
    return found


# ---- time tokens: DER, CMS, RFC 3161 ------------------------------------------------------------------------------

BOOL, INT, BITS, OCTETS, OID, GTIME, SEQ, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x18, 0x30, 0x31
NULL, ZERO, ONE = 0x05, 0xA0, 0xA1
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "608648016503040201": hashes.SHA256(),
    "608648016503040202": hashes.SHA384(),
    "608648016503040203": hashes.SHA512(),
}
RSA_PLAIN = bytes.fromhex("300d06092a864886f70d0101010500")
RSA_NAMED = {
    f"2a864886f70d0101{number}": name
    for number, name in (("0b", "sha256"), ("0c", "sha384"), ("0d", "sha512"))
}
ECDSA_NAMED = {f"2a8648ce3d04030{number}": f"sha{bits}" for number, bits in ((2, 256), (3, 384), (4, 512))}
TST_INFO, SIGNED_DATA = "2a864886f70d0109100104", "2a864886f70d010702"
CONTENT_TYPE, MESSAGE_DIGEST, PROTECTION = "2a864886f70d010903", "2a864886f70d010904", "2a864886f70d010934"
ESS = {"2a864886f70d010910020c": "sha1", "2a864886f70d010910022f": "sha256"}
SAN = "2.5.29.17"
GRANTED = {bytes.fromhex("3003020100"), bytes.fromhex("301502010030100c0e") + b"Operation Okay"}
MAX_DEPTH, MAX_CERTIFICATES, MAX_LINKS, MIN_RSA, MAX_SERIAL = 32, 16, 6, 2048, 512
MAX_OID, THOUSAND, VERSION_3 = 128, 1000, 3
OID_FORM = re.compile(rb"(?:(?:[\x81-\xff][\x80-\xff]*)?[\x00-\x7f])+")


@dataclass(frozen=True)
class Item:
    """One DER element: tag, whole bytes, content, parts."""

    tag: int
    raw: bytes
    body: bytes
    parts: tuple["Item", ...]

    def number(self) -> int:
        """Return the value of an INTEGER."""
        return int.from_bytes(self.body, "big", signed=True)


def der(raw: bytes) -> Item:
    """Read exactly one element in DER (X.690 clauses 10 and 11)."""
    item, end = der_at(raw, 0, len(raw), 0)
    need(end == len(raw), "token")
    return item


def der_at(raw: bytes, start: int, limit: int, depth: int) -> tuple[Item, int]:
    """Read the element at `start`; return it and where the next begins."""
    need(start + 2 <= limit and raw[start] & 0x1F != 0x1F and depth <= MAX_DEPTH, "token")  # noqa: PLR2004 - long tag
    tag, size, begin = raw[start], raw[start + 1], start + 2
    if size > 0x7F:  # noqa: PLR2004 - the long form
        count = size - 0x80
        begin += count
        size = int.from_bytes(raw[start + 2 : begin], "big")
        shortest = (size.bit_length() + 7) // 8
        need(begin <= limit and 1 <= count <= 3 and count == shortest and size > 0x7F, "token")  # noqa: PLR2004 - sizes
    end = begin + size
    need(end <= limit, "token")
    parts, at = [], begin
    while tag & 0x20 and at < end:
        part, at = der_at(raw, at, end, depth + 1)
        parts.append(part)
    need(der_canonical(tag, raw[begin:end]), "token")
    return Item(tag, raw[start:end], raw[begin:end], tuple(parts)), end


def der_canonical(tag: int, body: bytes) -> bool:
    """Say whether the content of a universal type is its only form."""
    if tag & 0xE0:
        return bool(tag & 0xC0) or tag in {SEQ, SET}
    if tag in {INT, 0x0A}:
        value = int.from_bytes(body, "big", signed=True)
        return len(body) == (value if value >= 0 else ~value).bit_length() // 8 + 1
    if tag == BITS:
        return body[:1] == b"\0" or (len(body) > 1 and body[0] < 8 and not body[-1] & (1 << body[0]) - 1)  # noqa: PLR2004
    if tag == OID:
        return len(body) <= MAX_OID and OID_FORM.fullmatch(body) is not None
    if tag == BOOL:
        return body in {b"\0", b"\xff"}
    return tag not in {0x00, 0x10, 0x11} and not (tag == NULL and body)


def parts_of(item: Item, *shape: int, open_end: bool = False) -> list[Item | None]:
    """Return the parts of an element, which has the tags of `shape` in order; negative ones may be missing."""
    found: list[Item | None] = []
    at = 0
    for tag in shape:
        here = item.parts[at] if at < len(item.parts) else None
        fits = here is not None and here.tag == abs(tag)
        need(fits or tag < 0, "token")
        found.append(here if fits else None)
        at += fits
    need(open_end or at == len(item.parts), "token")
    return found


def must(item: Item | None, tag: int | None = None) -> Item:
    """Return the element, which must be there and have the tag."""
    if item is None or (tag is not None and item.tag != tag):
        raise refusal("token")
    return item


def only(item: Item | None, tag: int | None = None) -> Item:
    """Return the one part of an element."""
    need(item is not None and len(item.parts) == 1, "token")
    return must(must(item).parts[0], tag)


def all_of(item: Item, tag: int) -> tuple[Item, ...]:
    """Return the parts of an element, all of one tag."""
    need(all(part.tag == tag for part in item.parts), "token")
    return item.parts


def digest_of(algorithm: Item | None) -> hashes.HashAlgorithm:
    """Return the hash an AlgorithmIdentifier names: SHA-256, 384 or 512."""
    name, _ = parts_of(must(algorithm), OID, -NULL)
    need(must(name).body.hex() in DIGESTS, "token-algorithm")
    return DIGESTS[must(name).body.hex()]


@dataclass(frozen=True)
class Carried:
    """A certificate inside a token."""

    raw: bytes
    serial: bytes
    issuer: bytes
    subject: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """Return it as the library reads it."""
        return load_certificate(self.raw)


@lru_cache(maxsize=512)
def load_certificate(raw: bytes) -> x509.Certificate:
    """Read a certificate as a whole, or refuse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = x509.load_der_x509_certificate(raw)
            _ = one.subject, one.issuer, one.extensions, one.public_key(), one.signature_hash_algorithm
            _ = one.not_valid_before_utc, one.not_valid_after_utc
            positive = one.serial_number > 0
    except Exception as error:  # the library has no common base for what a damaged certificate makes it raise
        raise refusal("token-certificate") from error
    need(positive, "token-certificate")
    return one


def carried(item: Item) -> Carried:
    """Read a Certificate (RFC 5280 section 4.1)."""
    inside, outer, signature = parts_of(item, SEQ, SEQ, BITS)
    shape = (-ZERO, INT, SEQ, SEQ, SEQ, SEQ)
    _, serial, inner, issuer, _, subject = parts_of(must(inside), *shape, open_end=True)
    need(must(outer).raw == must(inner).raw and must(signature).body[0] == 0, "token")
    load_certificate(item.raw)
    return Carried(item.raw, must(serial).raw, must(issuer).raw, must(subject).raw)


@lru_cache(maxsize=4096)
def issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    """Say whether `above` issued `below`: the names fit and the signature holds."""
    if below.issuer != above.subject:
        return False
    try:
        below.verify_directly_issued_by(above)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def strong(one: x509.Certificate) -> bool:
    """Say whether a key is RSA of 2048 bits or more, or on a NIST curve of 256 bits or more."""
    key = one.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= MIN_RSA
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in {
        "secp256r1",
        "secp384r1",
        "secp521r1",
    }


def extension(one: x509.Certificate, kind: Any) -> Any:
    """Return an extension of a certificate or None."""
    return next((each for each in one.extensions if isinstance(each.value, kind)), None)


def in_time(one: x509.Certificate, moment: datetime) -> bool:
    """Say whether a certificate was valid."""
    return one.not_valid_before_utc <= moment <= one.not_valid_after_utc


def may_issue(one: x509.Certificate, below: list[x509.Certificate], moment: datetime) -> bool:
    """Say whether a certificate may stand above a chain (RFC 5280 section 6.1)."""
    basic, usage = extension(one, x509.BasicConstraints), extension(one, x509.KeyUsage)
    if basic is None or not basic.value.ca or (usage is not None and not usage.value.key_cert_sign):
        return False
    length = sum(each.subject != each.issuer for each in below[1:])
    if basic.value.path_length is not None and length > basic.value.path_length:
        return False
    return in_time(one, moment) and strong(one)


@dataclass(frozen=True)
class Root:
    """One --trust file: its name, self-issued certificates, and others between."""

    name: str
    roots: tuple[x509.Certificate, ...]
    between: tuple[x509.Certificate, ...]

    def leads_from(self, leaf: x509.Certificate, embedded: list[x509.Certificate], moment: datetime) -> bool:
        """Say whether a chain leads from the signer to one of the roots, shortest chains first."""
        waiting, seen = [[leaf]], {leaf}
        while waiting:
            so_far = waiting.pop(0)
            if so_far[-1].signature_hash_algorithm is None or so_far[
                -1
            ].signature_hash_algorithm.name not in {
                "sha256",
                "sha384",
                "sha512",
            }:
                continue
            if any(may_issue(root, so_far, moment) and issued(so_far[-1], root) for root in self.roots):
                return True
            for one in (*embedded, *self.between):
                purposes = extension(one, x509.ExtendedKeyUsage)
                named = {each.dotted_string for each in purposes.value} if purposes else {"2.5.29.37.0"}
                fits = (
                    len(so_far) < MAX_LINKS
                    and one not in seen
                    and named & {"2.5.29.37.0", "1.3.6.1.5.5.7.3.8"}
                )
                if fits and may_issue(one, so_far, moment) and issued(so_far[-1], one):
                    seen.add(one)
                    waiting.append([*so_far, one])
        return False


@dataclass(frozen=True)
class Token:
    """A token that was read: the checkpoint size it is over, its time, and who stands behind it (None: unknown)."""

    size: int
    low: datetime
    high: datetime
    authority: str | None


def read_token(
    raw: bytes, data: bytes, size: int, roots: list[Root], others: list[x509.Certificate] | None
) -> Token:
    """Read a TimeStampResp over `data`. `others` None: an embedded certificate may have an unknown issuer."""
    need(len(raw) <= 64 * KIB, "too-large")
    response = der(raw)
    status, wrapped = parts_of(response, SEQ, -SEQ)
    need(response.tag == SEQ and wrapped is not None and must(status).raw in GRANTED, "token")
    content, leaf, certificates, hashed = read_signed(must(wrapped))
    low, high, moment = read_info(content, data, leaf)
    one = leaf.certificate
    purposes, usage = extension(one, x509.ExtendedKeyUsage), extension(one, x509.KeyUsage)
    need(purposes and purposes.critical, "token-certificate")
    need([each.dotted_string for each in purposes.value] == ["1.3.6.1.5.5.7.3.8"], "token-certificate")
    signs = usage is None or usage.value.digital_signature or usage.value.content_commitment
    need(signs and strong(one), "token-certificate")
    need(in_time(one, moment), "token-expired")
    embedded = [each.certificate for each in certificates]
    reached, grown = {one}, True
    while grown:
        more = {each for each in embedded for below in reached if issued(below, each)} - reached
        reached, grown = reached | more, bool(more)
    need(reached == set(embedded), "token-certificate")
    pinned = [each for root in roots for each in (*root.roots, *root.between)]
    issuers = [*embedded, *pinned, *(others or [])]
    closed = all(
        each in hashed or any(issued(each.certificate, up) for up in issuers) for each in certificates
    )
    need(closed or others is None, "token-certificate")
    owner = next((root for root in roots if closed and root.leads_from(one, embedded, moment)), None)
    if owner is not None:
        second_opinion(must(wrapped), one, owner, data)
    return Token(size, low, high, owner.name if owner else None)


def read_signed(wrapped: Item) -> tuple[bytes, Carried, list[Carried], list[Carried]]:
    """Read a SignedData of one signer (RFC 5652); return its content, the signer, all certificates, the hashed ones."""
    kind, explicit = parts_of(wrapped, OID, ZERO)
    need(must(kind).body.hex() == SIGNED_DATA, "token")
    version, digests, inner, embedded, signers = parts_of(only(explicit, SEQ), INT, SET, SEQ, -ZERO, SET)
    content_kind, octets = parts_of(must(inner), OID, ZERO)
    need(must(version).number() == VERSION_3 and must(content_kind).body.hex() == TST_INFO, "token")
    content = only(octets, OCTETS).body
    raws = all_of(must(embedded), SEQ)
    need(len({each.raw for each in raws}) == len(raws) <= MAX_CERTIFICATES, "token-certificate")
    certificates = [carried(each) for each in raws]
    shape = (INT, SEQ, SEQ, ZERO, SEQ, OCTETS)
    version, who, digest_item, attributes, algorithm, signature = parts_of(only(signers, SEQ), *shape)
    digest = digest_of(digest_item)
    need(must(version).number() == 1 and digest_of(only(digests, SEQ)).name == digest.name, "token")
    named = read_attributes(must(attributes))
    need(value_of(named, CONTENT_TYPE, OID).body.hex() == TST_INFO, "token")
    stated = value_of(named, MESSAGE_DIGEST, OCTETS).body
    need(stated == hashlib.new(digest.name, content).digest(), "token-signature")
    leaf = next((each for each in certificates if each.issuer + each.serial == must(who).body), None)
    if leaf is None:
        raise refusal("token-certificate")
    protected = PROTECTION in named
    if protected:
        twice = must(digest_item).raw + b"\xa1" + must(algorithm).raw[1:]
        need(value_of(named, PROTECTION, SEQ).body == twice, "token-algorithm")
    # What is signed is the SET OF, not the [0] it is sent as (RFC 5652 section 5.4).
    signed = b"\x31" + must(attributes).raw[1:]
    check_signature(
        leaf.certificate, digest, must(algorithm), signed, must(signature).body, protected=protected
    )
    return content, leaf, certificates, read_ess(named, leaf, certificates)


def read_attributes(attributes: Item) -> dict[str, Item]:
    """Return the values of the signed attributes by type."""
    need([each.raw for each in attributes.parts] == sorted(each.raw for each in attributes.parts), "token")
    pairs = [parts_of(each, OID, SET) for each in all_of(attributes, SEQ)]
    named = {must(kind).body.hex(): must(values) for kind, values in pairs}
    need(len(named) == len(pairs), "token")
    return named


def value_of(named: dict[str, Item], kind: str, tag: int) -> Item:
    """Return the one value of an attribute that must be there."""
    return only(named.get(kind), tag)


def check_signature(
    leaf: x509.Certificate,
    digest: hashes.HashAlgorithm,
    algorithm: Item,
    signed: bytes,
    signature: bytes,
    *,
    protected: bool,
) -> None:
    """Check the signer's signature and that its algorithm goes by the one name taken for it."""
    name, null = parts_of(algorithm, OID, -NULL)
    oid, key = must(name).body.hex(), leaf.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            plain = algorithm.raw == RSA_PLAIN
            need(plain or (protected and RSA_NAMED.get(oid) == digest.name), "token-algorithm")
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        else:
            need(ECDSA_NAMED.get(oid) == digest.name and null is None, "token-algorithm")
            need(isinstance(key, ec.EllipticCurvePublicKey), "token-algorithm")
            key.verify(signature, signed, ec.ECDSA(digest))  # type: ignore[union-attr,call-arg,arg-type]
    except InvalidSignature as error:
        raise refusal("token-signature") from error


def read_ess(named: dict[str, Item], leaf: Carried, certificates: list[Carried]) -> list[Carried]:
    """Return the certificates that the signing-certificate attributes hash (RFC 2634, RFC 5035): the signer first."""
    found: list[Carried] = []
    for kind, default in ESS.items():
        if kind not in named:
            continue
        first = value_of(named, kind, SEQ).parts[:1]
        prints = all_of(must(first[0] if first else None, SEQ), SEQ)
        need(len(prints) <= MAX_CERTIFICATES, "token")
        for number, each in enumerate(prints):
            shape = (-SEQ, OCTETS, -SEQ) if default == "sha256" else (OCTETS, -SEQ)
            *stated, digest, where = parts_of(each, *shape)
            name = digest_of(stated[0]).name if stated and stated[0] else default
            fits = [
                one
                for one in certificates
                if hashlib.new(name, one.raw).digest() == must(digest).body
                and (where is None or where.body == names_of(one.issuer) + one.serial)
            ]
            need(number or leaf in fits, "token-certificate")
            found += fits
    need(leaf in found, "token-certificate")
    return found


def names_of(name: bytes) -> bytes:
    """Return GeneralNames of one directoryName."""
    return wrap(SEQ, wrap(0xA4, name))


def wrap(tag: int, body: bytes) -> bytes:
    """Return a DER element."""
    if len(body) < 0x80:  # noqa: PLR2004 - the long form starts here
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 + len(length))) + length + body


def read_info(content: bytes, data: bytes, leaf: Carried) -> tuple[datetime, datetime, datetime]:
    """Read a TSTInfo over `data`; return the earliest and latest moment it can mean, and the moment it states."""
    info = der(content)
    shape = (INT, OID, SEQ, INT, GTIME, -SEQ, -BOOL, -INT, -ZERO, -ONE)
    version, _, imprint, serial, time, accuracy, ordering, _, name, extensions = parts_of(info, *shape)
    need(info.tag == SEQ and must(version).number() == 1, "token")
    need(ordering is None or ordering.body == b"\xff", "token")
    need(must(serial).number().bit_length() <= MAX_SERIAL, "token")
    algorithm, digest = parts_of(must(imprint), SEQ, OCTETS)
    need(hashlib.new(digest_of(algorithm).name, data).digest() == must(digest).body, "token-other-data")
    for each in all_of(extensions, SEQ) if extensions else ():
        need(parts_of(each, OID, -BOOL, OCTETS)[1] is None, "token")
    if name is not None:
        alternative = [each for each in leaf.certificate.extensions if each.oid.dotted_string == SAN]
        listed = [part.raw for each in alternative for part in der(each.value.public_bytes()).parts]
        need(only(name).raw in [wrap(0xA4, leaf.subject), *listed], "token-certificate")
    match = re.fullmatch(rb"([0-9]{14})(?:\.([0-9]{0,8}[1-9]))?Z", must(time).body)
    if match is None:
        raise refusal("token")
    fraction = (match[2] or b"").decode()
    seconds, millis, micros = (
        (part.number() if part else 0 for part in parts_of(accuracy, -INT, -0x80, -0x81))
        if accuracy
        else (0, 0, 0)
    )
    need(seconds >= 0 and 0 <= millis < THOUSAND and 0 <= micros < THOUSAND, "token")
    try:
        whole = datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        wide = timedelta(seconds=seconds, milliseconds=millis + (micros > 0))
        low, high = whole - wide, whole + SECOND + wide
        _ = low - DAY, high + DAY  # room for what is added later
    except (ValueError, OverflowError) as error:
        raise refusal("token") from error
    return low, high, whole + timedelta(microseconds=-(-int(fraction or "0") * 10**6 // 10 ** len(fraction)))


def second_opinion(wrapped: Item, leaf: x509.Certificate, owner: Root, data: bytes) -> None:
    """Let rfc3161-client check a token too, if it is installed. It wants the certificates sorted."""
    if not SECOND_OPINION:
        return
    signed = wrapped.parts[1].parts[0]
    sets = [each.raw for each in signed.parts]
    sets[3] = wrap(ZERO, b"".join(sorted(each.raw for each in signed.parts[3].parts)))
    token = wrap(SEQ, wrapped.parts[0].raw + wrap(ZERO, wrap(SEQ, b"".join(sets))))
    try:
        response = rfc3161_client.decode_timestamp_response(wrap(SEQ, bytes.fromhex("3003020100") + token))
        builder = rfc3161_client.VerifierBuilder(
            tsa_certificate=leaf, intermediates=list(owner.between), roots=list(owner.roots)
        )
        builder.build().verify_message(response, data)
    except Exception as error:  # whatever another parser trips over is a no
        raise refusal("token-signature") from error


# ---- the package as a whole ---------------------------------------------------------------------------------------

Span = tuple[datetime | None, datetime | None]
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END CERTIFICATE-----\n")


def read_pem(raw: bytes, where: str) -> list[x509.Certificate]:
    """Read a file of certificates that holds nothing else."""
    found, written = [], b""
    for match in PEM.finditer(raw):
        try:
            der_bytes = base64.b64decode(match[1])
        except binascii.Error as error:
            raise refusal("malformed", where) from error
        lines = base64.b64encode(der_bytes).decode()
        rows = [lines[at : at + 64] for at in range(0, len(lines), 64)]
        written += "\n".join(["-----BEGIN CERTIFICATE-----", *rows, "-----END CERTIFICATE-----", ""]).encode()
        found.append(load_certificate(der_bytes))
    need(found and written == raw, "malformed", where)
    return found


def placed(raw: bytes, where: str, leaves: list[bytes], tokens: dict[str, Token]) -> dict[str, Any]:
    """Read an entry and check that it stands at its place in the ledger, after the tokens it names."""
    entry = read_entry(raw, where)
    seq = entry["seq"]
    before = leaves[seq - 1].hex() if 0 < seq <= len(leaves) else "0" * 64
    need(seq < len(leaves) and leaves[seq] == sha(b"\0" + raw) and entry["prev"] == before, "entry", where)
    named(entry.get("after"), seq, tokens, where)
    return entry


def named(after: str | None, size: int, tokens: dict[str, Token], where: str) -> None:
    """Check that a token that is named is here and over a checkpoint of at most `size` entries."""
    need(after is None or (after in tokens and tokens[after].size <= size), "token-missing", where)


def check_tokens(files: Files, points: list[Checkpoint], roots: list[Root]) -> dict[str, Token]:
    """Read every token over a checkpoint; return them by digest, and check what the checkpoints say of them."""
    tokens: dict[str, Token] = {}
    times: list[list[Token]] = [[] for _ in points]
    for name in files.names:
        if match := TOKEN.fullmatch(name):
            number, raw = int(match[1]), files.read(name, 64 * KIB)
            need(number < len(points) and sha(raw).hex() not in tokens, "extra", name)
            try:
                token = read_token(raw, points[number].raw, points[number].size, roots, None)
            except RefusedError as error:
                raise refusal(error.code, name) from error
            tokens[sha(raw).hex()] = token
            times[number].append(token)
    for number, point in enumerate(points):
        where = f"anchors/{number:04d}.checkpoint.txt"
        named(point.after, point.size - 1, tokens, where)
        before = tokens[point.after] if point.after else None
        for token in times[number]:
            both = before and before.authority and token.authority
            need(not (before and both and before.low > token.high + SKEW), "times", where)
    return tokens


def check_stages(
    files: Files, leaves: list[bytes], tokens: dict[str, Token], last: Checkpoint
) -> dict[int, dict[str, Any]]:
    """Check every disclosed stage: its entry, its proof, and the openings of its two commitments."""
    kinds: dict[int, set[str]] = {}
    for name in files.names:
        if match := STAGE.fullmatch(name):
            kinds.setdefault(int(match[1]), set()).add(match[2])
    stages = {}
    for seq, have in kinds.items():
        base = f"stages/{seq:06d}."
        need({"entry.json", "proof.txt"} <= have, "missing", base + "entry.json")
        need("open.json" in have or "png" not in have, "missing", base + "open.json")
        need("fp.json" in have or "fp.bin" not in have, "missing", base + "fp.json")
        entry = placed(files.read(base + "entry.json", 16 * KIB), base + "entry.json", leaves, tokens)
        need(entry["seq"] == seq and entry["type"] == "stage", "malformed", base + "entry.json")
        check_proof(files.read(base + "proof.txt", 16 * KIB), base + "proof.txt", seq, leaves, last)
        if "open.json" in have:
            raw = files.read(base + "open.json", 4 * KIB)
            keys = {"v", "file", "pixels", "width", "height", "salt"}
            opened = read_json(raw, base + "open.json", required=keys, optional=set())
            sizes = all(type(opened[key]) is int and 0 < opened[key] < 1 << 20 for key in ("width", "height"))
            need(
                sizes and all(is_digest(opened[key]) for key in ("file", "pixels", "salt")),
                "malformed",
                base + "open.json",
            )
            need(sha(raw).hex() == entry.get("commit"), "commitment", base + "open.json")
            need(
                "png" not in have or files.digest(base + "png") == opened["file"], "commitment", base + "png"
            )
        if "fp.json" in have:
            raw = files.read(base + "fp.json", 4 * KIB)
            keys = {"v", "version", "digest", "salt"}
            opened = read_json(raw, base + "fp.json", required=keys, optional=set())
            digests = is_digest(opened["digest"]) and is_digest(opened["salt"])
            need(digests and isinstance(opened["version"], str), "malformed", base + "fp.json")
            need(sha(raw).hex() == entry.get("fp"), "commitment", base + "fp.json")
            need(
                "fp.bin" not in have or files.digest(base + "fp.bin") == opened["digest"],
                "commitment",
                base + "fp.bin",
            )
        stages[seq] = entry
    need(stages, "no-stage")
    return stages


def check_proof(raw: bytes, where: str, seq: int, leaves: list[bytes], last: Checkpoint) -> None:
    """Check a C2SP tlog-proof against the last checkpoint."""
    head = rb"c2sp\.org/tlog-proof@v1\nindex (0|[1-9][0-9]{0,9})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n"
    match = re.fullmatch(head + re.escape(last.raw), raw)
    if match is None or int(match[1]) != seq:
        raise refusal("malformed", where)
    path = [base64_exact(line.decode(), where) for line in match[2].split()]
    need(climb(seq, len(leaves), leaves[seq], path) == last.root, "proof", where)


def check_events(
    files: Files, leaves: list[bytes], tokens: dict[str, Token], raw_key: bytes
) -> dict[int, dict[str, Any]]:
    """Check every entry that is not a stage."""
    where = "events.jsonl"
    raw = files.read(where, 64 * MIB)
    need(raw.endswith(b"\n"), "malformed", where)
    events: dict[int, dict[str, Any]] = {}
    last = -1
    for line in raw[:-1].split(b"\n"):
        entry = placed(line, where, leaves, tokens)
        need(entry["type"] != "stage" and entry["seq"] > last, "malformed", where)
        last = entry["seq"]
        events[last] = entry
    first = events.get(0, {"type": ""})
    need(first["type"] == "session_start", "missing", f"{where} #0")
    need(first.get("info", {}).get("key") == raw_key.hex(), "signature", where)
    return events


def bounds_of(entries: dict[int, dict[str, Any]], tokens: dict[str, Token]) -> dict[int, Span]:
    """Return [not before, not after] of entries, from the tokens of trusted authorities alone."""
    counted = {digest: token for digest, token in tokens.items() if token.authority}
    found: dict[int, Span] = {}
    highs = sorted(((token.size, token.high) for token in counted.values()), reverse=True)
    low: datetime | None = None
    for seq in sorted(entries):
        token = counted.get(entries[seq].get("after", ""))
        low = max(low, token.low) if low and token else low or (token.low if token else None)
        found[seq] = (low, None)
    high: datetime | None = None
    for seq in sorted(entries, reverse=True):
        while highs and highs[0][0] > seq:
            high = min(high, highs[0][1]) if high else highs[0][1]
            del highs[0]
        low = found[seq][0]
        need(not (low and high and low > high + SKEW), "times", f"#{seq}")
        found[seq] = (low, high)
    return found


def check_finding(
    files: Files, stages: dict[int, dict[str, Any]], spans: dict[int, Span]
) -> tuple[str | None, str | None, bool]:
    """Work out the order of draft and post; return it, what the exporter says, and whether that is confirmed."""
    where = "compare/finding.json"
    posts = [name for name in files.names if name.startswith("post/")]
    if where not in files.names:
        need(not posts and not any(name.startswith("compare/") for name in files.names), "missing", where)
        return None, None, True
    required = {"v", "order", "likeness", "post_digest"}
    finding = read_json(files.read(where, 64 * KIB), where, required=required)
    need(finding["order"] in ("draft_first", "post_first", "order_unclear"), "malformed", where)
    need(finding["likeness"] in ("strong", "some", "none", "not_comparable"), "malformed", where)
    need(is_digest(finding["post_digest"]), "malformed", where)
    need(len(posts) == 1 and files.digest(posts[0]) == finding["post_digest"], "commitment", "post/")
    post, draft = stated_span(finding.get("post", {}), where), stated_span(finding.get("draft", {}), where)
    shown = finding.get("stages", {})
    need(isinstance(shown, dict) and set(shown) <= {"best", "first", "last"}, "malformed", where)
    # What the order rests on must be among the stages that are shown.
    need(all(type(seq) is int and seq in stages for seq in shown.values()), "malformed", where)
    inner = [shown[key] for key in ("first", "best", "last") if key in shown]
    need(inner == sorted(inner), "malformed", where)
    order, low, high = "order_unclear", None, None
    if "first" in shown and "last" in shown:
        ends = [spans[shown["first"]], spans[shown["last"]]]
        lows, highs = [low for low, _ in ends if low], [high for _, high in ends if high]
        low, high = (
            (min(lows) if len(lows) == len(ends) else None),
            (max(highs) if len(highs) == len(ends) else None),
        )
        if high and post[0] and high < post[0]:
            order = "draft_first"
        elif post[1] and low and post[1] < low:
            order = "post_first"
    need("order_unclear" in {order, finding["order"]} or order == finding["order"], "order", where)
    apart = (draft[0] and high and draft[0] > high) or (draft[1] and low and draft[1] < low)
    need(not apart, "order", where)
    narrower = (draft[0] and not (low and draft[0] <= low)) or (draft[1] and not (high and draft[1] >= high))
    return order, finding["order"], finding["order"] in ("order_unclear", order) and not narrower


def stated_span(value: Any, where: str) -> Span:
    """Read two ends in milliseconds, either of which may be missing."""
    need(isinstance(value, dict) and set(value) <= {"not_before", "not_after"}, "malformed", where)
    need(all(type(ms) is int and 0 <= ms < 1 << 47 for ms in value.values()), "malformed", where)
    need(value.get("not_before", 0) <= value.get("not_after", 1 << 47), "malformed", where)
    ends = {key: EPOCH + timedelta(milliseconds=ms) for key, ms in value.items()}
    return ends.get("not_before"), ends.get("not_after")


def claimed_time(wall: int) -> datetime | None:
    """Return the computer's claim as a moment, None when it is none."""
    try:
        return EPOCH + timedelta(milliseconds=wall)
    except OverflowError:
        return None


def check(path: Path, roots: list[Root]) -> dict[str, Any]:
    """Check a package; return what holds of it. Raises RefusedError for the first thing that does not."""
    files = Files(path)
    raw_key, key = check_list(files)
    text = files.read("leaves.txt", 64 * MIB)
    need(re.fullmatch(rb"(?:[0-9a-f]{64}\n)+", text), "malformed", "leaves.txt")
    leaves = [bytes.fromhex(line.decode()) for line in text.split()]
    need(len(set(leaves)) == len(leaves), "malformed", "leaves.txt")
    carried_roots = [
        one
        for name in files.names
        if name.startswith("trust/")
        for one in read_pem(files.read(name, 64 * KIB), name)
    ]
    points = check_checkpoints(files, raw_key, key, leaves)
    tokens = check_tokens(files, points, roots)
    events = check_events(files, leaves, tokens, raw_key)
    stages = check_stages(files, leaves, tokens, points[-1])
    sorted_events = sorted(events)
    for number, point in enumerate(points):
        told = bisect_left(sorted_events, point.size)
        need(point.events in {None, told}, "events", f"anchors/{number:04d}.checkpoint.txt")
    known = events | stages
    spans = bounds_of(known, tokens)
    order, stated, confirmed = check_finding(files, stages, spans)
    sealed = None
    if "SHA256SUMS.tsr" in files.names:
        stamp = files.read("SHA256SUMS.tsr", 64 * KIB)
        over = read_token(stamp, files.read("SHA256SUMS", 8 * MIB), 0, roots, carried_roots)
        sealed = (over.low, over.high) if over.authority else None
    counted = [token for token in tokens.values() if token.authority]
    reasons = []
    if not counted:
        reasons.append("no-trusted-token" if tokens else "no-token")
    elif any(spans[seq][1] is None for seq in stages):
        reasons.append("stage-without-token")
    if not confirmed:
        reasons.append("order-not-confirmed")
    shown = []
    for seq, entry in sorted(stages.items()):
        (low, high), claimed = spans[seq], claimed_time(entry["wall"])
        early = claimed and low and claimed < low - CLOCK_TOLERANCE
        late = claimed and high and claimed > high + CLOCK_TOLERANCE
        odd = claimed is None or early or late
        shown.append(
            {
                "seq": seq,
                "not_before": low,
                "not_after": high,
                "claimed": claimed,
                "clock_disagrees": bool(odd),
            }
        )
    return {
        "verdict": "INTEGRITY ONLY" if reasons else "VERIFIED",
        "reasons": reasons,
        "ledger": leaves[0].hex()[:32],
        "key": raw_key.hex(),
        "entries": len(leaves),
        "withheld": len(leaves) - len(known),
        "checkpoints": len(points),
        "authorities": sorted({str(token.authority) for token in counted}),
        "untrusted_tokens": len(tokens) - len(counted),
        "ledger_closed": events.get(len(leaves) - 1, {}).get("type") == "session_end",
        "gaps": sum(entry["type"] in {"gap", "pause", "drop"} for entry in events.values()),
        "gaps_counted": points[-1].events is not None,
        "sealed": sealed,
        "order": order,
        "order_stated": stated,
        "stages": shown,
        "second_opinion": SECOND_OPINION,
    }


# ---- for people ---------------------------------------------------------------------------------------------------

EN = {
    "VERIFIED": "VERIFIED: nothing was changed, and every shown stage has a time from an authority that you gave.",
    "INTEGRITY ONLY": "INTEGRITY ONLY: nothing was changed, but not every statement about time could be checked.",
    "FAILED": "FAILED: {0}",
    "no-token": "Why: the package holds no time token.",
    "no-trusted-token": "Why: no time authority was given. Get its root certificate from its own site, give it with --trust.",
    "stage-without-token": "Why: a shown stage has no token yet.",
    "order-not-confirmed": "Why: the times or the order that the package states could not be confirmed from its tokens.",
    "stage": "Stage {0}: not before {1}, not after {2}; the computer's own clock claimed {3}",
    "clock": "    the computer's clock disagrees with the tokens",
    "unknown": "unknown",
    "order": "Order of draft and post from the tokens (the post's own time is the exporter's statement): {0}",
    "draft_first": "the draft was first",
    "post_first": "the post was first",
    "order_unclear": "cannot be determined",
    "authorities": "Time authorities: {0}; tokens of others, not counted: {1}",
    "sealed": "Whole package: not before {0}, not after {1}",
    "ledger": "Ledger {0}: {1} entries, {2} checkpoints, {3} entries withheld, {4} gaps or pauses",
    "closed": "Ledger closed: {0}",
    "yes": "yes",
    "no": "no (later entries may exist)",
    "uncounted": "This ledger does not count its gaps and pauses: some could have been left out.",
    "key": "Signing key: {0}",
    "alone": "Not done: rfc3161-client is not installed, so each token was read by this file alone, not by a second program.",
    "inside": "A verifier that comes inside a package proves nothing by itself: if in doubt, take it from elsewhere.",
    "limits": "What this shows: the holder of this key had these pictures no later than the times stated. Not who drew them.",
    "root": "{0} cannot be read as a root certificate: give a PEM file of the time authority.",
    "none": "{0} is not there: give the .zip or the unpacked folder.",
}
JA = {
    "VERIFIED": "VERIFIED(確認できました): 何も変わっておらず、示された段階のすべてに、指定された時刻認証局の時刻があります。",
    "INTEGRITY ONLY": "INTEGRITY ONLY(中身のみ確認): 何も変わっていませんが、時刻のすべては確かめられませんでした。",
    "FAILED": "FAILED(確認できません): {0}",
    "no-token": "理由: 時刻トークンがありません。",
    "no-trusted-token": "理由: 時刻認証局が指定されていません。認証局のサイトからルート証明書を入手し、--trust で指定してください。",
    "stage-without-token": "理由: まだトークンのない段階があります。",
    "order-not-confirmed": "理由: 資料に書かれた時刻または前後関係を、トークンからは確かめられませんでした。",
    "stage": "段階 {0}: {1} 以後、{2} 以前。パソコンの時計の申告は {3}",
    "clock": "    パソコンの時計がトークンと食い違います",
    "unknown": "不明",
    "order": "下描きと投稿の前後(トークンから計算。投稿の時刻は書き出した人の申告): {0}",
    "draft_first": "下描きが先",
    "post_first": "投稿が先",
    "order_unclear": "判定できません",
    "authorities": "時刻認証局: {0}。ほかの認証局のトークン(数えません): {1}",
    "sealed": "資料全体: {0} 以後、{1} 以前",
    "ledger": "記録の鎖 {0}: {1} 項目、区切り {2}、伏せた項目 {3}、欠落・停止 {4}",
    "closed": "記録の終わり: {0}",
    "yes": "あり",
    "no": "なし(続きがあるかもしれません)",
    "uncounted": "この記録は欠落や停止の数を控えていません。省かれたものがあるかもしれません。",
    "key": "署名の鍵: {0}",
    "alone": "していないこと: rfc3161-client がないため、トークンはこのファイルだけで読み、別のプログラムでは確かめていません。",
    "inside": "資料に入っている確認プログラムは、それだけでは何も示しません。心配なときは別の所から入手してください。",
    "limits": "示すこと: この鍵の持ち主が、これらの画像を遅くとも表示の時刻までに持っていたこと。誰が描いたかは示しません。",
    "root": "{0} をルート証明書として読めません。時刻認証局の PEM ファイルを指定してください。",
    "none": "{0} がありません。.zip か、展開したフォルダーを指定してください。",
}
WHY = {
    "changed": ("a file is not the one that was signed", "署名されたときのファイルと違います"),
    "missing": ("a file that must be there is missing", "必要なファイルがありません"),
    "extra": ("there is something that does not belong in a package", "資料に属さないものがあります"),
    "name": (
        "a file name could be read as another on some system",
        "別の名前と取り違えられるファイル名があります",
    ),
    "link": (
        "links, very large and special files do not belong in a package",
        "リンクや特殊なファイルが入っています",
    ),
    "not-a-package": ("this is not a package", "資料ではありません"),
    "not-our-zip": (
        "this is not the ZIP that was written: repacked or changed",
        "書き出した ZIP のままではありません",
    ),
    "damaged": ("a file is damaged or cut off", "ファイルが壊れているか途中で切れています"),
    "unreadable": ("a file cannot be read", "読めないファイルがあります"),
    "too-large": ("a file is larger than its kind can be", "ファイルが大きすぎます"),
    "key": ("the signing key is one under which signatures mean nothing", "署名が意味をなさない鍵です"),
    "signature": ("a signature does not hold", "署名が合いません"),
    "malformed": ("a file does not follow the format", "形式に合わないファイルがあります"),
    "not-canonical": ("a record is not in its one canonical form", "記録が決まった書き方になっていません"),
    "checkpoints": ("the checkpoints do not follow one another", "区切りの並びが合いません"),
    "root": ("a checkpoint does not cover these entries", "区切りが項目の並びと合いません"),
    "unsealed": ("entries stand after the last checkpoint", "最後の区切りのあとに項目があります"),
    "events": ("a pause, gap or other event was left out", "停止や欠落などの記録が省かれています"),
    "entry": ("an entry does not stand at its place in the ledger", "項目が記録の鎖の位置と合いません"),
    "commitment": ("a picture or fingerprint is not the recorded one", "画像または特徴が記録と合いません"),
    "proof": ("a proof does not lead to the checkpoint", "証拠が区切りにつながりません"),
    "no-stage": ("no stage is shown", "示された段階がありません"),
    "times": ("the times contradict each other", "時刻が互いに矛盾しています"),
    "order": (
        "the stated order or time contradicts the tokens",
        "書かれた前後関係や時刻がトークンと矛盾しています",
    ),
    "token": ("a time token is not in the strict form", "時刻トークンの形式が正しくありません"),
    "token-algorithm": (
        "a time token uses an algorithm that is not taken",
        "時刻トークンの方式は認められません",
    ),
    "token-certificate": ("a certificate in a time token cannot be used", "時刻トークンの証明書が使えません"),
    "token-expired": (
        "a certificate was not valid at the time of its token",
        "トークンの時刻に証明書が有効ではありません",
    ),
    "token-signature": ("the signature of a time token does not hold", "時刻トークンの署名が合いません"),
    "token-other-data": ("a time token is over something else", "時刻トークンが別のものに対するものです"),
    "token-missing": ("a time token that is named is not here", "名前の挙がった時刻トークンがありません"),
}


def read_root(path: Path) -> Root:
    """Read a --trust file: PEM with or without text around it, or DER."""
    raw = path.read_bytes()
    try:
        found = (
            x509.load_pem_x509_certificates(raw)
            if b"-----BEGIN" in raw
            else [x509.load_der_x509_certificate(raw)]
        )
    except ValueError as error:
        raise refusal("token-certificate", str(path)) from error
    whole = [load_certificate(one.public_bytes(serialization.Encoding.DER)) for one in found]
    roots = tuple(one for one in whole if one.subject == one.issuer)
    need(roots, "token-certificate", str(path))
    return Root(path.stem, roots, tuple(one for one in whole if one not in roots))


def moment(value: datetime | None, unknown: str) -> str:
    """Return a moment for people."""
    return value.strftime("%Y-%m-%d %H:%M:%S UTC") if value else unknown


def sentences(found: dict[str, Any], words: dict[str, str]) -> list[str]:
    """Return the answer, one line each."""
    unknown = words["unknown"]
    lines = [words[found["verdict"]], *(f"  {words[reason]}" for reason in found["reasons"])]
    for stage in found["stages"]:
        times = [moment(stage[key], unknown) for key in ("not_before", "not_after", "claimed")]
        lines.append("  " + words["stage"].format(stage["seq"], *times))
        lines += [words["clock"]] if stage["clock_disagrees"] else []
    if found["order"]:
        lines.append("  " + words["order"].format(words[found["order"]]))
    lines.append(
        "  " + words["authorities"].format(", ".join(found["authorities"]) or "-", found["untrusted_tokens"])
    )
    if found["sealed"]:
        lines.append("  " + words["sealed"].format(*(moment(end, unknown) for end in found["sealed"])))
    counts = [found[key] for key in ("ledger", "entries", "checkpoints", "withheld", "gaps")]
    lines.append("  " + words["ledger"].format(*counts))
    lines += [] if found["gaps_counted"] else ["  " + words["uncounted"]]
    lines.append("  " + words["closed"].format(words["yes" if found["ledger_closed"] else "no"]))
    lines.append("  " + words["key"].format(found["key"]))
    lines += [] if found["second_opinion"] else ["  " + words["alone"]]
    return [*lines, "  " + words["limits"], "  " + words["inside"]]


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names; return the exit code."""
    lang = next(
        (
            os.environ[key]
            for key in ("SAKIGAKE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
            if os.environ.get(key)
        ),
        "",
    )
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "package", type=Path, help="the .zip or the unpacked folder (.zip か、展開したフォルダー)"
    )
    parser.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help="root of a time authority (時刻認証局のルート証明書)",
    )
    parser.add_argument("--lang", choices=("en", "ja"), default="ja" if lang.startswith("ja") else "en")
    parser.add_argument("--json", action="store_true", help="print one JSON object (JSON で出力)")
    given = parser.parse_args(arguments)
    words = JA if given.lang == "ja" else EN
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    roots = []
    for path in given.trust:
        try:
            roots.append(read_root(path))
        except (OSError, RefusedError):
            sys.stderr.write(words["root"].format(path) + "\n")
            return 2
    if not given.package.exists():
        sys.stderr.write(words["none"].format(given.package) + "\n")
        return 2
    try:
        found = check(given.package, roots)
        lines = sentences(found, words)
    except RefusedError as error:
        found = {"verdict": "FAILED", "code": error.code, "where": error.where}
        why = WHY[error.code][given.lang == "ja"] + (f" ({error.where})" if error.where else "")
        lines = [words["FAILED"].format(why)]
    printed = json.dumps(found, default=str, ensure_ascii=False) if given.json else "\n".join(lines)
    sys.stdout.write(printed + "\n")
    return EXIT[str(found["verdict"])]


if __name__ == "__main__":
    sys.exit(main())
