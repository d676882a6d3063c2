"""Evidence as a person meets it: asked for until it is witnessed, shown, and checked; with a time authority on loopback."""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from desk.demo.authority import LocalAuthority, local_authority
from sakigake.errors import NotFoundError
from sakigake.model import Session
from sakigake.store.sqlite import SqliteStore
from tests.watch.commands import sakigake
from tests.watch.pipeline import scene
from tests.watch.store.conformance import NOW, a_finding, a_post, settled, with_feed
from watch import clipboard, retention
from watch.evidence import ledger, screenshot
from watch.sources import handed
from watch.store.records import PostState, Review
from watch.store.sqlite import SqliteWatchStore


@pytest.fixture
def home(own_home: Path) -> Path:
    scene.recorded(own_home).store.close()
    return own_home


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with local_authority(tmp_path_factory.mktemp("tsa")) as made:
        yield made


def configure(home: Path, authority: LocalAuthority, url: str = "", *, trusted: bool = True) -> None:
    told = authority.settings().replace(authority.url, url or authority.url) if trusted else ""
    # The tables of the authority come last: whatever stands behind them would belong to it.
    (home / "sakigake.toml").write_text(f"[watch]\nalerts = []\n{told}\n", encoding="utf-8")


def hand_in(folder: Path) -> None:
    picture = folder / "d.jpg"
    picture.write_bytes(scene.derived())
    sakigake("watch", "inbox", str(picture))


def tokens(home: Path) -> tuple[list[Session], int, int]:
    store = SqliteStore(ledger.path_of(home))
    try:
        sessions = store.sessions()
        return sessions, sum(len(store.tokens(each.id)) for each in sessions), len(store.pending_jobs())
    finally:
        store.close()


def test_a_single_run_ends_with_its_evidence_witnessed(
    home: Path, authority: LocalAuthority, tmp_path: Path
) -> None:
    configure(home, authority)
    hand_in(tmp_path)
    sakigake("watch", "run", "--once")
    sessions, came, waiting = tokens(home)
    assert (len(sessions), came, waiting) == (1, 1, 0)
    assert "kept no later than" in sakigake("findings", "show", "1").stdout
    told = json.loads(sakigake("findings", "verify", "1", "--json").stdout)
    assert told["whole"]
    assert told["witnessed_not_after"]
    assert told["tokens_waiting"] == 0
    assert "遅くとも" in sakigake("findings", "verify", "1", lang="ja").stdout


def change_token(home: Path, change: str) -> None:
    """Write another token into the ledgers of evidence, as whoever may write the file can."""
    with closing(sqlite3.connect(ledger.path_of(home))) as db, db:
        db.execute("DROP TRIGGER IF EXISTS tokens_no_update")
        raw = bytearray(db.execute("SELECT raw FROM tokens").fetchone()[0])
        raw[-20] ^= 1  # within the signature, which ends the response
        if change == "signature":
            db.execute("UPDATE tokens SET raw = ?", (bytes(raw),))
        else:
            db.execute("UPDATE tokens SET time_low_ms = time_low_ms - 86400000")


def test_verify_reads_the_tokens_anew(home: Path, authority: LocalAuthority, tmp_path: Path) -> None:
    """What the store says of a token counts for nothing, and a token whose signature does not hold is told."""
    configure(home, authority)
    hand_in(tmp_path)
    sakigake("watch", "run", "--once")
    before = json.loads(sakigake("findings", "verify", "1", "--json").stdout)["witnessed_not_after"]
    change_token(home, "time")
    assert json.loads(sakigake("findings", "verify", "1", "--json").stdout)["witnessed_not_after"] == before
    configure(home, authority, trusted=False)
    assert json.loads(sakigake("findings", "verify", "1", "--json").stdout)["witnessed_not_after"] is None
    configure(home, authority)
    change_token(home, "signature")
    told = sakigake("findings", "verify", "1", code=6)
    assert "signature" in told.stderr


def test_what_could_not_be_asked_is_said_and_asked_again(
    home: Path, authority: LocalAuthority, tmp_path: Path
) -> None:
    configure(home, authority, "http://127.0.0.1:9")  # nobody answers there
    hand_in(tmp_path)
    ran = sakigake("watch", "run", "--once", "--json")
    assert json.loads(ran.stdout.splitlines()[-1])["tokens_waiting"] == 1
    assert "still waited for" in sakigake("findings", "show", "1").stdout
    assert "still waited for" in sakigake("findings", "verify", "1").stdout
    sakigake("timeline", "anchor", code=5)
    configure(home, authority)
    ran = sakigake("watch", "run", "--once", "--json")  # with no new finding at all
    assert json.loads(ran.stdout.splitlines()[-1])["tokens_waiting"] == 0
    assert tokens(home)[1:] == (1, 0)


def test_timeline_anchor_asks_for_evidence_as_well(
    home: Path, authority: LocalAuthority, tmp_path: Path
) -> None:
    configure(home, authority, "http://127.0.0.1:9")
    hand_in(tmp_path)
    sakigake("watch", "run", "--once")
    configure(home, authority)
    assert "Evidence of findings: 1 time tokens came, 0" in sakigake("timeline", "anchor").stdout
    assert tokens(home)[1:] == (1, 0)


