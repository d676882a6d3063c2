"""Entries: canonical bytes that an independent library agrees with, and strict reading."""

import json
import unicodedata
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import VerificationError
from sakigake.model import EntryType, Picture
from sakigake.timeline import entry as e

keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
strings = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    .map(lambda s: "".join(each for each in s if unicodedata.ucd_3_2_0.category(each) != "Cn"))
    .map(lambda s: unicodedata.normalize("NFC", s))
)
numbers = st.integers(-e.MAX_INT, e.MAX_INT)
objects: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(keys, strings | numbers, max_size=5),
    lambda inner: st.dictionaries(keys, strings | numbers | inner, max_size=4),
    max_leaves=6,
)


def raw(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "seq": 3,
        "kind": EntryType.STAGE,
        "wall": 1_795_378_065_743,
        "mono": 894_644,
        "boot": "76aba1bab8d86c21",
        "prev": "ab" * 32,
        "commit": "cd" * 32,
        "info": {"changed_ppm": 4000},
    }
    return e.write_entry(**{**fields, **changes})


@given(objects)
def test_canonical_bytes_are_rfc_8785(value: dict[str, Any]) -> None:
    written = e.canonical(value)
    assert written == rfc8785.dumps(value)
    assert e.parse_canonical(written, "x") == value


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1.5},
        {"a": 2**53},
        {"a": True},
        {"a": None},
        {"é": 1},
        {"a": "e\u0301"},
        {"a": "\ud800"},
        {"a": [1]},
    ],
)
def test_what_jcs_writers_disagree_on_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ASCII|NFC|integers|surrogates|codec"):
        e.canonical(value)


def test_entry_reads_back() -> None:
    entry = e.parse_entry(raw())
    assert (entry.seq, entry.type, entry.wall, entry.info) == (
        3,
        EntryType.STAGE,
        1_795_378_065_743,
        {"changed_ppm": 4000},
    )
    assert entry.after is None


def test_two_equal_entries_differ_by_their_salt() -> None:
    assert raw() != raw()


def change(**changes: Any) -> bytes:
    value = json.loads(raw()) | changes
    return e.canonical({key: inner for key, inner in value.items() if inner != "drop"})


@pytest.mark.parametrize(
    "bad",
    [
        change(v=2),
        change(seq=-1),
        change(type="theory"),
        change(prev="AB" * 32),
        change(prev="ab" * 31),
        change(boot="76aba1bab8d86c2"),
        change(info={}),
        change(info={"Path": "x"}),
        change(info={"a": {"b": 1}}),
        change(extra=1),
        change(salt="drop"),
        raw() + b"\n",
        raw().replace(b'"seq":3', b'"seq": 3'),
        raw().replace(b'"seq":3', b'"seq":3,"seq":3'),
        raw().replace(b'"seq":3', b'"seq":3.0'),
        b"[]",
        b"",
        b"\xff",
        b"[" * 100_000,
        raw(info={"a": "x" * 20_000}),
    ],
)
def test_anything_but_the_exact_form_is_refused(bad: bytes) -> None:
    with pytest.raises(VerificationError):
        e.parse_entry(bad)


def test_openings_read_back() -> None:
    picture = Picture("ab" * 32, "cd" * 32, 1920, 1080)
    assert e.parse_picture(e.open_picture(picture)) == picture
    assert e.open_picture(picture) != e.open_picture(picture)
    version, digest = e.parse_fingerprint(e.open_fingerprint("skg-1", b"bytes"))
    assert version == "skg-1"
    assert len(digest) == 64
    with pytest.raises(VerificationError):
        e.parse_picture(e.open_fingerprint("skg-1", b"bytes"))
