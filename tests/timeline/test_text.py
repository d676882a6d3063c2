"""Text in records: every reader takes it alike, whichever version of Unicode it knows."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.anchor.trust import load
from sakigake.errors import ConfigError
from sakigake.evidence.standalone.entries import jcs
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.text import is_text
from sakigake.timeline.entry import canonical

OLD = unicodedata.ucd_3_2_0


def taken(value: str) -> tuple[bool, bool]:
    """Return whether the writer and the standalone verifier take a text."""
    try:
        canonical({"a": value})
    except ValueError:
        written = False
    else:
        written = True
    try:
        jcs({"a": value})
    except RefusedError:
        return written, False
    return written, True


@pytest.mark.parametrize("value", ["", "plain", "先駆け", "é", "\U00020bb7", "한", "\ue000", "\u2028"])
def test_text_of_every_day(value: str) -> None:
    assert taken(value) == (True, True)


@pytest.mark.parametrize(
    "value",
    [
        "e\u0301",
        "\U0002f868",  # a compatibility ideograph, whose other form was corrected after 3.2
        "\U000105d2\u0307",  # composed from Unicode 16 on
        "\u1acf",  # a mark of Unicode 14, whose order among others older readers do not know
        "\U0001f680",
        "\uffff",
        "\U0010ffff",
    ],
)
def test_what_readers_may_take_differently(value: str) -> None:
    assert taken(value) == (False, False)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_both_take_the_same_and_by_the_tables_of_3_2(value: str) -> None:
    good = is_text(value)
    assert taken(value) == (good, good)
    if good:
        # The old tables say the same of these characters: so will those that come.
        assert OLD.normalize("NFC", value) == value == unicodedata.normalize("NFC", value)


def test_an_authority_has_a_name_that_the_ledger_can_tell() -> None:
    for name in ("時刻\U0001f680", "e\u0301"):
        with pytest.raises(ConfigError) as caught:
            load({"anchor": {"authority": [{"name": name, "root": "root.pem"}]}})
        assert caught.value.code == "anchor-name-odd"
        assert name in caught.value.message()
