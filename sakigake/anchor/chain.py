"""From a token's certificate to a root: RFC 5280 section 6.1 as far as a time authority needs it.

No revocation: a verifier works without network, and a list fetched later says nothing of the moment of signing.
"""

import warnings
from collections import deque
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

MAX_LINKS = 6
MIN_RSA_BITS = 2048
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
# What a chain may be told critically. Policies and lists of revoked certificates are not followed here, and say nothing of
# who issued what; constraints of names are, and no chain that has any is followed at all.
_KNOWN = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.CertificatePolicies,
    x509.PolicyConstraints,
    x509.InhibitAnyPolicy,
    x509.CRLDistributionPoints,
)
_STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


@lru_cache(maxsize=512)
def load(der: bytes) -> x509.Certificate:
    """Return the certificate; raises ValueError. Kept, since all tokens of an authority carry the same few."""
    try:
        # The library warns about odd names on standard error, and reads some parts only when asked for them. Here a
        # certificate is read as a whole or refused as a whole; what was read once is not read again.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()
            _ = (
                certificate.signature_hash_algorithm,
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
            )
            positive = certificate.serial_number > 0
    except Exception as error:  # the library has no common base for what a damaged certificate makes it raise
        raise ValueError("unusable certificate") from error
    if not positive:
        raise ValueError("serial number is not positive")
    return certificate


@lru_cache(maxsize=2048)
def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether the names fit and the signature on `certificate` is `issuer`'s."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def strong_key(certificate: x509.Certificate) -> bool:
    """Say whether the key is RSA of at least 2048 bits or on one of the NIST curves."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= MIN_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def valid_at(certificate: x509.Certificate, moment: datetime) -> bool:
    """Say whether `moment` lies in the certificate's validity; both ends count (RFC 5280 4.1.2.5)."""
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def stamps_time_only(certificate: x509.Certificate) -> bool:
    """Say whether the key may sign time tokens and nothing else (RFC 3161 section 2.3): critical and alone."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        return False
    key_usage = _extension(certificate, x509.KeyUsage)
    if key_usage is None:
        return True
    others = (
        key_usage.key_encipherment,
        key_usage.data_encipherment,
        key_usage.key_agreement,
        key_usage.key_cert_sign,
        key_usage.crl_sign,
    )
    return (key_usage.digital_signature or key_usage.content_commitment) and not any(others)


def ancestors(leaf: x509.Certificate, embedded: Collection[x509.Certificate]) -> set[x509.Certificate]:
    """Return the leaf and every embedded certificate that it leads to, each link a signature that holds."""
    reached, waiting = {leaf}, [leaf]
    while waiting:
        certificate = waiting.pop()
        for issuer in embedded:
            if issuer not in reached and issued(certificate, issuer):
                reached.add(issuer)
                waiting.append(issuer)
    return reached


def path(
    leaf: x509.Certificate,
    between: Collection[x509.Certificate],
    roots: Collection[x509.Certificate],
    moment: datetime,
) -> tuple[x509.Certificate, ...] | None:
    """Return a valid chain at `moment`, leaf first and one of `roots` last, or None.

    Shortest first and each certificate once, so that a crowd of certificates that issued each other costs no more
    than their number squared.
    """
    waiting: deque[tuple[x509.Certificate, ...]] = deque([(leaf,)] if _plain(leaf) else [])
    seen = {leaf}
    while waiting:
        so_far = waiting.popleft()
        last = so_far[-1]
        # A root's own signature is not looked at: it is trusted by being here, not by being signed.
        if not isinstance(last.signature_hash_algorithm, _STRONG):
            continue
        for root in roots:
            if _may_issue(root, so_far, moment) and _names(last, root) and issued(last, root):
                return (*so_far, root)
        for issuer in between if len(so_far) < MAX_LINKS else ():
            fits = issuer not in seen and _may_issue(issuer, so_far, moment) and _allows_time(issuer)
            if fits and _names(last, issuer) and issued(last, issuer):
                seen.add(issuer)
                waiting.append((*so_far, issuer))
    return None


def _may_issue(issuer: x509.Certificate, below: tuple[x509.Certificate, ...], moment: datetime) -> bool:
    basic, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        return False
    between = sum(1 for certificate in below[1:] if certificate.subject != certificate.issuer)
    if basic.path_length is not None and between > basic.path_length:
        return False
    return valid_at(issuer, moment) and strong_key(issuer) and _plain(issuer)


def _plain(certificate: x509.Certificate) -> bool:
    """Say whether all that a certificate calls critical is known here, and that it constrains no names."""
    return not any(
        isinstance(each.value, x509.NameConstraints) or (each.critical and not isinstance(each.value, _KNOWN))
        for each in certificate.extensions
    )


def _names(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether what a certificate tells of its issuer's key, if anything, is that of `issuer` (RFC 5280 4.2.1.1)."""
    told = _extension(certificate, x509.AuthorityKeyIdentifier)
    if told is None:
        return True
    own = _extension(issuer, x509.SubjectKeyIdentifier)
    if told.key_identifier is not None and own is not None and told.key_identifier != own.digest:
        return False
    if told.authority_cert_serial_number not in {None, issuer.serial_number}:
        return False
    names = [each.value for each in told.authority_cert_issuer or () if isinstance(each, x509.DirectoryName)]
    return not names or issuer.issuer == names[0]


def _allows_time(issuer: x509.Certificate) -> bool:
    """Say whether an intermediate that names its purposes names this one."""
    usage = _extension(issuer, x509.ExtendedKeyUsage)
    allowed = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return usage is None or bool(allowed & set(usage))


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
