"""Changing the key: whenever the power goes a key is in force, the old one is kept, and no file lies open."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake import durable
from sakigake.errors import ConfigError, NotFoundError, SakigakeError, UsageError
from sakigake.timeline import keychange, keys

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL, no permission bits")


def publics(folder: Path) -> set[str]:
    return {keys.public_of(keys.load(path)).hex() for path in keys.files(folder)}


def test_a_rotation_keeps_the_old_key_and_says_who_follows_whom(tmp_path: Path) -> None:
    old = keys.load_or_create(tmp_path)
    done = keychange.rotate(tmp_path, "copied")
    now = keys.Keys.open(tmp_path)
    assert now.public.hex() == done.new != done.old == keys.public_of(old).hex()
    assert done.kept == tmp_path / f"ed25519-{done.old[:8]}.pem"
    before = now.predecessor()
    assert before
    assert (before.key.private_bytes_raw(), before.reason) == (old.private_bytes_raw(), "copied")
    again = keychange.rotate(tmp_path, "routine")
    assert publics(tmp_path) == {done.old, done.new, again.new}
    assert keys.Keys.open(tmp_path).explains(bytes.fromhex(done.old))


@posix
def test_every_file_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.load_or_create(tmp_path)
    keychange.rotate(tmp_path, "routine")
    monkeypatch.setenv(keys.PASSPHRASE, "x")
    keychange.change_passphrase(tmp_path, b"y")
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(found) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}


def test_an_old_key_that_cannot_be_opened_needs_a_word(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        keychange.rotate(tmp_path, "routine")
    keys.load_or_create(tmp_path)
    with pytest.raises(UsageError) as whole:
        keychange.rotate(tmp_path, "routine", without_old=True)
    assert whole.value.code == "key-old-open"
    for number in (1, 2):
        durable.write(tmp_path / keys.KEY_FILE, b"broken %d" % number)
        with pytest.raises(ConfigError) as caught:
            keychange.rotate(tmp_path, "lost-device")
        assert caught.value.code == "key-old-closed"
        done = keychange.rotate(tmp_path, "lost-device", without_old=True)
        assert done.old is None
        assert done.kept.read_bytes() == b"broken %d" % number
    assert keys.Keys.open(tmp_path).predecessor() is None
    step = keys.Keys.open(tmp_path).step()
    assert step
    assert (step.old, step.reason) == ("", "lost-device")


def test_another_key_in_the_old_ones_place_is_not_overwritten(tmp_path: Path) -> None:
    old = keys.load_or_create(tmp_path)
    taken = tmp_path / keys.old_name(keys.public_of(old))
    durable.write(taken, keys.written(Ed25519PrivateKey.generate(), None))
    before = taken.read_bytes()
    with pytest.raises(ConfigError) as caught:
        keychange.rotate(tmp_path, "routine")
    assert caught.value.code == "key-aside-taken"
    assert taken.read_bytes() == before
    assert keys.load_or_create(tmp_path).private_bytes_raw() == old.private_bytes_raw()


def test_a_passphrase_goes_over_every_file_and_a_change_cut_off_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.load_or_create(tmp_path)
    keychange.rotate(tmp_path, "routine")
    known = publics(tmp_path)
    assert keychange.change_passphrase(tmp_path, b"one") == keychange.Locked(2, 0, ())
    assert {keys.kept_as(path.read_bytes()) for path in keys.files(tmp_path)} == {keys.Keeping.LOCKED}
    with pytest.raises(ConfigError):
        keys.load_or_create(tmp_path)
    monkeypatch.setenv(keys.PASSPHRASE, "one")
    assert publics(tmp_path) == known
    # Cut off after the first file: that one has the new passphrase already, and the old one is still given.
    first = next(keys.files(tmp_path))
    durable.write(first, keys.written(keys.load(first), b"two"))
    assert keychange.change_passphrase(tmp_path, b"two").changed == 2
    monkeypatch.setenv(keys.PASSPHRASE, "two")
    assert publics(tmp_path) == known
    assert keychange.change_passphrase(tmp_path, None).changed == 2
    monkeypatch.delenv(keys.PASSPHRASE)
    assert publics(tmp_path) == known


def test_an_older_key_that_cannot_be_opened_is_left_and_named(tmp_path: Path) -> None:
    keys.load_or_create(tmp_path)
    odd = tmp_path / "ed25519-00000000.pem"
    durable.write(odd, keys.written(Ed25519PrivateKey.generate(), b"forgotten"))
    assert keychange.change_passphrase(tmp_path, b"one") == keychange.Locked(1, 0, (odd,))


KILLED = """
import os, signal, sys
from pathlib import Path
from sakigake.timeline import keychange, keys

folder, steps, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
seen = 0

def watch(event, arguments):
    # Real SIGKILL at the n-th touch of a file in the folder.
    global seen
    if event in ("open", "os.rename", "os.link", "os.remove") and str(folder) in str(arguments[0]):
        seen += 1
        if seen == steps:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
if what == "rotate":
    keychange.rotate(folder, "routine")
elif what == "passphrase":
    keychange.change_passphrase(folder, b"two")
else:
    keys.load_or_create(folder)
"""


def killed(folder: Path, step: int, what: str) -> int:
    command = [sys.executable, "-c", KILLED, str(folder), str(step), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


@posix
def test_killed_at_any_step_the_old_or_the_new_key_is_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = known = keys.public_of(keys.load_or_create(folder)).hex()
    changes = 0
    for step in range(1, 60):
        code = killed(folder, step, "rotate")
        now = keys.Keys.open(folder)
        if now.public.hex() != known:
            changes += 1
            before = now.predecessor()
            assert before, step
            assert keys.public_of(before.key).hex() == known
            known = now.public.hex()
        assert first in publics(folder), step  # no key that signed something is ever lost
        assert now.explains(bytes.fromhex(first))
        if code == 0:
            break
    assert code == 0
    assert step > 6
    assert changes >= 2  # one that came through, and one killed after the last step that counts
    assert not list(folder.glob("*.tmp"))  # what the kills left is gone


@posix
def test_killed_while_the_passphrase_changes_each_file_has_one_of_the_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "keys"
    keys.load_or_create(folder)
    keychange.rotate(folder, "routine")
    known = publics(folder)
    monkeypatch.setenv(keys.PASSPHRASE, "one")
    keychange.change_passphrase(folder, b"one")
    for step in range(1, 60):
        code = killed(folder, step, "passphrase")
        for path in keys.files(folder):
            try:
                keys.load(path)
            except SakigakeError:
                keys.load(path, b"two")
        if code == 0:
            break
    assert code == 0
    monkeypatch.setenv(keys.PASSPHRASE, "two")
    assert publics(folder) == known


@posix
def test_killed_while_the_first_key_is_made_the_next_start_makes_one(tmp_path: Path) -> None:
    for step in range(1, 20):
        folder = tmp_path / str(step)
        code = killed(folder, step, "create")
        assert keys.Keys.open(folder).public.hex() in publics(folder)
        if code == 0:
            break
    assert code == 0
    assert step > 3
