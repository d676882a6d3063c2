"""Why a record has a hole, in words that a reader of either language knows."""

import pytest

from sakigake import words
from sakigake.phrases import cause


def test_reason_and_length_in_both_languages() -> None:
    info: dict[str, int | str] = {"reason": "privacy-covered", "ms": 75_400}
    assert cause(info, "en") == " (another program's window showed, 1 min 15 s)"
    assert cause(info, "ja") == "（ほかのソフトのウィンドウが見えていた、1分15秒）"


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_what_has_neither_says_nothing_and_an_unknown_reason_is_shown(lang: str) -> None:
    assert cause({}, lang) == ""
    assert cause({"ms": 300}, lang) == ""
    assert "new-in-9.0" in cause({"reason": "new-in-9.0"}, lang)
