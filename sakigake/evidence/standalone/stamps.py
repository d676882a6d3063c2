"""Time tokens (RFC 3161)."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from sakigake.evidence.standalone.certificates import Carried, Root, extension, in_time, issued, strong
from sakigake.evidence.standalone.cms import digest_of, read_signed
from sakigake.evidence.standalone.der import (
    BOOL,
    GTIME,
    INT,
    OCTETS,
    OID,
    ONE,
    SEQ,
    ZERO,
    Item,
    all_of,
    der,
    must,
    only,
    parts_of,
    wrap,
)
from sakigake.evidence.standalone.rules import KIB, need, refusal

try:
    import rfc3161_client
except ImportError:
    SECOND_OPINION = False
else:
    SECOND_OPINION = True

SAN = "2.5.29.17"
GRANTED = {bytes.fromhex("3003020100"), bytes.fromhex("301502010030100c0e") + b"Operation Okay"}
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
MAX_SERIAL, THOUSAND = 512, 1000


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
    need((usage is None or only_signs(usage.value)) and strong(one), "token-certificate")
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


def only_signs(usage: x509.KeyUsage) -> bool:
    """Say whether a key may sign data and do nothing else."""
    ciphers = usage.key_encipherment or usage.data_encipherment or usage.key_agreement
    others = ciphers or usage.key_cert_sign or usage.crl_sign
    return (usage.digital_signature or usage.content_commitment) and not others


def read_info(content: bytes, data: bytes, leaf: Carried) -> tuple[datetime, datetime, datetime]:
    """Read a TSTInfo over `data`; return the earliest and latest moment it can mean, and the moment it states."""
    info = der(content)
    shape = (INT, OID, SEQ, INT, GTIME, -SEQ, -BOOL, -INT, -ZERO, -ONE)
    version, _, imprint, serial, time, accuracy, ordering, nonce, name, extensions = parts_of(info, *shape)
    need(info.tag == SEQ and must(version).number() == 1, "token")
    need(ordering is None or ordering.body == b"\xff", "token")
    need(must(serial).number().bit_length() <= MAX_SERIAL, "token")
    need(nonce is None or nonce.number() >= 0, "token")
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
    stated = parts_of(accuracy, -INT, -0x80, -0x81) if accuracy else [None, None, None]
    seconds, millis, micros = (part.number() if part else 0 for part in stated)
    need(seconds >= 0 and all(part is None or 0 < part.number() < THOUSAND for part in stated[1:]), "token")
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
        raise refusal("token-second-opinion") from error
