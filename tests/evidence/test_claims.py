"""What the two programs print is no stronger than what a package shows: both languages, as people type it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization

from bench import attack_scene
from bench.attack_scene import Scene
from desk.commands.verify import verify as command
from sakigake import words
from sakigake.evidence import layout
from sakigake.evidence.standalone import main
from sakigake.evidence.standalone.certificates import read_root
from sakigake.evidence.standalone.wording import EN, JA
from tests.evidence.conftest import Recorder
from tests.peers import forge


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return attack_scene.make(tmp_path_factory.mktemp("claims"))


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAKIGAKE_HOME", str(tmp_path / "home"))


def plain(scene: Scene) -> attack_scene.Contents:
    """Return a package with tokens alone: the commands take no block of a test chain."""
    blocks = (".ots", ".hdr")
    return attack_scene.sealed(
        {name: body for name, body in scene.contents.items() if not name.endswith(blocks)}
    )


def project(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def alone(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    main.main([str(each) for each in arguments])
    return capsys.readouterr().out


def packed(folder: Path, contents: attack_scene.Contents) -> Path:
    (folder / "pack.zip").write_bytes(attack_scene.pack(contents))
    return folder / "pack.zip"


def test_a_token_over_the_list_gives_no_lower_end(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody can ask for one over the same list at any later time: what it shows is an upper end and no more."""
    chain, contents = forge.chain(), plain(scene)
    later = forge.forge(forge.Plan(chain, data=contents[layout.MANIFEST], time=b"20390102030405Z", serial=9))
    pem = tmp_path / "later.pem"
    pem.write_bytes(chain.root.public_bytes(serialization.Encoding.PEM))
    path = packed(tmp_path, {**contents, layout.STAMP: later})
    roots: list[str | Path] = ["--trust", scene.honest / "root.pem", "--trust", pem]
    told = project(path, *roots, "--lang", "en").output
    line = next(line for line in told.splitlines() if "Whole package" in line)
    assert "no later than 2039-01-02T03:04:0" in line
    assert "between" not in line
    assert "remove" in line
    assert "遅くとも 2039-01-02" in project(path, *roots, "--lang", "ja").output
    assert json.loads(project(path, *roots, "--json").output)["sealed"].keys() == {"not_after"}
    said = alone(capsys, path, *roots, "--lang", "en")
    line = next(line for line in said.splitlines() if "Whole package" in line)
    assert "not after 2039-01-02 03:04:0" in line
    assert "not before" not in line
    assert json.loads(alone(capsys, path, *roots, "--json"))["sealed"].keys() == {"not_after"}


