"""Every answer to a program has the form that its schema says, and every command ends with the code that is documented."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from sakigake import errors
from tests.desk import journey, tree

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
# Commands without an answer for programs, and why.
WITHOUT_JSON = {
    ("config", "edit"): "opens an editor; what it finds afterwards is that of config check",
    ("demo",): "a story for people; its parts are commands of their own",
    ("desk",): "runs until it is ended, and answers in a browser",
    ("share",): "asks a person whether a text was read before it writes",
    ("models", "get"): "fetches; what is there then is told by models list",
    ("models", "import"): "takes a file in; what is there then is told by models list",
    ("models", "verify"): "says by its exit code whether the files are as they were",
    ("models", "remove"): "removes; what is there then is told by models list",
    ("deep", "run"): "runs beside the recorder; what it made is told by timeline name",
    ("deep", "stop"): "ends the worker and says so; by its exit code whether one ran",
    ("deep", "status"): "two lines for people; the same numbers come with timeline find",
}
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 130}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[journey.Walk]:
    with pytest.MonkeyPatch.context() as patch:
        yield journey.walk(tmp_path_factory.mktemp("walk"), patch)


def schema(name: str) -> dict[str, Any]:
    path = SCHEMAS / f"{name}.json"
    assert path.is_file(), (
        f"{name} answers with --json, but docs/schemas/{name}.json is not there: describe its answer there, "
        f"and call it in tests/desk/journey.py"
    )
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def answering() -> list[str]:
    return sorted(
        "-".join(path)
        for path, command in tree.commands()
        if any("--json" in each.opts for each in command.params if isinstance(each, click.Option))
    )


@pytest.mark.slow
def test_every_answer_has_the_form_of_its_schema(walked: journey.Walk) -> None:
    wrong = []
    for ran in walked.calls:
        if not ran.schema:
            continue
        assert ran.lines, ran
        for line in ran.lines:
            known = "error" if "error" in line and set(line) == {"schema_version", "error"} else ran.schema
            faults = jsonschema.Draft202012Validator(schema(known)).iter_errors(line)
            wrong += [(ran.arguments, fault.json_path, fault.message[:200]) for fault in faults]
            if known == "error":
                assert line["error"]["exit_code"] == ran.code
    assert not wrong


@pytest.mark.slow
def test_every_command_that_answers_was_asked(walked: journey.Walk) -> None:
    asked = {ran.schema for ran in walked.calls}
    missing = sorted(set(answering()) - asked)
    assert not missing, f"call these with --json in tests/desk/journey.py: {missing}"


@pytest.mark.slow
def test_people_and_programs_are_answered_apart(walked: journey.Walk) -> None:
    for ran in walked.calls:
        if ran.schema:
            assert all(line.startswith("{") for line in ran.stdout.splitlines()), ran
    streams = {"record-start", "watch-run", "record-status"}
    assert not [
        ran.arguments for ran in walked.calls if ran.schema not in {"", *streams} and len(ran.lines) != 1
    ]


@pytest.mark.slow
def test_every_exit_code_was_met(walked: journey.Walk) -> None:
    kinds: list[type[errors.SakigakeError]] = [errors.SakigakeError, *errors.SakigakeError.__subclasses__()]
    known = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {kind.exit_code for kind in kinds} | known == CODES
    assert {ran.code for ran in walked.calls} >= CODES


def test_every_command_that_answers_has_a_schema_and_every_schema_a_command() -> None:
    for name in answering():
        schema(name)
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {*answering(), "error"}


def test_every_command_answers_programs_or_says_why_not() -> None:
    silent = {path for path, _ in tree.commands()} - {tuple(name) for name in map(_path, answering())}
    unknown = silent - set(WITHOUT_JSON)
    assert not unknown, f"give them --json (desk.answering), or a reason in WITHOUT_JSON: {unknown}"
    assert silent == set(WITHOUT_JSON)


def _path(name: str) -> tuple[str, ...]:
    return next(path for path, _ in tree.commands() if "-".join(path) == name)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_a_schema_is_one_and_is_strict(path: Path) -> None:
    read = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(read)
    assert read["properties"]["schema_version"] == {"const": 1}
    assert "schema_version" in read["required"]
    assert read["additionalProperties"] is False
    assert re.fullmatch(r"sakigake [a-z -]+", read["title"])
    assert not jsonschema.Draft202012Validator(read).is_valid({"schema_version": 1, "something else": 1})
