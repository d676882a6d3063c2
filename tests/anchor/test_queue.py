"""The queue against real authorities that come and go, on a clock the tests lead."""

import random
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from desk.demo import authority as demo
from sakigake.anchor import client, rfc3161, thread
from sakigake.anchor.queue import choose, wait_after
from sakigake.anchor.trust import Authority, Trust
from sakigake.clock import from_ms
from sakigake.errors import SakigakeError
from sakigake.model import EntryType, StoredToken
from sakigake.store.sqlite import SqliteStore
from tests.anchor.sessions import NOWHERE, SECOND, Drawing, Time, trust, worker
from tests.peers import forge, hostile


def test_authorities_take_turns_and_important_checkpoints_get_two() -> None:
    three = Trust(asked=("a", "b", "c"))
    assert [choose(three, number, important=False) for number in range(4)] == [["a"], ["b"], ["c"], ["a"]]
    assert [choose(three, number, important=True) for number in (0, 2)] == [["a", "b"], ["c", "a"]]
    assert choose(Trust(asked=("a",)), 7, important=True) == ["a"]
    assert choose(Trust(), 7, important=True) == []


def test_waiting_doubles_to_ten_minutes_and_is_spread() -> None:
    rng = random.Random(3)
    for tries, seconds in ((0, 5), (1, 10), (5, 160), (7, 600), (50, 600), (10**6, 600)):
        waits = [wait_after(tries, rng).total_seconds() for _ in range(200)]
        assert seconds * 0.8 <= min(waits) < seconds * 0.9
        assert seconds * 1.1 < max(waits) <= seconds * 1.2


def test_a_due_job_becomes_a_token(
    store: SqliteStore, folder: Path, service: demo.LocalAuthority, moment: Time
) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a", "b")
    done = worker(store, trust(folder, a=service.url, b=service.url), moment).run_once()
    assert (done.stamped, done.failed, done.waiting, done.events) == (2, 0, 0, ())
    note = store.checkpoints(drawing.id)[0].note
    for token in store.tokens(drawing.id):
        assert token.digest == sha256(token.raw).digest()
        reading = rfc3161.read_token(token.raw, note, trust(folder, a=service.url))
        assert (reading.low, reading.high) == (token.time_low, token.time_high)
    assert store.newest_token(drawing.id) is not None


@pytest.mark.parametrize("minutes", [30, pytest.param(480, marks=pytest.mark.slow)])
def test_an_outage_loses_nothing_and_is_made_up_for_in_minutes(
    store: SqliteStore, folder: Path, moment: Time, minutes: int
) -> None:
    """Checkpoints every minute, three authorities, all dead; then they are back."""
    dead = trust(folder, a=NOWHERE, b=NOWHERE, c=NOWHERE)
    drawing, patient = Drawing(store, moment), worker(store, dead, moment)
    tried = 0
    events: list[thread.AnchorEvent] = []
    for number in range(minutes):
        drawing.checkpoint(*choose(dead, number, important=number in (0, 20)))
        for _ in range(4):
            done = patient.run_once()
            tried += done.failed
            events += done.events
            moment.on(15)
    assert sorted((event.kind, event.authority) for event in events) == [
        (EntryType.ANCHOR_FAIL, name) for name in "abc"
    ]
    assert len(drawing.waiting()) == minutes + 2
    assert tried < 6 * minutes, "the authorities were not left in peace"
    with demo.local_authority(folder) as back:
        alive = worker(store, trust(folder, a=back.url, b=back.url, c=back.url), moment)
        alive._down = {"a", "b", "c"}
        back_at = moment.wall
        resumed: list[thread.AnchorEvent] = []
        while drawing.waiting():
            resumed += alive.run_once().events
            moment.on(15)
            assert moment.wall - back_at < 300 * SECOND
    newest = {name: max(n for n, by, _ in drawing.stamped() if by == name) for name in "abc"}
    assert sorted(newest.values()) == [minutes - 3, minutes - 2, minutes - 1]
    # The first checkpoint got its own two; everything between is covered by the newest and was not asked for.
    assert sorted(drawing.stamped())[:2] == [(0, "a", True), (0, "b", True)]
    assert len(drawing.stamped()) == 5
    assert {event.kind for event in resumed} == {EntryType.ANCHOR_RESUME}
    assert len(resumed) == 3


