"""The worker: sealed stages alone, each once, nothing lost to a kill, nothing while the recorder is busy."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from desk.cli import cli
from sakigake.errors import NotFoundError, SakigakeError
from tests.deep import tiny
from tests.deep.studio import Studio, drawing
from watch.deep import shelf
from watch.deep.encoder import Encoder, load
from watch.deep.vectors import Vectors, stages
from watch.deep.worker import Plan, Worker

pytestmark = pytest.mark.deep
ROOT = Path(__file__).resolve().parents[2]


class Said(list[str]):
    def __call__(self, key: str, **_: Any) -> None:
        self.append(key)


@pytest.fixture
def studio(own_home: Path) -> Studio:
    return Studio(own_home)


@pytest.fixture
def model(own_home: Path, tmp_path: Path) -> shelf.Installed:
    return tiny.put_in_place(own_home, tmp_path)


@pytest.fixture
def encoder(model: shelf.Installed) -> Encoder:
    made = load(model, threads=1)
    made.batch = 2
    return made


@pytest.fixture
def vectors(own_home: Path) -> Iterator[Vectors]:
    opened = Vectors(own_home)
    yield opened
    opened.close()


def plan(studio: Studio, vectors: Vectors, encoder: Encoder, said: Said, **given: Any) -> Plan:
    return Plan(
        studio.store, studio.home / "pictures", vectors, encoder, said, look_s=0.01, ease_s=0.01, **given
    )


def test_only_what_is_sealed_is_read_and_each_stage_once(
    studio: Studio, vectors: Vectors, encoder: Encoder
) -> None:
    session = studio.session()
    seqs = studio.draw(session, *(drawing(n) for n in range(3)))
    said = Said()
    assert Worker(plan(studio, vectors, encoder, said)).run(once=True).done == 0
    studio.seal(session)
    more = studio.draw(session, drawing(3))
    assert Worker(plan(studio, vectors, encoder, said)).run(once=True).done == 3
    assert sorted(vectors.known(encoder.key, session.id)) == seqs
    assert Worker(plan(studio, vectors, encoder, said)).run(once=True).done == 0
    studio.seal(session)
    assert Worker(plan(studio, vectors, encoder, said)).run(once=True).done == 1
    assert sorted(vectors.known(encoder.key, session.id)) == [*seqs, *more]
    held, rows = vectors.of(encoder.key, stages(studio.store, session.id))
    assert [each.seq for each in held] == [*seqs, *more]
    again = encoder.pictures([drawing(n) for n in range(4)])
    assert float((rows * again).sum(axis=1).min()) > 0.999


def test_another_model_or_preprocessing_is_computed_anew_and_the_old_goes(
    studio: Studio, vectors: Vectors, encoder: Encoder, own_home: Path, tmp_path: Path
) -> None:
    session = studio.session()
    studio.draw(session, drawing(2), drawing(3))
    studio.seal(session)
    Worker(plan(studio, vectors, encoder, Said())).run(once=True)
    config = {**tiny.CONFIG, "preprocess_cfg": {**tiny.PREPARED, "mean": [0.5, 0.5, 0.5]}}
    other = load(tiny.put_in_place(own_home, tmp_path / "again", config=config))
    assert other.key != encoder.key
    assert Worker(plan(studio, vectors, other, Said())).run(once=True).done == 2
    assert len(vectors.known(other.key, session.id)) == 2
    assert vectors.known(encoder.key, session.id) == {}


def test_what_is_forgotten_leaves_no_vector(studio: Studio, vectors: Vectors, encoder: Encoder) -> None:
    session = studio.session()
    seqs = studio.draw(session, drawing(1), drawing(2), drawing(3))
    studio.seal(session)
    Worker(plan(studio, vectors, encoder, Said())).run(once=True)
    studio.forget(session, [seqs[1]])
    assert vectors.sweep(studio.store, [encoder.key]) == 1
    assert sorted(vectors.known(encoder.key, session.id)) == [seqs[0], seqs[2]]


def test_a_stage_forgotten_while_it_is_computed_is_not_kept(
    studio: Studio, vectors: Vectors, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = studio.session()
    seqs = studio.draw(session, drawing(1), drawing(2))
    studio.seal(session)
    whole = Encoder.pictures

    def meanwhile(self: Encoder, pictures: Any) -> Any:
        studio.forget(session, [seqs[0]])
        return whole(self, pictures)

    monkeypatch.setattr(Encoder, "pictures", meanwhile)
    assert Worker(plan(studio, vectors, encoder, Said())).run(once=True).done == 1
    assert sorted(vectors.known(encoder.key, session.id)) == [seqs[1]]


def test_a_picture_that_is_not_there_is_left_out_and_the_rest_goes_on(
    studio: Studio, vectors: Vectors, encoder: Encoder
) -> None:
    session = studio.session()
    studio.draw(session, drawing(1), drawing(2), drawing(3))
    studio.seal(session)
    victims = stages(studio.store, session.id)
    for each, raw in ((victims[0], None), (victims[1], b"\x89PNG broken")):
        path = studio.home / "pictures" / each.file[:2] / f"{each.file}.png"
        path.unlink()
        if raw:
            path.write_bytes(raw)
    tally = Worker(plan(studio, vectors, encoder, Said())).run(once=True)
    assert (tally.done, tally.skipped) == (1, 2)


def test_it_waits_while_the_recorder_is_busy_and_says_so_once(
    studio: Studio, vectors: Vectors, encoder: Encoder
) -> None:
    session = studio.session()
    studio.draw(session, *(drawing(n % 5, n) for n in range(4)))
    studio.seal(session)
    answers = iter(["", "late", "late", "dropping", "", ""])
    at: list[tuple[str, int]] = []

    def busy() -> str:
        answer = next(answers, "")
        at.append((answer, len(vectors.known(encoder.key, session.id))))
        return answer

    said = Said()
    tally = Worker(plan(studio, vectors, encoder, said, busy=busy)).run(once=True)
    assert tally.done == 4
    assert tally.pauses == 1
    assert said == ["deep.read", "deep.paused.late", "deep.paused.dropping", "deep.resumed", "deep.read"]
    assert {done for answer, done in at if answer} == {2}, "nothing was read in the pause"


def test_it_ends_in_a_pause_when_it_is_told_to(studio: Studio, vectors: Vectors, encoder: Encoder) -> None:
    session = studio.session()
    studio.draw(session, drawing(2))
    studio.seal(session)
    holder: list[Worker] = []

    def busy() -> str:
        holder[0].stop()
        return "late"

    holder.append(Worker(plan(studio, vectors, encoder, Said(), busy=busy)))
    assert holder[0].run().done == 0


CHILD = """
import sys, time
from pathlib import Path
from sakigake.store.sqlite import SqliteStore
from watch.deep import shelf
from watch.deep.encoder import Encoder, load
from watch.deep.vectors import Vectors
from watch.deep.worker import Plan, Worker
home = Path(sys.argv[1])
made = load(shelf.get(home, "tiny"), threads=1)
made.batch = 2
whole = Encoder.pictures
def slow(self, pictures):
    time.sleep(0.05)
    return whole(self, pictures)
