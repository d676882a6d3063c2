"""The CMS signature of a time token: RFC 5652 with the attributes of RFC 5035, one signer, nothing unsigned."""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from sakigake.anchor import chain, der
from sakigake.errors import VerificationError

SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
ALTERNATIVE_NAMES = "2.5.29.17"
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")  # with the NULL of RFC 3370 section 3.2
_RSA = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_ECDSA = {"1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512"}
MAX_CERTIFICATES = 16
_CERTIFICATES = 0xA0  # [0] IMPLICIT
_SIGNED_ATTRIBUTES = 0xA0


@dataclass(frozen=True, slots=True)
class Signed:
    """A SignedData whose signature holds.

    `certificates` are all that came with it, in their order; `hashed` those whose hash is among the signed
    attributes. `names` are the DER GeneralNames of the signer: its subject and its alternative names.
    """

    content: bytes
    leaf: x509.Certificate
    names: tuple[bytes, ...]
    certificates: tuple[x509.Certificate, ...]
    hashed: frozenset[x509.Certificate]


@dataclass(frozen=True, slots=True)
class _Embedded:
    """An embedded certificate, with the exact bytes of what other parts of the token must repeat."""

    certificate: x509.Certificate
    node: der.Node
    serial: der.Node
    issuer: der.Node
    subject: der.Node


def digest_algorithm(node: der.Node, what: str) -> hashes.HashAlgorithm:
    """Return the hash of an AlgorithmIdentifier; raises VerificationError for any but SHA-256, 384 and 512."""
    fields = der.Fields(node, what)
    found = _DIGESTS.get(fields.take(der.OID).oid())
    fields.maybe(der.NULL)
    fields.end()
    if found is None:
        raise VerificationError("token-algorithm", what=what)
    return found


def sort_certificates(token: der.Node) -> bytes:
    """Return a ContentInfo that `read` has accepted, its certificates in the order DER has for a SET OF.

    CMS allows them in any order, and well-known authorities use another.
    """
    certificates = token.children[1].children[0].children[3]
    raw = der.encode(_CERTIFICATES, b"".join(sorted(each.raw for each in certificates.children)))
    return der.replace(token, (1, 0, 3), raw)


def plain_rsa(token: der.Node) -> bytes:
    """Return a ContentInfo whose RSA signature is named `rsaEncryption`, the one name that `read` takes for it.

    The name stands outside the signature, and `sha256WithRSAEncryption` would mean the same, since the digest is
    stated next to it. Taking one name only leaves no byte there that could be changed. Tokens of any other form
    come back as they are.
    """
    signer = token
    where: list[int] = []
    for index in (1, 0, -1, 0):
        if not signer.children[index:]:
            return token.raw
        where.append(index % len(signer.children))
        signer = signer.children[index]
    algorithms = [each for each in signer.children if each.tag == der.SEQUENCE][2:]
    attributes = [
        each for part in signer.children if part.tag == _SIGNED_ATTRIBUTES for each in part.children
    ]
    # Where the signed attributes repeat the name (RFC 6211), it is covered as it stands.
    if len(algorithms) != 1 or any(_kind(each) == ALGORITHM_PROTECTION for each in attributes):
        return token.raw
    if _kind(algorithms[0]) not in _RSA:
        return token.raw
    return der.replace(token, (*where, signer.children.index(algorithms[0])), _RSA_ENCRYPTION)


def _kind(node: der.Node) -> str:
    """Return the identifier an element begins with, or nothing."""
    first = node.children[0] if node.children else node
    return first.oid() if first.tag == der.OID else ""


def read(token: der.Node, content_type: str, what: str) -> Signed:
    """Read a ContentInfo of one signer over content of one type and check its signature; raises VerificationError."""
    outer = der.Fields(token, what)
    kind, signed_data = outer.take(der.OID), outer.explicit(0xA0)
    outer.end()
    if signed_data is None or signed_data.tag != der.SEQUENCE or kind.oid() != SIGNED_DATA:
        raise VerificationError("token-malformed", what=what)
    fields = der.Fields(signed_data, what)
    version, digests = fields.take(der.INTEGER), fields.take(der.SET)
    encapsulated, embedded, signers = (
        fields.take(der.SEQUENCE),
        fields.maybe(_CERTIFICATES),
        fields.take(der.SET),
    )
    fields.end()
    if embedded is None:
        raise VerificationError("token-certificate", what=what)
    # Version 3, since the content is not plain data (RFC 5652 section 5.1); one signer, and so one digest.
    algorithms, signer_infos = (
        der.members(digests, der.SEQUENCE, what),
        der.members(signers, der.SEQUENCE, what),
    )
    if version.integer() != 3 or len(algorithms) != 1 or len(signer_infos) != 1:  # noqa: PLR2004 - v3
        raise VerificationError("token-malformed", what=what)
    content = _content(encapsulated, content_type, what)
    if len(embedded.children) > MAX_CERTIFICATES or len(set(embedded.children)) < len(embedded.children):
        raise VerificationError("token-malformed", what=what)
    certificates = tuple(_load(node, what) for node in der.members(embedded, der.SEQUENCE, what))
    leaf, hashed = _check_signer(
        signer_infos[0],
        certificates,
        (content_type, content, digest_algorithm(algorithms[0], what)),
        what,
    )
    return Signed(
        content=content,
        leaf=leaf.certificate,
        names=_names(leaf, what),
        certificates=tuple(each.certificate for each in certificates),
        hashed=frozenset(each.certificate for each in hashed),
    )


