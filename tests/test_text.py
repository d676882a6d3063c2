"""What strangers wrote, as a terminal may show it."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from sakigake.text import MOST_SHOWN, plain


@given(st.text(max_size=700))
@example("\x1b]0;title\x07\x9b31m\u202e\u2066\n\r\x00\ud800\u2028")
def test_nothing_that_moves_or_turns_the_terminal_is_left(value: str) -> None:
    shown = plain(value)
    assert len(shown) <= MOST_SHOWN
    kinds = {unicodedata.category(each) for each in shown if each not in "\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode("utf-8")
    assert plain(shown) == shown


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("日本語の名前 (かな)", "👩‍🎨 Ünïcode", "https://example.com/a?b=c", ""):
        assert plain(text) == text
    assert plain("a" * 300_000, 10) == "aaaaaaaaa…"