Encoder.pictures = slow
worker = Worker(Plan(SqliteStore(home / "sakigake.db"), home / "pictures", Vectors(home), made,
                lambda key, **told: print("read", told.get("count", 0), flush=True)))
worker.run(once=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_kills_lose_nothing_that_was_kept_and_repeat_nothing(
    studio: Studio, vectors: Vectors, model: shelf.Installed
) -> None:
    session = studio.session()
    seqs = studio.draw(session, *(drawing(1 + n % 4, n) for n in range(16)))
    studio.seal(session)
    kept: list[int] = []
    told = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(studio.home)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=dict(os.environ),
        ) as child:
            assert child.stdout
            for line in child.stdout:
                told += int(line.split()[1])
                if told > len(kept) + 1:
                    break
            time.sleep(0.03)
            child.send_signal(signal.SIGKILL)
        now = sorted(vectors.known(model.key, session.id))
        assert set(kept) <= set(now)
        assert len(now) > len(kept)
        kept = now
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(studio.home)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    last = sum(int(line.split()[1]) for line in ended.stdout.splitlines())
    assert sorted(vectors.known(model.key, session.id)) == seqs
    assert last == len(seqs) - len(kept), "what was kept is not computed again"


@pytest.mark.parametrize(("change", "left"), [("removed", 0), ("replaced", 2)])
def test_it_ends_when_its_model_goes_and_brings_nothing_back(  # noqa: PLR0917 - fixtures
    studio: Studio,
    model: shelf.Installed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    left: int,
) -> None:
    """The real command, with the model taken away while its second batch is computed."""
    monkeypatch.setattr("watch.deep.worker.lower_priority", lambda: None)  # of the whole test process
    session = studio.session()
    studio.draw(session, *(drawing(1 + n % 4, n) for n in range(12)))
    studio.seal(session)
    whole, batches = Encoder.pictures, []

    def meanwhile(self: Encoder, pictures: Any) -> Any:
        batches.append(len(pictures))
        if len(batches) == 2 and change == "removed":
            assert CliRunner().invoke(cli, ["models", "remove", "tiny"]).exit_code == 0
        elif len(batches) == 2:
            tiny.put_in_place(studio.home, tmp_path / "other", seed=5)
        return whole(self, pictures)

    monkeypatch.setattr("watch.deep.encoder.MOST_ON_CPU", 2)
    monkeypatch.setattr(Encoder, "pictures", meanwhile)
    ran = CliRunner().invoke(cli, ["deep", "run", "--once"])
    assert isinstance(ran.exception, NotFoundError)
    assert ran.exception.code == "deep-model-gone"
    assert batches == [2, 2]
    after = Vectors(studio.home)
    assert len(after.known(model.key, session.id)) == left
    after.close()


def test_the_ledger_is_the_same_before_and_after(studio: Studio, vectors: Vectors, encoder: Encoder) -> None:
    session = studio.session()
    studio.draw(session, drawing(1), drawing(3))
    studio.seal(session)
    before = list(studio.store.entries(session.id)), studio.store.checkpoints(session.id), studio.store.mark()
    Worker(plan(studio, vectors, encoder, Said())).run(once=True)
    after = list(studio.store.entries(session.id)), studio.store.checkpoints(session.id), studio.store.mark()
    assert after == before


def test_a_damaged_file_of_vectors_is_told(own_home: Path) -> None:
    (own_home / "deep.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(SakigakeError) as refused:
        Vectors(own_home)
    assert refused.value.code == "deep-store"
    assert "again" in refused.value.hint("en")


def test_rows_come_back_in_the_order_asked(vectors: Vectors, studio: Studio, encoder: Encoder) -> None:
    session = studio.session()
    studio.draw(session, drawing(1), drawing(2), drawing(3))
    there = stages(studio.store, session.id)
    rows = np.eye(32, dtype=np.float32)[:3]
    vectors.put(encoder.key, there, rows)
    held, back = vectors.of(encoder.key, there[::-1])
    assert held == there[::-1]
    assert np.array_equal(back, rows[::-1])
