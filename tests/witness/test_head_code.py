"""The head code has one form, survives a round trip, and refuses everything near it."""

import base64
import random
import string
import unicodedata

import segno
from hypothesis import given
from hypothesis import strategies as st

from sakigake import resources
from sakigake.timeline import merkle
from sakigake.witness import code
from sakigake.witness.code import Head, head_of, head_of_note, parse, words
from sakigake.witness.match import Fit, Ledger, match

ALPHANUMERIC = set(string.digits + string.ascii_uppercase + " $%*+-./:")
HEADS = st.builds(
    Head,
    st.text("0123456789abcdef", min_size=8, max_size=8),
    st.integers(1, 9_999_999_999),
    st.binary(min_size=32, max_size=32),
)
# Written out, so that another program can be held against it.
KNOWN = Head("499f379f", 1234, bytes(range(32)))
WORDS_EN = ("mandate", "direct", "wine", "erosion")
WORDS_JA = ("たいみんぐ", "くめる", "れいとう", "こうちゃ")
KNOWN_CODE = "SKG1:499F379F:1234:AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQ"


@given(HEADS)
def test_round_trip(head: Head) -> None:
    assert parse(head.code) == head
    assert len(head.code) <= code.MAX_LETTERS
    assert set(head.code) <= ALPHANUMERIC


def test_a_known_code() -> None:
    assert KNOWN.code == KNOWN_CODE
    assert parse(KNOWN_CODE) == KNOWN
    assert words(KNOWN, "en") == WORDS_EN
    assert words(KNOWN, "ja") == WORDS_JA


@given(HEADS, st.data())
def test_another_letter_is_another_head_or_none(head: Head, data: st.DataObject) -> None:
    text = head.code
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(exclude_characters=text[place]))
    changed = text[:place] + letter + text[place + 1 :]
    found = parse(changed)
    assert found is None or (found != head and found.code == changed)


@given(st.text(max_size=90))
def test_any_text_is_read_or_refused_without_a_fault(text: str) -> None:
    found = parse("SKG1:" + text)
    assert found is None or found.code == "SKG1:" + text


def test_only_one_form() -> None:
    prefix, ledger, size, root = KNOWN_CODE.split(":")
    wrong = [
        "",
        KNOWN_CODE.lower(),
        f" {KNOWN_CODE}",
        f"{KNOWN_CODE}\n",
        f"{KNOWN_CODE}====",
        f"SKG2:{ledger}:{size}:{root}",
        f"{prefix}:{ledger}:0{size}:{root}",
        f"{prefix}:{ledger}:0:{root}",
        f"{prefix}:{ledger}:-1:{root}",
        f"{prefix}:{ledger}:{size}:{root[:-1]}",
        f"{prefix}:{ledger}:{size}:{root}A",
        f"{prefix}:{ledger}:{size}:{root[:-1]}R",  # the same bytes under a lenient reader
        f"{prefix}:{ledger}:{size}:{root[:-1]}1",
        f"{prefix}:{ledger[:-1]}:{size}:{root}",
        f"{prefix}:{ledger}:10000000000:{root}",
        f"{prefix}:{ledger}:１２３４:{root}",
        f"{prefix}:{ledger}:{size}",
    ]
    assert not [text for text in wrong if parse(text) is not None]
    assert base64.b32decode(root[:-1] + "R====") == KNOWN.root


def test_it_fits_a_small_code_at_its_longest() -> None:
    longest = Head("ffffffff", 9_999_999_999, b"\xff" * 32).code
    assert len(longest) == code.MAX_LETTERS
    made = segno.make_qr(longest, error="M", mode="alphanumeric", boost_error=False)
    assert (made.version, made.error, made.mode) == (4, "M", "alphanumeric")
    larger = segno.make_qr("A" * 91, error="M", mode="alphanumeric", boost_error=False)
    assert larger.version == 5


def test_the_words_are_whole_lists_in_one_form() -> None:
    for language in ("en", "ja"):
        listed = resources.read_text(f"codewords/{language}.txt").splitlines()
        assert len(listed) == len(set(listed)) == 2048
        assert all(unicodedata.is_normalized("NFC", word) for word in listed)


@given(HEADS, HEADS)
def test_words_hang_on_the_whole_code(one: Head, other: Head) -> None:
    assert len(words(one, "en")) == len(words(one, "ja")) == 4
    if one != other:
        assert words(one, "en") != words(other, "en")  # 44 bits: by chance once in 10^13


def test_heads_are_matched_with_the_ledgers_they_name() -> None:
    rng = random.Random(1)
    mine = [rng.randbytes(32) for _ in range(40)]
    forked = [*mine[:20], *(rng.randbytes(32) for _ in range(20))]
    strange = [rng.randbytes(32) for _ in range(9)]

    def head(leaves: list[bytes], size: int) -> Head:
        return head_of(leaves[0].hex()[:32], size, merkle.root(leaves[:size]))

    asked = [head(mine, size) for size in range(1, 41)]
    asked += [head(forked, 20), head(forked, 21), head(strange, 9)]
    asked += [Head(mine[0].hex()[:8], 41, merkle.root(mine))]
    answers = match(asked, [Ledger("mine", mine)])
    assert [answer.fit for answer in answers[:41]] == [Fit.SAME] * 41
    assert [answer.fit for answer in answers[41:]] == [Fit.OTHER, Fit.UNKNOWN, Fit.BEYOND]
    assert [answer.name for answer in answers[40:]] == ["mine", "mine", "", "mine"]
    # Two ledgers under one short name, the second one shorter: each head finds its own.
    twin = [mine[0], *strange]
    both = [Ledger("mine", mine), Ledger("twin", twin)]
    assert [each.name for each in match([head(mine, 30), head(twin, 5)], both)] == ["mine", "twin"]


def test_ten_thousand_codes_are_matched_quickly() -> None:
    import time

    rng = random.Random(2)
    leaves = [rng.randbytes(32) for _ in range(6000)]
    asked = [Head(leaves[0].hex()[:8], rng.randrange(1, 9000), rng.randbytes(32)) for _ in range(10_000)]
    began = time.process_time()
    answers = match(asked, [Ledger("mine", leaves)] * 3)
    assert time.process_time() - began < 5
    assert {answer.fit for answer in answers} == {Fit.OTHER, Fit.BEYOND}


def test_a_head_of_a_checkpoint() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from sakigake.timeline import note

    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    stated = note.Checkpoint("499f379f" * 4, 1234, bytes(range(32)), None, None, 5)
    assert head_of_note(note.sign(stated, key)) == KNOWN