def _content(encapsulated: der.Node, content_type: str, what: str) -> bytes:
    fields = der.Fields(encapsulated, what)
    kind, octets = fields.take(der.OID), fields.explicit(0xA0)
    fields.end()
    if octets is None or octets.tag != der.OCTET_STRING or kind.oid() != content_type:
        raise VerificationError("token-malformed", what=what)
    return octets.body


def _load(node: der.Node, what: str) -> _Embedded:
    """Read a Certificate (RFC 5280 section 4.1) and the parts that the token repeats."""
    fields = der.Fields(node, what)
    to_be_signed, outer, signature = (
        fields.take(der.SEQUENCE),
        fields.take(der.SEQUENCE),
        fields.take(der.BIT_STRING),
    )
    fields.end()
    inner = der.Fields(to_be_signed, what)
    inner.maybe(0xA0)
    serial, algorithm, issuer = inner.take(der.INTEGER), inner.take(der.SEQUENCE), inner.take(der.SEQUENCE)
    inner.take(der.SEQUENCE)
    subject = inner.take(der.SEQUENCE)
    # The outer name of the algorithm is not signed; RFC 5280 section 4.1.1.2 wants both alike.
    if outer.raw != algorithm.raw or signature.body[0]:
        raise VerificationError("token-malformed", what=what)
    try:
        certificate = chain.load(node.raw)
    except ValueError as error:
        raise VerificationError("token-malformed", what=what) from error
    return _Embedded(certificate, node, serial, issuer, subject)


def _check_signer(
    signer: der.Node,
    certificates: tuple[_Embedded, ...],
    signed: tuple[str, bytes, hashes.HashAlgorithm],
    what: str,
) -> tuple[_Embedded, list[_Embedded]]:
    """Check the SignerInfo (RFC 5652 section 5.3); return the signer and the certificates its attributes hash."""
    content_type, content, outer_digest = signed
    fields = der.Fields(signer, what)
    version, signer_id, digest = (
        fields.take(der.INTEGER),
        fields.take(der.SEQUENCE),
        fields.take(der.SEQUENCE),
    )
    attributes = fields.take(_SIGNED_ATTRIBUTES)
    algorithm, signature = fields.take(der.SEQUENCE), fields.take(der.OCTET_STRING)
    fields.end()  # unsigned attributes would come here
    digest_hash = digest_algorithm(digest, what)
    if version.integer() != 1 or digest_hash.name != outer_digest.name:
        raise VerificationError("token-malformed", what=what)
    named = _attributes(attributes, what)
    stated_type = _attribute(named, CONTENT_TYPE, der.OID, what)
    stated_digest = _attribute(named, MESSAGE_DIGEST, der.OCTET_STRING, what)
    if stated_type is None or stated_digest is None or stated_type.oid() != content_type:
        raise VerificationError("token-malformed", what=what)
    # Version 1 of a SignerInfo names its certificate by issuer and serial number.
    wanted = der.encode(der.SEQUENCE, signer_id.body)
    leaf = next(
        (
            each
            for each in certificates
            if der.encode(der.SEQUENCE, each.issuer.raw + each.serial.raw) == wanted
        ),
        None,
    )
    if leaf is None:
        raise VerificationError("token-certificate", what=what)
    if stated_digest.body != hashlib.new(digest_hash.name, content).digest():
        raise VerificationError("token-signature", what=what)
    # The signature is over the attributes as a SET OF, not under the tag they are sent with (RFC 5652 section 5.4).
    protected = _protected(
        _attribute(named, ALGORITHM_PROTECTION, der.SEQUENCE, what), digest, algorithm, what
    )
    _check_scheme(leaf.certificate, digest_hash, algorithm, what, protected=protected)
    _verify(leaf.certificate, digest_hash, der.encode(der.SET, attributes.body), signature.body, what)
    return leaf, _hashed(named, leaf, certificates, what)