def test_a_failed_try_is_persisted_and_waits(store: SqliteStore, folder: Path, moment: Time) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    believed = trust(folder, a=NOWHERE)
    done = worker(store, believed, moment).run_once()
    assert done.failed == 1
    assert done.events[0].info() == {"authority": "a", "reason": "anchor-unreachable"}
    (job,) = store.pending_jobs()
    assert job.tries == 1
    assert timedelta(seconds=4) <= job.next_at - moment.clock.now() <= timedelta(seconds=6)
    # A new process knows of it.
    assert worker(store, believed, moment).run_once().failed == 0
    moment.on(7)
    assert worker(store, believed, moment).run_once().failed == 1
    assert store.pending_jobs()[0].tries == 2


def test_a_clock_set_back_does_not_leave_jobs_waiting(store: SqliteStore, folder: Path, moment: Time) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    patient = worker(store, trust(folder, a=NOWHERE), moment)
    assert patient.run_once().failed == 1
    moment.wall -= 86_400 * SECOND
    assert patient.run_once().failed == 1


def test_requests_keep_their_distance_except_for_first_and_last(
    store: SqliteStore, folder: Path, service: demo.LocalAuthority, moment: Time
) -> None:
    drawing, quick = Drawing(store, moment), worker(store, trust(folder, a=service.url), moment)
    drawing.checkpoint("a")
    assert quick.run_once().stamped == 1
    drawing.checkpoint("a")
    assert quick.run_once().stamped == 0
    moment.on(14.9)
    assert quick.run_once().stamped == 0
    moment.on(0.2)
    assert quick.run_once().stamped == 1
    drawing.checkpoint("a")
    assert quick.run_once().stamped == 0
    store.end_session(drawing.id, moment.clock.now())
    assert quick.run_once().stamped == 1
    # The first checkpoint of the next session goes at once as well.
    moment.on(1)
    second = Drawing(store, moment)
    second.checkpoint("a")
    assert quick.run_once().stamped == 1


def test_a_newer_token_drops_older_jobs_of_its_authority_and_session_only(
    store: SqliteStore, folder: Path, service: demo.LocalAuthority, moment: Time
) -> None:
    first = Drawing(store, moment)
    for names in (("x",), ("x", "a"), ("x", "a"), ("a",)):
        first.checkpoint(*names)
    moment.on(1)
    second = Drawing(store, moment)
    second.checkpoint("x")
    second.checkpoint("x")
    assert worker(store, trust(folder, a=service.url), moment).run_once().stamped == 1
    assert first.stamped() == [(3, "a", True)]
    # x is not among the trusted, so its jobs wait.
    assert sorted(first.waiting()) == [(0, "x"), (1, "x"), (2, "x")]
    assert len(second.waiting()) == 2


def test_an_authority_that_was_taken_out_of_the_settings(store: SqliteStore, moment: Time) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("gone")
    done = worker(store, Trust(), moment).run_once()
    assert done.events[0].reason == "anchor-authority-unknown"
    assert drawing.waiting() == [(0, "gone")]


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("token-nonce", {"nonce": 5}),
        ("token-nonce", {"nonce": None}),
        ("token-other-data", {"data": b"other"}),
        ("token-not-granted", {"status": forge.seq(forge.integer(2))}),
        ("token-not-granted", {"status": forge.seq(forge.integer(1))}),
        ("token-certificate", {"chain": forge.chain(usages=[])}),
        ("token-certificate-time", {"chain": forge.chain(valid=("2020-01-01", "2021-01-01"))}),
        ("token-signature", {"leaf_signs": forge.key("ec", 77)}),
    ],
)
def test_bad_answers_are_not_kept(
    store: SqliteStore, moment: Time, reason: str, changes: dict[str, object]
) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    note = store.checkpoints(drawing.id)[0].note
    chain = forge.chain()

    def reply(query: bytes) -> bytes:
        sound = forge.Plan(chain, data=note, nonce=rfc3161.request_nonce(query))
        return forge.forge(sound.but(**changes))

    with hostile.serve(hostile.replying(reply)) as url:
        believed = Trust((Authority("a", url, (chain.root,), (), "test"),), ("a",))
        done = worker(store, believed, moment).run_once()
    assert [event.reason for event in done.events] == [reason]
    assert drawing.stamped() == []
    assert drawing.waiting() == [(0, "a")]


