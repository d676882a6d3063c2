"""Links into the middle of a page lead to a heading that is there, as GitHub names headings."""

import re
from functools import cache
from pathlib import Path

import pytest

from bench import helpblocks

PAGES = helpblocks.pages()
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<page>[^)\s#]*)#(?P<anchor>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<title>.+?) *#*$", re.MULTILINE)


def slug(title: str) -> str:
    """Return the anchor of a heading: no markup, no punctuation, hyphens for spaces."""
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")


def anchors_of(text: str) -> set[str]:
    """Return every anchor of a page; a title that comes again is numbered."""
    found: dict[str, int] = {}
    names = set()
    for match in HEADING.finditer(FENCE.sub("", text)):
        name = slug(match["title"])
        names.add(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@cache
def anchors(path: Path) -> set[str]:
    return anchors_of(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_into_pages_lead_to_a_heading(path: Path) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    lost = []
    for match in LINK.finditer(text):
        if re.match(r"[a-z]+:", match["page"]):
            continue
        target = (path.parent / match["page"]) if match["page"] else path
        if target.suffix == ".md" and match["anchor"] not in anchors(target.resolve()):
            lost.append(f"{target.name}#{match['anchor']}")
    assert not lost


def test_headings_are_named_as_github_names_them() -> None:
    page = "# The package, field by field\n\n## 記録する:`sakigake record`\n\n## A\n\n```\n# no heading\n```\n\n## A\n"
    assert anchors_of(page) == {"the-package-field-by-field", "記録するsakigake-record", "a", "a-1"}
