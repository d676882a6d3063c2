"""Make the font of the pictures anew: the part of Noto Sans CJK JP that Japanese sentences need.

    pip install fonttools
    python -m bench.picture_font NotoSansCJK-Regular.ttc config/fonts/noto-sans-jp-level1.otf

Kept are ASCII, the kana, the punctuation of both languages, the 2,965 kanji of level 1 of JIS X 0208 (those that common
writing needs), and whatever else the string tables use. Hinting and layout features are left out.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from sakigake import words

_ROWS = range(16, 48)  # of JIS X 0208: level 1
_SIGNS = "、。・ー「」『』()〜…–—×°"


def letters() -> list[str]:
    """Return every letter that the font keeps, in order."""
    found = set(_SIGNS) | {chr(code) for code in range(0x20, 0x7F)}
    found |= {chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD), *range(0xFF01, 0xFF5F))}
    for row in _ROWS:
        raw = (bytes([0xA0 + row, 0xA0 + cell]) for cell in range(1, 95))
        found |= {each.decode("euc_jp", "ignore") for each in raw}
    for language in words.LANGUAGES:
        for sentence in words.table(language).values():
            found |= {letter for letter in sentence if letter >= " "}
    return sorted(found - {""})


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(prog="python -m bench.picture_font")
    parser.add_argument("font", type=Path)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "letters.txt"
        text.write_text("".join(letters()), encoding="utf-8")
        options = [
            "--font-number=0",
            f"--text-file={text}",
            f"--output-file={given.file}",
            "--layout-features=",
        ]
        options += ["--no-hinting", "--desubroutinize", "--name-IDs=0,1,2,3,4,5,6,13,14", "--notdef-outline"]
        subprocess.run([sys.executable, "-m", "fontTools.subset", str(given.font), *options], check=True)
    print(f"{len(letters())} letters, {given.file.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
