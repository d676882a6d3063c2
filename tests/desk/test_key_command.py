"""`sakigake key` as a person types it, with the real recorder before and after."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.timeline import keys
from tests.capture.running import configure, environment
from tests.evidence.conftest import drawing

ROOT = Path(__file__).parents[2]


def sakigake(
    home: Path, *args: str, typed: str = "", lang: str = "en", **more: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "desk", *args],
        env={**environment(home), "PYTHONUTF8": "1", "SAKIGAKE_LANG": lang, **more},
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        cwd=ROOT,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    configure(home, "[ots]\nenabled = false\n")
    return home


def locked(passphrase: str) -> dict[str, str]:
    return {"SAKIGAKE_PASSPHRASE": passphrase}


def recorded(home: Path, **more: str) -> str:
    """Record two pictures and return the session's name."""
    paths = [home.parent / f"{number}.png" for number in range(2)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), cv2.resize(drawing(6 * (number + 1)), (640, 480)))
    done = sakigake(home, "record", "start", *map(str, paths), "--once", "--json", **more)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout.splitlines()[0])["session"])


def entries(home: Path, session: str) -> list[str]:
    shown = json.loads(sakigake(home, "timeline", "show", session, "--json").stdout)
    return [row["type"] for row in shown["rows"]]


def test_nothing_is_made_by_looking(home: Path) -> None:
    for command in ("show", "rotate", "passphrase"):
        done = sakigake(home, "key", command, typed="x\n")
        assert (done.returncode, done.stdout) == (4, "")
        assert "The first recording makes one" in done.stderr
    assert not (home / "keys").exists()


def test_a_rotation_shows_in_later_packages_and_old_ones_can_still_be_written(home: Path) -> None:
    before = recorded(home)
    first = json.loads(sakigake(home, "key", "show", "--json").stdout)
    done = sakigake(home, "key", "rotate", "--reason", "copied")
    assert done.returncode == 0, done.stderr
    assert first["key"] in done.stdout
    assert (home / "keys" / f"ed25519-{first['key'][:8]}.pem").is_file()
    after = recorded(home)
    assert entries(home, after)[:2] == ["session_start", "key_rotate"]
    assert "key_rotate" not in entries(home, before)
    shown = json.loads(sakigake(home, "key", "show", "--json").stdout)
    assert (shown["continues"], shown["reason"], shown["linked"]) == (first["key"], "copied", True)
    assert "may have been copied" in sakigake(home, "key", "show").stdout
    for session in (before, after):
        out = home.parent / f"{session}.zip"
        assert sakigake(home, "export", session, "--no-stamp", "-o", str(out)).returncode == 0
        record = json.loads(sakigake(home, "verify", "--json", str(out)).stdout)
        assert record["verify_py"] == "same"
        assert record["continues"] == (first["key"] if session == after else None)
    pair = [str(home.parent / f"{session}.zip") for session in (after, before)]
    compared = json.loads(sakigake(home, "verify", "--json", pair[0], "--against", pair[1]).stdout)
    assert compared["against"][0]["relation"] == "apart-by-clock"
    said = sakigake(home, "verify", pair[0], "--against", pair[1]).stdout
    assert "another ledger of a key that a rotation links with this one" in said
    assert "the same key" not in said
    assert "両方の鍵の署名" in sakigake(home, "verify", pair[0], lang="ja").stdout


def test_a_lost_key_is_put_aside_with_plain_words(home: Path) -> None:
    session = recorded(home)
    (home / "keys" / keys.KEY_FILE).write_bytes(b"broken")
    for command in (("export", session, "-o", str(home / "p.zip")), ("key", "rotate"), ("key", "show")):
        done = sakigake(home, *command)
        assert done.returncode == 3
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 2
    done = sakigake(home, "key", "rotate", "--reason", "lost-device", "--without-old")
    assert "cannot be exported or closed without it" in done.stdout
    assert "was lost" in sakigake(home, "key", "show").stdout
    again = sakigake(home, "export", session, "-o", str(home / "p.zip"))
    assert again.returncode == 3
    assert "signed with another key" in again.stderr
    assert "key_rotate" not in entries(home, recorded(home))


def test_a_guess_that_did_not_open_the_old_key_does_not_lock_the_new_one(home: Path) -> None:
    recorded(home, **locked("abc"))
    done = sakigake(home, "key", "rotate", "--without-old", **locked("a guess"))
    assert done.returncode == 0, done.stderr
    assert "without a passphrase" in done.stdout
    assert sakigake(home, "key", "show").returncode == 0
    chosen = sakigake(home, "key", "passphrase", typed="new one\n")
    assert chosen.returncode == 0, chosen.stderr