def test_an_order_names_the_stages_that_the_exporter_chose(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """He may point at an early stage that shows nothing: the tokens do not say what is like what."""
    chosen = {"earliest": 1, "first": 2, "best": 2, "last": 5}
    path = packed(tmp_path, attack_scene.restated(plain(scene), stages=chosen, draft={}))
    root: list[str | Path] = ["--trust", scene.honest / "root.pem"]
    told = project(path, *root, "--lang", "en").output
    assert "Stages it rests on: 2 to 5. That these are like the post (stated: Strong agreement" in told
    assert "statements and were not checked" in told
    assert "alike from stage 1 on" in told
    assert "もとにした段階: 2〜5" in project(path, *root, "--lang", "ja").output
    said = alone(capsys, path, *root, "--lang", "en")
    assert "Stages it rests on: 2 to 5. That these are like the post (stated: strong)" in said
    assert "alike from stage 1 on" in said
    assert "もとにした段階: 2〜5" in alone(capsys, path, *root, "--lang", "ja")
    for record in (
        json.loads(project(path, *root, "--json").output),
        json.loads(alone(capsys, path, *root, "--json")),
    ):
        assert (record["order"], record["order_stages"], record["likeness_stated"]) == (
            "draft_first",
            chosen,
            "strong",
        )


def test_without_times_no_sentence_speaks_of_times(
    record: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(2).export(tmp_path / "pack.zip")
    for lang, times in (("en", "the times stated"), ("ja", "表示の時刻")):
        untimed = words.text("verify.shows-untimed", lang)
        told = project(tmp_path / "pack.zip", "--lang", lang).output
        assert untimed in told
        assert times not in told
        said = alone(capsys, tmp_path / "pack.zip", "--lang", lang)
        assert (EN if lang == "en" else JA)["limits-untimed"] in said
        assert times not in said


def test_with_some_times_each_sentence_says_of_which(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = attack_scene.Hand()
    made.stage()
    made.seal()
    made.token(attack_scene.ask(scene.honest, made.notes[-1]), name_it=False)
    made.stage(7)
    made.seal()
    path = packed(tmp_path, made.contents())
    root: list[str | Path] = ["--trust", scene.honest / "root.pem"]
    for lang, table in (("en", EN), ("ja", JA)):
        assert words.text("verify.shows-part-timed", lang) in project(path, *root, "--lang", lang).output
        assert table["limits-part-timed"] in alone(capsys, path, *root, "--lang", lang)


def test_a_wrong_root_is_not_the_same_as_none(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path, plain(scene))
    for lang, table in (("en", EN), ("ja", JA)):
        none = alone(capsys, path, "--lang", lang)
        assert table["no-trusted-token"] in none
        assert table["no-root-fits"] not in none
        wrong = alone(capsys, path, "--lang", lang, "--trust", scene.evil / "root.pem")
        assert table["no-root-fits"] in wrong
        assert table["no-trusted-token"] not in wrong


def test_an_authority_that_somebody_chose_is_shown_with_its_root(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name is free: under that of a shipped authority the settings may pin any root."""
    path, root = packed(tmp_path, plain(scene)), scene.honest / "root.pem"
    digest = read_root(root).digests()[0]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "sakigake.toml").write_text(
        f"[[anchor.authority]]\nname = 'digicert'\nroot = '{root}'\n", encoding="utf-8"
    )
    told = project(path, "--lang", "en")
    assert told.output.startswith("VERIFIED")
    assert f"Time authorities: digicert (from your settings; SHA-256 of the root: {digest})" in told.output
    assert f"digicert(設定で追加、ルート証明書の SHA-256: {digest})" in project(path, "--lang", "ja").output
    (tmp_path / "home" / "sakigake.toml").unlink()
    told = project(path, "--trust", root, "--lang", "en")
    assert f"Time authorities: --trust root.pem (SHA-256 of the root: {digest})" in told.output
    given = json.loads(project(path, "--trust", root, "--json").output)["authority_roots"]
    assert given == [{"name": "--trust root.pem", "from": "given", "roots": [digest]}]
    said = alone(capsys, path, "--trust", root, "--lang", "en")
    assert f"Time authorities: root (--trust; SHA-256 of the root: {digest})" in said
    assert json.loads(alone(capsys, path, "--trust", root, "--json"))["authority_roots"] == [
        {"name": "root", "from": "given", "roots": [digest]}
    ]


def test_a_fault_elsewhere_in_the_settings_hinders_no_check(scene: Scene, tmp_path: Path) -> None:
    path = packed(tmp_path, plain(scene))
    (tmp_path / "home").mkdir()
    settings = tmp_path / "home" / "sakigake.toml"
    settings.write_text("[record]\nnonsense = 1\n[anchor]\nuse = ['nobody']\n", encoding="utf-8")
    assert project(path, "--trust", scene.honest / "root.pem").exit_code == 0
    # What says whom to believe must still be right.
    settings.write_text("[[anchor.authority]]\nname = 'x'\n", encoding="utf-8")
    refused = project(path, "--trust", scene.honest / "root.pem")
    assert getattr(refused.exception, "code", "") == "anchor-authority-incomplete"
