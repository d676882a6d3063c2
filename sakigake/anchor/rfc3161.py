"""Time tokens: RFC 3161 responses with CMS signatures (RFC 5652), read so strictly that every byte counts.

The usual libraries leave parts of a response unchecked: version numbers, algorithm names outside the signature,
certificates nobody asks for. Whoever holds the key of a package could change those and keep the verdict. So the
whole structure is read here as the specifications list it, each embedded certificate is checked, and a pinned
authority's token must pass rfc3161-client (an independent parser, with OpenSSL below) as well.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import rfc3161_client
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sakigake.anchor import chain, cms, der
from sakigake.anchor.trust import Authority, Trust
from sakigake.errors import VerificationError

MAX_TOKEN_BYTES = 64 * 1024
MAX_SERIAL_BITS = 512  # RFC 3161 asks users to be ready for 160
TST_INFO = "1.2.840.113549.1.9.16.1.4"
# PKIStatusInfo is signed by nobody. "Operation Okay" is what servers built on Bouncy Castle add to it.
_GRANTED = (
    bytes.fromhex("3003020100"),
    bytes.fromhex("3015020100") + bytes.fromhex("3010 0c0e") + b"Operation Okay",
)
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TokenReading:
    """What a token says. `authority` is None when no pinned root stands behind it: kept, never counted.

    The authority's clock read a moment within [`low`, `high`]. `gen_time` is the time as stated, which
    `openssl ts -verify -attime` wants. `signer` is the hex SHA-256 of the signing certificate; `certificates` are
    all that came with the token, the signer's first.
    """

    authority: str | None
    low: datetime
    high: datetime
    serial: int
    policy: str
    gen_time: datetime
    signer: str
    certificates: tuple[x509.Certificate, ...]


def build_request(data: bytes) -> bytes:
    """Return a TimeStampReq over SHA-256 of `data` with a random nonce that asks for the signing certificate."""
    builder = (
        rfc3161_client.TimestampRequestBuilder()
        .data(data)
        .hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    )
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def request_nonce(request: bytes) -> int:
    """Return the nonce of a request made by `build_request`."""
    fields = der.Fields(der.parse(request, "request"), "request")
    fields.take(der.INTEGER)
    fields.take(der.SEQUENCE)
    return fields.take(der.INTEGER).integer()


def normal_form(raw: bytes, what: str = "RFC 3161") -> bytes:
    """Return a granted response in the one form that `read_token` takes; nothing that is signed is touched.

    Left out is the free text that some servers add to the status; see `cms.plain_rsa` for the name of the signature
    algorithm. Both stand outside every signature. Raises VerificationError when no token is granted.
    """
    status, token = _split(raw, what)
    fields = der.Fields(status, what)
    granted, text = fields.take(der.INTEGER), fields.maybe(der.SEQUENCE)
    if granted.body != b"\x00" or fields.maybe(der.BIT_STRING) is not None:
        raise VerificationError("token-not-granted", what=what)
    fields.end()
    if text is not None and any(part.tag != der.UTF8_STRING for part in text.children):
        raise VerificationError("token-malformed", what=what)
    return der.encode(der.SEQUENCE, _GRANTED[0] + cms.plain_rsa(token))


def read_token(
    raw: bytes,
    data: bytes,
    trust: Trust,
    *,
    nonce: int | None = None,
    others: Collection[x509.Certificate] = (),
    open_chain: bool = False,
    what: str = "RFC 3161",
) -> TokenReading:
    """Read the response `raw` over `data`; raises VerificationError for anything but a whole, strict, granted token.

    `others` are certificates nobody vouches for that may be needed to check the signatures of embedded ones, such
    as those a package carries. With `open_chain`, a token with an embedded certificate whose issuer is nowhere is
    read all the same, as one of no authority; otherwise that raises, since such a certificate's bytes are unchecked.
    `what` names the token in the error.
    """
    if len(raw) > MAX_TOKEN_BYTES:
        raise VerificationError("evidence-too-large", what=what)
    status, token = _split(raw, what)
    if status.raw not in _GRANTED:
        raise VerificationError("token-not-granted", what=what)
    signed = cms.read(token, TST_INFO, what)
    info = _read_info(signed.content, data, nonce, signed.names, what)
    if not (chain.stamps_time_only(signed.leaf) and chain.strong_key(signed.leaf)):
        raise VerificationError("token-certificate", what=what)
    if not chain.valid_at(signed.leaf, info.time):
        raise VerificationError("token-certificate-time", what=what)
    closed = _check_embedded(signed, (*trust.certificates(), *others), what)
    if not (closed or open_chain):
        raise VerificationError("token-chain-open", what=what)
    owner = trust.owner(signed.leaf, signed.certificates, info.time) if closed else None
    if owner is not None:
        _second_opinion(token, signed.leaf, owner, (data, nonce), what)
    try:
        low, high = info.seconds - info.accuracy, info.seconds + _SECOND + info.accuracy
        _ = low - _DAY, high + _DAY  # room for the tolerances that are added when times are compared
    except OverflowError as error:
        raise VerificationError("token-malformed", what=what) from error
    return TokenReading(
        authority=owner.name if owner else None,
        low=low,
        high=high,
        serial=info.serial,
        policy=info.policy,
        gen_time=info.time,
        signer=signed.leaf.fingerprint(hashes.SHA256()).hex(),
        certificates=(signed.leaf, *(each for each in signed.certificates if each != signed.leaf)),
    )


@dataclass(frozen=True, slots=True)
class _Info:
    """The fields of a TSTInfo that matter. `time` is `seconds` with its fraction."""

    seconds: datetime
    time: datetime
    accuracy: timedelta
    serial: int
    policy: str


def _split(raw: bytes, what: str) -> tuple[der.Node, der.Node]:
    """Return the status and the token of a TimeStampResp (RFC 3161 section 2.4.2)."""
    response = der.parse(raw, what)
    if response.tag != der.SEQUENCE:
        raise VerificationError("token-malformed", what=what)
    fields = der.Fields(response, what)
    status = fields.take(der.SEQUENCE)
    token = fields.maybe(der.SEQUENCE)
    fields.end()
    if token is None:
        raise VerificationError("token-not-granted", what=what)
    return status, token


def _read_info(content: bytes, data: bytes, nonce: int | None, names: Sequence[bytes], what: str) -> _Info:
    """Read the signed content (TSTInfo, RFC 3161 section 2.4.2) and hold it against the data and the nonce."""
    node = der.parse(content, what)
    if node.tag != der.SEQUENCE:
        raise VerificationError("token-malformed", what=what)
    fields = der.Fields(node, what)
    version, policy = fields.take(der.INTEGER), fields.take(der.OID)
    imprint = der.Fields(fields.take(der.SEQUENCE), what)
    algorithm, digest = cms.digest_algorithm(imprint.take(der.SEQUENCE), what), imprint.take(der.OCTET_STRING)
    imprint.end()
    serial = fields.take(der.INTEGER)
    seconds, fraction = der.generalized_time(fields.take(der.GENERALIZED_TIME), what)
    accuracy = _accuracy(fields.maybe(der.SEQUENCE), what)
    ordering, stated_nonce = fields.maybe(der.BOOLEAN), fields.maybe(der.INTEGER)
    name, extensions = fields.explicit(0xA0), fields.maybe(0xA1)
    fields.end()
    # `ordering` is FALSE by default, and DER leaves defaults out.
    serial_bits = serial.integer().bit_length()
    if version.integer() != 1 or (ordering and ordering.body == b"\x00") or serial_bits > MAX_SERIAL_BITS:
        raise VerificationError("token-malformed", what=what)
    # The name is a hint, but it "MUST correspond to one of the subject names" of the signing certificate.
    if name is not None and name.raw not in names:
        raise VerificationError("token-certificate", what=what)
    _check_extensions(extensions, what)
    if hashlib.new(algorithm.name, data).digest() != digest.body:
        raise VerificationError("token-other-data", what=what)
    if stated_nonce is not None and stated_nonce.integer() < 0:
        raise VerificationError("token-malformed", what=what)
    if nonce is not None and (stated_nonce is None or stated_nonce.integer() != nonce):
        raise VerificationError("token-nonce", what=what)
    return _Info(seconds, seconds + fraction, accuracy, serial.integer(), policy.oid())


def _accuracy(node: der.Node | None, what: str) -> timedelta:
    """Return the stated accuracy; nothing stated counts as nothing, since the whole second is added anyway."""
    if node is None:
        return timedelta()
    fields = der.Fields(node, what)
    stated = [fields.maybe(tag) for tag in (der.INTEGER, 0x80, 0x81)]
    fields.end()
    seconds, millis, micros = (part.integer() if part else 0 for part in stated)
    fine = all(part is None or 0 < part.integer() < 1000 for part in stated[1:])  # noqa: PLR2004 - RFC 3161: 1..999
    if seconds < 0 or not fine:
        raise VerificationError("token-malformed", what=what)
    try:
        # Rounded up to the millisecond, the finest the store keeps: bounds may become wider, never narrower.
        return timedelta(seconds=seconds, milliseconds=millis + (micros > 0))
    except OverflowError as error:
        raise VerificationError("token-malformed", what=what) from error


def _check_extensions(node: der.Node | None, what: str) -> None:
    """Refuse critical extensions, none of which is known here; others are signed and may say what they like."""
    for extension in der.members(node, der.SEQUENCE, what) if node else ():
        fields = der.Fields(extension, what)
        fields.take(der.OID)
        critical = fields.maybe(der.BOOLEAN)
        fields.take(der.OCTET_STRING)
        fields.end()
        if critical is not None:
            raise VerificationError("token-malformed", what=what)


def _check_embedded(signed: cms.Signed, others: Sequence[x509.Certificate], what: str) -> bool:
    """Check that every embedded certificate leads on from the signer's; say whether each one's bytes are covered.

    A certificate is covered by a hash among the signed attributes or by its issuer's signature.
    """
    if chain.ancestors(signed.leaf, signed.certificates) != set(signed.certificates):
        raise VerificationError("token-certificate-stray", what=what)
    issuers = (*signed.certificates, *others)
    return all(
        one in signed.hashed or any(chain.issued(one, issuer) for issuer in issuers)
        for one in signed.certificates
    )


def _second_opinion(
    token: der.Node, leaf: x509.Certificate, authority: Authority, asked: tuple[bytes, int | None], what: str
) -> None:
    """Let rfc3161-client check the same token against the authority's roots."""
    # The library refuses a certificate set that is not sorted, although CMS allows any order there; it is unsigned.
    response = der.encode(der.SEQUENCE, _GRANTED[0] + cms.sort_certificates(token))
    data, nonce = asked
    verifier = rfc3161_client.VerifierBuilder(
        tsa_certificate=leaf,
        intermediates=list(authority.between),
        roots=list(authority.roots),
        nonce=nonce,
    ).build()
    try:
        verifier.verify_message(rfc3161_client.decode_timestamp_response(response), data)
    except Exception as error:  # whatever another parser trips over is a no
        raise VerificationError("token-second-opinion", what=what) from error
