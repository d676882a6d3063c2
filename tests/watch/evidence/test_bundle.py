"""The evidence of a match: whole or not there, readable by others' tools, in a ledger, and with nobody's secrets in it."""

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from desk.demo.authority import local_authority
from desk.sessions import find as find_session
from desk.sessions import open_store
from sakigake.anchor import queue
from sakigake.clock import Clock
from sakigake.errors import NetworkError, NotFoundError, SakigakeError, VerificationError
from sakigake.model import EntryType
from sakigake.settings import Settings, load
from sakigake.timeline.entry import parse_entry
from sakigake.timeline.keys import Keys
from tests.anchor.sessions import trust as trusting
from tests.watch.evidence import matches
from tests.watch.evidence.matches import CANARY, PAGE, PNG, finding, post
from watch.evidence import bundle, ledger
from watch.evidence.keeper import EvidenceKeeper
from watch.fetch.records import Fetched

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def fetched() -> tuple[Fetched, ...]:
    return matches.fetched()


@pytest.fixture
def settings(own_home: Path) -> Settings:
    (own_home / "sakigake.toml").write_text("[anchor]\nenabled = false\n", encoding="utf-8")
    return load()


@pytest.fixture
def kept(settings: Settings, fetched: tuple[Fetched, ...]) -> bundle.Bundle:
    return bundle.keep(settings.home, post(), fetched, finding(), screenshot=PNG)


def test_holds_everything_as_it_was_received(kept: bundle.Bundle) -> None:
    names = {each.name for each in kept.folder.iterdir()}
    assert names == {
        "1.png", "SHA256SUMS", "capture.warc.gz", "finding.json", "log.json", "post.json", "post.raw", "screenshot.png",
    }  # fmt: skip
    assert (kept.folder / "1.png").read_bytes() == PNG
    assert (kept.folder / "post.raw").read_bytes() == post().raw
    log = json.loads((kept.folder / "log.json").read_bytes())
    hops = [hop for each in log["fetched"] for hop in each["hops"]]
    assert [hop["status"] for hop in hops] == [200, 302, 200]
    assert hops[2]["sha256"] == sha256(PNG).hexdigest()
    assert {hop["address"] for hop in hops} == {"127.0.0.1"}
    told = json.loads((kept.folder / "post.json").read_bytes())
    assert told["not_before"] == {"time": "2026-11-28T00:00:00Z", "clock": "B", "basis": "mastodon-id"}
    assert json.loads((kept.folder / "finding.json").read_bytes())["likeness"] == "strong"
    bundle.check(kept)


def test_others_can_check_it(kept: bundle.Bundle) -> None:
    subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=kept.folder, check=True, capture_output=True
    )
    warc = str(kept.folder / "capture.warc.gz")
    ran = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", "-v", warc],
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    assert "digest pass" in ran.stdout
    assert "digest failed" not in ran.stdout


def test_a_web_archives_reader_reads_it_back(kept: bundle.Bundle, fetched: tuple[Fetched, ...]) -> None:
    with (kept.folder / "capture.warc.gz").open("rb") as stream:
        records = [
            (
                record.rec_type,
                record.rec_headers.get_header("WARC-Target-URI"),
                record.rec_headers.get_header("WARC-IP-Address"),
                record.http_headers.get_statuscode() if record.rec_type == "response" else None,
                record.content_stream().read(),
            )
            for record in ArchiveIterator(stream, check_digests="raise")
        ]
    hops = [hop for each in fetched for hop in each.hops]
    assert [record[0] for record in records] == ["warcinfo"] + ["response", "request"] * 3
    assert [record[1] for record in records[1::2]] == [hop.url for hop in hops]
    assert {record[2] for record in records[1::2]} == {"127.0.0.1"}
    assert [record[3] for record in records[1::2]] == ["200", "302", "200"]
    assert [record[4] for record in records[1::2]] == [PAGE, b"moved", PNG]


