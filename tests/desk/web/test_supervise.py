"""Real recorders and watchers: each is shown as what it is soon after it was killed, and what runs goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from capture.lock import is_held
from desk.web import serve
from desk.web.standing import Condition
from desk.web.supervise import last_words
from sakigake import lock, setting_file, settings
from sakigake.settings import Settings
from sakigake.store.sqlite import SqliteStore
from tests.capture.running import environment, wait_until
from tests.capture.test_kill import drawings
from tests.desk.web import leftovers
from tests.desk.web.conftest import CONFIG, Served, served
from watch.pulse import LOCK_FILE as WATCH_LOCK

SHOWN_S = 5.0  # so soon the page must say that something died


@pytest.fixture
def over(own_home: Path, tmp_path: Path) -> Iterator[Settings]:
    """Give settings whose recordings look at a folder."""
    yield of_a_folder(own_home, tmp_path)
    leftovers.end(own_home)


def of_a_folder(own_home: Path, tmp_path: Path) -> Settings:
    (own_home / "sakigake.toml").write_text(CONFIG, encoding="utf-8")
    drawings(tmp_path / "frames", 6)
    chosen = {"desk.source": f"folder:{tmp_path / 'frames'}", "record.interval_s": 0.2}
    setting_file.set_values(own_home / "sakigake.toml", chosen)
    return settings.load()


@pytest.fixture
def working(over: Settings) -> Iterator[Served]:
    with served(over) as running:
        try:
            yield running
        finally:
            leftovers.end(running.home)
            for child in running.app.state.desk.supervisor._children.values():
                child.process.wait()


def standing(desk: Served, part: str, within: float = SHOWN_S) -> str:
    """Wait until the live part of the first page says so; return it."""
    page = ""

    def says() -> bool:
        nonlocal page
        page = desk.client.get("/today/live").text
        return part in page

    wait_until(says, within, lambda: page)
    return page


def do(desk: Served, what: str) -> httpx.Response:
    return desk.client.post(f"/do/{what}")


def process_of(desk: Served, job: str) -> "subprocess.Popen[bytes]":
    child: subprocess.Popen[bytes] = desk.app.state.desk.supervisor._children[job].process
    return child


def test_a_recording_is_begun_paused_forgotten_from_and_ended(working: Served) -> None:
    page = do(working, "started")
    assert page.status_code == 200, page.text
    assert "Recording has begun." in page.text
    standing(working, '<span class="state good">Recording</span>', 60)
    wait_until(lambda: working.client.get("/today/newest.jpg").status_code == 200, 60)
    picture = working.client.get("/today/newest.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    assert "already" in do(working, "started").text
    assert "Nothing is looked at." in do(working, "paused").text
    standing(working, '<span class="state paused">Paused</span>')
    assert "Recording goes on." in do(working, "resumed").text
    assert "Forgotten: " in do(working, "forgot").text
    assert "Recording has ended." in do(working, "stopped").text
    standing(working, "Not recording")
    assert process_of(working, "record").wait(60) == 0


def test_a_killed_recorder_is_shown_as_one_that_broke_off(working: Served) -> None:
    do(working, "started")
    standing(working, '<span class="state good">Recording</span>', 60)
    process_of(working, "record").send_signal(signal.SIGKILL)
    page = standing(working, "Recording broke off")
    assert "state bad" in page
    assert do(working, "started").status_code == 200, "it can be started again"
    standing(working, '<span class="state good">Recording</span>', 60)


def test_a_recorder_that_cannot_start_says_why(working: Served) -> None:
    setting_file.set_values(working.home / "sakigake.toml", {"desk.source": "folder:/nowhere/at/all"})
    working.app.state.desk.settings = settings.load()
    page = do(working, "started")
    assert "Recording has begun." not in page.text
    assert "/nowhere/at/all" in page.text
    assert "/nowhere/at/all" in standing(working, "Recording broke off")


def test_a_recorder_that_hangs_is_shown_as_one_that_stands_still(working: Served) -> None:
    do(working, "started")
    standing(working, '<span class="state good">Recording</span>', 60)
    process = process_of(working, "record")
    process.send_signal(signal.SIGSTOP)
    try:
        standing(working, "Recording stands still", 60)
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_watcher_is_begun_killed_and_ended(working: Served) -> None:
    assert "Nothing has been recorded yet" in do(working, "watching").text
    do(working, "started")
    wait_until(lambda: working.client.get("/today/newest.jpg").status_code == 200, 60)
    do(working, "stopped")
    page = do(working, "watching")
    assert "Watching has begun." in page.text, page.text
    standing(working, '<span class="state good">Watching</span>', 60)
    process_of(working, "watch").send_signal(signal.SIGKILL)
    standing(working, "Watching broke off")
    do(working, "watching")
    standing(working, '<span class="state good">Watching</span>', 60)
    page = do(working, "unwatched")
    assert "Watching has ended." in page.text, page.text
    assert process_of(working, "watch").wait(60) == 0
    assert not lock.is_held(working.home / WATCH_LOCK)
    standing(working, "Not watching")


def started(home: Path, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "desk", "desk", "--port", "0", "--no-browser", *more],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment(home), "SAKIGAKE_OTS": "off"},
    )


def link_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return next(line.strip() for line in process.stdout if line.startswith("http://"))


@contextmanager
def entered(link: str) -> Iterator[httpx.Client]:
    base = link.partition("/login")[0]
    client = httpx.Client(
        base_url=base, headers={"origin": base}, trust_env=False, timeout=90, follow_redirects=True
    )
    with client:
        assert client.get(link).status_code == 200
        yield client


def test_what_runs_goes_on_when_the_desk_is_killed_and_the_next_desk_finds_it(over: Settings) -> None:
    first = started(over.home)
    try:
        with entered(link_of(first)) as client:
            assert client.post("/do/started").status_code == 200
            wait_until(lambda: 'state good">Recording' in client.get("/today/live").text, 60)
        first.send_signal(signal.SIGKILL)
        first.wait(60)
        assert is_held(over.home), "the recorder is not the desk's child in any way that matters"
        second = started(over.home)
        try:
            with entered(link_of(second)) as client:
                wait_until(lambda: 'state good">Recording' in client.get("/today/live").text, 60)
                assert "Recording has ended." in client.post("/do/stopped").text
            assert not is_held(over.home)
            second.send_signal(signal.SIGTERM)
            assert second.wait(60) == 0
        finally:
            close(second)
    finally:
        close(first)
    with closing(SqliteStore(over.database)) as store:
        assert store.sessions()[-1].ended is not None


def test_a_second_desk_shows_the_way_to_the_first(over: Settings) -> None:
    first = started(over.home)
    try:
        link = link_of(first)
        second = started(over.home)
        other = link_of(second)
        assert second.wait(60) == 0
        close(second)
        assert other != link
        assert other.partition("/login")[0] == link.partition("/login")[0]
        with entered(other) as client:
            assert client.get("/").status_code == 200
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0
        assert not (over.home / serve.PLACE_FILE).exists()
        assert serve.running(over.home) is None
    finally:
        close(first)


def test_what_a_desk_started_can_be_found_and_ended(over: Settings) -> None:
    """Tests that fail leave nothing behind: not the recorder either, which is no child of theirs once the desk is gone."""
    first = started(over.home)
    with entered(link_of(first)) as client:
        assert client.post("/do/started").status_code == 200
    close(first)
    assert is_held(over.home)
    assert leftovers.of(over.home)
    leftovers.end(over.home)
    assert not leftovers.of(over.home)
    assert not is_held(over.home)


def close(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def test_the_last_words_are_short_and_harmless(tmp_path: Path) -> None:
    log = tmp_path / "x.out"
    log.write_bytes(b"one\n\n" + b"x" * 9000 + b"\ntwo\n\x1b[31mthree\n\xff\xfe four\n")
    said = last_words(log)
    assert len(said) == 3
    assert said[0] == "two"
    assert "\x1b" not in "".join(said)
    assert last_words(tmp_path / "none") == ()


def test_every_condition_has_a_word_and_a_sign(working: Served) -> None:
    make: Callable[[], object] = working.app.state.desk.supervisor.recorder
    assert make()
    from desk.web.standing import Standing

    for job in ("record", "watch"):
        for each in Condition:
            assert Standing(job, each).word
            assert Standing(job, each).sign
    assert os.getpid()
