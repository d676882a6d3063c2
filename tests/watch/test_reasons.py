"""Reasons and the origin of times are told in words, in both languages, and never as the slugs that the store keeps."""

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from desk.commands.findings import time_lines
from desk.commands.watch import _print_status
from desk.sources import hole_line, state_line
from sakigake import words
from watch import posted, postids
from watch.pipeline import polling
from watch.pipeline.retries import GONE, NO_PICTURE, TOO_MANY
from watch.post import ClockClass, Stamp
from watch.store.records import HoleRow, SourceRow

NOW = datetime(2026, 11, 28, tzinfo=UTC)

# Of the pictures that explain, of fetching models, of the form for a source: no watcher meets them.
ELSEWHERE = {
    "fetch-range-odd",
    "fetch-stalled",
    "picture-letter-missing",
    "source-token-nowhere",
    "source-token-odd",
}


@pytest.fixture(params=words.LANGUAGES)
def lang(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SAKIGAKE_LANG", request.param)
    return str(request.param)


def test_every_reason_that_the_watcher_can_give_is_worded(lang: str) -> None:
    table = words.table(lang)
    given = {
        key.removeprefix("error.")
        for key in table
        if re.match(r"error\.(?:fetch|source|picture)-", key)
        and not key.endswith((".hint", "picture-lost", "picture-withheld"))
        and key.removeprefix("error.") not in ELSEWHERE
    }
    given |= {GONE, NO_PICTURE, TOO_MANY, polling.BROKEN, "watch-no-picture-in-page", "watch-source-broke"}
    given |= {"output-full", "evidence-unwritable"}
    assert len(given) > 50
    assert not [slug for slug in sorted(given) if f"watch.reason.{slug}" not in table]
    # They stand alone, so nothing is left to be filled in.
    assert not [key for key, told in table.items() if key.startswith("watch.reason.") and "{" in told]


def test_every_origin_of_a_time_is_worded(lang: str) -> None:
    bases = {f"misskey-{kind}{end}" for kind in ("aid", "aidx", "meid", "ulid") for end in ("", "-elsewhere")}
    for module, pattern in (
        (postids, r'"((?:x|discord|pixiv|mastodon|bluesky|misskey)-[a-z]+(?:-[a-z]+)?)"'),
        (posted, r'"((?:[a-z]+-)+(?:date|at|seen|attachment))"'),
    ):
        found = set(re.findall(pattern, Path(str(module.__file__)).read_text(encoding="utf-8")))
        assert len(found) >= 5
        bases |= found
    assert not [slug for slug in sorted(bases) if f"watch.basis.{slug}" not in words.table(lang)]


def test_what_is_shown_holds_no_slug(lang: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = SourceRow("in", "folder", {}, NOW, failures=1, trouble="source-folder-missing", resting_until=NOW)
    counts = SimpleNamespace(
        waiting=0, new_findings=0, unsent=0, failed={"fetch-port": 2}, partly={"fetch-too-large": 1}
    )
    _print_status("not_running", None, counts)
    told = capsys.readouterr().out.splitlines()
    told += [state_line(row), hole_line(HoleRow("in", NOW, None, "source-folder-missing"))]
    told += [hole_line(HoleRow("in", NOW, NOW, "source-file-name-odd"))]
    told += time_lines(
        Stamp(NOW, ClockClass.AUTHOR, "feed-date"), Stamp(NOW, ClockClass.WITNESSED, "http-date")
    )
    for line in told:
        assert not re.search(r"[a-z]+-(?:[a-z]+-)*(?:port|large|missing|odd|date)\b", line), line
    assert len(told) == 9
    assert words.text("watch.reason.fetch-port", lang) in told[2]
    assert words.text("watch.reason.fetch-too-large", lang) in told[3]


def test_a_reason_of_another_version_is_shown_as_it_stands() -> None:
    assert "from-a-later-version" in hole_line(HoleRow("in", NOW, None, "from-a-later-version"))
