"""`sakigake doctor`: it finds what is planted, tells the next step, and gives nobody away."""

import getpass
import json
import os
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from desk.cli import main
from desk.doctoring import installed, kept, looking
from desk.doctoring.line import Line, State, scrubbed
from sakigake import resources, settings, words
from sakigake.store.sqlite import SqliteStore
from tests.watch import studio
from tests.watch.pipeline import scene


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)


def lines(capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, dict[str, Any]]:
    assert main(["doctor", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["good"] == (code == 0)
    return {line["code"]: line for line in told["lines"]}


def found(*made: Line) -> list[tuple[str, State]]:
    return [(line.code, line.state) for line in made]


def test_a_fresh_home_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys)
    assert {"python", "packages", "names", "data", "home", "key-none", "store-none", "offline"} <= set(told)
    assert told["data"]["state"] == "ok"


def test_recorded_ledgers_and_clock_are_looked_at(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene.recorded(own_home)
    told = lines(capsys)
    assert told["store"]["facts"]["name"] == "sakigake.db"
    assert told["ledger-headless"]["state"] == "warn", "the heads are not there"
    assert told["ledger-headless"]["next"]


def test_a_damaged_database_is_found(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene.recorded(own_home).store.close()
    path = own_home / "sakigake.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray(path.read_bytes())
    for at in range(4096, len(raw), 4096):
        raw[at : at + 16] = os.urandom(16)
    path.write_bytes(raw)
    told = lines(capsys, code=1)
    assert told["store-damaged"]["state"] == "fail"
    assert "backup" in told["store-damaged"]["next"]


def test_a_mistake_in_the_settings_is_found(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own_home / "sakigake.toml").write_text("\n[record]\ninterval_s = -1\n", encoding="utf-8")
    told = lines(capsys, code=1)
    assert told["settings-fault"]["facts"]["line"] == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_key_that_others_can_read_is_found(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    capsys.readouterr()
    assert "key-plain" in lines(capsys)
    (own_home / "keys" / "ed25519.pem").chmod(0o644)
    assert lines(capsys)["key-exposed"]["state"] == "warn"


def test_a_package_of_the_same_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"capture": ["other-capture", "sakigake"], "desk": ["sakigake"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: owners)
    (line,) = installed.collisions()
    assert (line.code, line.state) == ("name-taken", State.FAIL)
    assert "other-capture" in line.text()


def test_a_missing_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = [
        "numpy>=1",
        "no-such-package-here>=2",
        "av>=14; extra == 'video'",
        "nothing-like-it; extra == 'deep'",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda _name: needs)
    told = {line.code: line for line in installed.packages()}
    assert told["packages-missing"].facts["names"] == "no-such-package-here"
    assert told["extras"].facts["names"] == "video"
    assert told["extras-missing"].facts == {"names": "deep", "first": "deep"}


def test_changed_data_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    read = resources.read_bytes
    monkeypatch.setattr(resources, "read_bytes", lambda name: read(name) + b"x" * (name == "cohort-v2.npz"))
    changed = [line.facts["name"] for line in installed.shipped() if line.state is State.FAIL]
    assert changed == ["cohort-v2.npz"]


def test_an_open_port_that_is_no_obs_is_told(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr("capture.obs.protocol.DEFAULT_PORT", server.getsockname()[1])
        monkeypatch.setattr("capture.obs.client.CONNECT_TIMEOUT_S", 0.3)
        (line,) = looking.obs(settings.load(own_home))
    assert line.code == "obs-none"
    assert line.next()


def test_a_disk_that_is_nearly_full_is_told(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.disk.free_mb", lambda _folder: 50.0)
    assert ("disk-low", State.FAIL) in found(*kept.home(settings.load(own_home)))


def test_a_home_that_cannot_be_written_is_told(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: Path) -> float:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(kept, "_speed", refuse)
    assert found(*kept.home(settings.load(own_home))) == [("home-unwritable", State.FAIL)]


def test_nothing_that_is_told_names_the_user_or_the_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "canaryuser"
    home.mkdir()
    for name, value in {"HOME": str(home), "USERPROFILE": str(home), "LOGNAME": "canaryuser"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(socket, "gethostname", lambda: "canaryhost")
    monkeypatch.setenv("SAKIGAKE_HOME", str(home / "records"))
    monkeypatch.setenv("SAKIGAKE_CONFIG", str(tmp_path / "shared" / "canaryuser.toml"))
    (home / "records").mkdir()
    studio.record(SqliteStore(home / "records" / "sakigake.db"), studio.pictures()[:2])
    for arguments in (["doctor"], ["doctor", "--json"], ["--lang", "ja", "doctor"]):
        assert main(arguments) == 0
        told = capsys.readouterr().out
        assert "canary" not in told
        assert "~/records" in told.replace("\\\\", "/")


def test_names_are_taken_out_of_every_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "mika")
    monkeypatch.setattr(socket, "gethostname", lambda: "MIKA-PC")
    monkeypatch.setattr(Path, "home", lambda: Path("/users/mika"))
    assert scrubbed("/users/mika/x on mika-pc of Mika, mikado") == "~/x on <user>-pc of <user>, mikado"


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_what_is_not_good_says_what_to_do(lang: str) -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in (Path(installed.__file__).parent).glob("*.py")
    )
    codes = [
        key.removeprefix("doctor.found.") for key in words.table(lang) if key.startswith("doctor.found.")
    ]
    good = {"python", "packages", "extras", "names", "data", "settings", "home", "disk", "store", "ledgers"}
    good |= {"key-plain", "key-locked", "key-keyring", "recorder-runs", "recorder-none", "screen", "windows"}
    good |= {"obs", "clock", "authority", "codecs", "video", "fonts"}
    assert [
        code for code in codes if code not in good and f"doctor.next.{code}" not in words.table(lang)
    ] == []
    assert {code for code in codes if f'"{code}"' not in source} <= {
        "key-plain",
        "key-locked",
        "key-keyring",
        "settings",
        "settings-none",
        "settings-fault",
        "offline",
    }
