"""A change of keys killed at each of its writes, and the first start with the new key as well: no half of it stays.

Real processes and real SIGKILL, before every statement that writes to the database and every touch of a key file or
head. Whatever the moment, each session is later linked with the key that its own continues, by its second entry and
by no other, and what is exported verifies.

The processes are forks of one that has everything loaded (`tests/capture/forking.py`); that such a fork writes the same
in the same order as a process started anew, and leaves the same when killed, is a test of its own.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from capture.closing import end, take_up
from capture.recovery import begin
from sakigake.anchor.trust import Trust
from sakigake.clock import Clock
from sakigake.evidence import package
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.verify import verify
from sakigake.fingerprint.vector import VERSION, fingerprint_v2
from sakigake.model import EntryType
from sakigake.timeline import keychange, keys, rotation
from sakigake.timeline.ledger import Fingerprint
from tests.capture.forking import Forking
from tests.capture.running import ROOT, Kept, configure, environment
from tests.evidence.conftest import drawing, keep

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")

KILLED = """
import atexit, os, signal, sqlite3, sys

home, step = sys.argv[1], int(sys.argv[2])
seen = []

def touched(what):
    seen.append(what)
    if len(seen) == step:
        os.kill(os.getpid(), signal.SIGKILL)

def watch(event, arguments):
    if event in ("open", "os.rename", "os.link", "os.remove", "os.mkdir") and str(arguments[0]).startswith(home + "/keys"):
        touched(event)

def spoken(statement):
    if statement.startswith(("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT")):
        touched(statement.split(" (")[0])

def connect(*arguments, **more):
    made = connected(*arguments, **more)
    made.set_trace_callback(spoken)
    return made

connected, sqlite3.connect = sqlite3.connect, connect
sys.addaudithook(watch)
atexit.register(lambda: print(*(f"# {what}" for what in seen), sep="\\n", file=sys.stderr))
"""
ROTATE = """
from pathlib import Path
from sakigake.timeline import keychange

keychange.rotate(Path(home) / "keys", "routine")
"""
START = """
from pathlib import Path
from capture.recovery import begin
from sakigake import settings
from sakigake.clock import Clock
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.keys import Keys

loaded = settings.load(Path(home))
started = begin(
    SqliteStore(loaded.database), Keys.open(loaded.keys), Clock(), origin="screen", source="one", anew=False, leftovers=0,
    choose=lambda number, important: [], acknowledge=lambda entry, session: None,
)
started.ledger.checkpoint([])
"""
TYPED = """
import sys

from desk.__main__ import run