def test_after_a_lost_key_the_new_one_gets_the_passphrase_that_is_typed(home: Path) -> None:
    recorded(home, **locked("abc"))
    done = sakigake(home, "key", "rotate", "--without-old", typed="better\n", **locked("a guess"))
    assert "with a passphrase" in done.stdout
    assert sakigake(home, "key", "show", **locked("a guess")).returncode == 0, "it shows what is public"
    assert sakigake(home, "key", "passphrase", "--remove", **locked("a guess")).returncode == 3
    assert sakigake(home, "key", "passphrase", "--remove", **locked("better")).returncode == 0


def test_a_key_put_there_by_hand_is_noticed_at_the_next_start(home: Path) -> None:
    recorded(home)
    (home / "keys" / keys.KEY_FILE).unlink()
    paths = [str(home.parent / "0.png")]
    said = sakigake(home, "record", "start", *paths, "--once").stdout
    assert "no rotation leads to it" in said
    assert "no rotation leads to it" not in sakigake(home, "record", "start", *paths, "--once").stdout


def test_a_copy_that_a_rotation_cut_off_has_put_aside_is_no_older_key(home: Path) -> None:
    recorded(home)
    now = (home / "keys" / keys.KEY_FILE).read_bytes()
    public = json.loads(sakigake(home, "key", "show", "--json").stdout)["key"]
    (home / "keys" / f"ed25519-{public[:8]}.pem").write_bytes(now)
    assert json.loads(sakigake(home, "key", "show", "--json").stdout)["older"] == []
    assert sakigake(home, "key", "rotate").returncode == 0
    assert [each["key"] for each in json.loads(sakigake(home, "key", "show", "--json").stdout)["older"]] == [
        public
    ]


def test_a_passphrase_is_set_used_and_taken_off(home: Path) -> None:
    session = recorded(home)
    assert sakigake(home, "key", "passphrase").returncode == 2  # nothing was typed
    done = sakigake(home, "key", "passphrase", typed="ひみつ\n")
    assert done.returncode == 0, done.stderr
    assert b"ENCRYPTED" in (home / "keys" / keys.KEY_FILE).read_bytes()
    closed = sakigake(home, "export", session, "--no-stamp", "-o", str(home / "p.zip"))
    assert closed.returncode == 3
    assert "SAKIGAKE_PASSPHRASE" in closed.stderr
    given = {"SAKIGAKE_PASSPHRASE": "ひみつ"}
    assert "with a passphrase" in sakigake(home, "key", "show", **given).stdout
    assert sakigake(home, "export", session, "--no-stamp", "-o", str(home / "p.zip"), **given).returncode == 0
    recorded(home, **given)
    assert sakigake(home, "key", "passphrase", "--remove", **given).returncode == 0
    assert "without a passphrase" in sakigake(home, "key", "show").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_somebody_at_a_terminal_is_asked_for_the_passphrase(home: Path) -> None:
    import pty

    recorded(home)
    sakigake(home, "key", "passphrase", typed="open\n")
    path = home / "keys" / keys.KEY_FILE
    path.write_bytes(path.read_bytes().partition(b"-----BEGIN PUBLIC KEY-----")[0])  # as files of before were
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "desk", "key", "show"],
        env=environment(home),
        stdin=there,
        stdout=subprocess.PIPE,
        stderr=there,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(there)
    os.read(here, 200)
    os.write(here, b"open\n")
    said, _ = process.communicate(timeout=30)
    os.close(here)
    assert process.returncode == 0
    assert "with a passphrase" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_a_file_that_others_may_read_is_pointed_out(home: Path) -> None:
    recorded(home)
    assert "Others on this computer" not in sakigake(home, "key", "show").stdout
    (home / "keys" / keys.KEY_FILE).chmod(0o644)
    assert "Others on this computer" in sakigake(home, "key", "show").stdout


def test_which_key_it_is_can_be_seen_without_the_passphrase(home: Path) -> None:
    recorded(home)
    before = json.loads(sakigake(home, "key", "show", "--json").stdout)
    sakigake(home, "key", "passphrase", typed="secret\n")
    sakigake(home, "key", "rotate", **locked("secret"))
    shown = json.loads(sakigake(home, "key", "show", "--json").stdout)
    assert shown["kept"] == "locked"
    assert (shown["continues"], shown["linked"]) == (before["key"], True)
    assert [each["key"] for each in shown["older"]] == [before["key"]]


def test_a_public_key_that_was_put_there_by_others_is_refused(home: Path) -> None:
    recorded(home)
    sakigake(home, "key", "passphrase", typed="secret\n")
    path = home / "keys" / keys.KEY_FILE
    begin = b"-----BEGIN PUBLIC KEY-----"
    own, _, _ = path.read_bytes().partition(begin)
    other = keys.written(Ed25519PrivateKey.generate(), b"x")
    path.write_bytes(own + begin + other.partition(begin)[2])
    assert sakigake(home, "key", "rotate", **locked("secret")).returncode == 3
