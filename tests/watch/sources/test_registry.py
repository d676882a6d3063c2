"""Every kind of source can be made, says what it is, and every word of it is there in both languages."""

import re
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sakigake import words
from sakigake.errors import UsageError
from tests.watch.sources.draining import net_to
from watch.post import ClockClass
from watch.sources import registry
from watch.store.records import SourceRow

EXAMPLES: dict[str, dict[str, Any]] = {
    "folder": {"path": "."},
    "rss": {"url": "https://example.com/feed"},
    "bluesky": {},
    "mastodon": {"server": "mastodon.example", "tag": "#art"},
    "misskey": {"server": "misskey.example", "tag": "art"},
    "booru": {"server": "https://booru.example", "tags": ["a"], "contact": "me"},
    "gallery-dl": {"url": "https://example.com/", "program": sys.executable},
}


def test_there_is_an_example_of_each_kind() -> None:
    assert set(EXAMPLES) == set(registry.KINDS)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_each_kind_is_made_without_asking_anybody_and_described_in_words(kind: str) -> None:
    with net_to() as net, closing(registry.make(kind, EXAMPLES[kind], net)) as made:
        info = made.describe()
    assert info.kind == kind
    assert isinstance(info.clock, ClockClass)
    assert info.tried_live is (kind == "folder"), "no live service was asked while this was written"
    for lang in words.LANGUAGES:
        assert words.text(f"source.{info.sent}", lang)
        assert words.text(f"source.{info.terms}", lang)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_a_mistyped_option_is_not_passed_over(kind: str) -> None:
    with pytest.raises(UsageError) as wrong:
        registry.check(kind, {**EXAMPLES[kind], "evry_s": 60})
    assert wrong.value.code == "source-option-unknown"
    assert "evry_s" in str(wrong.value)


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="gallery-dl"):
        registry.check("twitter", {})


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "feedparser", None)
    with net_to() as net, pytest.raises(UsageError, match=r"pip install .*sakigake\[watch\]"):
        registry.make("rss", EXAMPLES["rss"], net)


def test_every_reason_of_a_hole_is_worded() -> None:
    folder = Path(registry.__file__).parent
    reasons = {
        reason
        for path in folder.glob("*.py")
        for reason in re.findall(r'(?:hole|Hole)\([^"]*"(source-[a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(reasons) == 6
    for lang in words.LANGUAGES:
        assert all(words.text(registry.hole_key(reason), lang) for reason in reasons)


def test_limits_given_as_text_from_a_command_line() -> None:
    registry.check("mastodon", {"server": "a.example", "tag": "b", "stream": "false", "every_s": "90"})
    registry.check("booru", {**EXAMPLES["booru"], "tags": "a, b"})
    values: list[object] = ["-1", "nan", "1e9", True, [], "30"]
    for value in values:
        with pytest.raises(UsageError):
            registry.check("rss", {**EXAMPLES["rss"], "every_s": value})


def test_paths_are_kept_as_they_are_meant_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher may run from another folder than the one the source was added in."""
    (tmp_path / "in").mkdir()
    (tmp_path / "c.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for told in ("in", "./in", "~/in"):
        assert registry.check("folder", {"path": told}) == {"path": str(tmp_path / "in")}
    listed = {"url": "https://example.com/", "program": sys.executable, "cookies": "c.txt"}
    assert registry.check("gallery-dl", listed) == {**listed, "cookies": str(tmp_path / "c.txt")}
    assert registry.check("bluesky", {"dictionary": "c.txt", "tags": "a,b"}) == {
        "dictionary": str(tmp_path / "c.txt"),
        "tags": "a,b",
    }
    assert registry.check("rss", {"url": "https://example.com/feed"}) == {"url": "https://example.com/feed"}


def test_what_is_read_already_is_known_whatever_its_pace_or_spelling(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    rows = [
        SourceRow("gone", "folder", {"path": str(tmp_path / "gone")}, now),
        SourceRow("here", "folder", {"path": str(tmp_path)}, now),
        SourceRow("news", "rss", {"url": "https://example.com/feed.xml"}, now),
    ]
    assert registry.same(rows, "folder", {"path": f"{tmp_path}/../{tmp_path.name}/"}) == "here"
    assert registry.same(rows, "rss", {"url": "https://example.com/feed.xml", "every_s": "400"}) == "news"
    assert registry.same(rows, "rss", {"url": "https://example.com/feed.xml?page=2"}) == ""


@pytest.mark.parametrize("kind", registry.KINDS)
def test_a_form_asks_for_every_option_that_the_source_reads(kind: str) -> None:
    asked = registry.fields(kind)
    with pytest.raises(UsageError) as wrong:
        registry.check(kind, {**EXAMPLES[kind], "evry_s": 60})
    assert set(wrong.value.params["known"].split(", ")) == {field.name for field in asked}  # type: ignore[attr-defined]
    assert set(EXAMPLES[kind]) <= {field.name for field in asked}
    # What is said to be needed is just what the example cannot go without.
    for field in asked:
        without = {name: value for name, value in EXAMPLES[kind].items() if name != field.name}
        if field.needed:
            with pytest.raises(UsageError) as lacking:
                registry.check(kind, without)
            assert lacking.value.params.get("name") == field.name
        else:
            if (kind, field.name) in {("gallery-dl", "program"), ("mastodon", "tag"), ("misskey", "tag")}:
                continue  # the program of this very name need not be here; a list or a timeline stands for a tag
            registry.check(kind, without)


def test_one_of_two_that_stand_for_each_other_is_not_said_to_be_needed() -> None:
    needed = {kind: [each.name for each in registry.fields(kind) if each.needed] for kind in registry.KINDS}
    assert needed == {
        "folder": ["path"],
        "rss": ["url"],
        "bluesky": [],
        "mastodon": ["server"],
        "misskey": ["server"],
        "booru": ["server", "contact"],
        "gallery-dl": ["url"],
    }


def test_a_form_without_a_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="gallery-dl"):
        registry.fields("twitter")