sys.argv = ["sakigake", *sys.argv[3:]]
run()
"""
Then = Callable[[Path], None]
Runner = Callable[..., "subprocess.CompletedProcess[str]"]
CHECKPOINT = "INSERT INTO checkpoints"


class _Processes:
    forking: Forking | None = None


@pytest.fixture(scope="module", autouse=True)
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with Forking(tmp_path_factory.mktemp("forks")) as _Processes.forking:
        yield
    _Processes.forking = None


def started(body: str, home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run in a process that Python is started for."""
    return subprocess.run(
        [sys.executable, "-c", body, *arguments],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def forked(body: str, home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run in a fork of a process that has everything loaded."""
    assert _Processes.forking is not None
    return _Processes.forking.run(body, *arguments, env=environment(home))


def killed(
    home: Path, step: int, body: str, *typed: str, run: Runner = forked
) -> "subprocess.CompletedProcess[str]":
    """Run in a process that is killed at its `step`-th write."""
    done = run(KILLED + body, home, str(home), str(step), *typed)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done


def writes(home: Path, body: str, *typed: str, run: Runner = forked) -> list[str]:
    """Run once to the end; returns what it wrote to, the first one being step 1."""
    said = killed(home, 0, body, *typed, run=run).stderr.splitlines()
    return [line.removeprefix("# ") for line in said if line.startswith("# ")]


def record(home: Path, source: str = "one") -> None:
    """Go on or begin anew, keep one stage, and sign."""
    with Kept(home) as kept:
        ledger = begin(
            kept.store,
            keys.Keys.open(kept.settings.keys),
            Clock(),
            origin="screen",
            source=source,
            anew=False,
            leftovers=0,
            choose=lambda _number, _important: [],
            acknowledge=lambda _entry, _session: None,
        ).ledger
        pixels = drawing(5)
        print_ = Fingerprint(VERSION, fingerprint_v2(pixels))
        ledger.append(EntryType.STAGE, {"changed_ppm": 9000}, keep(kept.settings.pictures, pixels), print_)
        ledger.checkpoint([])


def close(home: Path) -> None:
    """Close the session that was cut off, as `session close` does; then record again."""
    with Kept(home) as kept:
        opened = keys.Keys.open(kept.settings.keys)
        for session in kept.sessions:
            if session.ended is None and kept.store.last_entry(session.id):
                ledger = take_up(kept.store, session, opened, Clock(), lambda _entry, _session: None)
                end(
                    kept.store,
                    ledger,
                    opened,
                    Clock(),
                    choose=lambda _number, _important: [],
                    acknowledge=lambda _entry, _session: None,
                )
    record(home)


def elsewhere(home: Path) -> None:
    record(home, "another")


def rotate_again(home: Path) -> None:
    keychange.rotate(home / "keys", "copied")
    record(home)


THEN = [pytest.param(then, id=then.__name__) for then in (record, elsewhere, close, rotate_again)]


def continued(home: Path) -> dict[str, str]:
    """Return which key was put in the place of which, by the notes beside the keys, both in hex."""
    from sakigake.timeline.succession import steps

    return {step.new: step.old for step in steps(home / "keys")}


def whole(home: Path, *, begun: bool = False) -> None:
    """Hold everything that is kept against what a change of keys promises; `begun`: entry 1 may still be missing."""
    older = continued(home)
    with Kept(home) as kept:
        kept.check()
        keys.Keys.open(kept.settings.keys)
        known = {keys.public_of(keys.load(path)).hex() for path in keys.files(kept.settings.keys)}
        for session in kept.sessions:
            public = kept.store.public_key(session.id).hex()
            assert public in known, "a key that signed something is lost"
            entries = {entry.seq: entry for entry in kept.entries(session)}
            if not entries or (begun and len(entries) == 1):
                continue
            assert entries[0].info["key"] == public
            said = rotation.check(entries, session.ledger, public, session.id)
            assert said == older.get(public), [entry.type for entry in entries.values()]


def exported(home: Path, out: Path) -> int:
    """Export every session that has a stage, hold each package against both verifiers; returns how many."""
    older, count = continued(home), 0
    with Kept(home) as kept:
        for session in kept.sessions:
            if not kept.of(EntryType.STAGE, session):
                continue
            public = kept.store.public_key(session.id)
            path = out / f"{session.id}.zip"
            package.export(
                kept.store,
                session,
                key=keys.signer(kept.settings.keys, public, session.id),
                pictures=kept.settings.pictures,
                trust=Trust(),
                out=path,
            )
            report = verify(path, Trust())
            assert report.continues == check_alone(path, [])["continues"] == older.get(public.hex())
            assert report.verify_py == "same"
            count += 1
    return count


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Records of one session with a first key."""
    made = tmp_path / "home"
    configure(made, "[ots]\nenabled = false\n")
    record(made)
    with Kept(made) as kept:
        opened = keys.Keys.open(kept.settings.keys)
        ledger = take_up(kept.store, kept.sessions[0], opened, Clock(), lambda _entry, _session: None)
        end(kept.store, ledger, opened, Clock(), choose=lambda *_: [], acknowledge=lambda *_: None)
    return made


@pytest.mark.slow
def test_a_rotation_killed_at_any_write_and_the_recording_after_it(home: Path, tmp_path: Path) -> None:
    first = keys.Keys.open(home / "keys").public.hex()
    outcomes = set()
    for step in range(1, 60):
        copy = tmp_path / str(step)
        shutil.copytree(home, copy)
        code = killed(copy, step, ROTATE).returncode
        in_force = keys.Keys.open(copy / "keys").public.hex()
        changed = in_force != first
        outcomes.add(changed)
        record(copy)
        whole(copy)
        assert exported(copy, copy) == 2
        with Kept(copy) as kept:
            linked = [bool(kept.of(EntryType.KEY_ROTATE, session)) for session in kept.sessions]
        assert linked == [False, changed], step
        if code == 0:
            break
    assert code == 0
    assert changed
    assert step > 12
    assert outcomes == {False, True}


@pytest.mark.parametrize("then", THEN)
def test_killed_before_the_entry_that_links_it_a_session_is_linked_later(
    home: Path, tmp_path: Path, then: Then
) -> None:
    keychange.rotate(home / "keys", "routine")
    shutil.copytree(home, tmp_path / "rehearsal")
    made = writes(tmp_path / "rehearsal", START)
    _, second = [place for place, what in enumerate(made) if what.startswith("BEGIN")][-3:-1]
    assert killed(home, second + 1, START).returncode == -signal.SIGKILL
    with Kept(home) as kept:
        assert [entry.type for entry in kept.entries()] == [EntryType.SESSION_START]
    then(home)
    whole(home)
    assert exported(home, home) == 2


@pytest.mark.slow
@pytest.mark.parametrize("then", THEN)
def test_the_first_start_with_a_new_key_killed_at_any_write(home: Path, tmp_path: Path, then: Then) -> None:
    keychange.rotate(home / "keys", "routine")
    sizes = set()
    for step in range(1, 60):
        copy = tmp_path / str(step)
        shutil.copytree(home, copy)
        code = killed(copy, step, START).returncode
        with Kept(copy) as kept:
            session = kept.sessions[-1]
            sizes.add(len(kept.entries(session)) if len(kept.sessions) > 1 else None)
        whole(copy, begun=True)
        then(copy)
        whole(copy)
        assert exported(copy, copy) == 2
        if code == 0:
            break
    assert code == 0
    assert step > 20
    assert sizes == {None, 0, 1, 2}  # no session, a session without an entry, without entry 1, with both


@pytest.mark.slow
def test_killed_again_and_again_it_comes_through(home: Path) -> None:
    """One home: each start takes up what the kill before it left, and is killed one write later."""
    keychange.rotate(home / "keys", "routine")
    for step in range(1, 80):
        code = killed(home, step, START).returncode
        whole(home, begun=True)
        if code == 0:
            break
    assert code == 0
    record(home)
    whole(home)
    assert exported(home, home) == 2
    with Kept(home) as kept:
        assert len(kept.of(EntryType.KEY_ROTATE)) == 1


def typed(home: Path, *args: str, run: Runner = forked) -> "subprocess.CompletedProcess[str]":
    return run(TYPED, home, str(home), "0", *args)


@pytest.mark.slow
@pytest.mark.parametrize("command", [ROTATE, START, TYPED])
def test_a_fork_writes_and_leaves_what_a_started_process_does(
    home: Path, tmp_path: Path, command: str
) -> None:
    arguments = ("key", "rotate") if command is TYPED else ()
    if command is START:
        keychange.rotate(home / "keys", "routine")
    made: dict[str, list[str]] = {}
    left: dict[str, list[tuple[str, int]]] = {}
    for runner in (started, forked):
        copy = tmp_path / runner.__name__
        shutil.copytree(home, copy)
        made[runner.__name__] = writes(copy, command, *arguments, run=runner)
        shutil.rmtree(copy)
        shutil.copytree(home, copy)
        step = len(made[runner.__name__]) * 2 // 3
        assert killed(copy, step, command, *arguments, run=runner).returncode == -signal.SIGKILL
        kept = sorted((copy / "keys").rglob("*"))
        # Names of keys and ledgers are drawn anew each time; what there is of each kind is not.
        left[runner.__name__] = sorted((path.suffix, path.is_file() and path.stat().st_size) for path in kept)
    assert made["forked"] == made["started"]
    assert left["forked"] == left["started"]
    assert len(made["forked"]) > 12


@pytest.mark.slow
def test_the_real_commands_killed_at_any_write(home: Path, tmp_path: Path) -> None:
    """`key rotate`, then `record start`, as typed; afterwards recorded, exported and verified as typed."""
    for number in range(2):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.resize(drawing(6 * (number + 1)), (640, 480)))
    source = (
        "record",
        "start",
        *(str(tmp_path / f"{number}.png") for number in range(2)),
        "--once",
        "--json",
    )
    first = keys.Keys.open(home / "keys").public.hex()
    for before, command in ((False, ("key", "rotate")), (True, source)):
        if before:
            keychange.rotate(home / "keys", "routine")
        rehearsal = tmp_path / "rehearsal"
        shutil.copytree(home, rehearsal)
        made = writes(rehearsal, TYPED, *command)
        shutil.rmtree(rehearsal)
        # Before its first write nothing is different from any start, and past its first checkpoint neither.
        first_step = made.index("INSERT INTO state") - 1 if command is source else 1
        last = made.index(CHECKPOINT) + 2 if CHECKPOINT in made else len(made)
        assert last > 12
        for step in range(first_step, last + 1):
            copy = tmp_path / "copy"
            shutil.copytree(home, copy)
            assert killed(copy, step, TYPED, *command).returncode == -signal.SIGKILL
            whole(copy, begun=True)
            done = typed(copy, *source)
            assert done.returncode == 0, done.stderr
            whole(copy)
            out = copy / "pack.zip"
            done = typed(copy, "export", "last", "--no-stamp", "-o", str(out))
            assert done.returncode == 0, done.stderr
            in_force = keys.Keys.open(copy / "keys").public.hex()
            assert verify(out, Trust()).continues == (None if in_force == first else first)
            shutil.rmtree(copy)
