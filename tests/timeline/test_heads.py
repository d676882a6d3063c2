"""One ledger under one name: a database put back from a backup must not go on, and a power cut must lock nobody out."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.errors import SakigakeError
from sakigake.model import EntryType, Session, StoredCheckpoint
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import merkle, note
from sakigake.timeline.heads import Heads, Standing
from sakigake.timeline.ledger import Ledger

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ROOT = Path(__file__).resolve().parents[2]


class Home:
    """A database and, elsewhere, the heads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heads = Heads(folder / "keys" / "heads")
        self.store = SqliteStore(folder / "sakigake.db")

    def start(self) -> Ledger:
        return Ledger.start(self.store, KEY, "screen", heads=self.heads)

    def resume(self, session: Session) -> Ledger:
        return Ledger.resume(self.store, session, KEY, heads=self.heads)

    def standing(self, session: Session) -> Standing:
        return self.heads.compare(self.store, session).standing

    def back_up(self) -> Path:
        copy = self.folder / "backup.db"
        copy.unlink(missing_ok=True)
        self.store._db.execute("VACUUM INTO ?", (str(copy),))
        return copy

    def put_back(self, copy: Path) -> None:
        self.store.close()
        for name in ("sakigake.db", "sakigake.db-wal", "sakigake.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.copyfile(copy, self.folder / "sakigake.db")
        self.store = SqliteStore(self.folder / "sakigake.db")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.store.close()


def grow(ledger: Ledger, entries: int, *, seal: bool = True) -> None:
    for _ in range(entries):
        ledger.append(EntryType.HEARTBEAT)
    if seal:
        ledger.checkpoint([])


def whole(home: Home, session: Session) -> None:
    """Hold the whole ledger against its checkpoints: each follows the one before and covers the entries."""
    leaves, before = home.store.leaves(session.id), None
    for checkpoint in home.store.checkpoints(session.id):
        stated = note.verify(checkpoint.note, KEY.public_key())
        assert stated.root == merkle.root(leaves[: stated.size])
        assert before is None or stated.prev == before
        before = sha256(checkpoint.note).hexdigest()


def test_a_database_as_it_was_goes_on(home: Home) -> None:
    ledger = home.start()
    assert home.standing(ledger.session) is Standing.FRESH
    grow(ledger, 3)
    grow(ledger, 2, seal=False)  # entries that nobody signed yet
    assert home.standing(ledger.session) is Standing.SAME
    again = home.resume(ledger.session)
    assert not again.headless
    grow(again, 1)
    whole(home, ledger.session)


def test_a_database_put_back_from_a_backup_does_not_go_on(home: Home) -> None:
    ledger = home.start()
    grow(ledger, 3)
    copy = home.back_up()
    grow(ledger, 4)
    home.put_back(copy)
    assert home.standing(ledger.session) is Standing.BEHIND
    with pytest.raises(SakigakeError) as caught:
        home.resume(ledger.session)
    assert caught.value.code == "ledger-behind"
    # Without the head both would be signed: two ledgers under one name.
    blind = Ledger.resume(home.store, ledger.session, KEY)
    grow(blind, 5)
    assert home.standing(ledger.session) is Standing.BEHIND
    assert home.start().size == 1  # a new session is always possible


def test_a_backup_of_all_that_was_signed_goes_on(home: Home) -> None:
    """What was lost with the newer database was never signed, so nobody was told of it."""
    ledger = home.start()
    grow(ledger, 3)
    copy = home.back_up()
    grow(ledger, 4, seal=False)
    home.put_back(copy)
    grow(home.resume(ledger.session), 2)
    whole(home, ledger.session)


def test_another_ledger_of_the_same_length_is_told_apart(home: Home) -> None:
    ledger = home.start()
    grow(ledger, 2)
    copy = home.back_up()
    grow(ledger, 3)
    home.put_back(copy)
    grow(Ledger.resume(home.store, ledger.session, KEY), 3)
    assert len(home.store.leaves(ledger.session.id)) == 6
    assert home.standing(ledger.session) is Standing.BEHIND


@pytest.mark.parametrize("content", [None, b"", b"garbage\n"])
def test_a_lost_or_damaged_head_is_allowed_and_said(home: Home, content: bytes | None) -> None:
    ledger = home.start()
    grow(ledger, 2)
    (path,) = home.heads._folder.glob("*.head")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert home.standing(ledger.session) is Standing.MISSING
    again = home.resume(ledger.session)
    assert again.headless
    grow(again, 1)
    assert home.standing(ledger.session) is Standing.SAME


def test_a_head_of_another_key_or_ledger_is_none(home: Home) -> None:
    one, two = home.start(), home.start()
    grow(one, 1)
    grow(two, 1)
    folder = home.heads._folder
    shutil.copyfile(folder / f"{two.session.ledger}.head", folder / f"{one.session.ledger}.head")
    assert home.standing(one.session) is Standing.MISSING
    foreign = note.sign(
        note.Checkpoint(one.session.ledger, 9, b"\0" * 32, None, None), Ed25519PrivateKey.generate()
    )
    home.heads.put(one.session.ledger, foreign)
    assert home.standing(one.session) is Standing.MISSING


class Refusing(SqliteStore):
    """A store that refuses checkpoints, before or after they are in."""

    when = ""

    def add_checkpoint(self, session: str, checkpoint: StoredCheckpoint, authorities: list[str]) -> None:
        if self.when == "after":
            super().add_checkpoint(session, checkpoint, authorities)
        if self.when:
            raise SakigakeError("store-write-failed", why=self.when)
        super().add_checkpoint(session, checkpoint, authorities)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_checkpoint_that_was_refused_is_completed_with_the_same_bytes(home: Home, when: str) -> None:
    home.store.close()
    store = home.store = Refusing(home.folder / "sakigake.db")
    ledger = home.start()
    grow(ledger, 1)
    store.when = when
    ledger.append(EntryType.HEARTBEAT)
    with pytest.raises(SakigakeError):
        ledger.checkpoint([])
    signed = home.heads.get(ledger.session.ledger, KEY.public_key().public_bytes_raw())
    assert signed
    store.when = ""
    grow(ledger, 2)
    notes = [checkpoint.note for checkpoint in store.checkpoints(ledger.session.id)]
    assert len(notes) == 3
    assert notes[1] == signed[0]
    whole(home, ledger.session)


KILLED = """
import os, signal, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.heads import Heads
from sakigake.timeline.ledger import Ledger

folder, steps = Path(sys.argv[1]), int(sys.argv[2])
left = steps
armed = False
seen = 0

def watch(event, arguments):
    # Real SIGKILL at the n-th touch of a file while a checkpoint is made.
    global seen
    if armed and (event.startswith("os.") or event in ("open", "sqlite3.connect")):
        seen += 1
        if seen == steps:
            os.kill(os.getpid(), signal.SIGKILL)

class Store(SqliteStore):
    def add_checkpoint(self, *arguments):
        os.listdir(folder)  # two more places to die: before and after the transaction
        super().add_checkpoint(*arguments)
        os.listdir(folder)

sys.addaudithook(watch)
key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
store, heads = Store(folder / "sakigake.db"), Heads(folder / "keys" / "heads")
sessions = store.sessions()
ledger = Ledger.resume(store, sessions[0], key, heads=heads) if sessions else Ledger.start(store, key, "screen", heads=heads)
ledger.append(EntryType.HEARTBEAT)
armed = True
ledger.checkpoint([])
armed = False
print("done", seen)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_any_step_the_ledger_goes_on_and_nothing_signed_is_lost(home: Home) -> None:
    """One home, killed at step 1, 2, 3 … of a checkpoint until one comes through whole."""
    standings = set()
    for step in range(1, 40):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(home.folder), str(step)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        (session,) = home.store.sessions()
        standings.add(home.standing(session))
        assert home.standing(session) in {Standing.FRESH, Standing.OWED, Standing.SAME}, step
        whole(home, session)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.returncode == 0
    assert step > 6
    assert {Standing.OWED, Standing.SAME} <= standings
    head = home.heads.get(session.ledger, KEY.public_key().public_bytes_raw())
    assert head
    assert head[0] == home.store.checkpoints(session.id)[-1].note
    assert home.store.checkpoints(session.id)[-1].size == len(home.store.leaves(session.id))


FULL = """
import resource, signal, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sakigake.errors import SakigakeError
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.heads import Heads
from sakigake.timeline.ledger import Ledger

folder = Path(sys.argv[1])
key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
heads = Heads(folder / "keys" / "heads")
store = SqliteStore(folder / "sakigake.db")
ledger = Ledger.start(store, key, "screen", heads=heads)
ledger.checkpoint([])
ledger.append(EntryType.HEARTBEAT)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))  # a head has some 250 bytes
try:
    ledger.checkpoint([])
except SakigakeError as error:
    print(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.append(EntryType.HEARTBEAT)
print(ledger.checkpoint([]).number)
print(sorted(path.suffix for path in (folder / "keys" / "heads").iterdir()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
def test_a_full_disk_signs_nothing_and_the_next_try_does(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(home.folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[:3] == ["head-unwritable", "1", "['.head']"], done.stderr
    (session,) = home.store.sessions()
    assert home.standing(session) is Standing.SAME
    whole(home, session)
