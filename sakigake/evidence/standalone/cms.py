"""Signed data inside a time token (RFC 5652)."""

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from sakigake.evidence.standalone.certificates import Carried, carried
from sakigake.evidence.standalone.der import (
    INT,
    NULL,
    OCTETS,
    OID,
    SEQ,
    SET,
    ZERO,
    Item,
    all_of,
    must,
    only,
    parts_of,
    wrap,
)
from sakigake.evidence.standalone.rules import need, refusal

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
MAX_CERTIFICATES, VERSION_3 = 16, 3
ESS = {"2a864886f70d010910020c": "sha1", "2a864886f70d010910022f": "sha256"}


def digest_of(algorithm: Item | None) -> hashes.HashAlgorithm:
    """Return the hash an AlgorithmIdentifier names: SHA-256, 384 or 512."""
    name, _ = parts_of(must(algorithm), OID, -NULL)
    need(must(name).body.hex() in DIGESTS, "token-algorithm")
    return DIGESTS[must(name).body.hex()]


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
