"""Attacks with time tokens: forged authorities, wrong certificates, tokens with a fault in exactly one place."""

from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from bench.attack_scene import Contents, Hand, Scene, ask, pack
from sakigake.anchor.trust import Authority, Trust
from sakigake.evidence import layout
from tests.peers import forge

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
FAILED, NOT_VERIFIED = ("FAILED",), ("FAILED", "INTEGRITY ONLY")


def stamped(make: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """Return a package of one stage whose checkpoints carry the tokens that `make` gives."""

    def build() -> bytes:
        made = Hand()
        made.seal()
        made.token(make(made.notes[-1]))
        made.stage()
        made.seal()
        made.token(make(made.notes[-1]), name_it=False)
        return pack(made.contents())

    return build


def trusting(*roots: Any) -> Trust:
    """Return a trust in the root of a forge."""
    return Trust((Authority("forge", "", tuple(roots), (), "test"),))


def cases(scene: Scene) -> Iterator[tuple[Any, ...]]:
    """Yield (name, how it is made, right verdicts, trust)."""
    yield from _authorities(scene)
    yield from _faults()
    yield from _times()


def _authorities(scene: Scene) -> Iterator[tuple[Any, ...]]:
    yield "authority: same names, other key", stamped(lambda note: ask(scene.evil, note)), NOT_VERIFIED
    yield "authority: honest, not pinned", stamped(lambda note: ask(scene.other, note)), NOT_VERIFIED
    genuine, twin = forge.chain(), forge.chain(number=8)
    trust = trusting(genuine.root)

    def by(chain: forge.Chain, **change: Any) -> Callable[[], bytes]:
        return stamped(lambda note: forge.forge(forge.Plan(chain, data=note).but(**change)))

    yield "authority: forge, sound", by(genuine), ("VERIFIED",), trust
    yield "authority: twin of the pinned root", by(twin), NOT_VERIFIED, trust
    embedded = (forge.der(twin.leaf), forge.der(twin.root))
    yield "authority: twin brings its own root", by(twin, certificates=embedded), NOT_VERIFIED, trust
    both = (forge.der(twin.leaf), forge.der(genuine.leaf))
    yield "authority: twin brings the genuine signer too", by(twin, certificates=both), FAILED, trust
    claimed = genuine.leaf.issuer.public_bytes()
    who = forge.seq(claimed, forge.integer(genuine.leaf.serial_number))
    yield "authority: twin signs in the genuine signer's name", by(twin, signer_id=who), FAILED, trust
    faked = {"leaf_signs": twin.leaf_key}
    yield "authority: genuine certificate, twin's key", by(genuine, **faked), FAILED, trust
    alone = forge.certificate("Forge TSA", forge.key("ec", 30), usages=[forge.TIME])
    own = forge.Chain(alone, forge.key("ec", 30), (alone,))
    yield "authority: signed by itself", by(own), NOT_VERIFIED, trust
    wrong = {
        "purpose is signing code": {"usages": [ExtendedKeyUsageOID.CODE_SIGNING]},
        "purpose not critical": {"critical": False},
        "two purposes": {"usages": [forge.TIME, ExtendedKeyUsageOID.CODE_SIGNING]},
        "no purpose": {"usages": []},
        "expired": {"valid": ("2020-01-01", "2021-01-01")},
        "not valid yet": {"valid": ("2030-01-01", "2040-01-01")},
    }
    for name, options in wrong.items():
        chain = forge.chain(**options)  # type: ignore[arg-type]
        yield f"certificate: {name}", by(chain), FAILED, trusting(chain.root)
    weak = forge.chain("weak")
    yield "certificate: 1024 bits", by(weak), FAILED, trusting(weak.root)
    yield "certificate: root may not issue", by(_under_leaf()), NOT_VERIFIED, trust
    gone = forge.certificate("Forge Root", forge.key("ec", 140), ca=True, valid=("2020-01-01", "2021-01-01"))
    leaf = forge.certificate(
        "Forge TSA", forge.key("ec", 40), gone, forge.key("ec", 140), usages=[forge.TIME]
    )
    yield (
        "certificate: root expired",
        by(forge.Chain(leaf, forge.key("ec", 40), (gone,))),
        NOT_VERIFIED,
        trusting(gone),
    )


def _under_leaf() -> forge.Chain:
    """Return a signer below a certificate that is no authority's, though the genuine root issued it."""
    genuine = forge.chain(number=50)
    leaf = forge.certificate(
        "Under", forge.key("ec", 51), genuine.leaf, genuine.leaf_key, usages=[forge.TIME]
    )
    return forge.Chain(leaf, forge.key("ec", 51), (genuine.leaf, genuine.root))


def _faults() -> Iterator[tuple[Any, ...]]:
    """Yield tokens of a pinned authority with one fault each: whoever has its key could make them, nobody should take them."""
    chain = forge.chain()
    trust = trusting(chain.root)
    plans: dict[str, dict[str, Any]] = {
        "granted with changes": {"status": bytes.fromhex("3003020101")},
        "rejected": {"status": bytes.fromhex("3003020102")},
        "status with other text": {
            "status": forge.seq(forge.integer(0), forge.seq(forge.tlv(0x0C, b"Fine")))
        },
        "over other data": {"data": b"other"},
        "SHA-1 of the data": {"imprint": "sha1"},
        "SHA-1 inside": {"digest": "sha1", "outer_digest": "sha256"},
        "two digests": {"outer_digest": "sha512"},
        "version 1 outside": {"signed_version": 1},
        "version 3 of the signer": {"signer_version": 3},
        "version 2 inside": {"info_version": 2},
        "two signers": {"signers": 2},
        "bytes behind it": {"trailing": b"\0"},
        "unsigned attribute": {"unsigned": forge.tlv(0xA1, forge.seq(forge.oid("1.2.3"), forge.set_of()))},
        "no certificate": {"certificates": ()},
        "revocation list": {"crls": forge.tlv(0xA1, forge.seq())},
        "no hash of the signer": {"ess": ()},
        "hash of the signer by SHA-1 as version 2": {"ess": ("v2-sha1",)},
        "attributes not sorted": {"sort_attributes": False},
        "digest of other content": {"message_digest": bytes(32)},
        "another type stated": {"stated_type": "1.2.840.113549.1.7.1"},
        "another type": {"content_type": "1.2.840.113549.1.7.1"},
        "RSA stated for an ECDSA key": {"signature_oid": forge.RSA_SHA256},
        "NULL behind ECDSA": {"signature_null": True},
        "ordering false": {"ordering": forge.tlv(0x01, b"\0")},
        "time without zone": {"time": b"20260102030405"},
        "time with an offset": {"time": b"20260102030405+0100"},
        "time with a needless zero": {"time": b"20260102030405.10Z"},
        "31st of February": {"time": b"20260231030405Z"},
        "61st second": {"time": b"20260102030461Z"},
        "last day of the calendar": {"time": b"99991231235959Z"},
        "first day of the calendar": {"time": b"00010101000000Z"},
        "negative accuracy": {"accuracy": forge.seq(forge.integer(-1))},
        "accuracy of 9,000 years": {"accuracy": forge.seq(forge.integer(9000 * 366 * 86400))},
        "accuracy of 10^30 seconds": {"accuracy": forge.seq(forge.integer(10**30))},
        "no millisecond": {"accuracy": forge.seq(forge.tlv(0x80, b"\0"))},
        "no microsecond": {"accuracy": forge.seq(forge.integer(1), forge.tlv(0x81, b"\0"))},
        "negative nonce": {"nonce": -5},
        "1,000 milliseconds": {"accuracy": forge.seq(forge.tlv(0x80, b"\x03\xe8"))},
        "serial number of 2,000 bits": {"serial": 1 << 2000},
        "another authority's name": {"tsa": forge.tlv(0xA0, forge.tlv(0xA4, forge.seq()))},
        "critical extension": {
            "extensions": forge.tlv(
                0xA1, forge.seq(forge.oid("1.2.3"), forge.tlv(0x01, b"\xff"), forge.octets(b""))
            )
        },
        "stray certificate": {
            "certificates": (forge.der(chain.leaf), forge.der(forge.chain(number=60).root))
        },
        "signature cut": {"signature": bytes(8)},
        "signature of one byte": {"signature": bytes(1)},
        "70 kB": {"extensions": forge.tlv(0xA1, forge.seq(forge.oid("1.2.3"), forge.octets(bytes(70_000))))},
    }
    for name, change in plans.items():
        yield (
            f"token: {name}",
            stamped(lambda note, change=change: forge.forge(forge.Plan(chain, data=note).but(**change))),  # type: ignore[misc]
            FAILED,
            trust,
        )
    for name, raw in {
        "page of a server": b"<html><body>503</body></html>",
        "nothing": b"",
        "indefinite length": b"\x30\x80\x00\x00",
        "length of 4 GiB": b"\x30\x84\xff\xff\xff\xff",
        "20,000 sequences in each other": b"\x30\x80" * 20_000,
    }.items():
        yield f"token: {name}", stamped(lambda note, raw=raw: raw + note[:0]), FAILED, trust  # type: ignore[misc]


def _times() -> Iterator[tuple[Any, ...]]:
    """Yield times of a pinned authority that cannot all be right."""
    chain = forge.chain()
    trust = trusting(chain.root)

    def backwards(first: bytes, second: bytes, *, name_it: bool = True) -> Callable[[], bytes]:
        def build() -> bytes:
            made = Hand()
            made.seal()
            made.token(forge.forge(forge.Plan(chain, data=made.notes[-1], time=first)))
            named = made.after
            if not name_it:
                made.after = None
            made.stage()
            made.after = named
            made.seal()
            made.token(forge.forge(forge.Plan(chain, data=made.notes[-1], time=second)), name_it=False)
            return pack(made.contents())

        return build

    yield "times: an hour backwards", backwards(b"20260102030405Z", b"20260102020405Z"), FAILED, trust
    only = backwards(b"20260102030405Z", b"20260102020405Z", name_it=False)
    yield "times: backwards between checkpoints alone", only, FAILED, trust
    yield (
        "times: two seconds of skew",
        backwards(b"20260102030405Z", b"20260102030403Z"),
        ("VERIFIED",),
        trust,
    )

    def unsealed_stamp() -> bytes:
        made = Hand()
        made.stage()
        made.seal()
        contents: Contents = made.contents()
        stray = forge.Plan(chain, data=contents[layout.MANIFEST]).but(
            certificates=(forge.der(chain.leaf), forge.der(_under_leaf().root))
        )
        return pack({**contents, layout.STAMP: forge.forge(stray)})

    yield "times: stamp over the list with a stray certificate", unsealed_stamp, FAILED, trust
    unknown = forge.chain(number=70)

    def open_stamp() -> bytes:
        made = Hand()
        made.stage()
        made.seal()
        contents: Contents = made.contents()
        return pack(
            {**contents, layout.STAMP: forge.forge(forge.Plan(unknown, data=contents[layout.MANIFEST]))}
        )

    yield "times: stamp of an unknown authority alone", open_stamp, NOT_VERIFIED, trust
