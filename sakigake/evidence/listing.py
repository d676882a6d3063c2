"""The list of files of a package: exactly the listed files, unchanged, and the list is signed."""

import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sakigake.errors import VerificationError
from sakigake.evidence import container, layout
from sakigake.evidence.container import Container
from sakigake.timeline.curve import is_sound

MAX_MANIFEST, MAX_SMALL = 1 << 23, 1 << 12
REQUIRED = frozenset(
    {
        layout.MANIFEST,
        layout.SIGNATURE,
        layout.PUBLIC,
        layout.PUBLIC_PEM,
        layout.LEAVES,
        layout.EVENTS,
        layout.PAGE,
        layout.README,
    }
)
# Packages of the first weeks hold no verifier: it is a convenience and its absence is no fault.
_FIXED = (REQUIRED - layout.UNLISTED) | {
    layout.FINDING,
    layout.VERIFIER,
    layout.REPORT,
    layout.CUSTODY,
    layout.METHOD,
    layout.KEPT_SUMS,
    *layout.FORMS,
}
_FORMS = (
    layout.STAGE_FILE,
    layout.CHECKPOINT_FILE,
    layout.TOKEN_FILE,
    layout.PROOF_FILE,
    layout.COMPARED_FILE,
    layout.KEPT_FILE,
    layout.KEPT_LEDGER,
    layout.OTHER_FILE,
)
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]{1,120})")


def check(package: Container) -> Ed25519PublicKey:
    """Check the list and every file on it; returns the signing key, raises VerificationError."""
    names = set(package.names())
    for name in sorted(REQUIRED - names):
        raise VerificationError("package-file-missing", name=name)
    public, raw = _signed_list(package)
    listed = _listed(raw)
    for name in sorted(set(listed) ^ (names - layout.UNLISTED)):
        raise VerificationError("package-file-missing" if name in listed else "package-file-extra", name=name)
    for name, stated in listed.items():
        if container.digest(package, name) != stated:
            raise VerificationError("package-file-changed", name=name)
        if name not in _FIXED and not any(form.fullmatch(name) for form in _FORMS):
            raise VerificationError("package-file-extra", name=name)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if container.read(package, layout.PUBLIC_PEM, MAX_SMALL) != pem:
        raise VerificationError("evidence-malformed", what=layout.PUBLIC_PEM)
    return public


def _signed_list(package: Container) -> tuple[Ed25519PublicKey, bytes]:
    raw = container.read(package, layout.MANIFEST, MAX_MANIFEST)
    hex_key = container.read(package, layout.PUBLIC, MAX_SMALL)
    if not re.fullmatch(rb"[0-9a-f]{64}\n", hex_key):
        raise VerificationError("evidence-malformed", what=layout.PUBLIC)
    key = bytes.fromhex(hex_key.decode())
    if not is_sound(key):
        raise VerificationError("key-unsound", what=layout.PUBLIC)
    public = Ed25519PublicKey.from_public_bytes(key)
    try:
        public.verify(container.read(package, layout.SIGNATURE, MAX_SMALL), raw)
    except InvalidSignature as error:
        raise VerificationError("signature-invalid", what=layout.MANIFEST) from error
    return public, raw


def _listed(raw: bytes) -> dict[str, str]:
    """Read the list: exactly the lines that `sha256sum` writes, sorted by name."""
    listed: dict[str, str] = {}
    last = ""
    if not raw.endswith(b"\n"):
        raise VerificationError("evidence-malformed", what=layout.MANIFEST)
    for line in raw.decode("ascii", errors="replace").removesuffix("\n").split("\n"):
        match = _LINE.fullmatch(line)
        if not match or match[2] <= last:
            raise VerificationError("evidence-malformed", what=layout.MANIFEST)
        last = match[2]
        listed[last] = match[1]
    return listed
