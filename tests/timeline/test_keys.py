"""Where keys are kept: files of the owner alone, a passphrase, the system's keyring, and what is said when one is gone."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake import durable
from sakigake.errors import ConfigError
from sakigake.timeline import keys, vault
from sakigake.timeline.succession import Step, note

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def keyring_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give `keyring` a place to keep something, as on a desktop."""
    keyring = pytest.importorskip("keyring")
    from tests.timeline.keyring_backend import FileKeyring

    path = tmp_path / "desktop" / "keyring.json"
    path.parent.mkdir()
    monkeypatch.setenv("TEST_KEYRING", str(path))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())  # type: ignore[no-untyped-call]
    yield path
    keyring.set_keyring(before)


def test_a_machine_without_a_keyring_keeps_the_key_in_a_file(tmp_path: Path) -> None:
    assert vault.vault() is None
    key = keys.load_or_create(tmp_path)
    assert keys.kept_as((tmp_path / keys.KEY_FILE).read_bytes()) is keys.Keeping.PLAIN
    assert keys.find(tmp_path, keys.public_of(key)) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_files_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys.load_or_create(tmp_path / "keys")
        keys.heads_of(tmp_path / "keys").put("0" * 32, b"head")
    finally:
        os.umask(before)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").rglob("*")}
    assert found == {"ed25519.pem": 0o600, "heads": 0o700, "0" * 32 + ".head": 0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_two_processes_that_start_at_once_use_one_key(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from sakigake.timeline import keys; sys.stdin.readline();"
        "print(keys.public_of(keys.load_or_create(pathlib.Path(sys.argv[1]))).hex())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "keys")]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(4)
    ]
    for each in both:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()
    said = {each.communicate()[0] for each in both}
    assert len(said) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [keys.KEY_FILE]


def test_the_keyring_comes_first_and_the_file_then_names_the_public_key_alone(
    tmp_path: Path, keyring_file: Path
) -> None:
    key = keys.load_or_create(tmp_path / "keys")
    raw = (tmp_path / "keys" / keys.KEY_FILE).read_bytes()
    assert keys.kept_as(raw) is keys.Keeping.KEYRING
    assert b"PRIVATE" not in raw
    assert key.private_bytes_raw().hex() in keyring_file.read_text()
    assert keys.load_or_create(tmp_path / "keys").private_bytes_raw() == key.private_bytes_raw()
    assert keys.find(tmp_path / "keys", keys.public_of(key)) is not None


def test_a_keyring_that_is_locked_or_empty_is_one_sentence(tmp_path: Path, keyring_file: Path) -> None:
    keys.load_or_create(tmp_path / "keys")
    keyring_file.with_suffix(".locked").touch()
    with pytest.raises(ConfigError) as locked:
        keys.load_or_create(tmp_path / "keys")
    assert locked.value.code == "key-not-in-keyring"
    # A new key then goes into a file: a recording is worth more than where its key lies.
    keys.load_or_create(tmp_path / "other")
    assert keys.kept_as((tmp_path / "other" / keys.KEY_FILE).read_bytes()) is keys.Keeping.PLAIN
    keyring_file.with_suffix(".locked").unlink()
    keyring_file.unlink()
    with pytest.raises(ConfigError) as gone:
        keys.load_or_create(tmp_path / "keys")
    assert gone.value.code == "key-not-in-keyring"


def test_a_keyring_that_gives_another_key_is_refused(tmp_path: Path, keyring_file: Path) -> None:
    key = keys.load_or_create(tmp_path / "keys")
    other = Ed25519PrivateKey.generate().private_bytes_raw().hex()
    keyring_file.write_text(keyring_file.read_text().replace(key.private_bytes_raw().hex(), other))
    with pytest.raises(ConfigError) as caught:
        keys.load_or_create(tmp_path / "keys")
    assert caught.value.code == "key-not-in-keyring"


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 64, b"-----BEGIN PUBLIC KEY-----\nx\n", b"-----BEGIN PRIVATE KEY-----\n"]
)
def test_a_broken_file_is_one_sentence_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    durable.write(tmp_path / keys.KEY_FILE, content)
    with pytest.raises(ConfigError) as caught:
        keys.load_or_create(tmp_path)
    assert caught.value.code == "key-unreadable"
    assert (tmp_path / keys.KEY_FILE).read_bytes() == content


def test_a_sessions_key_is_found_among_older_ones_or_said_to_be_missing(tmp_path: Path) -> None:
    first, other = keys.load_or_create(tmp_path), Ed25519PrivateKey.generate()
    durable.write(tmp_path / keys.old_name(keys.public_of(other)), keys.written(other, None))
    assert keys.signer(tmp_path, keys.public_of(other), "s").private_bytes_raw() == other.private_bytes_raw()
    assert keys.Keys(tmp_path, first).of(keys.public_of(other)) is not None
    with pytest.raises(ConfigError) as caught:
        keys.signer(tmp_path, b"\1" * 32, "s")
    assert caught.value.code == "key-of-another-session"


def test_rotations_explain_a_key_and_what_was_put_there_by_hand_is_not_explained(tmp_path: Path) -> None:
    one, two, three = (Ed25519PrivateKey.generate() for _ in range(3))
    names = [keys.public_of(key).hex() for key in (one, two, three)]
    note(tmp_path, Step(names[1], names[0], "routine"))
    note(tmp_path, Step(names[2], names[1], "copied"))
    assert keys.Keys(tmp_path, three).explains(keys.public_of(one))
    assert not keys.Keys(tmp_path, one).explains(keys.public_of(two))
    assert not keys.Keys(tmp_path, Ed25519PrivateKey.generate()).explains(keys.public_of(one))
    note(tmp_path, Step(names[0], names[2], "routine"))  # a circle ends
    assert not keys.Keys(tmp_path, one).explains(b"\2" * 32)
    note(tmp_path, Step(names[1], "", "lost-device"))  # lost, and said to be
    assert keys.Keys(tmp_path, two).explains(keys.public_of(three))
