"""The strict reading of tokens: what must pass, what must not, and that no byte is left unread."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from sakigake.anchor import trust
from sakigake.anchor.rfc3161 import TokenReading, build_request, normal_form, read_token, request_nonce
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from tests.peers import forge
from tests.peers.forge import Chain, Plan, chain, integer, octets, oid, seq, set_of, tlv

FIXTURES = Path(__file__).parent / "fixtures"


def believe(*chains: Chain) -> Trust:
    """Trust in the roots of some chains, under the names first, second, …"""
    believed = Trust()
    for name, each in zip(("first", "second", "third"), chains, strict=False):
        believed = believed.with_roots(forge.der(each.root), name)
    return believed


@pytest.fixture(scope="module")
def good() -> Chain:
    return chain()


def read(plan: Plan, believed: Trust | None = None, **more: object) -> TokenReading:
    return read_token(
        forge.forge(plan),
        plan.data,
        believe(plan.chain) if believed is None else believed,
        **more,  # type: ignore[arg-type]
    )


def refusal(plan: Plan, believed: Trust | None = None, **more: object) -> str:
    """The slug of the error, which must be the same for a trusted and for an unknown authority."""
    with pytest.raises(VerificationError) as caught:
        read(plan, believed, **more)
    if believed is None:
        with pytest.raises(VerificationError) as unknown:
            read(plan, Trust(), **more)
        assert unknown.value.code == caught.value.code
    assert caught.value.message("en")
    assert caught.value.hint("ja")
    return caught.value.code


@pytest.mark.parametrize("kind", ["ec", "p384", "rsa"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("ess", [("v1",), ("v2",), ("v1", "v2"), ("v2-sha512",)])
def test_sound_tokens_pass(kind: str, digest: str, ess: tuple[str, ...]) -> None:
    plan = Plan(chain(kind), digest=digest, imprint=digest, ess=ess)
    reading = read(plan)
    assert reading.authority == "first"
    assert reading.serial == 77
    assert reading.policy == "1.2.3.4"
    assert reading.signer == plan.chain.leaf.fingerprint(hashes.SHA256()).hex()
    assert read(plan, Trust()).authority is None


def test_what_may_vary(good: Chain) -> None:
    plan = Plan(good)
    name = seq(set_of(seq(oid("2.5.4.3"), tlv(0x0C, b"Forge TSA"))))
    extension = tlv(0xA1, seq(oid("1.3.6.1.4.1.99"), octets(b"\x05\x00")))
    for fine in (
        plan.but(imprint="sha512"),
        plan.but(ordering=b"\x01\x01\xff"),
        plan.but(tsa=tlv(0xA0, tlv(0xA4, name))),
        plan.but(extensions=extension),
        plan.but(digest_null=False),
        plan.but(signing_time=False),
        plan.but(ess_issuer=False),
        plan.but(serial=2**159 - 1),
        plan.but(more_attributes=(seq(oid("1.3.6.1.4.1.98"), set_of(octets(b"x"))),)),
        plan.but(certificates=(forge.der(good.leaf), forge.der(good.root))),
        plan.but(certificates=(forge.der(good.root), forge.der(good.leaf))),
        plan.but(status=forge.seq(integer(0), seq(tlv(0x0C, b"Operation Okay")))),
    ):
        assert read(fine).authority == "first", fine


def test_not_after_is_rounded_up_and_not_before_down(good: Chain) -> None:
    second = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for stated, time in (
        (b"20260102030405Z", second),
        (b"20260102030405.9Z", second.replace(microsecond=900_000)),
    ):
        reading = read(Plan(good, time=stated))
        assert (reading.low, reading.high) == (second, second + timedelta(seconds=1))
        assert reading.gen_time == time
    accuracy = seq(integer(2), tlv(0x80, b"\x01\xf4"), tlv(0x81, b"\x01"))
    reading = read(Plan(good, accuracy=accuracy))
    wide = timedelta(seconds=2, milliseconds=501)  # one microsecond more than 2.5 s, in whole milliseconds
    assert (reading.low, reading.high) == (second - wide, second + timedelta(seconds=1) + wide)


@pytest.mark.parametrize(
    ("slug", "changes"),
    [
        ("token-not-granted", {"status": seq(integer(1))}),
        ("token-not-granted", {"status": seq(integer(2))}),
        ("token-not-granted", {"status": seq(integer(0), seq(tlv(0x0C, b"Operation okay")))}),
        ("token-not-granted", {"status": seq(integer(0), tlv(0x03, b"\x00\x01"))}),
        ("token-malformed", {"trailing": b"\x00"}),
        ("token-malformed", {"signed_version": 1}),
        ("token-malformed", {"signed_version": 4}),
        ("token-malformed", {"signer_version": 3}),
        ("token-malformed", {"info_version": 2}),
        ("token-malformed", {"outer_digest": "sha512"}),
        ("token-malformed", {"signers": 2}),
        ("token-malformed", {"signers": 0}),
        ("token-malformed", {"crls": tlv(0xA1, seq())}),
        ("token-malformed", {"unsigned": tlv(0xA1, seq(oid("1.2.3.4"), set_of(octets(b""))))}),
        ("token-malformed", {"sort_attributes": False}),
        ("token-malformed", {"stated_type": "1.2.840.113549.1.7.1"}),
        ("token-malformed", {"content_type": "1.2.840.113549.1.7.1"}),
        ("token-malformed", {"ordering": b"\x01\x01\x00"}),
        ("token-malformed", {"ordering": b"\x01\x01\x01"}),
        ("token-malformed", {"time": b"20260102030405"}),
        ("token-malformed", {"time": b"20260102030405.90Z"}),
        ("token-malformed", {"time": b"20260102030405.Z"}),
        ("token-malformed", {"time": b"202601020304Z"}),
        ("token-malformed", {"time": b"20260230030405Z"}),
        ("token-malformed", {"time": b"20260102030405+0900"}),
        ("token-malformed", {"accuracy": seq(tlv(0x80, b"\x03\xe8"))}),
        ("token-malformed", {"accuracy": seq(integer(-1))}),
        ("token-malformed", {"accuracy": seq(integer(10**12))}),
        ("token-malformed", {"accuracy": seq(integer(10**30))}),
        ("token-malformed", {"time": b"99991231235959.9999999Z"}),
        ("token-malformed", {"time": b"00000102030405Z"}),
        ("token-malformed", {"policy": "1.2." + "9" * 2000}),
        ("token-malformed", {"serial": 2**600}),
        ("token-malformed", {"more_attributes": (seq(oid("1.2.840.113549.1.9.3"), set_of(oid("1.2.3"))),)}),
        ("token-malformed", {"extensions": tlv(0xA1, seq(oid("1.3.9"), b"\x01\x01\xff", octets(b"")))}),
        ("token-signature", {"message_digest": b"\x00" * 32}),
        ("token-signature", {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"}),
        ("token-signature", {"leaf_signs": forge.key("ec", 9)}),
        ("token-algorithm", {"imprint": "sha1"}),
        ("token-algorithm", {"digest": "sha1"}),
        ("token-algorithm", {"signature_oid": forge.ECDSA["sha512"]}),
        ("token-algorithm", {"signature_oid": forge.RSA_ANY}),
        ("token-algorithm", {"signature_null": True}),
        ("token-certificate", {"certificates": ()}),
        ("token-certificate", {"ess": ()}),
        ("token-algorithm", {"ess": ("v2-sha1",)}),
        ("token-certificate", {"tsa": tlv(0xA0, tlv(0xA4, seq()))}),
        ("token-certificate", {"signer_id": seq(seq(), integer(1))}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_one_fault_is_enough(good: Chain, slug: str, changes: dict[str, object]) -> None:
    assert refusal(Plan(good, **changes)) == slug  # type: ignore[arg-type]


def test_other_data_and_other_nonces_are_refused(good: Chain) -> None:
    plan = Plan(good, nonce=2**63 + 5)
    assert read(plan, nonce=2**63 + 5).authority == "first"
    assert refusal(plan, nonce=5) == "token-nonce"
    assert refusal(Plan(good), nonce=5) == "token-nonce"
    with pytest.raises(VerificationError) as caught:
        read_token(forge.forge(plan), b"other data", believe(good))
    assert caught.value.code == "token-other-data"


def test_signer_certificates_that_do_not_fit() -> None:
    email = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.4")
    wrong: list[dict[str, object]] = [
        {"usages": []},
        {"usages": [email]},
        {"usages": [forge.TIME, email]},
        {"critical": False},
    ]
    for options in wrong:
        assert refusal(Plan(chain("ec", **options))) == "token-certificate", options  # type: ignore[arg-type]
    assert refusal(Plan(chain("weak"))) == "token-certificate"
    for valid in (("2020-01-01", "2026-01-01"), ("2026-02-01", "2040-01-01")):
        assert refusal(Plan(chain(valid=valid))) == "token-certificate-time"
    # Expired today, valid at the time of signing: that is what tokens are for.
    assert read(Plan(chain(valid=("2025-12-31", "2026-01-03")))).authority == "first"


def test_the_signing_certificate_attribute_binds_the_certificate(good: Chain) -> None:
    other = chain(number=3)
    for ess in ("v1", "v2"):
        assert refusal(Plan(good, ess=(ess,), ess_first=other.leaf)) == "token-certificate"
    # The right one second is not enough: the first hash is the signer's.
    assert refusal(Plan(good, ess_first=good.root, ess_more=(good.leaf,))) == "token-certificate"


def test_a_crowd_of_certificates_costs_little(good: Chain) -> None:
    """Thirty certificates of one name and key have all issued each other."""
    crowd_key = forge.key("ec", 220)
    crowd = [forge.certificate("Crowd", crowd_key, ca=True) for _ in range(30)]
    leaf_key = forge.key("ec", 221)
    leaf = forge.certificate("Leaf", leaf_key, crowd[0], crowd_key, usages=[forge.TIME])
    plan = Plan(Chain(leaf, leaf_key, (crowd[0],)))
    whole = plan.but(certificates=tuple(map(forge.der, [leaf, *crowd])))
    assert refusal(whole, believe(good)) == "token-malformed"
    most = plan.but(certificates=tuple(map(forge.der, [leaf, *crowd[:15]])))
    began = perf_counter()
    assert read(most, believe(good)).authority is None
    assert perf_counter() - began < 2
    assert refusal(plan.but(certificates=(forge.der(leaf),) * 2), believe(good)) == "token-malformed"
    assert refusal(plan.but(ess_more=tuple(crowd)), believe(good)) == "token-malformed"


def test_unknown_twin_and_evil_authorities_are_kept_and_never_counted(good: Chain) -> None:
    twin = chain(root_name="Forge Root", number=4)
    for whole in (False, True):
        embedded = (forge.der(twin.leaf), forge.der(twin.root)) if whole else None
        assert read(Plan(twin, certificates=embedded), believe(good)).authority is None
    # The genuine root embedded beside the evil signer helps nobody.
    evil = Plan(twin, certificates=(forge.der(twin.leaf), forge.der(good.root)))
    assert refusal(evil, believe(good)) == "token-certificate-stray"
    # Nor does the genuine signer's certificate, which a forger can copy from any token.
    stolen = Plan(good, leaf_signs=twin.leaf_key)
    assert refusal(stolen) == "token-signature"
    beside = Plan(twin, certificates=(forge.der(twin.leaf), forge.der(good.leaf)))
    assert refusal(beside, believe(good)) == "token-certificate-stray"


def test_pins_narrow_a_root_to_certain_signers(good: Chain) -> None:
    pinned = good.leaf.fingerprint(hashes.SHA256()).hex()
    for pins, name in (((pinned,), "p"), (("0" * 64,), None)):
        authority = trust.Authority("p", "", (good.root,), pins, "test")
        assert read(Plan(good), Trust((authority,))).authority == name


def test_a_trusted_token_needs_the_other_parser_as_well(good: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(_response: bytes) -> None:
        raise ValueError

    monkeypatch.setattr(rfc3161_client, "decode_timestamp_response", no)
    with pytest.raises(VerificationError) as caught:
        read(Plan(good))
    assert caught.value.code == "token-second-opinion"
    assert read(Plan(good), Trust()).authority is None


def test_the_first_authority_that_fits_is_named(good: Chain) -> None:
    other = chain(number=5)
    assert read(Plan(other), believe(good, other)).authority == "second"


def test_chains_with_intermediates_and_cross_signed_roots() -> None:
    """The shape that DigiCert and Sectigo send: unsorted, with the root as a certificate signed by an older one."""
    old_key, root_key, middle_key, leaf_key = (forge.key("ec", n) for n in (200, 201, 202, 203))
    old = forge.certificate("Old Root", old_key, ca=True)
    root = forge.certificate("New Root", root_key, ca=True)
    crossed = forge.certificate("New Root", root_key, old, old_key, ca=True)
    middle = forge.certificate(
        "Middle", middle_key, root, root_key, ca=True, path_length=0, usages=[forge.TIME]
    )
    leaf = forge.certificate("Leaf", leaf_key, middle, middle_key, usages=[forge.TIME])
    sent = tuple(map(forge.der, (leaf, middle, crossed)))
    for order in (sent, sent[::-1], (sent[1], sent[0], sent[2])):
        plan = Plan(Chain(leaf, leaf_key, (middle, root)), certificates=order, ess=("v1", "v2"))
        both = Trust((trust.Authority("both", "", (root, old), (), "test"),))
        assert read(plan, both).authority == "both"
        assert read(plan, Trust().with_roots(forge.der(old), "old")).authority == "old"
        # With the new root alone the crossed certificate's signature cannot be checked: not a whole token.
        only = Trust().with_roots(forge.der(root), "new")
        assert refusal(plan, only) == "token-chain-open"
        assert read(plan, only, open_chain=True).authority is None
        assert read(plan, only, others=(old,)).authority == "new"
        assert refusal(plan, Trust()) == "token-chain-open"
        assert read(plan, Trust(), others=(old, root)).authority is None
    # Intermediates that are not sent along may come with the pinned root.
    bare = Plan(Chain(leaf, leaf_key, (middle, root)))
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in (root, middle))
    assert read(bare, Trust().with_roots(pem, "given")).authority == "given"
    assert read(bare, Trust().with_roots(forge.der(root))).authority is None


def test_a_hash_among_the_signed_attributes_covers_an_embedded_certificate(good: Chain) -> None:
    middle_key = forge.key("ec", 210)
    middle = forge.certificate("Middle", middle_key, good.root, forge.key("ec", 100), ca=True)
    leaf_key = forge.key("ec", 211)
    leaf = forge.certificate("Leaf", leaf_key, middle, middle_key, usages=[forge.TIME])
    plan = Plan(Chain(leaf, leaf_key, (middle,)), certificates=(forge.der(leaf), forge.der(middle)))
    assert refusal(plan, Trust()) == "token-chain-open"
    assert read(plan.but(ess_more=(middle,)), Trust()).authority is None


def test_the_algorithms_may_be_repeated_under_the_signature() -> None:
    """RFC 6211. With it `sha256WithRSAEncryption` stays; without it the name is brought to the one that is taken."""
    signer = chain("rsa")
    stated = Plan(signer, signature_oid=forge.RSA_SHA256)
    repeated = seq(
        oid("1.2.840.113549.1.9.52"),
        set_of(
            seq(forge.algorithm(forge.DIGEST_OID["sha256"]), tlv(0xA1, oid(forge.RSA_SHA256), b"\x05\x00"))
        ),
    )
    assert refusal(stated) == "token-algorithm"
    plain = normal_form(forge.forge(stated))
    assert read_token(plain, b"data", believe(signer)).authority == "first"
    protected = stated.but(more_attributes=(repeated,))
    assert read(protected).authority == "first"
    assert normal_form(forge.forge(protected)) == forge.forge(protected)
    assert refusal(protected.but(signature_oid=None)) == "token-algorithm"


def test_the_normal_form_drops_unsigned_text_and_nothing_else() -> None:
    good = chain("rsa")  # its signatures are the same each time
    raw = forge.forge(Plan(good))
    assert normal_form(raw) == raw
    for text in (b"Operation Okay", "許可".encode()):
        chatty = forge.forge(Plan(good, status=seq(integer(0), seq(tlv(0x0C, text)))))
        assert normal_form(chatty) == raw
    for status in (
        seq(integer(1)),
        seq(integer(0), tlv(0x03, b"\x00\x01")),
        seq(integer(0), seq(octets(b""))),
    ):
        with pytest.raises(VerificationError):
            normal_form(forge.forge(Plan(good, status=status)))
    refused = seq(seq(integer(2), seq(tlv(0x0C, b"no")), tlv(0x03, b"\x05\x20")))
    with pytest.raises(VerificationError) as caught:
        normal_form(refused)
    assert caught.value.code == "token-not-granted"
    # Brings any small tree of elements back unharmed or refuses it.
    for shape in (
        seq(),
        seq(seq(integer(0)), seq()),
        seq(seq(integer(0)), seq(oid("1.2.3"), tlv(0xA0, seq()))),
    ):
        with pytest.raises(VerificationError):
            read_token(normal_form(shape), b"data", Trust())


def test_requests_ask_for_sha256_a_nonce_and_the_certificate() -> None:
    first, second = build_request(b"data"), build_request(b"data")
    assert request_nonce(first) != request_nonce(second)
    assert request_nonce(first).bit_length() > 32
    assert bytes.fromhex("3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7") in first
    assert first.endswith(b"\x01\x01\xff")


def test_real_tokens_of_public_authorities_pass() -> None:
    reading = read_token((FIXTURES / "identrust.tsr").read_bytes(), b"hello", trust.load())
    assert reading.authority == "identrust"
    assert reading.gen_time == datetime(2025, 3, 11, 8, 52, 8, tzinfo=UTC)
    staging = Trust().with_roots((FIXTURES / "sigstage.pem").read_bytes(), "staging")
    reading = read_token((FIXTURES / "sigstage-sha256.tsr").read_bytes(), b"hello", staging)
    assert reading.authority == "staging"
    second = datetime(2025, 5, 9, 11, 58, 55, tzinfo=UTC)
    assert (reading.low, reading.high) == (second - timedelta(seconds=1), second + timedelta(seconds=2))
