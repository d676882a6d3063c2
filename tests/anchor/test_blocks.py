"""The way of checkpoints into blocks: when calendars are asked, and that nothing gets lost on the way."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from bench import chain
from sakigake.anchor import blocks, ots
from sakigake.anchor import thread as beside
from sakigake.anchor.blocks import BlockThread, BlockWorker
from sakigake.anchor.calendars import Calendars
from sakigake.anchor.headers import Explorer, Source
from sakigake.clock import Clock
from sakigake.errors import SakigakeError, VerificationError
from sakigake.model import EntryType, StoredProof
from sakigake.store.protocol import Promise
from sakigake.store.sqlite import SqliteStore
from tests.anchor.sessions import Drawing, Time
from tests.peers.calendar import Peer, serving

EASIEST = chain.easiest()
HOUR, MINUTE = 3600, 60


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serving(Peer()) as made:
        yield made


@pytest.fixture
def drawing(store: SqliteStore, moment: Time) -> Drawing:
    return Drawing(store, moment)


def asking(*peers: Peer, source: Source | None = None, every_s: float = 600) -> Calendars:
    explorer = source or Explorer(peers[0].url, 2)
    return Calendars(tuple(peer.url for peer in peers), every_s, 2, explorer)


def worker(store: SqliteStore, asked: Calendars, moment: Time, easiest: int = EASIEST) -> BlockWorker:
    return BlockWorker(store, asked, moment.clock, rng=random.Random(1), easiest=easiest)


def now(moment: Time) -> int:
    return moment.wall // 10**9


def test_every_ten_minutes_and_at_the_end(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    work = worker(store, asking(peer), moment)
    for minute in range(35):
        drawing.checkpoint()
        assert work.run_once().failed == 0, minute
        moment.on(MINUTE)
    assert [promise.checkpoint for promise in store.promises(drawing.id)] == [10, 20, 30]
    assert work.run_once().submitted == 0
    store.end_session(drawing.id, moment.clock.now())
    assert work.run_once().submitted == 1
    assert work.run_once().submitted == 0
    assert [promise.checkpoint for promise in store.promises(drawing.id)] == [10, 20, 30, 34]
    assert len({sent for _, sent in peer.asked}) == 4


def test_a_promise_becomes_a_proof_once_the_block_is_there(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    drawing.checkpoint()
    work = worker(store, asking(peer), moment)
    moment.on(11 * MINUTE)
    work.run_once()
    assert (blocks.waiting(store), store.proofs(drawing.id), store.sealed(drawing.id)) == (1, [], 0)
    moment.on(HOUR / 2)
    work.run_once()
    assert not peer.paths("/timestamp")  # not before an hour has passed
    moment.on(HOUR)
    work.run_once()
    assert (len(peer.paths("/timestamp")), store.proofs(drawing.id)) == (1, [])
    peer.mine(now(moment))
    moment.on(2 * HOUR)
    assert work.run_once().confirmed == 1
    (proof,) = store.proofs(drawing.id)
    digest = sha256(store.checkpoints(drawing.id)[0].note).digest()
    block = ots.confirm(proof.raw, digest, proof.header, easiest=EASIEST)
    assert (block.low, block.high) == (proof.time_low, proof.time_high)
    assert len(peer.paths("/block-height/")) == len(peer.paths("/block/")) == 1
    assert (blocks.waiting(store), store.sealed(drawing.id)) == (0, 2)
    assert peer.url.encode() not in proof.raw  # no promise, and no other branch, is left in it


def test_hourly_for_a_week_then_daily(store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer) -> None:
    drawing.checkpoint()
    work = worker(store, asking(peer), moment)
    moment.on(11 * MINUTE)
    work.run_once()
    asked = []
    for day in range(12):
        for _ in range(24 * 6):
            moment.on(10 * MINUTE)
            work.run_once()
        asked.append(len(peer.paths("/timestamp")))
        assert blocks.waiting(store) == 1, day
    week, rest = asked[6], asked[11] - asked[7]
    assert 110 <= week <= 168
    assert 3 <= rest <= 5
    peer.mine(now(moment))
    moment.on(30 * HOUR)
    assert work.run_once().confirmed == 1  # nothing is ever given up


def test_one_calendar_is_enough_and_the_others_are_tried(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    drawing.checkpoint()
    with serving(Peer()) as second:
        work = worker(store, asking(peer, second), moment)
        peer.fault = "dead"
        moment.on(11 * MINUTE)
        done = work.run_once()
        assert (done.submitted, done.failed, done.events) == (1, 0, ())
        assert [promise.calendar for promise in store.promises()] == [second.url]
        assert len(peer.paths("/digest")) == 1
        peer.fault = ""
        drawing.checkpoint()
        moment.on(11 * MINUTE)
        work.run_once()
        assert {promise.calendar for promise in store.promises() if promise.checkpoint == 1} == {
            peer.url,
            second.url,
        }
        peer.mine(now(moment))
        moment.on(2 * HOUR)
        assert work.run_once().confirmed == 1
        assert [promise.checkpoint for promise in store.promises()] == [
            0
        ]  # the other promise is of no use now


def test_a_calendar_dead_for_eight_hours_loses_nothing(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    work = worker(store, asking(peer), moment)
    peer.fault = "dead"
    events: list[beside.AnchorEvent] = []
    for _ in range(8 * 60):
        drawing.checkpoint()
        moment.on(MINUTE)
        events += work.run_once().events
    assert [(event.kind, event.reason) for event in events] == [(EntryType.ANCHOR_FAIL, "anchor-refused")]
    assert 30 <= len(peer.asked) <= 70  # backed off to ten minutes, not once a minute
    peer.fault = ""
    back: list[beside.AnchorEvent] = []
    for _ in range(13):
        moment.on(MINUTE)
        back += work.run_once().events
    assert [event.kind for event in back] == [EntryType.ANCHOR_RESUME]
    (promise,) = store.promises(drawing.id)
    assert promise.checkpoint == len(store.checkpoints(drawing.id)) - 1  # it covers all of them
    peer.mine(now(moment))
    moment.on(2 * HOUR)
    assert work.run_once().confirmed == 1
    assert store.sealed(drawing.id) == len(store.leaves(drawing.id))


def test_draining_asks_at_once(store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer) -> None:
    drawing.checkpoint()
    other = Drawing(store, moment)
    other.checkpoint()
    work = worker(store, asking(peer), moment)
    assert work.drain(10, drawing.id).submitted == 1
    assert work.drain(10) == blocks.Passed(submitted=1)
    assert work.drain(10) == blocks.Passed()
    peer.mine(now(moment))
    assert work.drain(10, other.id).confirmed == 1
    assert work.drain(10).confirmed == 1
    assert blocks.waiting(store) == 0


def test_draining_leaves_a_calendar_that_does_not_answer_alone(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    work = worker(store, asking(peer), moment)
    for _ in range(6):
        drawing.checkpoint()
        work.drain(10)
    peer.asked.clear()
    peer.fault = "dead"
    assert work.drain(10).failed == 1
    assert len(peer.asked) == 1
    peer.fault = ""
    peer.asked.clear()
    work.drain(10)
    assert len(peer.paths("/timestamp")) == blocks.NOT_YET_LIMIT


def test_draining_keeps_to_its_time(store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer) -> None:
    drawing.checkpoint()
    peer.fault = "slow"
    begun = time.monotonic()
    assert worker(store, asking(peer), moment).drain(0.5).failed == 1
    assert worker(store, asking(peer), moment).drain(0).failed == 0
    assert time.monotonic() - begun < 4


@dataclass(frozen=True)
class Twisted:
    """A source that changes what the chain says."""

    true: Source
    change: Callable[[bytes], bytes]

    def header(self, height: int) -> bytes:
        return self.change(self.true.header(height))


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:76] + bytes(4),
        lambda raw: chain.mined(chain.header(raw[4:36], 1_780_000_000)),
        lambda raw: chain.mined(raw[:72] + b"\xff\xff\x7f\x20" + bytes(4)),
        lambda raw: raw[:79],
    ],
    ids=["no work", "another block", "easy", "short"],
)
def test_a_header_is_checked_before_it_is_kept(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer, change: Callable[[bytes], bytes]
) -> None:
    source = Twisted(Explorer(peer.url, 2), change)
    drawing.checkpoint()
    work = worker(store, asking(peer, source=source), moment)
    work.drain(10)
    peer.mine(now(moment))
    assert work.drain(10) == blocks.Passed(failed=1)
    assert (store.proofs(drawing.id), blocks.waiting(store)) == ([], 1)
    assert worker(store, asking(peer), moment).drain(10).confirmed == 1


def test_blocks_of_a_test_chain_do_not_count_for_the_program(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    drawing.checkpoint()
    work = BlockWorker(store, asking(peer), moment.clock)
    work.drain(10)
    peer.mine(now(moment))
    assert work.drain(10).failed == 1
    assert store.proofs(drawing.id) == []


def test_a_calendar_that_answers_about_another_digest(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    drawing.checkpoint()
    work = worker(store, asking(peer), moment)
    work.drain(10)
    peer.mine(now(moment))
    peer.fault = "other"
    assert work.drain(10).failed == 1
    assert store.proofs(drawing.id) == []
    peer.fault = ""
    assert work.drain(10).confirmed == 1


def test_only_calendars_of_the_settings_are_ever_asked(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    """Neither the address inside a promise nor a calendar that was taken out of the settings."""
    with serving(Peer()) as trap:
        peer.calendar.address = trap.url
        drawing.checkpoint()
        work = worker(store, asking(peer), moment)
        work.drain(10)
        _, (path,) = ots.read_file(store.promises()[0].raw)
        assert path.end.address == trap.url
        peer.mine(now(moment))
        elsewhere = worker(store, asking(trap), moment)
        assert elsewhere.drain(10) == blocks.Passed(failed=1)
        assert not trap.asked
        assert work.drain(10).confirmed == 1
        assert not trap.asked


def test_killed_between_submission_and_keeping(tmp_path: Path, peer: Peer) -> None:
    """The calendar has the digest, the store knows nothing of it: it is handed in anew under another nonce."""
    home = tmp_path / "sakigake.db"
    store = SqliteStore(home)
    moment = Time()
    drawing = Drawing(store, moment)
    drawing.checkpoint()
    script = (
        "import sys; from pathlib import Path; from sakigake.anchor import blocks, calendars;"
        "from sakigake.clock import Clock; from sakigake.store.sqlite import SqliteStore;"
        f"store = SqliteStore(Path({str(home)!r})); print('ready', flush=True); sys.stdin.readline();"
        f"blocks.BlockWorker(store, calendars.Calendars(({peer.url!r},)), Clock()).drain(30)"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answer = peer.answer

    def kill_first(path: str, body: bytes) -> object:
        reply = answer(path, body)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        return reply

    peer.answer = kill_first  # type: ignore[method-assign,assignment]
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    assert child.wait(30) == -signal.SIGKILL
    child.stdin.close()
    assert child.stdout is not None
    child.stdout.close()
    peer.answer = answer  # type: ignore[method-assign]
    assert len(peer.asked) == 1
    assert store.promises() == []
    work = worker(store, asking(peer), moment)
    work.drain(10)
    peer.mine(now(moment))
    assert work.drain(10).confirmed == 1
    assert len({sent for _, sent in peer.asked if sent}) == 2
    store.close()


def test_two_processes_keep_one_proof(
    store: SqliteStore, tmp_path: Path, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    drawing.checkpoint()
    second = SqliteStore(tmp_path / "sakigake.db")
    one, two = worker(store, asking(peer), moment), worker(second, asking(peer), moment)
    one.drain(10)
    peer.mine(now(moment))
    promise = store.promises()[0]
    assert one.drain(10).confirmed == 1
    (kept,) = store.proofs(drawing.id)
    second.add_promises(drawing.id, 0, [promise])
    second.add_proof(drawing.id, StoredProof(0, b"later", bytes(80), kept.time_low, kept.time_high))
    assert two.drain(10) == blocks.Passed()
    assert second.proofs(drawing.id) == [kept]
    second.close()


def test_proofs_are_append_only(store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer) -> None:
    drawing.checkpoint()
    work = worker(store, asking(peer), moment)
    work.drain(10)
    peer.mine(now(moment))
    work.drain(10)
    for change in ("UPDATE ots_proofs SET time_high_ms = 0", "DELETE FROM ots_proofs"):
        with pytest.raises(SakigakeError), store._write() as db:
            db.execute(change)
    seq = store.last_entry(drawing.id)
    assert seq is not None
    with pytest.raises(SakigakeError), store._write() as db:
        db.execute("UPDATE entries SET opening = NULL WHERE seq = 0")


def test_a_clock_set_back_does_not_keep_it_waiting(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    work = worker(store, asking(peer), moment)
    drawing.checkpoint()
    moment.on(11 * MINUTE)
    work.run_once()
    moment.wall -= 400 * 24 * HOUR * 10**9
    drawing.checkpoint()
    moment.on(2 * MINUTE)
    assert work.run_once().submitted == 1
    peer.mine()
    moment.on(2 * HOUR)
    assert work.run_once().confirmed == 2


def test_sessions_of_earlier_days_are_handed_in_one_at_a_time(
    store: SqliteStore, moment: Time, peer: Peer
) -> None:
    for _ in range(3):
        drawing = Drawing(store, moment)
        drawing.checkpoint()
        store.end_session(drawing.id, moment.clock.now())
    work = worker(store, asking(peer), moment)
    assert [work.run_once().submitted for _ in range(4)] == [1, 1, 1, 0]


def test_the_thread_hands_in_beside_a_recording(tmp_path: Path, peer: Peer) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    drawing = Drawing(store, Time(wall=time.time_ns(), mono=time.monotonic_ns()))
    drawing.checkpoint()
    assert blocks.untried(store, drawing.id)
    store.end_session(drawing.id, Clock().now())
    thread = BlockThread(lambda: SqliteStore(tmp_path / "sakigake.db"), asking(peer), Clock())
    thread.start()
    until = time.monotonic() + 20
    while blocks.untried(store, drawing.id) and time.monotonic() < until:
        time.sleep(0.05)
    assert thread.stop(10)
    assert [promise.checkpoint for promise in store.promises(drawing.id)] == [0]
    assert thread.events() == []
    store.close()


def test_a_failed_try_is_not_waited_for(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    drawing.checkpoint()
    assert blocks.untried(store, drawing.id)
    peer.fault = "html"
    store.end_session(drawing.id, moment.clock.now())
    done = worker(store, asking(peer), moment).run_once()
    assert [event.info() for event in done.events] == [
        {"authority": "opentimestamps", "reason": "proof-malformed"}
    ]
    assert not blocks.untried(store, drawing.id)
    assert len(store.unpromised()) == 1


def test_next_try_is_spread(moment: Time) -> None:
    promise = Promise("s", 0, "c", b"", moment.clock.now(), moment.clock.now())
    waits = {
        blocks.next_try(promise, moment.clock.now(), random.Random(seed)) - moment.clock.now()
        for seed in range(20)
    }
    assert len(waits) == 20
    assert timedelta(minutes=48) <= min(waits) <= max(waits) <= timedelta(minutes=72)


def test_what_a_store_keeps_damaged_stops_nothing(
    store: SqliteStore, drawing: Drawing, moment: Time, peer: Peer
) -> None:
    drawing.checkpoint()
    work = worker(store, asking(peer), moment)
    work.drain(10)
    with store._write() as db:
        db.execute("UPDATE ots_promises SET raw = x'00'")
    with pytest.raises(VerificationError):
        ots.read_file(store.promises()[0].raw)
    assert work.drain(10).failed == 1
    drawing.checkpoint()
    assert work.drain(10).submitted == 1
