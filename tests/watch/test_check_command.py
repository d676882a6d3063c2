"""`sakigake check` as a person types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sakigake.store.sqlite import SqliteStore
from tests.watch.studio import drawing, pictures, record, redrawn, saved

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "sakigake.db")
    record(store, pictures())
    store.close()
    saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    saved(tmp_path / "other.jpg", redrawn(drawing(104, 7)))
    return tmp_path


def check(home: Path, *words: str, lang: str = "en") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "desk", "check", *words],
        env={**os.environ, "SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": lang, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )


def test_exit_codes_tell_likeness_only_when_asked(home: Path) -> None:
    assert check(home, str(home / "post.jpg")).returncode == 0
    assert check(home, str(home / "post.jpg"), "--exit-code").returncode == 10
    assert check(home, str(home / "other.jpg"), "--exit-code").returncode == 0


def test_json_and_times(home: Path) -> None:
    posted = (
        "--posted-not-before",
        "2026-11-22T21:00:00+09:00",
        "--posted-not-after",
        "2026-11-22T13:00:00Z",
    )
    done = check(home, str(home / "post.jpg"), "--json", "--session", "all", *posted)
    finding = json.loads(done.stdout)
    assert finding["post"] == {"not_before": "2026-11-22T12:00:00Z", "not_after": "2026-11-22T13:00:00Z"}
    assert finding["order"] == "draft_first"


def test_language(home: Path) -> None:
    assert "比べました" in check(home, str(home / "post.jpg"), "--lang", "ja").stdout
    assert "比べました" in check(home, str(home / "post.jpg"), lang="ja").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("missing.png",), 4),
        (("post.jpg", "--session", "nope"), 4),
        (("post.jpg", "--posted-not-before", "yesterday"), 2),
        (("post.jpg", "--posted-not-before", "2026-11-22T19:00:00"), 2),
        (("sakigake.db",), 2),
        (
            (
                "post.jpg",
                "--posted-not-before",
                "2026-11-23T19:00:00Z",
                "--posted-not-after",
                "2026-11-22T19:00:00Z",
            ),
            2,
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_a_hint(home: Path, words: tuple[str, ...], code: int) -> None:
    done = check(home, str(home / words[0]), *words[1:])
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert 2 <= len(done.stderr.strip().splitlines()) <= 3


def test_nothing_recorded(tmp_path: Path) -> None:
    post = saved(tmp_path / "post.jpg", drawing(11, 7))
    done = check(tmp_path / "nowhere", str(post))
    assert done.returncode == 4
    assert not (tmp_path / "nowhere").exists()