def test_a_finding_is_forgotten_with_all_that_was_kept(home: Path) -> None:
    (home / "sakigake.toml").write_text("[anchor]\nenabled = false\n[watch]\nalerts = []\n", encoding="utf-8")
    kept = clipboard.keep(scene.derived(), home)
    store = SqliteWatchStore(home / "watch.db")
    store.hand_in(handed.from_picture(kept, datetime.now(UTC)), datetime.now(UTC))
    sakigake("watch", "run", "--once")
    assert not kept.exists(), "it is among the evidence"
    found = store.finding(1)
    assert (home / "evidence" / found.new.bundle / "1.jpg").read_bytes() == scene.derived()
    assert "erased" in sakigake("findings", "forget", "1").stdout
    assert not (home / "evidence" / found.new.bundle).exists()
    assert found.new.digest.encode() not in (home / "watch.db").read_bytes()
    sakigake("findings", "forget", "1", code=4, lang="ja")
    with ledger.opened(home) as sealed:
        assert len(ledger.named(sealed)) == 1, "the ledger stays as it was"
    store.close()


def test_what_was_dismissed_long_ago_is_erased_with_its_evidence(tmp_path: Path) -> None:
    store = SqliteWatchStore(tmp_path / "watch.db")
    with_feed(store, a_post(1), a_post(2))
    for number in (1, 2):
        settled(store, number, PostState.FOUND, a_finding(str(number) * 64))
    folder = tmp_path / "evidence" / ("b" * 64)
    folder.mkdir(parents=True)
    (folder / "post.json").write_text("{}")
    store.review(1, Review.DISMISSED, "", NOW)
    assert retention.forget_dismissed(store, tmp_path, NOW + timedelta(days=181), 0) == 0
    assert retention.forget_dismissed(store, tmp_path, NOW + timedelta(days=179), 180) == 0
    assert retention.forget_dismissed(store, tmp_path, NOW + timedelta(days=181), 180) == 1
    assert [each.number for each in store.findings()] == [2]
    assert not folder.exists()
    store.close()


@pytest.mark.parametrize("harm", ["file", "list", "gone"])
def test_changed_evidence_is_noticed(
    home: Path, authority: LocalAuthority, tmp_path: Path, harm: str
) -> None:
    from hashlib import sha256

    configure(home, authority)
    hand_in(tmp_path)
    sakigake("watch", "run", "--once")
    (folder,) = [each for each in (home / "evidence").iterdir() if each.is_dir()]
    sums, post = folder / "SHA256SUMS", folder / "post.json"
    if harm == "gone":
        post.unlink()
    else:
        before = sha256(post.read_bytes()).hexdigest()
        post.write_bytes(post.read_bytes().replace(b"inbox", b"other"))
        if harm == "list":  # whoever writes the list anew as well is met by the ledger
            sums.write_text(sums.read_text().replace(before, sha256(post.read_bytes()).hexdigest()))
    assert "not what was kept" in sakigake("findings", "verify", "1", code=6).stderr


def photograph(home: Path, world: scene.World) -> None:
    trusted = json.dumps([world.site.place])
    lines = (
        f"[anchor]\nenabled = false\n[watch]\nalerts = []\nscreenshots = true\ntrusted_hosts = {trusted}\n"
    )
    (home / "sakigake.toml").write_text(lines, encoding="utf-8")


@pytest.mark.parametrize(("lang", "said"), [("en", "No Chromium"), ("ja", "Chromium")])
def test_screenshots_without_a_browser_are_told_at_the_start(
    home: Path, monkeypatch: pytest.MonkeyPatch, lang: str, said: str
) -> None:
    monkeypatch.setenv("PATH", "")
    with scene.world() as world:
        photograph(home, world)
        assert said in sakigake("watch", "run", "--once", code=4, lang=lang).stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the browser of Linux")
def test_a_picture_of_the_page_is_kept_when_it_is_asked_for(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        browser = screenshot.find_browser()
    except NotFoundError:
        pytest.skip("needs Chromium or Chrome")
    if os.geteuid() == 0:  # a browser started by root refuses to run without this
        (tmp_path / "chromium").write_text(f'#!/bin/sh\nexec {browser} --no-sandbox "$@"\n', encoding="utf-8")
        (tmp_path / "chromium").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with scene.world() as world:
        world.picture("/d.jpg", scene.derived())
        shown = '<meta property="og:image" content="/d.jpg"><body style="background:rgb(10,200,30)">'
        photograph(home, world)
        sakigake("watch", "inbox", world.page("/works/1", shown))
        sakigake("watch", "run", "--once")
    bundle = json.loads(sakigake("findings", "show", "1", "--json").stdout)["bundle"]
    raw = (home / "evidence" / bundle / "screenshot.png").read_bytes()
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture[600, 900].tolist() == [30, 200, 10]
    assert json.loads(sakigake("findings", "verify", "1", "--json").stdout)["whole"]
