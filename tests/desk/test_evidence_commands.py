"""timeline, export and verify as a person types them: answers, exit codes, both languages."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from desk.commands.export import _unstamped, parse_stages
from sakigake.errors import SakigakeError, UsageError
from sakigake.evidence.package import Exported
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import keys
from tests.capture.test_record_disk import remount, small_disk
from tests.evidence.conftest import Recorder, record

__all__ = ["record"]


def sakigake(home: Path, *args: str, lang: str = "en") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "desk", *args],
        env={
            "SAKIGAKE_HOME": str(home),
            "SAKIGAKE_LANG": lang,
            "PATH": "/usr/bin:/bin",
            "PYTHONIOENCODING": "utf-8",
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture
def home(tmp_path: Path, record: Recorder) -> Path:
    """A home with one finished session whose key lies where the program looks for it."""
    (tmp_path / "sakigake.toml").write_text("[anchor]\nenabled = false\n", encoding="utf-8")
    from cryptography.hazmat.primitives import serialization

    recorded = record(3)
    pem = recorded.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / keys.KEY_FILE).write_bytes(pem)
    recorded.store.close()
    return tmp_path


def test_export_makes_no_folders(home: Path) -> None:
    told = sakigake(home, "export", "--no-stamp", "-o", str(home / "mistyped" / "name" / "p.zip"))
    assert told.returncode == 2
    assert told.stderr.startswith(f"sakigake: There is no folder {home / 'mistyped' / 'name'} to write")
    assert not (home / "mistyped").exists()
    assert sakigake(home, "export", "--no-stamp", "-o", str(home / "p.zip")).returncode == 0


def test_timeline_list_and_show(home: Path) -> None:
    listed = sakigake(home, "timeline", "list")
    assert listed.returncode == 0
    assert "stages 3" in listed.stdout
    shown = json.loads(sakigake(home, "timeline", "show", "--json").stdout)
    assert shown["schema_version"] == 1
    assert [row["type"] for row in shown["rows"]].count("stage") == 3
    assert "段階" in sakigake(home, "timeline", "show", lang="ja").stdout
    wide = sakigake(home, "timeline", "show", "--bounds").stdout
    assert wide.count("width open; from: no witness yet; to: no witness yet") == len(shown["rows"])
    assert wide.rstrip().endswith("No entry has both ends yet.")


def test_export_then_verify(home: Path, tmp_path: Path) -> None:
    done = sakigake(home, "export", "last", "-o", str(tmp_path / "pack.zip"))
    assert done.returncode == 0, done.stderr
    checked = sakigake(home, "verify", str(tmp_path / "pack.zip"))
    assert checked.returncode == 7
    assert checked.stdout.startswith("INTEGRITY ONLY")
    assert "Why: " in checked.stdout
    record = json.loads(sakigake(home, "verify", "--json", str(tmp_path / "pack.zip")).stdout)
    assert record["verdict"] == "INTEGRITY ONLY"
    assert len(record["stages"]) == 3


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_verify_says_failed_in_one_sentence(home: Path, tmp_path: Path, lang: str) -> None:
    sakigake(home, "export", "last", "-o", str(tmp_path / "pack.zip"))
    whole = (tmp_path / "pack.zip").read_bytes()
    (tmp_path / "pack.zip").write_bytes(whole[: len(whole) // 2])
    failed = sakigake(home, "verify", str(tmp_path / "pack.zip"), lang=lang)
    assert failed.returncode == 6
    assert failed.stdout.startswith("FAILED")
    assert "Traceback" not in failed.stderr
    assert len(failed.stdout.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("verify", "nowhere.zip"), 4),
        (("verify", "nowhere.zip", "--trust", "nowhere.pem"), 2),
        (("export", "20200101", "-o", "x.zip"), 4),
        (("export", "last", "--stages", "1-", "-o", "x.zip"), 2),
        (("export", "last", "--stages", "999", "-o", "x.zip"), 2),
        (("export", "last"), 2),
        (("export", "last", "-o", f"{'a' * 300}.zip"), 2),
        (("export", "last", "-o", "x.zip", "--posted-not-before", "2026-11-22T10:00:00Z"), 2),
        (("timeline", "show", "nothing"), 4),
        (("frobnicate",), 2),
    ],
)
def test_bad_requests(home: Path, args: tuple[str, ...], code: int) -> None:
    answer = sakigake(home, *args)
    assert answer.returncode == code
    assert answer.stderr.strip()
    assert "Traceback" not in answer.stderr


def test_an_earlier_package_is_never_overwritten(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(b"mine")
    answer = sakigake(home, "export", "last", "-o", str(tmp_path / "mine.zip"))
    assert answer.returncode == 2
    assert (tmp_path / "mine.zip").read_bytes() == b"mine"


def test_pipes_keep_nobody_waiting(home: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    assert sakigake(home, "verify", str(tmp_path / "pipe.zip")).returncode == 6
    assert sakigake(home, "check", str(tmp_path / "pipe.zip")).returncode == 2
    sakigake(home, "export", "last", "-o", str(tmp_path / "pack"))
    (tmp_path / "pack" / "index.html").unlink()
    os.mkfifo(tmp_path / "pack" / "index.html")
    assert sakigake(home, "verify", str(tmp_path / "pack")).returncode == 6


def test_looking_makes_nothing(tmp_path: Path) -> None:
    answer = sakigake(tmp_path / "empty", "timeline", "list")
    assert answer.returncode == 4
    assert not (tmp_path / "empty").exists()


def test_stage_lists() -> None:
    known = [1, 4, 9, 12]
    assert parse_stages("all", known) is None
    assert parse_stages("4", known) == [4]
    assert parse_stages("1, 4-12", known) == [1, 4, 9, 12]
    for bad in ("", "x", "4-1", "20-30", "1,,2", "-3", "１"):
        with pytest.raises(UsageError):
            parse_stages(bad, known)


def stages_in(path: Path, kind: str) -> set[int]:
    with ZipFile(path) as archive:
        return {int(name[7:13]) for name in archive.namelist() if name.endswith(f".{kind}")}


@pytest.mark.parametrize("option", ["--without-picture", "--entry-only"])
def test_nothing_is_disclosed_that_was_not_chosen(home: Path, option: str) -> None:
    out = home / "p.zip"
    first, second, third = (
        row["seq"]
        for row in json.loads(sakigake(home, "timeline", "show", "--json").stdout)["rows"]
        if row["type"] == "stage"
    )
    told = sakigake(
        home, "export", "--no-stamp", "--stages", f"{first}", option, f"{second}-{third}", "-o", str(out)
    )
    assert told.returncode == 2
    assert not out.exists()
    told = sakigake(home, "export", "--no-stamp", option, "", "-o", str(out))
    assert told.returncode == 2
    assert not out.exists()
    done = sakigake(home, "export", "--no-stamp", "--stages", f"{first}", option, "all", "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert stages_in(out, "entry.json") == {first}
    assert stages_in(out, "png") == set()
    assert stages_in(out, "fp.bin") == ({first} if option == "--without-picture" else set())
    warned = "a picture of 16 x 16 colours" in done.stdout
    assert warned is (option == "--without-picture")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system")
def test_records_that_cannot_be_written_can_be_looked_at_and_exported(home: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disc, out = tmp_path / "disc", tmp_path / "out"
    out.mkdir()
    with small_disk(disc, 8):
        for name in ("sakigake.toml", "sakigake.db", "keys", "pictures"):
            subprocess.run(["cp", "-r", str(home / name), str(disc)], check=True)
        remount(disc, "ro")
        for command in (("timeline", "list"), ("timeline", "show"), ("timeline", "head")):
            told = sakigake(disc, *command)
            assert told.returncode == 0, told.stderr
        done = sakigake(disc, "export", "--no-stamp", "-o", str(out / "p.zip"))
        assert done.returncode == 0, done.stderr
        assert sakigake(disc, "verify", str(out / "p.zip")).returncode == 7
        for command in (("timeline", "anchor"), ("session", "close")):
            told = sakigake(disc, *command)
            assert told.returncode == 1
            assert told.stderr.startswith(f"sakigake: Nothing can be written in {disc}")


def test_records_that_were_frozen_while_open_are_not_read_in_part(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    store.put_state("a", "b")
    assert (tmp_path / "sakigake.db-wal").stat().st_size
    with pytest.raises(SakigakeError) as caught:
        SqliteStore(tmp_path / "sakigake.db", frozen=True)
    assert caught.value.code == "store-frozen-open"
    store.close()
    frozen = SqliteStore(tmp_path / "sakigake.db", frozen=True)
    assert frozen.state("a") == "b"
    with pytest.raises(SakigakeError):
        frozen.put_state("a", "c")


def test_an_authority_that_does_not_answer_has_an_exit_code(home: Path) -> None:
    with socket.socket() as closed:  # bound, never listening: refused at once
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        root = next((Path(__file__).parents[2] / "config" / "trust").glob("*.pem"))
        (home / "sakigake.toml").write_text(
            f'[[anchor.authority]]\nname = "dead"\nurl = "{url}"\nroot = "{root}"\n[anchor]\nuse = ["dead"]\n[ots]\nenabled = false\n',
            encoding="utf-8",
        )
        store = SqliteStore(home / "sakigake.db")
        (session,) = store.sessions()
        last = store.checkpoints(session.id)[-1]
        store.close()
        with sqlite3.connect(home / "sakigake.db") as db:
            db.execute(
                "INSERT INTO anchor_jobs (session, checkpoint, authority) VALUES (?, ?, 'dead')",
                (session.id, last.number),
            )
        for command in (("timeline", "anchor"), ("session", "close"), ("session", "close")):
            told = sakigake(home, *command)
            assert told.returncode == 5, told.stderr
            assert "No time authority answered" in told.stderr
            assert "tokens are still waiting" in told.stderr
        assert "ledger closed: yes" in told.stdout
        answered = sakigake(home, "session", "close", "--json")
    assert answered.returncode == 5
    assert json.loads(answered.stdout)["closed_before"] is True, "what was closed stays closed"


@pytest.mark.parametrize(
    ("stages", "timed", "key"),
    [(3, 3, "not-stamped"), (3, 1, "not-stamped-part"), (3, 0, "not-stamped-untimed")],
)
def test_an_export_speaks_of_times_only_where_there_are_some(stages: int, timed: int, key: str) -> None:
    done = Exported(Path("pack.zip"), stages, 5, 0, stamped=False, timed=timed)
    assert _unstamped(done) == f"export.{key}"


def test_an_export_without_any_time_says_that_nothing_in_it_says_when(home: Path) -> None:
    for lang, told in (("en", "nothing in it says when"), ("ja", "いつのものかを示すものは入っていません")):
        done = sakigake(home, "export", "--no-stamp", "-o", str(home / f"{lang}.zip"), lang=lang)
        assert done.returncode == 0
        assert told in done.stdout
        assert {"en": "keep theirs", "ja": "段階のトークンはそのまま"}[lang] not in done.stdout
