"""Makes time tokens by hand: sound ones, and ones with a fault in exactly one place.

Written from RFC 3161 and RFC 5652 and independent of the code under test: even the DER is written here. The openssl
peer checks that a sound token of this forge is one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
TIME = ExtendedKeyUsageOID.TIME_STAMPING
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what must be refused
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
DIGEST_OID = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
RSA_ANY = "1.2.840.113549.1.1.1"
RSA_SHA256 = "1.2.840.113549.1.1.11"
ECDSA = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4"}
GRANTED = bytes.fromhex("3003020100")


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 + len(length))) + length + body


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    bits = (value if value >= 0 else ~value).bit_length()
    return tlv(0x02, value.to_bytes(bits // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = b""
    for arc in (40 * first + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        body += bytes(reversed(septets))
    return tlv(0x06, body)


def octets(value: bytes) -> bytes:
    return tlv(0x04, value)


def algorithm(dotted: str, *, null: bool = True) -> bytes:
    return seq(oid(dotted), b"\x05\x00" if null else b"")


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@cache
def key(kind: str, number: int = 0) -> Key:
    """Return a key, the same for the same number, so that a test run makes few of them."""
    assert number >= 0
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "weak":
        return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what must be refused
    return ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def certificate(
    name: str,
    subject_key: Key,
    issuer: x509.Certificate | None = None,
    issuer_key: Key | None = None,
    *,
    ca: bool = False,
    path_length: int | None = None,
    usages: Sequence[x509.ObjectIdentifier] = (),
    critical: bool = True,
    valid: tuple[str, str] = ("2020-01-01", "2040-01-01"),
    digest: str = "sha256",
    key_usage: bool = True,
    alternative: x509.GeneralName | None = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(subject_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(day(valid[0]))
        .not_valid_after(day(valid[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    if ca:
        usage = x509.KeyUsage(False, False, False, False, False, key_usage, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    for extension, is_critical in more:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(issuer_key or subject_key, HASHES[digest])  # type: ignore[arg-type]


@dataclass(frozen=True)
class Chain:
    """A signer and the certificates above it, nearest first, the root last."""

    leaf: x509.Certificate
    leaf_key: Key
    above: tuple[x509.Certificate, ...]

    @property
    def root(self) -> x509.Certificate:
        return self.above[-1]


def chain(kind: str = "ec", root_name: str = "Forge Root", number: int = 0, **leaf: object) -> Chain:
    """Return a signer directly below a root; `leaf` goes to `certificate`."""
    root_key = key("ec", number + 100)
    root = certificate(root_name, root_key, ca=True)
    options: dict[str, object] = {"usages": [TIME], **leaf}
    signer = certificate("Forge TSA", key(kind, number), root, root_key, **options)  # type: ignore[arg-type]
    return Chain(signer, key(kind, number), (root,))


@dataclass(frozen=True)
class Plan:
    """Everything a token says; change one field to plant one fault."""

    chain: Chain
    data: bytes = b"data"
    imprinted: bytes | None = None
    status: bytes = GRANTED
    signed_version: int = 3
    outer_digest: str | None = None
    digest: str = "sha256"
    digest_null: bool = True
    imprint: str = "sha256"
    info_version: int = 1
    policy: str = "1.2.3.4"
    serial: int = 77
    time: bytes = b"20260102030405Z"
    accuracy: bytes = b""
    ordering: bytes = b""
    nonce: int | None = None
    tsa: bytes = b""
    extensions: bytes = b""
    content_type: str = "1.2.840.113549.1.9.16.1.4"
    stated_type: str | None = None
    certificates: tuple[bytes, ...] | None = None
    crls: bytes = b""
    signer_version: int = 1
    signer_id: bytes | None = None
    ess: tuple[str, ...] = ("v2",)
    ess_first: x509.Certificate | None = None
    ess_more: tuple[x509.Certificate, ...] = ()
    ess_issuer: bool = True
    signing_time: bool = True
    more_attributes: tuple[bytes, ...] = ()
    sort_attributes: bool = True
    message_digest: bytes | None = None
    signature_oid: str | None = None
    signature_null: bool | None = None
    signature: bytes | None = None
    unsigned: bytes = b""
    signers: int = 1
    trailing: bytes = b""
    leaf_signs: Key | None = field(default=None)

    def but(self, **changes: object) -> "Plan":
        return replace(self, **changes)  # type: ignore[arg-type]


def issuer_serial(one: x509.Certificate) -> bytes:
    return seq(seq(tlv(0xA4, one.issuer.public_bytes())), integer(one.serial_number))


def ess_attribute(plan: Plan, kind: str) -> bytes:
    prints = []
    for one in (plan.ess_first or plan.chain.leaf, *plan.ess_more):
        name = {"v1": "sha1", "v2": "sha256", "v2-sha512": "sha512", "v2-sha1": "sha1"}[kind]
        stated = b"" if kind in ("v1", "v2") else algorithm(DIGEST_OID[name])
        where = issuer_serial(one) if plan.ess_issuer else b""
        prints.append(seq(stated, octets(hashlib.new(name, der(one)).digest()), where))
    number = 12 if kind == "v1" else 47
    return seq(oid(f"1.2.840.113549.1.9.16.2.{number}"), set_of(seq(seq(*prints))))


def info(plan: Plan) -> bytes:
    return seq(
        integer(plan.info_version),
        oid(plan.policy),
        seq(
            algorithm(DIGEST_OID[plan.imprint]),
            octets(plan.imprinted or hashlib.new(plan.imprint, plan.data).digest()),
        ),
        integer(plan.serial),
        tlv(0x18, plan.time),
        plan.accuracy,
        plan.ordering,
        b"" if plan.nonce is None else integer(plan.nonce),
        plan.tsa,
        plan.extensions,
    )


def signer_info(plan: Plan, content: bytes) -> bytes:
    digest = hashlib.new(plan.digest, content).digest()
    attributes = [
        seq(oid("1.2.840.113549.1.9.3"), set_of(oid(plan.stated_type or plan.content_type))),
        seq(oid("1.2.840.113549.1.9.4"), set_of(octets(plan.message_digest or digest))),
        *(ess_attribute(plan, kind) for kind in plan.ess),
        *plan.more_attributes,
    ]
    if plan.signing_time:
        attributes.append(seq(oid("1.2.840.113549.1.9.5"), set_of(tlv(0x17, b"260102030405Z"))))
    body = b"".join(sorted(attributes, reverse=not plan.sort_attributes))
    signer = plan.leaf_signs or plan.chain.leaf_key
    if isinstance(signer, rsa.RSAPrivateKey):
        made = signer.sign(tlv(0x31, body), padding.PKCS1v15(), HASHES[plan.digest])
        name, null = RSA_ANY, True
    else:
        made = signer.sign(tlv(0x31, body), ec.ECDSA(HASHES[plan.digest]))
        name, null = ECDSA.get(plan.digest, "1.2.840.10045.4.1"), False
    null = null if plan.signature_null is None else plan.signature_null
    leaf = plan.chain.leaf
    return seq(
        integer(plan.signer_version),
        plan.signer_id or seq(leaf.issuer.public_bytes(), integer(leaf.serial_number)),
        algorithm(DIGEST_OID[plan.digest], null=plan.digest_null),
        tlv(0xA0, body),
        algorithm(plan.signature_oid or name, null=null),
        octets(plan.signature or made),
        plan.unsigned,
    )


def forge(plan: Plan) -> bytes:
    """Return the TimeStampResp."""
    content = info(plan)
    embedded = (der(plan.chain.leaf),) if plan.certificates is None else plan.certificates
    signed_data = seq(
        integer(plan.signed_version),
        set_of(algorithm(DIGEST_OID[plan.outer_digest or plan.digest], null=plan.digest_null)),
        seq(oid(plan.content_type), tlv(0xA0, octets(content))),
        tlv(0xA0, *embedded) if embedded else b"",
        plan.crls,
        set_of(*[signer_info(plan, content)] * plan.signers),
    )
    return seq(plan.status, seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed_data))) + plan.trailing
