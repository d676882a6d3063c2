"""The signed list of files, and the names a package may hold."""

import re

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.notes import CHECKPOINT, sound_key, verify_note
from sakigake.evidence.standalone.rules import KIB, MIB, need, refusal

ALWAYS = {"SHA256SUMS", "SHA256SUMS.sig", "artist.pub", "artist-pub.pem", "leaves.txt", "events.jsonl"}
ALWAYS |= {"index.html", "READ-ME-FIRST.txt"}
STAGE = re.compile(r"stages/([0-9]{6})\.(entry\.json|proof\.txt|open\.json|png|fp\.json|fp\.bin)")
TOKEN = re.compile(r"anchors/([0-9]{4})(?:\.[2-9])?\.tsr")
HELD = re.compile(r"anchors/[0-9]{4}\.(?:ots|hdr)")
COMPARED = re.compile(r"compare/[a-z0-9][a-z0-9-]{0,40}\.(?:png|gif|svg)")
KEPT = re.compile(
    r"post/(?:capture\.warc\.gz|(?:log|post|finding)\.json|post\.raw|screenshot\.png|[0-9]{1,3}\.(?:png|jpg|webp|gif))"
)
KEPT_LEDGER = re.compile(r"post/(?:ledger\.jsonl|checkpoint\.txt|token(?:\.[2-9])?\.tsr)")
MORE = re.compile(
    r"verify\.py|trust/[a-z0-9-]{1,48}\.pem|post/picture\.(?:png|jpg|webp|gif)|compare/(?:finding|method)\.json"
    r"|report\.pdf|custody\.csv|post/SHA256SUMS"
    r"|forms/(?:README|identity-sheet|youshiki-a\.ja|dmca-notice\.en|pixiv\.ja|x\.ja|x\.en)\.txt"
)


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
        known = any(
            form.fullmatch(name)
            for form in (STAGE, CHECKPOINT, TOKEN, HELD, COMPARED, KEPT, KEPT_LEDGER, MORE)
        )
        need(name in ALWAYS or known, "extra", name)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(serialization.Encoding.PEM, form)
    need(files.read("artist-pub.pem", 4 * KIB) == pem, "malformed", "artist-pub.pem")
    return raw, key
