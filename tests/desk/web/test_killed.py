"""The watcher, the recorder and the desk are killed in turn: pages that are open say so, and what runs goes on."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from capture.lock import is_held
from sakigake import lock, words
from tests.capture.running import wait_until
from tests.desk.web import leftovers
from tests.desk.web.keyboard import CHROMIUM, chromium, faults, opened, tab_to
from tests.desk.web.test_supervise import close, link_of, of_a_folder, started
from watch.pulse import LOCK_FILE as WATCH_LOCK

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium"),
]
SHOWN_MS = 5000  # so soon a page that is open says what happened
HANGS_MS = 15_000  # and so soon that it waits for an answer in vain


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as started_browser:
        yield started_browser


@pytest.fixture
def home(own_home: Path, tmp_path: Path) -> Iterator[Path]:
    yield of_a_folder(own_home, tmp_path).home
    leftovers.end(own_home)


def test_each_that_is_killed_is_shown_and_the_others_go_on(browser: "Browser", home: Path) -> None:
    first = started(home)
    try:
        link = link_of(first)
        context, page = opened(browser, link, "en", 1280)
        page.goto(link.partition("/login")[0])
        press(page, "started")
        shows(page, "record-running", 60_000)
        page.locator("#do-watching").wait_for()
        press(page, "watching")
        shows(page, "watch-running", 60_000)
        dock = opened_dock(browser, page)
        dock.locator("#state.good").wait_for()
        for state in ("paused", "good"):  # by its own button, as in OBS, where nobody was let in
            tab_to(dock, "#pause")
            with dock.expect_navigation():
                dock.keyboard.press("Enter")
            dock.locator(f"#state.{state}").wait_for()
        shows(page, "record-running", SHOWN_MS)

        kill(home, "watch")
        shows(page, "watch-died", SHOWN_MS)
        assert is_held(home)

        press(page, "watching")
        shows(page, "watch-running", 60_000)
        kill(home, "record")
        dock.locator("#state.bad").wait_for(timeout=SHOWN_MS)
        shows(page, "record-died", SHOWN_MS)
        assert lock.is_held(home / WATCH_LOCK)

        press(page, "started")
        shows(page, "record-running", 60_000)
        dock.locator("#state.good").wait_for()
        first.send_signal(signal.SIGSTOP)  # one that hangs answers nothing either
        page.locator("#offline").wait_for(timeout=HANGS_MS)
        first.send_signal(signal.SIGCONT)
        page.locator("#offline").wait_for(state="hidden", timeout=60_000)
        first.send_signal(signal.SIGKILL)
        for each in (page, dock):
            each.locator("#offline").wait_for(timeout=SHOWN_MS)
            assert not faults(each)
        assert dock.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert is_held(home)
        assert lock.is_held(home / WATCH_LOCK)
        context.close()
    finally:
        close(first)


def press(page: "Page", what: str) -> None:
    with page.expect_navigation():
        page.locator(f"#do-{what}").click()


def shows(page: "Page", key: str, within_ms: float) -> None:
    page.locator("#live .state", has_text=words.text(f"desk.condition.{key}")).wait_for(timeout=within_ms)


def opened_dock(browser: "Browser", page: "Page") -> "Page":
    """Open the dock where nobody was let in, by its own key."""
    page_of_addresses = page.context.request.get(page.url.partition("?")[0] + "start/obs").text()
    address = next(part for part in page_of_addresses.split('"') if "/dock?k=" in part)
    dock = browser.new_context(viewport={"width": 300, "height": 200}).new_page()
    dock.goto(address)
    return dock


def kill(home: Path, job: str) -> None:
    """Kill the one that does this, as a crash would."""
    running = [
        pid
        for pid in leftovers.of(home)
        if f"\0{job}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert running, job
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(running) & set(leftovers.of(home)), 10)
