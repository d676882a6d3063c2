"""Attacks with chains of certificates: what RFC 5280 has a verifier refuse, between a pinned root and a signer.

Whoever holds the key of a certificate below a pinned root could make these; what its issuer forbade, or said of it in words
that a verifier does not know, shall not count. Some that are sound stand beside them, so that nothing is refused by accident.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from bench.attack_scene import Scene
from bench.attack_tokens import FAILED, NOT_VERIFIED, stamped, trusting
from tests.peers import forge

SOUND = ("VERIFIED",)
Extensions = Sequence[tuple[x509.ExtensionType, bool]]
_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
_PRIVATE_PERIOD = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("2.5.29.16"),
    bytes.fromhex("3022800f32303230303130313030303030305a810f32303330303130313030303030305a"),
)
_OTHER = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Nobody")])
_SIGNER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forge TSA")])
_FLAGS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in names for name in _FLAGS})


def _chain(root: Extensions = (), between: Extensions = (), signer: Extensions = ()) -> forge.Chain:
    """Return a signer below an intermediate below a root, each with more extensions."""
    keys = [forge.key("ec", 300 + number) for number in range(3)]
    top = forge.certificate("Chain Root", keys[0], ca=True, more=root)
    middle = forge.certificate("Chain CA", keys[1], top, keys[0], ca=True, more=between)
    leaf = forge.certificate("Forge TSA", keys[2], middle, keys[1], usages=[forge.TIME], more=signer)
    return forge.Chain(leaf, keys[2], (middle, top))


def _key_id(digest: bytes | None, serial: int | None = None) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(digest, [x509.DirectoryName(_OTHER)] if serial else None, serial)


def variants() -> Iterator[tuple[str, tuple[str, ...], forge.Chain]]:
    """Yield name, right verdicts and the chain of each; a token of it comes without its root."""
    yield "sound", SOUND, _chain()
    own = x509.SubjectKeyIdentifier(b"a" * 20)
    yield (
        "key identifier that fits",
        SOUND,
        _chain(between=[(own, False)], signer=[(_key_id(b"a" * 20), False)]),
    )
    yield (
        "key identifier of nobody",
        NOT_VERIFIED,
        _chain(between=[(own, False)], signer=[(_key_id(b"x" * 20), False)]),
    )
    yield "number of another issuer", NOT_VERIFIED, _chain(signer=[(_key_id(None, 5), False)])
    policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)])
    yield "critical policies", SOUND, _chain(signer=[(policies, True)])
    signs = _usage("digital_signature", "content_commitment")
    yield "signer may sign data in two ways", SOUND, _chain(signer=[(signs, True)])
    for name in ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"):
        yield f"signer may also {name}", FAILED, _chain(signer=[(_usage("digital_signature", name), True)])
    yield "signer may not sign", FAILED, _chain(signer=[(_usage("key_agreement"), True)])
    odd: dict[str, x509.ExtensionType] = {
        "unknown": _UNKNOWN,
        "period of the private key": _PRIVATE_PERIOD,
        "poison of a precertificate": x509.PrecertPoison(),
        "other names of the issuer": x509.IssuerAlternativeName([x509.DNSName("evil.example")]),
        "key identifier": own,
        "feature of TLS": x509.TLSFeature([x509.TLSFeatureType.status_request]),
    }
    for name, extension in odd.items():
        yield f"critical in the signer: {name}", NOT_VERIFIED, _chain(signer=[(extension, True)])
    yield "critical in between: unknown", NOT_VERIFIED, _chain(between=[(_UNKNOWN, True)])
    yield "critical in the root: unknown", NOT_VERIFIED, _chain(root=[(_UNKNOWN, True)])
    yield "unknown, but not critical", SOUND, _chain((), [(_UNKNOWN, False)], [(_UNKNOWN, False)])
    permitted = x509.NameConstraints([x509.DirectoryName(_OTHER)], None)
    excluded = x509.NameConstraints(None, [x509.DirectoryName(_SIGNER)])
    for where in ("between", "root"):
        yield f"names constrained, {where}", NOT_VERIFIED, _chain(**{where: [(permitted, True)]})
    yield "name excluded, not critical", NOT_VERIFIED, _chain(between=[(excluded, False)])


def cases(_: Scene) -> Iterator[tuple[Any, ...]]:
    """Yield (name, how it is made, right verdicts, trust)."""
    for name, right, chain in variants():
        carried = tuple(forge.der(one) for one in (chain.leaf, *chain.above[:-1]))

        def token(note: bytes, chain: forge.Chain = chain, carried: tuple[bytes, ...] = carried) -> bytes:
            return forge.forge(forge.Plan(chain, data=note).but(certificates=carried))

        yield f"chain: {name}", stamped(token), right, trusting(chain.root)
