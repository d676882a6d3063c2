"""`sakigake timeline rename|merge|labels`, as the command line runs them."""

import json
from pathlib import Path

import pytest

from desk.cli import main
from sakigake.store.sqlite import SqliteStore
from tests.desk.web.studio import Recorder
from tests.watch.studio import drawing


@pytest.fixture
def stages(own_home: Path) -> list[int]:
    recorder = Recorder(own_home)
    seqs = [recorder.stage(10 * n, drawing(3, n, (96, 128))) for n in range(1, 5)]
    recorder.end(60)
    return seqs


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["timeline", *arguments]) == 0
    return capsys.readouterr().out


def test_names_are_given_listed_and_taken_back(stages: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    first, second = str(stages[0]), str(stages[2])
    assert "rough" in said(capsys, "rename", "last", first, "ラフ")
    said(capsys, "rename", "last", second, "顔の<b>")
    assert said(capsys, "labels").splitlines() == [
        f"{stages[0]}–{stages[1]}  rough",
        f"{stages[2]}–{stages[3]}  顔の<b>",
    ]
    told = json.loads(said(capsys, "labels", "last", "--json"))
    assert told["schema_version"] == 1
    assert [(each["stage"], each["label"], each["source"], each["shown"]) for each in told["labels"]] == [
        (stages[0], "rough", "person", True),
        (stages[2], "顔の<b>", "person", True),
    ]
    assert "taken back" in said(capsys, "rename", "last", second, "")
    assert json.loads(said(capsys, "labels", "--json"))["blocks"] == [
        {"first": stages[0], "last": stages[3], "label": "rough"}
    ]


def test_a_merge_and_its_undoing(
    stages: list[int], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = f"{stages[1]}-{stages[3]}"
    assert "(3)" in said(capsys, "merge", "last", both)
    store = SqliteStore(own_home / "sakigake.db")
    session = store.sessions()[0].id
    assert store.joined(session) == frozenset(stages[2:4])
    said(capsys, "merge", "last", both, "--undo")
    assert store.joined(session) == frozenset()
    store.close()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("rename", "last", "999", "rough"), 4),
        (("rename", "nope", "1", "rough"), 4),
        (("rename", "last", "{0}", "長" * 61), 2),
        (("merge", "last", "5-2"), 2),
        (("merge", "last", "x"), 2),
        (("merge", "last", "{0}-999"), 4),
        (("labels", "nope"), 4),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    stages: list[int], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    assert main(["timeline", *(each.format(stages[0]) for each in arguments)]) == code
    assert "Traceback" not in capsys.readouterr().err
