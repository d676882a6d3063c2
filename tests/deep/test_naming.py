"""Names of stages on the command line and by a model: suggestions beside the record, and a person's word above them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from desk.cli import cli
from sakigake import words
from sakigake.errors import SakigakeError
from sakigake.labels import ESTIMATE, PERSON, STEPS, shown
from tests.deep.studio import Studio, drawing
from watch.deep import naming
from watch.deep.encoder import Rows
from watch.deep.naming import Judge, name_session, prompts

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def studio(own_home: Path) -> Studio:
    return Studio(own_home)


def run(*arguments: str) -> Result:
    ran = CliRunner().invoke(cli, list(arguments))
    if ran.exception and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran


class TwoWays:
    """Stands for a trained model: pictures and words as vectors that say the stage outright. No network is needed."""

    id, key, languages, scale = "told", "told@0", ("en", "ja"), 20.0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def texts(self, lines: list[str]) -> Rows:
        self.asked += lines
        known = {
            line: at for at, step in enumerate(STEPS) for lang in ("en", "ja") for line in prompts(lang)[step]
        }
        return np.eye(len(STEPS), dtype=np.float32)[[known[line] for line in lines]]


def test_both_languages_have_wordings_of_every_step() -> None:
    for language in words.LANGUAGES:
        assert set(prompts(language)) == set(STEPS)
        assert all(each for each in prompts(language).values())
    assert prompts("de") == {}


def test_a_model_is_asked_in_the_languages_it_learned() -> None:
    made = TwoWays()
    judge = Judge(made)  # type: ignore[arg-type]
    rows = np.eye(len(STEPS), dtype=np.float32)
    assert [label for label, _ in judge(rows)] == list(STEPS)
    assert all(0.9 < share <= 1 for _, share in judge(rows))
    assert any("線画" in line for line in made.asked)
    english = TwoWays()
    english.languages = ("en",)  # type: ignore[assignment]
    Judge(english)(rows)  # type: ignore[arg-type]
    assert not any("線画" in line for line in english.asked)


def test_without_a_model_the_estimate_names_every_stage_once(studio: Studio) -> None:
    session = studio.session()
    seqs = studio.draw(session, *(drawing(n) for n in range(5)))
    first = name_session(studio.store, studio.home / "pictures", session.id, AT)
    assert [each.seq for each in first.labels] == seqs
    assert {each.source for each in first.labels} == {ESTIMATE}
    assert [each.label for each in first.labels] == ["blank", "rough", "lineart", "flats", "shading"]
    again = name_session(studio.store, studio.home / "pictures", session.id, AT + timedelta(days=1))
    assert again.labels == ()
    anew = name_session(
        studio.store, studio.home / "pictures", session.id, AT + timedelta(days=1), again=True
    )
    assert len(anew.labels) == len(seqs)


def test_names_change_nothing_that_is_proof(studio: Studio) -> None:
    session = studio.session()
    studio.draw(session, *(drawing(n) for n in range(1, 4)))
    studio.seal(session)

    def proof() -> object:
        store = studio.store
        return list(store.entries(session.id)), store.leaves(session.id), store.checkpoints(session.id)

    before = proof()
    assert run("timeline", "name", session.id).exit_code == 0
    assert run("timeline", "name", session.id, "--stage", "2", "--as", "完成").exit_code == 0
    assert proof() == before


def test_a_person_names_a_stage_in_either_language_and_takes_it_back(studio: Studio) -> None:
    session = studio.session()
    seqs = studio.draw(session, drawing(1), drawing(2))
    assert run("timeline", "name").exit_code == 0
    for typed, kept in (
        ("下描き", "sketch"),
        ("Clean sketch", "sketch"),
        ("color rough", "color_rough"),
        ("猫の顔", "猫の顔"),
    ):
        ran = run("timeline", "name", "last", "--stage", str(seqs[0]), "--as", typed)
        assert ran.exit_code == 0, ran.output
        chosen = shown(studio.store.labels(session.id))[seqs[0]]
        assert (chosen.label, chosen.source) == (kept, PERSON)
    assert run("timeline", "name", "last", "--again").exit_code == 0
    assert shown(studio.store.labels(session.id))[seqs[0]].label == "猫の顔", "an estimate never replaces it"
    assert "猫の顔" in run("timeline", "show").output
    assert run("timeline", "name", "last", "--stage", str(seqs[0]), "--as", "").exit_code == 0
    assert shown(studio.store.labels(session.id))[seqs[0]].source == ESTIMATE


def test_the_timeline_shows_names_with_who_says_so(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    session = studio.session()
    seqs = studio.draw(session, drawing(2), drawing(3))
    plain = run("timeline", "show").output
    assert "estimated" not in plain
    run("timeline", "name")
    told = run("timeline", "show").output
    assert "stage (line art, estimated (" in told
    rows = json.loads(run("timeline", "show", "--json").output)["rows"]
    named = {row["seq"]: row for row in rows if "label" in row}
    assert {seq: named[seq]["label"] for seq in seqs} == {seqs[0]: "lineart", seqs[1]: "flats"}
    assert named[seqs[0]]["labels"][0]["model"] == "stages-v1"
    monkeypatch.setenv("SAKIGAKE_LANG", "ja")
    assert "線画(推定" in run("timeline", "show").output
    assert studio.store.labels(session.id)


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("--stage", "3"), "deep-name-which", 2),
        (("--as", "rough"), "deep-name-which", 2),
        (("--stage", "999", "--as", "rough"), "deep-stage-unknown", 4),
        (("--stage", "1", "--as", "x" * 61), "label-too-long", 2),
    ],
)
def test_what_cannot_be_named_is_told(
    studio: Studio, arguments: tuple[str, ...], code: str, exit_code: int
) -> None:
    studio.draw(studio.session(), drawing(2))
    with pytest.raises(SakigakeError) as refused:
        run("timeline", "name", "last", *arguments)
    assert refused.value.code == code
    assert refused.value.exit_code == exit_code


def test_a_stage_without_its_picture_is_left_out(studio: Studio) -> None:
    session = studio.session()
    studio.draw(session, drawing(2), drawing(3))
    for path in list((studio.home / "pictures").rglob("*.png"))[:1]:
        path.unlink()
    made = name_session(studio.store, studio.home / "pictures", session.id, AT)
    assert (len(made.labels), len(made.unreadable)) == (1, 1)


def test_the_source_of_a_model_is_not_the_estimates() -> None:
    assert naming.MODEL not in {ESTIMATE, PERSON}