@pytest.mark.parametrize("open_chain", [False, True])
def test_evil_twins_are_kept_and_never_counted(store: SqliteStore, moment: Time, open_chain: bool) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    drawing.checkpoint("a")
    note = store.checkpoints(drawing.id)[1].note
    genuine, twin = forge.chain(), forge.chain(number=6)
    middle_key = forge.key("ec", 401)
    middle = forge.certificate("Middle", middle_key, twin.root, forge.key("ec", 106), ca=True)
    leaf = forge.certificate("Leaf", twin.leaf_key, middle, middle_key, usages=[forge.TIME])

    def reply(query: bytes) -> bytes:
        plan = forge.Plan(twin, data=note, nonce=rfc3161.request_nonce(query))
        if open_chain:
            plan = plan.but(
                chain=forge.Chain(leaf, twin.leaf_key, (middle,)),
                certificates=(forge.der(leaf), forge.der(middle)),
            )
        return forge.forge(plan)

    with hostile.serve(hostile.replying(reply)) as url:
        believed = Trust((Authority("a", url, (genuine.root,), (), "test"),), ("a",))
        patient = worker(store, believed, moment)
        done = patient.run_once()
        assert (done.stamped, done.untrusted, done.failed) == (0, 1, 1)
        assert [event.reason for event in done.events] == ["anchor-not-trusted"]
        assert drawing.stamped() == [(1, "a (unknown)", False)]
        assert store.newest_token(drawing.id) is None
        # It is a failed try: the job stays and waits; the second answer is not kept, nor told again.
        assert sorted(drawing.waiting()) == [(0, "a"), (1, "a")]
        (job,) = (job for job in store.pending_jobs() if job.checkpoint == 1)
        assert job.tries == 1
        assert job.next_at > moment.clock.now()


def test_a_man_in_the_middle_costs_no_time_token(
    store: SqliteStore, folder: Path, tmp_path: Path, moment: Time
) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    evil = tmp_path / "evil"
    demo.create(evil)
    events: list[thread.AnchorEvent] = []
    dead = worker(store, trust(folder, a=NOWHERE), moment)
    events += dead.run_once().events
    with demo.local_authority(evil) as middle:
        believed = trust(folder, a=middle.url)
        patient = worker(store, believed, moment)
        patient._down = {"a"}  # it was away before: that somebody else answers is told all the same
        for _ in range(5):
            moment.on(700)
            events += patient.run_once().events
    assert [event.reason for event in events] == ["anchor-unreachable", "anchor-not-trusted"]
    assert drawing.stamped() == [(0, "a (unknown)", False)]
    assert drawing.waiting() == [(0, "a")]
    with demo.local_authority(folder) as back:
        moment.on(700)
        assert worker(store, trust(folder, a=back.url), moment).run_once().stamped == 1
    assert drawing.stamped() == [(0, "a (unknown)", False), (0, "a", True)]
    assert drawing.waiting() == []
    assert store.newest_token(drawing.id) == store.tokens(drawing.id)[1].digest


def test_unsigned_text_is_left_out_of_what_is_kept(store: SqliteStore, moment: Time) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    note = store.checkpoints(drawing.id)[0].note
    chain = forge.chain("rsa")

    def reply(query: bytes) -> bytes:
        status = forge.seq(forge.integer(0), forge.seq(forge.tlv(0x0C, "こんにちは".encode())))
        plan = forge.Plan(chain, data=note, nonce=rfc3161.request_nonce(query), status=status)
        return forge.forge(plan.but(signature_oid=forge.RSA_SHA256))

    with hostile.serve(hostile.replying(reply)) as url:
        believed = Trust((Authority("a", url, (chain.root,), (), "test"),), ("a",))
        assert worker(store, believed, moment).run_once().stamped == 1
    (token,) = store.tokens(drawing.id)
    assert "こんにちは".encode() not in token.raw
    assert rfc3161.read_token(token.raw, note, believed).authority == "a"


def test_another_process_may_have_been_quicker(
    store: SqliteStore,
    folder: Path,
    service: demo.LocalAuthority,
    moment: Time,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    whole = client.stamp

    def slow(authority: Authority, data: bytes, timeout: float) -> client.Stamp:
        mine, other = whole(authority, data, timeout), whole(authority, data, timeout)
        low = from_ms(1_780_000_000_000)
        store.add_token(
            drawing.id, StoredToken(0, "a", other.raw, sha256(other.raw).digest(), low, low, True)
        )
        return mine

    monkeypatch.setattr(client, "stamp", slow)
    assert worker(store, trust(folder, a=service.url), moment).run_once().waiting == 0
    assert len(store.tokens(drawing.id)) == 1


def test_a_store_that_fails_is_said(
    store: SqliteStore, folder: Path, service: demo.LocalAuthority, moment: Time
) -> None:
    Drawing(store, moment).checkpoint("a")
    store._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON tokens BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    with pytest.raises(SakigakeError) as caught:
        worker(store, trust(folder, a=service.url), moment).run_once()
    assert caught.value.code == "store-write-failed"
    assert len(store.pending_jobs()) == 1
