"""Text that every reader takes alike, whichever version of Unicode it knows.

Whether a text is in the form NFC can only be said of characters that are assigned, and each version of Unicode assigns
more. So records hold those of Unicode 3.2 (2002, as stringprep has it in RFC 3454), for which no later version may give
another answer: https://www.unicode.org/policies/stability_policy.html
"""

import unicodedata

_KNOWN = unicodedata.ucd_3_2_0


def is_text(value: str) -> bool:
    """Say whether a text is in the form NFC and holds only characters that Unicode 3.2 assigns."""
    if value.isascii():
        return True
    return unicodedata.is_normalized("NFC", value) and all(
        _KNOWN.category(each) not in {"Cn", "Cs"} for each in value
    )
