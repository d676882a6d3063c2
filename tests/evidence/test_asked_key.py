"""`--key`: whose package it must be, by the digits that somebody published; and a package that nobody here may read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sakigake.evidence.standalone.joined import joined
from sakigake.evidence.verify import verify
from tests.evidence.conftest import Recorder
from tests.evidence.test_tokens import NOBODY

ROOT = Path(__file__).parents[2]


@pytest.fixture
def both(tmp_path: Path) -> dict[str, list[str]]:
    alone = tmp_path / "own.py"
    alone.write_bytes(joined())
    return {
        "project": [sys.executable, "-m", "desk", "verify"],
        "standalone": [sys.executable, str(alone)],
    }


def asked(command: list[str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "SAKIGAKE_LANG": "en", "SAKIGAKE_HOME": "/nonexistent"}
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("which", ["project", "standalone"])
def test_another_key_fails_and_the_right_one_by_its_first_digits_does_not(
    tmp_path: Path, record: Recorder, both: dict[str, list[str]], which: str
) -> None:
    out = tmp_path / "pack.zip"
    record(1).export(out)
    key = verify(out, NOBODY).key
    for right in (key, key[:16], key[:20].upper(), f" {key[:8]} {key[8:24]}"):
        assert asked(both[which], str(out), "--key", right).returncode == 7, right
    other = asked(both[which], str(out), "--key", "0" * 63 + "1")
    assert other.returncode == 6
    assert "another key" in other.stdout
    assert key in other.stdout
    for bad in (key[:15], key + "0", "x" * 16, "", "artist"):
        told = asked(both[which], str(out), "--key", bad)
        assert told.returncode == 2, bad
        assert "16" in told.stderr
        assert not told.stdout


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="becomes another user")
def test_a_package_that_may_not_be_read_is_no_verdict(tmp_path: Path, record: Recorder) -> None:
    record(1).export(tmp_path / "pack.zip")
    shared = Path("/dev/shm") / f"sakigake-{os.getpid()}"  # noqa: S108 - where another user may come
    shared.mkdir()
    there = shared / "pack.zip"
    try:
        there.write_bytes((tmp_path / "pack.zip").read_bytes())
        there.chmod(0o600)
        code = (
            "import os, sys\nfrom argparse import Namespace\nfrom pathlib import Path\n"
            "from sakigake.evidence.standalone.main import EN, UnusableError, asked\nos.setuid(65534)\n"
            f"try:\n    asked(Namespace(package=Path({str(there)!r}), trust=[], head=[], key=None), EN)\n"
            "except UnusableError as error:\n    print(error)"
        )
        assert "cannot be read by you" in asked([sys.executable, "-c", code]).stdout
    finally:
        there.unlink(missing_ok=True)
        shared.rmdir()
