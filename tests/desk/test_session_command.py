"""`sakigake session close` after a real crash, and a database that was put back from a backup."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sakigake.model import EntryType, Session
from sakigake.settings import load
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.keys import Keys
from sakigake.timeline.ledger import Ledger
from tests.capture.running import Kept, Recording, configure, environment
from tests.capture.test_kill import drawings
from tests.desk.test_key_command import sakigake


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    text = "[record]\nheartbeat_s = 0.1\n[ots]\nenabled = false\n"
    configure(home, text)
    drawings(tmp_path / "frames", 6)
    return home


def start(home: Path, *more: str) -> Recording:
    source = ("--source", f"folder:{home.parent / 'frames'}", "--interval", "0.1s")
    return Recording(home, *source, *more)


def crashed(home: Path) -> str:
    with start(home) as recording:
        recording.wait_for("stage")
        recording.process.send_signal(signal.SIGKILL)
        recording.ended()
        return str(recording.lines[0]["session"])


def kinds(home: Path, session: str) -> list[EntryType]:
    with Kept(home) as kept:
        return [entry.type for entry in kept.store.entries(session)]


def test_a_session_cut_off_is_closed_once(home: Path, tmp_path: Path) -> None:
    session = crashed(home)
    opened = sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "open.zip"))
    assert f"sakigake session close {session}" in opened.stdout
    assert "Ledger closed: no" in sakigake(home, "verify", str(tmp_path / "open.zip")).stdout
    done = sakigake(home, "session", "close")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Session {session}: ledger closed: yes\n")
    assert "7 to 60 days" in done.stdout
    after = kinds(home, session)
    assert after[-2:] == [EntryType.RECOVERED, EntryType.SESSION_END]
    again = sakigake(home, "session", "close", session)
    assert again.returncode == 0
    assert "It was closed before." in again.stdout
    assert kinds(home, session) == after
    sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "closed.zip"))
    assert "Ledger closed: yes" in sakigake(home, "verify", str(tmp_path / "closed.zip")).stdout
    pair = sakigake(home, "verify", str(tmp_path / "open.zip"), "--against", str(tmp_path / "closed.zip"))
    assert "the same ledger" in pair.stdout
    assert "記録の終わり: あり" in sakigake(home, "session", "close", lang="ja").stdout


def test_a_session_cut_off_before_its_first_entry_hides_no_other(home: Path, tmp_path: Path) -> None:
    session = crashed(home)
    empty = Session("29990101-000000-abcd", "ab" * 16, datetime(2999, 1, 1, tzinfo=UTC), "screen")
    with Kept(home) as kept:
        kept.store.add_session(empty, Keys.open(kept.settings.keys).public)
    done = sakigake(home, "export", "--no-stamp", "-o", str(tmp_path / "last.zip"))
    assert done.returncode == 0, done.stderr
    assert session in done.stdout
    for command in (("export", empty.id, "-o", str(tmp_path / "empty.zip")), ("session", "close", empty.id)):
        done = sakigake(home, *command)
        assert done.returncode == 4, done.stderr
    assert sakigake(home, "timeline", "show", empty.id).returncode == 0
    # Nothing is signed of what has no entry.
    assert not (home / "keys" / "heads" / f"{empty.ledger}.head").exists()
    assert (home / "keys" / "heads").is_dir()


def test_not_while_it_is_recorded(home: Path) -> None:
    with start(home) as recording:
        recording.wait_for("stage")
        done = sakigake(home, "session", "close")
        assert done.returncode == 1
        assert "Another recording is running" in done.stderr
        for command in (("key", "rotate"), ("key", "passphrase")):
            assert sakigake(home, *command, typed="x\n").returncode == 1
        assert EntryType.SESSION_END not in kinds(home, str(recording.lines[0]["session"]))
        sakigake(home, "record", "stop")
        assert recording.ended() == 0


def test_nothing_to_close(home: Path) -> None:
    assert sakigake(home, "session", "close").returncode == 4
    assert sakigake(home, "session", "close", "20200101").returncode == 4


def back_up(home: Path, copy: Path) -> None:
    source, target = sqlite3.connect(home / "sakigake.db"), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()


def put_back(home: Path, copy: Path) -> None:
    for name in ("sakigake.db-wal", "sakigake.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.copyfile(copy, home / "sakigake.db")


def test_a_database_put_back_is_refused_and_recording_goes_on_in_a_new_session(
    home: Path, tmp_path: Path
) -> None:
    session = crashed(home)
    sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "first.zip"))  # signs what there is
    back_up(home, tmp_path / "copy.db")
    assert sakigake(home, "session", "close").returncode == 0
    sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "newest.zip"))
    put_back(home, tmp_path / "copy.db")
    for command in (("session", "close"), ("export", session, "--no-stamp", "-o", str(tmp_path / "p.zip"))):
        refused = sakigake(home, *command)
        assert refused.returncode == 1
        assert "does not hold what was signed last" in refused.stderr
        assert "start a new session" in refused.stderr
    assert not (tmp_path / "p.zip").exists()
    out = tmp_path / "older.zip"
    older = sakigake(home, "export", session, "--older-copy", "--no-stamp", "-o", str(out))
    assert older.returncode == 0, older.stderr
    assert "the package shows an older state" in older.stdout
    # Both are sound, and agree as far as the older one reaches: nothing was signed a second time.
    pair = sakigake(home, "verify", str(out), "--against", str(tmp_path / "newest.zip"))
    assert pair.returncode == 7, pair.stdout
    assert "the same ledger" in pair.stdout
    with start(home, "--once") as recording:
        recording.wait_said(f"Session {session} is not continued")
        assert recording.ended() == 0
        assert recording.lines[0]["session"] != session
    with start(home, "--once") as recording:
        assert recording.ended() == 0
        assert not any("is not continued" in each for each in recording.sentences)  # said once


def test_two_ledgers_under_one_name_are_found_when_nobody_hindered_them(home: Path, tmp_path: Path) -> None:
    session = crashed(home)
    back_up(home, tmp_path / "copy.db")
    sakigake(home, "session", "close")
    sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "one.zip"))
    put_back(home, tmp_path / "copy.db")
    shutil.rmtree(home / "keys" / "heads")  # the whole folder put back, heads included
    said = sakigake(home, "session", "close").stdout
    assert "was missing" in said
    sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "two.zip"))
    for name in ("one.zip", "two.zip"):
        assert sakigake(home, "verify", str(tmp_path / name)).returncode == 7
    pair = sakigake(home, "verify", str(tmp_path / "one.zip"), "--against", str(tmp_path / "two.zip"))
    assert pair.returncode == 6
    assert "Two ledgers under one name" in pair.stdout


def test_the_ledger_says_that_the_head_was_missing(home: Path) -> None:
    session = crashed(home)
    shutil.rmtree(home / "keys" / "heads")
    with start(home) as recording:
        recording.wait_said("goes on, and its ledger says so")
        recording.process.send_signal(signal.SIGINT)
        assert recording.ended() == 0
    store = SqliteStore(load(home).database)
    (taken_up,) = store.entries(session, EntryType.RECOVERED)
    store.close()
    assert b'"head":"missing"' in taken_up.raw


def test_an_export_says_in_the_ledger_that_the_head_was_missing(home: Path, tmp_path: Path) -> None:
    session = crashed(home)
    shutil.rmtree(home / "keys" / "heads")
    first = sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "a.zip"))
    assert "The ledger now says so" in first.stdout
    again = sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "b.zip"))
    assert "The ledger now says so" not in again.stdout
    store = SqliteStore(load(home).database)
    newest = store.last_entry(session)
    store.close()
    assert newest
    assert newest.type is EntryType.RECOVERED
    assert b'"head":"missing"' in newest.raw
    assert sakigake(home, "verify", str(tmp_path / "a.zip")).returncode == 7


@pytest.mark.parametrize("command", ["close", "export"])
def test_a_closed_ledger_without_its_head_is_not_signed_in_silence(
    home: Path, tmp_path: Path, command: str
) -> None:
    """The power went between the last entry and its checkpoint, and the head is gone as well."""
    session = crashed(home)
    loaded = load(home)
    store = SqliteStore(loaded.database)
    known = store.sessions()[-1]
    keys = Keys.open(loaded.keys)
    Ledger.resume(store, known, keys.current, heads=keys.heads).append(EntryType.SESSION_END)
    store.close()
    shutil.rmtree(home / "keys" / "heads")
    out = str(tmp_path / "p.zip")
    if command == "close":
        assert "was missing" in sakigake(home, "session", "close").stdout
    done = sakigake(home, "export", session, "--no-stamp", "-o", out)
    assert ("The ledger now says so" in done.stdout) == (command == "export")
    with Kept(home) as kept:
        kinds_now = [entry.type for entry in kept.entries()]
        assert kinds_now[-3:] == [EntryType.SESSION_END, EntryType.RECOVERED, EntryType.SESSION_END]
        assert kept.of(EntryType.RECOVERED)[-1].info["head"] == "missing"
    assert "Ledger closed: yes" in sakigake(home, "verify", out).stdout


def test_a_crash_before_a_rotation_is_closed_with_the_old_key(home: Path, tmp_path: Path) -> None:
    session = crashed(home)
    assert sakigake(home, "key", "rotate").returncode == 0
    with start(home, "--once") as recording:
        recording.wait_said(f"Session {session} had been cut off and is closed now")
        assert recording.ended() == 0
    done = sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "old.zip"))
    assert done.returncode == 0, done.stderr
    assert "Ledger closed: yes" in sakigake(home, "verify", str(tmp_path / "old.zip")).stdout


def test_killed_again_and_again_while_it_closes(home: Path, tmp_path: Path) -> None:
    """Each try ends or is killed; no try leaves a ledger that cannot be closed by the next."""
    session = crashed(home)
    command = [sys.executable, "-m", "desk", "session", "close"]
    for number in range(12):
        process = subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL)
        time.sleep(0.25 + number * 0.03)
        process.kill()
        process.wait()
    assert sakigake(home, "session", "close").returncode == 0
    assert kinds(home, session).count(EntryType.SESSION_END) == 1
    sakigake(home, "export", session, "--no-stamp", "-o", str(tmp_path / "p.zip"))
    assert "Ledger closed: yes" in sakigake(home, "verify", str(tmp_path / "p.zip")).stdout
