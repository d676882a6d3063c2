"""Certificates, and the chains that lead to a root (RFC 5280)."""

import base64
import binascii
import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sakigake.evidence.standalone.der import BITS, INT, SEQ, ZERO, Item, must, parts_of
from sakigake.evidence.standalone.rules import MIB, need, refusal, sha

MAX_LINKS, MIN_RSA = 6, 2048
# What a chain may be told critically; no chain that constrains names is followed.
KNOWN = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.CertificatePolicies,
    x509.PolicyConstraints,
    x509.InhibitAnyPolicy,
    x509.CRLDistributionPoints,
)
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END CERTIFICATE-----\n")


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
    return in_time(one, moment) and strong(one) and plain(one)


def plain(one: x509.Certificate) -> bool:
    """Say whether all that a certificate calls critical is known here, and that it constrains no names."""
    return not any(
        isinstance(each.value, x509.NameConstraints) or (each.critical and not isinstance(each.value, KNOWN))
        for each in one.extensions
    )


def names(below: x509.Certificate, above: x509.Certificate) -> bool:
    """Say whether what a certificate tells of its issuer's key, if anything, is that of `above`."""
    told, own = extension(below, x509.AuthorityKeyIdentifier), extension(above, x509.SubjectKeyIdentifier)
    if told is None:
        return True
    key, serial, listed = (
        told.value.key_identifier,
        told.value.authority_cert_serial_number,
        told.value.authority_cert_issuer,
    )
    if key is not None and own is not None and key != own.value.digest:
        return False
    if serial is not None and serial != above.serial_number:
        return False
    first = [each.value for each in listed or () if isinstance(each, x509.DirectoryName)][:1]
    return not first or first[0] == above.issuer


def follows(below: list[x509.Certificate], above: x509.Certificate, moment: datetime) -> bool:
    """Say whether a chain goes on to `above`."""
    return may_issue(above, below, moment) and names(below[-1], above) and issued(below[-1], above)


@dataclass(frozen=True)
class Root:
    """One --trust file: its name, self-issued certificates, and others between."""

    name: str
    roots: tuple[x509.Certificate, ...]
    between: tuple[x509.Certificate, ...]

    def digests(self) -> list[str]:
        """Return the SHA-256 of each root: what an authority publishes of itself."""
        return [sha(one.public_bytes(serialization.Encoding.DER)).hex() for one in self.roots]

    def leads_from(self, leaf: x509.Certificate, embedded: list[x509.Certificate], moment: datetime) -> bool:
        """Say whether a chain leads from the signer to one of the roots, shortest chains first."""
        waiting, seen = [[leaf]] if plain(leaf) else [], {leaf}
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
            if any(follows(so_far, root, moment) for root in self.roots):
                return True
            for one in (*embedded, *self.between):
                purposes = extension(one, x509.ExtendedKeyUsage)
                named = {each.dotted_string for each in purposes.value} if purposes else {"2.5.29.37.0"}
                fits = (
                    len(so_far) < MAX_LINKS
                    and one not in seen
                    and named & {"2.5.29.37.0", "1.3.6.1.5.5.7.3.8"}
                )
                if fits and follows(so_far, one, moment):
                    seen.add(one)
                    waiting.append([*so_far, one])
        return False


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


def read_root(path: Path) -> Root:
    """Read a --trust file: PEM with or without text around it, or DER."""
    need(path.is_file(), "token-certificate", str(path))  # a pipe would keep us waiting
    with path.open("rb") as file:
        raw = file.read(MIB + 1)
    need(len(raw) <= MIB, "token-certificate", str(path))
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
