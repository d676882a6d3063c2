"""Marks of pictures in the guides: `<!-- picture: NAME -->`, with the picture in the page's own language in the line below.

    <!-- picture: today -->
    ![The page “Today” while a drawing is recorded](img/desk/today.png)

Pages in Japanese (`*.ja.md`) show `NAME.ja.png`. The words in brackets are the guide's own and stay as they are; a mark
that has no picture yet gets the title of the page that was pictured.
"""

import re
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = DOCS / "img" / "desk"
AIM_BYTES, MOST_BYTES = 80_000, 110_000  # of one picture; those of paintings may reach the second
MOST_TOGETHER = 3_000_000
MARK = re.compile(
    r"^<!-- picture: (?P<name>[a-z0-9-]+) -->\n(?:!\[(?P<alt>[^\]]*)\]\((?P<target>[^)]*)\)\n)?",
    re.MULTILINE,
)


def guides() -> list[Path]:
    """Return the pages that have marks."""
    return [path for path in sorted(DOCS.glob("*.md")) if MARK.search(path.read_text(encoding="utf-8"))]


def language(page: Path) -> str:
    """Return the language of a page, by its name."""
    return "ja" if page.name.endswith(".ja.md") else "en"


def file_name(name: str, lang: str) -> str:
    """Return the name of a picture's file in that language."""
    return f"{name}.ja.png" if lang == "ja" else f"{name}.png"


def wanted() -> set[tuple[str, str]]:
    """Return name and language of every picture that a guide asks for."""
    return {
        (match["name"], language(page))
        for page in guides()
        for match in MARK.finditer(page.read_text(encoding="utf-8"))
    }


def filled(text: str, lang: str, titles: Mapping[str, str]) -> str:
    """Return a page with the picture of each mark below it; `titles` are the words for marks that have none yet."""

    def line(match: re.Match[str]) -> str:
        name = match["name"]
        alt = match["alt"] or titles.get(name, name)
        return f"<!-- picture: {name} -->\n![{alt}](img/desk/{file_name(name, lang)})\n"

    return MARK.sub(line, text)