def _attributes(node: der.Node, what: str) -> dict[str, der.Node]:
    """Return the values of the signed attributes by type: sorted as DER has it, no type twice."""
    if list(node.children) != sorted(node.children, key=lambda each: each.raw):
        raise VerificationError("token-malformed", what=what)
    named: dict[str, der.Node] = {}
    for attribute in der.members(node, der.SEQUENCE, what):
        fields = der.Fields(attribute, what)
        kind, values = fields.take(der.OID).oid(), fields.take(der.SET)
        fields.end()
        if kind in named:
            raise VerificationError("token-malformed", what=what)
        named[kind] = values
    return named


def _attribute(named: dict[str, der.Node], kind: str, tag: int, what: str) -> der.Node | None:
    """Return the one value of an attribute, or None when it is not there."""
    values = named.get(kind)
    if values is None:
        return None
    if len(values.children) != 1 or values.children[0].tag != tag:
        raise VerificationError("token-malformed", what=what)
    return values.children[0]


def _protected(attribute: der.Node | None, digest: der.Node, algorithm: der.Node, what: str) -> bool:
    """Say whether the signed attributes repeat both algorithms (RFC 6211); raises when they name others."""
    if attribute is None:
        return False
    # digestAlgorithm as it is, signatureAlgorithm under the tag [1].
    if attribute.body != digest.raw + der.encode(0xA1, algorithm.body):
        raise VerificationError("token-algorithm", what=what)
    return True


def _check_scheme(
    leaf: x509.Certificate, digest: hashes.HashAlgorithm, algorithm: der.Node, what: str, *, protected: bool
) -> None:
    """Check that the signature algorithm is one of those taken, for this key and this digest."""
    fields = der.Fields(algorithm, what)
    name = fields.take(der.OID).oid()
    null = fields.maybe(der.NULL)
    fields.end()
    if isinstance(leaf.public_key(), rsa.RSAPublicKey):
        known = algorithm.raw == _RSA_ENCRYPTION or (protected and _RSA.get(name) == digest.name)
    else:
        known = _ECDSA.get(name) == digest.name and null is None
    if not known:
        raise VerificationError("token-algorithm", what=what)


def _verify(
    leaf: x509.Certificate, digest: hashes.HashAlgorithm, signed: bytes, signature: bytes, what: str
) -> None:
    key = leaf.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            raise VerificationError("token-algorithm", what=what)
    except InvalidSignature as error:
        raise VerificationError("token-signature", what=what) from error


def _hashed(
    named: dict[str, der.Node], leaf: _Embedded, certificates: tuple[_Embedded, ...], what: str
) -> list[_Embedded]:
    """Check the signing-certificate attributes (RFC 2634 section 5.4, RFC 5035): the first hash is the signer's."""
    found: list[_Embedded] = []
    for kind, second in ((SIGNING_CERTIFICATE, False), (SIGNING_CERTIFICATE_V2, True)):
        attribute = _attribute(named, kind, der.SEQUENCE, what)
        if attribute is None:
            continue
        prints = der.members(der.Fields(attribute, what).take(der.SEQUENCE), der.SEQUENCE, what)
        if len(prints) > MAX_CERTIFICATES:
            raise VerificationError("token-malformed", what=what)
        for number, fingerprint in enumerate(prints):
            fits = [each for each in certificates if _fits(fingerprint, each, second, what)]
            if number == 0 and leaf not in fits:
                raise VerificationError("token-certificate", what=what)
            found += fits
    if leaf not in found:
        raise VerificationError("token-certificate", what=what)
    return found


def _fits(fingerprint: der.Node, each: _Embedded, second: bool, what: str) -> bool:  # noqa: FBT001 - which of two forms
    """Say whether an ESSCertID (SHA-1) or ESSCertIDv2 is that of a certificate."""
    fields = der.Fields(fingerprint, what)
    stated = fields.maybe(der.SEQUENCE) if second else None
    name = digest_algorithm(stated, what).name if stated else "sha256" if second else "sha1"
    digest, issuer_serial = fields.take(der.OCTET_STRING), fields.maybe(der.SEQUENCE)
    fields.end()
    if hashlib.new(name, each.node.raw).digest() != digest.body:
        return False
    directory_name = der.encode(der.SEQUENCE, der.encode(0xA4, each.issuer.raw))
    return issuer_serial is None or issuer_serial.body == directory_name + each.serial.raw


def _names(leaf: _Embedded, what: str) -> tuple[bytes, ...]:
    """Return the names a token may call its signer by, as DER GeneralNames."""
    names = [der.encode(0xA4, leaf.subject.raw)]
    for extension in leaf.certificate.extensions:
        if extension.oid.dotted_string == ALTERNATIVE_NAMES:
            names += [node.raw for node in der.parse(extension.value.public_bytes(), what).children]
    return tuple(names)
