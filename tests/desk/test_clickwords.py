"""What click says by itself is known word for word, and told in Japanese where that is the language."""

import ast
import inspect

import pytest

from desk import clickwords
from desk.cli import main
from sakigake import words


def literals() -> set[str]:
    return {
        node.value
        for module in clickwords.MODULES
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_english_sentences_are_those_of_click() -> None:
    said = {name: words.text(f"click.{name}", "en") for name in clickwords.SENTENCES}
    gone = {name for name, sentence in said.items() if sentence not in literals()}
    # Released one after the other: an older click has not all of them, and says the others its own way.
    assert gone <= {"arguments", "did-you-mean-one", "no-command", "not-choice", "missing-parameter"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "--no-such"], "'--no-such' というオプションはありません。"),
        (["no-such"], "'no-such' というコマンドはありません。"),
        (["verify"], "引数がありません:"),
        (["findings", "show", "0"], "範囲"),
        (["completion", "tcsh"], "次のどれでもありません"),
        (["verify", "a", "b"], "余分な引数があります"),
    ],
)
def test_a_mistake_is_told_in_japanese(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAKIGAKE_LANG", "ja")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "使いかた" in said
