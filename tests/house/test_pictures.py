"""Every picture that a guide marks is there in the page's language, small, described, and used."""

import re
from pathlib import Path

import pytest
from PIL import Image

from bench import picture_marks
from bench.picture_marks import FOLDER, file_name, filled, guides, language, wanted

GUIDES = guides()


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_each_mark_shows_its_picture_with_words(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text, language(page), {}) == text
    described = [(match["name"], match["alt"]) for match in picture_marks.MARK.finditer(text)]
    assert not [name for name, alt in described if not alt or alt == name]
    if language(page) == "ja":
        assert not [name for name, alt in described if not re.search("[ぁ-んァ-ヶ一-龠]", alt)]


def test_both_languages_mark_the_same_pictures() -> None:
    names = {lang: {name for name, spoken in wanted() if spoken == lang} for lang in ("en", "ja")}
    assert names["en"] == names["ja"]
    assert len(names["en"]) > 20


def test_every_picture_is_there_and_every_file_is_used() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file_name(*each) for each in wanted()}


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert not {name: size for name, size in sizes.items() if size > picture_marks.MOST_BYTES}
    assert sum(sizes.values()) <= picture_marks.MOST_TOGETHER


def test_pictures_can_be_opened_and_show_something() -> None:
    for path in FOLDER.iterdir():
        with Image.open(path) as picture:
            assert picture.format == "PNG", path.name
            colours = picture.convert("RGB").getcolors(1 << 24)
        assert colours is not None, path.name
        assert len(colours) > 5, path.name


def test_a_mark_without_a_picture_gets_one_and_words_of_a_guide_stay() -> None:
    page = "a\n\n<!-- picture: today -->\n\nb\n\n<!-- picture: dock -->\n![mine](img/desk/old.png)\n"
    renewed = filled(page, "ja", {"today": "今日", "dock": "記録"})
    assert "<!-- picture: today -->\n![今日](img/desk/today.ja.png)\n\nb" in renewed
    assert "<!-- picture: dock -->\n![mine](img/desk/dock.ja.png)\n" in renewed
    assert filled(renewed, "ja", {}) == renewed