def test_nobodys_secrets_are_in_it(kept: bundle.Bundle) -> None:
    whole = b"".join(path.read_bytes() for path in kept.folder.iterdir())
    with (kept.folder / "capture.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream):
            whole += record.rec_headers.to_bytes() + record.content_stream().read()
            whole += record.http_headers.to_bytes() if record.http_headers else b""
    secrets = [CANARY, str(kept.folder.parents[1]), str(Path.home()) + "/", socket.gethostname(), "somebody"]
    if len(getpass.getuser()) > 4:
        secrets.append(getpass.getuser())
    assert not [each for each in secrets if len(each) > 3 and each.encode() in whole]


def test_the_same_likeness_is_kept_once(settings: Settings, fetched: tuple[Fetched, ...]) -> None:
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda _: bundle.keep(settings.home, post(), fetched, finding()), range(12)))
    assert len({each.digest for each in made}) == len({each.folder for each in made}) == 1
    assert [each.folder for each in bundle.bundles(settings.home)] == [made[0].folder]
    assert {each.name for each in (settings.home / bundle.FOLDER).iterdir()} == {made[0].name}
    other = bundle.keep(settings.home, post(post_id="113"), fetched, finding())
    assert other.folder != made[0].folder


def test_a_picture_that_was_given_is_kept_without_its_path(settings: Settings) -> None:
    made = bundle.keep(settings.home, post(raw=b""), (), finding(), pictures=(PNG, PNG))
    assert {each.name for each in made.folder.iterdir()} == {
        "1.png", "SHA256SUMS", "finding.json", "log.json", "post.json"
    }  # fmt: skip


@pytest.mark.parametrize("harm", ["changed", "removed", "added", "list", "link"])
def test_what_was_changed_afterwards_is_noticed(kept: bundle.Bundle, harm: str) -> None:
    picture = kept.folder / "1.png"
    if harm == "changed":
        picture.write_bytes(PNG + b"x")
    elif harm == "removed":
        picture.unlink()
    elif harm == "added":
        (kept.folder / "2.png").write_bytes(PNG)
    elif harm == "list":
        with (kept.folder / bundle.SUMS).open("a") as stream:
            stream.write("\n")
    else:
        picture.rename(kept.folder.parent / "elsewhere.png")
        picture.symlink_to(kept.folder.parent / "elsewhere.png")
    with pytest.raises(VerificationError) as caught:
        bundle.check(kept)
    assert caught.value.code == "evidence-bundle-changed"


