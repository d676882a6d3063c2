"""Text that every reader takes alike, whichever version of Unicode it knows, and foreign text that a terminal may show.

Whether a text is in the form NFC can only be said of characters that are assigned, and each version of Unicode assigns
more. So records hold those of Unicode 3.2 (2002, as stringprep has it in RFC 3454), for which no later version may give
another answer: https://www.unicode.org/policies/stability_policy.html
"""

import unicodedata

_KNOWN = unicodedata.ucd_3_2_0
MOST_SHOWN = 500
# Controls (C0, C1), what turns the direction of writing or is not seen, halves of characters, separators of lines.
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # some scripts and pictographs are not written right without these


def is_text(value: str) -> bool:
    """Say whether a text is in the form NFC and holds only characters that Unicode 3.2 assigns."""
    if value.isascii():
        return True
    return unicodedata.is_normalized("NFC", value) and all(
        _KNOWN.category(each) not in {"Cn", "Cs"} for each in value
    )


def plain(value: str, most: int = MOST_SHOWN) -> str:
    """Return a foreign text for a terminal or a message: one line, without controls, cut after `most` characters."""
    cut = value if len(value) <= most else f"{value[: most - 1]}…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(
        each if each in _JOINERS or unicodedata.category(each) not in _UNSHOWN else "\ufffd" for each in cut
    )
