"""A check beside the desk: the real process compares a real picture, and whatever is given to it stays harmless."""

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from capture.spool import Spool
from desk.web.checking.carried import GIVEN, Request
from desk.web.checking.jobs import MOST_UNDONE, Job, Jobs, State, _told
from sakigake import copies
from sakigake.errors import NotFoundError, UsageError
from sakigake.model import Interval, Likeness, Order
from tests.desk.web.studio import home_with_a_session, picture_bytes
from tests.watch.studio import START, drawing, redrawn

UNKNOWN = Request("post.png", "", (), Interval(), fetch=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_with_a_session(tmp_path_factory.mktemp("home"))


@pytest.fixture
def jobs(home: Path) -> Iterator[Jobs]:
    made = Jobs(home)
    yield made
    made.close()
    assert not list(copies.folder(home, copies.CHECKS).glob("*"))


def ended(job: Job, seconds: float = 90) -> State:
    until = time.monotonic() + seconds
    while not job.state.ended:
        assert time.monotonic() < until, job.state
        time.sleep(0.02)
    return job.state


def test_a_post_made_from_a_stage_is_found_with_its_pictures(jobs: Jobs) -> None:
    later = START.replace(hour=15)
    request = Request("x.jpg", "", (), Interval(later, None), fetch=False)
    job = jobs.start(request, picture_bytes(redrawn(drawing(11, 7))))
    assert ended(job).step == "done", job.state
    assert job.answer
    found = job.answer.finding
    assert found.likeness in {Likeness.STRONG, Likeness.SOME}
    assert found.order is Order.DRAFT_FIRST
    names = {each.name for each in job.answer.pictures}
    assert {"post.jpg", "stage.jpg", "aligned-post.png", "aligned-stage.png"} <= names
    assert {"thumbnails.png", "maps.png", "chance-closest.png", "superset.png"} <= names
    for each in job.answer.pictures:
        with Image.open(jobs.picture(job.number, each.name)) as shown:
            assert shown.size == (each.width, each.height)
    over, ground = job.answer.picture("aligned-post"), job.answer.picture("aligned-stage")
    assert over
    assert ground
    assert (over.width, over.height) == (ground.width, ground.height)
    assert jobs.given(job.number) == picture_bytes(redrawn(drawing(11, 7)))
    assert job.folder.stat().st_mode & 0o077 == 0


def test_an_unrelated_picture_is_not_alike_and_shows_itself_alone(jobs: Jobs) -> None:
    job = jobs.start(UNKNOWN, picture_bytes(drawing(907, 7)))
    assert ended(job).step == "done", job.state
    assert job.answer
    assert job.answer.finding.likeness is Likeness.NONE
    assert [each.name for each in job.answer.pictures] == ["post.jpg"]


def bomb() -> bytes:
    """Return a PNG of a few kilobytes that says it is 30,000 pixels wide and high, and would unfold to gigabytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(8 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "slugs"),
    [
        (b"", {"picture-empty"}),
        (b"MZ\x90\x00", {"picture-other-kind"}),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {"picture-other-kind"}),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), {"picture-damaged", "picture-other-kind"}),
        (b"\xff\xd8\xff\xe0" + os.urandom(5000), {"picture-damaged", "picture-other-kind"}),
        (bomb(), {"picture-too-large", "picture-damaged"}),
    ],
    ids=["empty", "program", "svg", "broken-png", "noise-jpeg", "bomb"],
)
def test_what_is_no_picture_gets_a_sentence(jobs: Jobs, data: bytes, slugs: set[str]) -> None:
    job = jobs.start(
        Request("<img src=x>\u202egnp.exe" + "長" * 10_000, "", (), Interval(), fetch=False), data
    )
    assert ended(job).error in slugs
    assert UsageError(job.state.error, **job.state.params).message("ja")


SLEEPER = "import sys, pathlib; (pathlib.Path(sys.argv[1]) / 'began').write_text('x'); sys.stdin.read()"


@pytest.fixture
def sleeping(home: Path) -> Iterator[Jobs]:
    made = Jobs(home, command=[sys.executable, "-c", SLEEPER])
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_check_that_is_dismissed_ends_and_leaves_nothing(sleeping: Jobs) -> None:
    job = sleeping.start(UNKNOWN, b"secret")
    until((job.folder / "began").exists)
    until(lambda: job.process is not None)  # the child may write before Popen is back
    process = job.process
    assert process
    sleeping.dismiss(job.number)
    until(lambda: process.poll() is not None)
    until(lambda: not job.folder.exists())
    with pytest.raises(NotFoundError):
        sleeping.get(job.number)
    sleeping.dismiss(job.number)  # twice is no fault


def test_only_so_many_wait(sleeping: Jobs) -> None:
    for _ in range(MOST_UNDONE):
        sleeping.start(UNKNOWN, b"x")
    with pytest.raises(UsageError) as refused:
        sleeping.start(UNKNOWN, b"x")
    assert refused.value.code == "check-busy"
    assert len(sleeping.newest()) == MOST_UNDONE


def test_a_process_that_says_nonsense_or_dies_is_told_of(home: Path) -> None:
    for program in ("print('{')", "print('[1]')", "import os; os.abort()", "print('{\"step\": 3}')"):
        made = Jobs(home, command=[sys.executable, "-c", program])
        job = made.start(UNKNOWN, b"x")
        assert ended(job).error == "check-broke"
        made.close()


def test_an_answer_names_the_only_files_that_are_served(jobs: Jobs) -> None:
    job = jobs.start(UNKNOWN, picture_bytes(drawing(907, 7)))
    ended(job)
    (job.folder / "other.png").write_bytes(b"x")
    for name in ("other.png", "request.json", "answer.json", "../../sakigake.db", "post.jpg/", ""):
        with pytest.raises(NotFoundError):
            jobs.picture(job.number, name)


def test_old_checks_make_room_and_a_new_desk_begins_with_none(home: Path) -> None:
    now = [0.0]
    made = Jobs(home, command=[sys.executable, "-c", "pass"], clock=lambda: now[0])
    job = made.start(UNKNOWN, b"x")
    ended(job)
    now[0] = 25 * 3600.0
    with pytest.raises(NotFoundError):
        made.get(job.number)
    assert not job.folder.exists()
    left = copies.folder(home, copies.CHECKS) / "left" / GIVEN
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    Jobs(home).close()
    assert not left.exists()
    made.close()


def test_lines_that_cannot_be_read_change_nothing() -> None:
    state = State("read", 1, 3)
    for line in ("", "x", "{}", '{"step"', "3", '{"error": "e"}'):
        assert _told(state, line) == state
    assert _told(state, '{"step": "compare", "stages": 9}') == State("compare", stages=9)
    assert _told(state, '{"error": "picture-empty", "params": {"name": "a"}}').error == "picture-empty"


def test_a_worker_ends_when_the_desk_does(tmp_path: Path) -> None:
    program = (
        "import desk.web.checking.worker as w, threading, sys\n"
        "w._compare = lambda *_: threading.Event().wait()\n"
        "w.main(sys.argv[1:])"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.close()
        assert process.wait(20) == 3


def test_spool_and_pictures_agree(home: Path) -> None:
    """The pictures of the test's session are those a recorder would keep."""
    files = list((home / "pictures").glob("*/*.png"))
    assert files
    pixels = np.asarray(Image.open(io.BytesIO(files[0].read_bytes())))[..., ::-1]
    assert Spool(home / "pictures").keep(np.ascontiguousarray(pixels)).file == files[0].stem