def test_a_full_disk_leaves_nothing(
    settings: Settings, fetched: tuple[Fetched, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SakigakeError) as caught:
        bundle.keep(settings.home, post(), fetched, finding())
    assert caught.value.code == "evidence-unwritable"
    assert not list((settings.home / bundle.FOLDER).iterdir())


def test_leftovers_go_when_nobody_can_be_at_them(settings: Settings) -> None:
    room = settings.home / bundle.FOLDER
    for name in (".new-old", ".new-young"):
        (room / name).mkdir(parents=True)
    os.utime(room / ".new-old", (0, 0))
    bundle.clean(settings.home)
    assert [each.name for each in room.iterdir()] == [".new-young"]
    assert bundle.bundles(settings.home) == []


def test_a_bundle_is_sealed_once_and_only_once(settings: Settings, kept: bundle.Bundle) -> None:
    told: list[str] = []
    for _ in range(2):
        keeper = EvidenceKeeper(settings, told.append)
        done = keeper.seal()
        assert keeper.seal() == 0
        keeper.close()
        assert done == (len(told) == 1)
    assert told == [kept.name] * 2
    with ledger.opened(settings.home) as store:
        (session,) = store.sessions()
        kinds = [entry.type for entry in store.entries(session.id)]
        assert kinds == [EntryType.SESSION_START, EntryType.CLAIM, EntryType.SESSION_END]
        claim = store.entry(session.id, ledger.CLAIM_SEQ)
        assert claim
        assert parse_entry(claim.raw).info == {"bundle": kept.digest}
        assert session.source == "watch"
        assert session.ended
        assert [each.size for each in store.checkpoints(session.id)] == [3]


def test_the_room_of_evidence_has_a_limit(settings: Settings, fetched: tuple[Fetched, ...]) -> None:
    (settings.home / "sakigake.toml").write_text(
        "[anchor]\nenabled = false\n[watch]\nevidence_mb = 0.001\n", encoding="utf-8"
    )
    keeper = EvidenceKeeper(load())
    name = keeper.keep(post(), fetched, finding())
    assert bundle.size(settings.home) > 1000
    with pytest.raises(SakigakeError) as caught:
        keeper.keep(post(), fetched, finding())
    assert caught.value.code == "evidence-full"
    assert caught.value.params["megabytes"] == 0.001
    shutil.rmtree(settings.home / bundle.FOLDER / name)
    assert keeper.keep(post(), fetched, finding()), "room was made"


def test_a_page_that_cannot_be_photographed_is_kept_all_the_same(
    settings: Settings, fetched: tuple[Fetched, ...]
) -> None:
    asked: list[str] = []

    def camera(url: str) -> bytes:
        asked.append(url)
        if len(asked) == 1:
            raise NetworkError("evidence-no-screenshot", host="pictures.net")
        return PNG

    keeper = EvidenceKeeper(settings, camera=camera)
    without = keeper.keep(post(), fetched, finding())
    assert keeper.keep(post(), fetched, finding()) == without
    assert asked == [post().url], "what is kept already is not asked for again"
    assert not (settings.home / bundle.FOLDER / without / "screenshot.png").exists()
    shown = keeper.keep(post(post_id="113"), fetched, finding())
    assert (settings.home / bundle.FOLDER / shown / "screenshot.png").read_bytes() == PNG
    keeper.keep(post(post_id="114", url=""), fetched, finding())
    assert len(asked) == 2, "a post without a page has none to be shown"


def test_nothing_that_deals_with_drawings_meets_it(settings: Settings, kept: bundle.Bundle) -> None:
    EvidenceKeeper(settings).seal()
    assert not settings.database.exists()
    with pytest.raises(NotFoundError):
        find_session(open_store(settings), "last")
    ran = subprocess.run(
        [sys.executable, "-m", "desk", "timeline", "list"], capture_output=True, encoding="utf-8", check=False
    )
    assert ran.returncode == 4
    assert kept.name not in ran.stdout


def test_others_witness_when_it_was_kept(settings: Settings, kept: bundle.Bundle, tmp_path: Path) -> None:
    """A real time authority on loopback (openssl ts) stamps the ledger's checkpoint."""
    with local_authority(tmp_path / "tsa") as local, ledger.opened(settings.home) as store:
        trust = trusting(tmp_path / "tsa", local=local.url)
        ledger.seal(store, Keys.open(settings.keys), kept, ["local"])
        before = ledger.standing(store, kept)
        assert before
        assert before.written.not_after is None
        assert queue.drain(store, trust, Clock(), 30).stamped == 1
        after = ledger.standing(store, kept)
    assert after
    assert after.written.not_after


def killed(folder: Path, first: int, width: int) -> list[dict[str, object]]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.watch.evidence.run_kill", str(folder), str(first), str(width)],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=500,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return [line for line in map(json.loads, ran.stdout.splitlines()) if "step" in line]


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
@pytest.mark.parametrize("width", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_leaves_nothing_or_all_of_it_and_the_next_start_seals_it(tmp_path: Path, width: int) -> None:
    found = killed(tmp_path, 1, width)
    assert not found[-1]["killed"]
    assert len(found) > 60 // width
    names = {bundle.name_of(post(), finding())}
    whole = [each for each in found if each["bundles"]]
    assert {str(each["bundles"]) for each in whole} == {str(sorted(names))}
    assert 0 < len(whole) < len(found)
    for each in whole:
        assert each["again"] in names
        assert each["sealed"] == 1, each
        assert set(each["heads"]) <= {"same", "fresh", "owed"}, each  # type: ignore[call-overload]
