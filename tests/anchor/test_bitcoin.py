"""Block headers: proof of work, the floor, the short form of targets. Real headers of the main chain are the vectors."""

import json
import struct
from datetime import timedelta

import pytest

from bench import chain
from sakigake import resources
from sakigake.anchor import bitcoin
from sakigake.clock import iso
from sakigake.errors import VerificationError

BLOCKS = json.loads(resources.read_text("vectors-v1.json"))["block"]
GENESIS, BLOCK_100000, BLOCK_125552, BLOCK_840000 = (
    bytes.fromhex(row["header"]) for row in BLOCKS["headers"]
)


def refusal(raw: bytes, easiest: int = bitcoin.EASIEST) -> str:
    with pytest.raises(VerificationError) as caught:
        bitcoin.read(raw, easiest=easiest, what="x.ots")
    assert "x.ots" in caught.value.message("en")
    assert caught.value.hint("ja")
    return caught.value.code


def test_a_real_block_of_2024_counts() -> None:
    block = bitcoin.read(BLOCK_840000)
    assert block.name == "0000000000000000000320283a032748cef8227873ff4872689bf23f1cda83a5"
    assert block.root[::-1].hex() == "031b417c3a1828ddf3d6527fc210daafcc9218e81f98257f88d4d43bd7a5894f"
    assert iso(block.time) == "2024-04-20T00:09:27Z"
    assert block.high - block.low == timedelta(hours=4)
    assert block.low + timedelta(hours=2) == block.time


@pytest.mark.parametrize("raw", [GENESIS, BLOCK_100000, BLOCK_125552])
def test_real_blocks_of_the_first_years_took_too_little_work(raw: bytes) -> None:
    assert refusal(raw) == "block-too-easy"
    assert bitcoin.read(raw, easiest=bitcoin.DIFFICULTY_1).time.year in {2009, 2010, 2011}


def test_the_floor_is_a_difficulty_of_fifty_million_million() -> None:
    assert bitcoin.DIFFICULTY_1 // bitcoin.EASIEST == 50_000_000_000_000
    at_the_floor = bitcoin.DIFFICULTY_1 // bitcoin.target(struct.unpack("<I", BLOCK_840000[72:76])[0])
    assert 86_388_000_000_000 < at_the_floor < 86_389_000_000_000  # what explorers say of that block


def test_no_bit_of_a_real_header_can_be_changed() -> None:
    for at in range(80):
        for bit in range(8):
            changed = BLOCK_840000[:at] + bytes((BLOCK_840000[at] ^ 1 << bit,)) + BLOCK_840000[at + 1 :]
            assert refusal(changed) in {"block-without-work", "block-too-easy"}


@pytest.mark.parametrize("size", [0, 79, 81, 160])
def test_a_header_has_eighty_bytes(size: int) -> None:
    assert refusal((GENESIS * 2)[:size]) == "block-malformed"


@pytest.mark.parametrize(
    ("bits", "target"),
    [
        (0x1D00FFFF, 0xFFFF << 208),
        (0x1B0404CB, 0x0404CB << 192),  # the example in the documentation of Bitcoin
        (0x03123456, 0x123456),
        (0x02123456, 0x1234),
        (0x01123456, 0x12),
        (0x00123456, 0),
        (0x1D80FFFF, 0),  # negative
        (0x1D000000, 0),
        (0xFF7FFFFF, 0),  # no number of 256 bits
    ],
)
def test_short_forms_of_targets(bits: int, target: int) -> None:
    assert bitcoin.target(bits) == target


def test_a_header_that_states_an_easy_target_is_refused_though_it_was_mined() -> None:
    easy = chain.mined(chain.header(bytes(32), 1_700_000_000, bits=0x207FFFFF))
    assert refusal(easy) == "block-too-easy"
    assert bitcoin.read(easy, easiest=chain.easiest(0x207FFFFF)).root == bytes(32)


def test_a_header_that_states_the_real_target_needs_the_real_work() -> None:
    assert refusal(chain.header(bytes(32), 1_700_000_000, bits=0x17034219)) == "block-without-work"


def test_endless_targets_do_not_pass_for_easy_ones() -> None:
    for bits in (0xFF7FFFFF, 0x517FFFFF, 0x227FFFFF):
        assert refusal(chain.header(bytes(32), 1_700_000_000, bits=bits)) in {
            "block-too-easy",
            "block-without-work",
        }
