"""The DER reader: one encoding of each value, and nothing but its own error for anything else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.anchor import der
from sakigake.errors import VerificationError
from tests.peers.forge import integer, octets, oid, seq, set_of, tlv


def leaf() -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.integers(-(2**70), 2**70).map(integer),
        st.binary(max_size=300).map(octets),
        st.booleans().map(lambda value: tlv(0x01, b"\xff" if value else b"\x00")),
        st.just(tlv(0x05)),
        st.binary(max_size=20).map(lambda value: tlv(0x03, b"\x00", value)),
        st.lists(st.integers(0, 2**40), max_size=8).map(lambda arcs: oid(".".join(map(str, (1, 2, *arcs))))),
        st.tuples(st.integers(0x80, 0x9E), st.binary(max_size=9)).map(lambda pair: tlv(*pair)),
    )


def trees() -> st.SearchStrategy[bytes]:
    return st.recursive(
        leaf(),
        lambda inner: st.tuples(st.sampled_from([0x30, 0x31, 0xA0, 0xA3]), st.lists(inner, max_size=5)).map(
            lambda pair: tlv(pair[0], *pair[1])
        ),
        max_leaves=20,
    )


def again(node: der.Node) -> bytes:
    return der.encode(node.tag, b"".join(map(again, node.children)) if node.children else node.body)


@given(trees())
def test_what_is_written_is_read_back_byte_for_byte(raw: bytes) -> None:
    node = der.parse(raw, "test")
    assert node.raw == raw
    assert again(node) == raw


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        node = der.parse(raw, "test")
    except VerificationError:
        return
    assert again(node) == raw


@given(trees(), st.data())
def test_a_changed_byte_gives_another_tree_or_none(raw: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(raw) - 1))
    mask = data.draw(st.integers(1, 255))
    changed = raw[:place] + bytes((raw[place] ^ mask,)) + raw[place + 1 :]
    before = der.parse(raw, "test")
    try:
        after = der.parse(changed, "test")
    except VerificationError:
        return
    assert after != before
    assert again(after) == changed


@given(st.integers(-(2**200), 2**200))
def test_integers(value: int) -> None:
    assert der.parse(integer(value), "test").integer() == value


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**60), max_size=9))
def test_object_identifiers(first: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *rest)))
    assert der.parse(oid(dotted), "test").oid() == dotted


def test_object_identifiers_with_a_large_second_arc() -> None:
    assert der.parse(oid("2.999.3"), "test").oid() == "2.999.3"


@pytest.mark.parametrize(
    "raw",
    [
        "",  # nothing
        "30",  # no length
        "3080 0000",  # indefinite length
        "308105 0403010203",  # a short length written long
        "30820005 0403010203",  # padded length
        "0483000001 00",  # padded length of three bytes
        "0484 01000000",  # four bytes of length
        "3003 0401",  # cut inside
        "3003 020100 00",  # something behind
        "1f8101 00",  # long tag
        "1003 020100",  # primitive SEQUENCE
        "1103 020100",  # primitive SET
        "2403 040100",  # constructed OCTET STRING
        "2203 020100",  # constructed INTEGER
        "0000",  # end of contents
        "0100",  # empty BOOLEAN
        "010101",  # a true that is not ff
        "0102ffff",  # long BOOLEAN
        "0200",  # empty INTEGER
        "02020001",  # padded INTEGER
        "0202ffff",  # padded negative INTEGER
        "0a020001",  # padded ENUMERATED
        "0300",  # BIT STRING without its first byte
        "030108",  # eight unused bits
        "030101",  # unused bits of nothing
        "03020101",  # an unused bit that is set
        "050100",  # NULL with content
        "0600",  # empty OBJECT IDENTIFIER
        "06028080",  # padded arc
        "060280 01",  # padded first arc
        "06032a8001",  # padded arc
        "06022a80",  # arc without end
    ],
)
def test_other_encodings_are_refused(raw: str) -> None:
    with pytest.raises(VerificationError):
        der.parse(bytes.fromhex(raw), "test")


def test_depth_is_limited() -> None:
    raw = b"\x05\x00"
    for _ in range(der.MAX_DEPTH):
        raw = seq(raw)
    assert der.parse(raw, "test").raw == raw
    with pytest.raises(VerificationError):
        der.parse(seq(raw), "test")
    bomb = b"\x30\x80" * 30_000
    with pytest.raises(VerificationError):
        der.parse(bomb, "test")


def test_fields_are_taken_in_order_and_to_the_end() -> None:
    fields = der.Fields(der.parse(seq(integer(1), tlv(0xA0, octets(b"x")), octets(b"y")), "test"), "test")
    assert fields.maybe(der.OCTET_STRING) is None
    assert fields.take(der.INTEGER).integer() == 1
    inside = fields.explicit(0xA0)
    assert inside is not None
    assert inside.body == b"x"
    with pytest.raises(VerificationError):
        fields.end()
    with pytest.raises(VerificationError):
        fields.take(der.INTEGER)
    assert fields.take(der.OCTET_STRING).body == b"y"
    fields.end()
    two = der.Fields(der.parse(seq(tlv(0xA0, integer(1), integer(2))), "test"), "test")
    with pytest.raises(VerificationError):
        two.explicit(0xA0)


def test_members_must_all_be_of_one_kind() -> None:
    node = der.parse(set_of(integer(1), octets(b"")), "test")
    with pytest.raises(VerificationError):
        der.members(node, der.INTEGER, "test")


def test_a_part_can_be_replaced() -> None:
    node = der.parse(seq(integer(1), seq(octets(b"a"), integer(2))), "test")
    assert der.replace(node, (1, 0), octets(bytes(200))) == seq(
        integer(1), seq(octets(bytes(200)), integer(2))
    )


@pytest.mark.parametrize(
    ("stated", "fraction"),
    [
        ("20260102030405Z", 0),
        ("20260102030405.5Z", 500_000),
        ("20260102030405.000001Z", 1),
        ("20260102030405.0000001Z", 1),  # finer than a microsecond: never made earlier
        ("20260102030405.9999999Z", 1_000_000),
    ],
)
def test_times(stated: str, fraction: int) -> None:
    seconds, rest = der.generalized_time(der.parse(tlv(0x18, stated.encode()), "test"), "test")
    assert seconds == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert rest == timedelta(microseconds=fraction)
