"""The whole way with a model: taken in, stages read by the worker, named, found by words, a second opinion in `check`."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from desk.cli import cli
from desk.web.checking.card import card
from desk.web.checking.carried import Request
from desk.web.checking.jobs import Jobs
from sakigake.errors import NotFoundError
from sakigake.labels import ESTIMATE, shown
from sakigake.model import Interval, Score
from tests.capture.running import wait_until
from tests.deep import tiny
from tests.deep.studio import Studio, drawing
from watch.compare.opinion import Ranked
from watch.deep import naming, shelf
from watch.deep.encoder import load
from watch.deep.rerank import NAME, NOTE, Reranker, deviations
from watch.deep.vectors import Vectors, stages

pytestmark = pytest.mark.deep


def run(*arguments: str) -> Result:
    ran = CliRunner().invoke(cli, list(arguments))
    if ran.exception and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran


@pytest.fixture
def studio(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(
        "watch.deep.worker.lower_priority", lambda: None
    )  # of the whole test process, for good
    tiny.put_in_place(own_home, tmp_path)
    made = Studio(own_home)
    session = made.session()
    made.draw(session, *(drawing(n) for n in range(1, 5)))
    made.seal(session)
    return made


def test_read_name_and_find(studio: Studio) -> None:
    with pytest.raises(NotFoundError) as unread:
        run("timeline", "find", "赤い帽子")
    assert unread.value.code == "deep-nothing-read"
    told = run("deep", "run", "--once", "--name").output
    assert "Read 4 stages" in told
    assert "4 of 4 stages were read with tiny@" in run("deep", "status").output
    session = studio.store.sessions()[0].id
    labels = studio.store.labels(session)
    assert {each.source for each in labels} == {ESTIMATE, naming.MODEL}
    model = [each for each in labels if each.source == naming.MODEL]
    assert {each.model for each in model} == {shelf.get(studio.home, "tiny").key}
    assert all(each.source == ESTIMATE for each in shown(labels).values()), (
        "the measured one is the one shown"
    )
    assert "by the model" in run("timeline", "name").output
    found = json.loads(run("timeline", "find", "赤い帽子", "--json").output)
    assert found["searched"] == 4
    # The oracle: the same network asked by hand.
    encoder = load(shelf.get(studio.home, "tiny"))
    words, rows = encoder.texts(["赤い帽子"])[0], encoder.pictures([drawing(n) for n in range(1, 5)])
    seqs = [each.seq for each in stages(studio.store, session)]
    wanted = [seqs[at] for at in np.argsort(-(rows @ words))]
    assert [row["stage"] for row in found["stages"]] == wanted
    studio.draw(studio.store.sessions()[0], drawing(2, 9))
    assert "1 stages were not read yet" in run("timeline", "find", "hat", "--limit", "2").output


def test_a_forgotten_stage_is_not_found(studio: Studio) -> None:
    run("deep", "run", "--once")
    session = studio.store.sessions()[0]
    gone = stages(studio.store, session.id)[1].seq
    studio.forget(session, [gone])
    found = json.loads(run("timeline", "find", "hat", "--json").output)
    assert gone not in {row["stage"] for row in found["stages"]}
    assert found["searched"] == 3


def test_removing_a_model_removes_what_came_of_it(studio: Studio) -> None:
    run("deep", "run", "--once")
    key = shelf.get(studio.home, "tiny").key
    assert run("models", "remove", "tiny").exit_code == 0
    vectors = Vectors(studio.home)
    assert vectors.known(key, studio.store.sessions()[0].id) == {}
    vectors.close()


@pytest.fixture
def post(tmp_path: Path) -> Path:
    path = tmp_path / "post.png"
    cv2.imwrite(str(path), cv2.GaussianBlur(drawing(3), (0, 0), 2.5)[5:350, 8:470])
    return path


def test_the_second_opinion_is_off_unless_switched_on_and_says_when_it_was_heard(
    studio: Studio, post: Path
) -> None:
    between = []
    for n in range(4):  # stages that differ by a stroke: layout leaves open which of them it was
        stage = drawing(3)
        cv2.line(stage, (20, 200 + 12 * n), (60, 205 + 12 * n), (40, 40, 40), 2, cv2.LINE_AA)
        between.append(stage)
    session = studio.store.sessions()[0]
    studio.draw(session, *between)
    studio.seal(session)
    run("deep", "run", "--once")
    plain = json.loads(run("check", str(post), "--json").output)
    assert NOTE not in plain["notes"]
    assert NAME not in plain["scores"]
    (studio.home / "sakigake.toml").write_text("[deep]\nrerank = true\n")
    heard = json.loads(run("check", str(post), "--json").output)
    for same in ("likeness", "order", "stage_range", "draft", "counts", "compared_stages", "session"):
        assert heard[same] == plain[same]
    first, last = plain["stage_range"]
    assert first < last, "the scene leaves something open"
    assert NOTE in heard["notes"]
    assert NAME in heard["scores"]
    assert first <= heard["stage"] <= last
    assert "a model had a say" in run("check", str(post)).output


def test_it_is_heard_at_the_desk_as_well_and_its_card_says_so(studio: Studio, post: Path) -> None:
    between = []
    for n in range(4):
        stage = drawing(3)
        cv2.line(stage, (20, 200 + 12 * n), (60, 205 + 12 * n), (40, 40, 40), 2, cv2.LINE_AA)
        between.append(stage)
    session = studio.store.sessions()[0]
    studio.draw(session, *between)
    studio.seal(session)
    run("deep", "run", "--once")
    (studio.home / "sakigake.toml").write_text("[deep]\nrerank = true\n")
    wanted = json.loads(run("check", str(post), "--json").output)
    jobs = Jobs(studio.home)
    try:
        job = jobs.start(Request("post.png", "", (), Interval(), fetch=False), post.read_bytes())
        wait_until(lambda: job.state.ended, 240, lambda: str(job.state))
    finally:
        jobs.close()
    assert job.answer is not None, job.state
    assert job.answer.finding.stage == wanted["stage"]
    assert NOTE in job.answer.finding.notes
    assert any("a model had a say" in note for note in card(job.answer).likeness_lines)


def test_switched_on_without_a_model_is_told_and_not_passed_over(studio: Studio, post: Path) -> None:
    (studio.home / "sakigake.toml").write_text("[deep]\nrerank = true\n")
    run("models", "remove", "tiny")
    with pytest.raises(NotFoundError) as refused:
        run("check", str(post))
    assert refused.value.code == "deep-no-model"


def test_it_chooses_among_those_that_fit_and_raises_only(studio: Studio) -> None:
    run("deep", "run", "--once")
    encoder = load(shelf.get(studio.home, "tiny"))
    vectors = Vectors(studio.home)
    session = studio.store.sessions()[0].id
    seqs = [each.seq for each in stages(studio.store, session)]
    asked = Reranker(studio.store, encoder, vectors)
    for surprise in ([5.0, 5.0, 5.0, 5.0], [9.0, 1.0, 1.0, 1.0]):
        found: Any = asked.choose(drawing(3), session, seqs, np.array(surprise, np.float32))
        cosines = encoder.pictures([drawing(n) for n in range(1, 5)]) @ encoder.pictures([drawing(3)])[0]
        wanted = int((np.array(surprise) + 0.5 * np.maximum(deviations(cosines), 0)).argmax())
        assert isinstance(found, Ranked)
        assert isinstance(found.score, Score)
        assert found.place == wanted
    assert asked.choose(drawing(3), session, seqs[:1], np.array([5.0], np.float32)) is None
    assert asked.choose(drawing(3), session, [997, 998], np.array([5.0, 5.0], np.float32)) is None
    vectors.close()
