"""Room for words that nobody signed, and programs that wait or crash: what is left of it in the two verifiers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bench.attack_scene import Hand, drawing, pack, png, sealed
from desk.commands.verify import _shows
from desk.commands.verify import verify as verify_command
from sakigake import words
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import layout
from sakigake.evidence.standalone import joined, wording
from sakigake.evidence.standalone import main as alone
from sakigake.evidence.standalone.certificates import read_root
from sakigake.evidence.standalone.entries import jcs
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.verify import verify
from sakigake.model import EntryType, Interval
from sakigake.timeline.entry import MAX_LEVELS, canonical, parse_canonical
from tests.evidence.conftest import Recorder

NOBODY = Trust()
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def codes(path: Path) -> tuple[str, str]:
    """Return the codes by which the two verifiers refuse a package, "" where one does not."""
    project = own = ""
    try:
        verify(path, NOBODY)
    except VerificationError as error:
        project = error.code
    try:
        check_alone(path, [])
    except RefusedError as error:
        own = error.code
    return project, own


def hand(stages: int = 2) -> Hand:
    made = Hand()
    for number in range(stages):
        made.stage(3 * (number + 1))
    made.seal()
    return made


def with_finding(more: str = "", files: dict[str, bytes] | None = None) -> bytes:
    """Return a signed package with a finding that states nothing; `more` is put into the record as it stands."""
    post = png(drawing(9))
    digest = sha256(post).hexdigest()
    record = f'{{"draft":{{}},"likeness":"some","order":"order_unclear","post":{{}},"post_digest":"{digest}",'
    record += f'"stages":{{"best":1,"first":1,"last":2}},"v":1{more}}}'
    contents = hand().contents()
    contents |= {layout.post("png"): post, layout.FINDING: record.encode(), **(files or {})}
    return pack(sealed(contents))


@pytest.mark.parametrize("depth", [1, 3, 4, 100, 450, 490, 600, 900, 960, 1500, 12_000])
def test_objects_lie_four_deep_at_most(tmp_path: Path, depth: int) -> None:
    """Both draw the line at one place, not where the stack of an interpreter happens to end."""
    (tmp_path / "a.zip").write_bytes(with_finding(',"x":' + '{"a":' * depth + "1" + "}" * depth))
    deep = depth + 1 > MAX_LEVELS
    want = ("evidence-not-canonical", "not-canonical") if deep else ("", "")
    if depth > 10_000:  # longer than a finding may be
        want = ("evidence-too-large", "too-large")
    assert codes(tmp_path / "a.zip") == want


def test_the_writer_keeps_to_the_depth_too() -> None:
    value = {"a": {"b": {"c": {"d": 1}}}}
    assert parse_canonical(canonical(value), "x") == value
    assert jcs(value).encode() == canonical(value)
    with pytest.raises(ValueError, match="deep"):
        canonical({"a": value})
    with pytest.raises(RefusedError):
        jcs({"a": value})


@pytest.mark.parametrize("value", ["[1]", "[]", "true", "null", "1.5", "1e3"])
def test_a_record_holds_integers_strings_and_objects_alone(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.zip").write_bytes(with_finding(f',"x":{value}'))
    assert codes(tmp_path / "a.zip") == ("evidence-not-canonical", "not-canonical")


def test_no_picture_lies_beside_the_finding(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(with_finding())
    assert codes(tmp_path / "a.zip") == ("", "")
    (tmp_path / "a.zip").write_bytes(with_finding(files={"compare/anything.png": b"<html>"}))
    assert codes(tmp_path / "a.zip") == ("package-file-missing", "missing")  # how it was made
    (tmp_path / "a.zip").write_bytes(with_finding(files={"compare/anything.html": b"<html>"}))
    assert codes(tmp_path / "a.zip") == ("package-file-extra", "extra")


def folder_of_litter(folder: Path) -> None:
    (folder / "THE ARTIST FAKED THIS").mkdir()
    (folder / "THE ARTIST FAKED THIS" / ".DS_Store").touch()


def nested_litter(folder: Path) -> None:
    (folder / "stages" / "more").mkdir()
    (folder / "stages" / "more" / "Thumbs.db").touch()


def pipe_as_litter(folder: Path) -> None:
    os.mkfifo(folder / ".DS_Store")


def named_by_an_enemy(folder: Path) -> None:
    (folder / "\x1b[2J\x1b[1;1HVERIFIED\x9b31m\u202e").mkdir()


@pytest.mark.parametrize(
    ("attack", "want"),
    [
        (folder_of_litter, ("package-file-extra", "extra")),
        (nested_litter, ("package-file-extra", "extra")),
        (named_by_an_enemy, ("package-file-extra", "extra")),
        pytest.param(
            pipe_as_litter,
            ("package-link", "link"),
            marks=pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes by name"),
        ),
    ],
)
def test_an_unpacked_package_has_no_room_beside_its_files(
    tmp_path: Path, record: Recorder, attack: Callable[[Path], None], want: tuple[str, str]
) -> None:
    record(1).export(tmp_path / "pack")
    (tmp_path / "pack" / "stages" / ".DS_Store").touch()
    assert codes(tmp_path / "pack") == ("", "")
    attack(tmp_path / "pack")
    assert codes(tmp_path / "pack") == want


@pytest.mark.skipif(sys.platform == "win32", reason="Windows takes no such names")
@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("as_json", [False, True])
def test_no_name_steers_the_terminal(
    tmp_path: Path, record: Recorder, capsys: pytest.CaptureFixture[str], *, lang: str, as_json: bool
) -> None:
    record(1).export(tmp_path / "pack")
    more = ["--json"] if as_json else []
    long = "x" * 200 + "\x1b[31m"
    names = ["\x1b[2J\x1b[1;1HVERIFIED", "a\x9b31mb", "\u202egnp.exe", "line\nVERIFIED", "\udc9b", long]
    for kind in ("folder", "file", "link", "litter"):
        for name in names:
            path = tmp_path / "pack" / name
            if kind == "folder":
                path.mkdir()
            elif kind == "link":
                path.symlink_to("leaves.txt")
            elif kind == "litter":
                path.mkdir()
                (path / ".DS_Store").touch()
            else:
                path.touch()
            assert alone.main([str(tmp_path / "pack"), "--lang", lang, *more]) == 6
            told = capsys.readouterr().out
            assert not CONTROL.search(told), (kind, name)
            assert len(told) < 400
            shown = CliRunner().invoke(verify_command, [str(tmp_path / "pack"), "--lang", lang, *more])
            assert not CONTROL.search(shown.output), (kind, name)
            for inner in path.iterdir() if path.is_dir() else ():
                inner.unlink()
            path.rmdir() if path.is_dir() else path.unlink()
    assert alone.main([str(tmp_path / "pack"), "--lang", lang, *more]) == 7
    assert not CONTROL.search(capsys.readouterr().out)


UNTIMED = {"en": "Nothing that was counted says when", "ja": "いつだったかを示すものはありません"}
CLAIM = {"en": "had these pictures", "ja": "これらの画像を"}
SOME = {"en": "had the pictures that are shown", "ja": "示された画像を"}
NONE = {"en": "No picture is shown", "ja": "画像は示されていないので"}
HIDDEN = {"en": "its picture is not shown", "ja": "画像は示されていません"}
UNBOUND = {"en": "nothing that it recorded is shown", "ja": "記録された中身は何も示されていません"}


def told_by_both(path: Path, lang: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    alone.main([str(path), "--lang", lang])
    return [capsys.readouterr().out, CliRunner().invoke(verify_command, [str(path), "--lang", lang]).output]


def json_of_both(path: Path, capsys: pytest.CaptureFixture[str]) -> list[list[tuple[bool, bool]]]:
    """Return (picture, nothing bound) of each stage, as each verifier says in JSON."""
    alone.main([str(path), "--json"])
    own = json.loads(capsys.readouterr().out)["stages"]
    project = json.loads(CliRunner().invoke(verify_command, [str(path), "--json"]).output)["stages"]
    assert all(each["picture"] is ("no-picture" not in each["flags"]) for each in project)
    return [
        [(each["picture"], each["nothing_bound"]) for each in own],
        [(each["picture"], "nothing-bound" in each["flags"]) for each in project],
    ]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_picture_is_claimed_that_is_not_shown(
    tmp_path: Path, record: Recorder, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    recorded = record(3)
    first, second, third = recorded.stages
    recorded.export(tmp_path / "all.zip")
    recorded.export(tmp_path / "some.zip", chosen=[first, third], without_picture=[second])
    recorded.export(tmp_path / "none.zip", chosen=[], without_picture=[third])
    for told in told_by_both(tmp_path / "all.zip", lang, capsys):
        assert UNTIMED[lang] in told
        assert CLAIM[lang] not in told
        assert HIDDEN[lang] not in told
    for told in told_by_both(tmp_path / "some.zip", lang, capsys):
        assert CLAIM[lang] not in told
        assert UNTIMED[lang] in told
        assert told.count(HIDDEN[lang]) == 1
        assert UNBOUND[lang] not in told
    for told in told_by_both(tmp_path / "none.zip", lang, capsys):
        assert CLAIM[lang] not in told
        assert UNTIMED[lang] in told
        assert HIDDEN[lang] in told
    assert json_of_both(tmp_path / "all.zip", capsys) == [[(True, False)] * 3] * 2
    assert json_of_both(tmp_path / "some.zip", capsys) == [[(True, False), (False, False), (True, False)]] * 2


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("pictures", [(True, True), (True, False), (False, False)])
def test_with_times_pictures_are_claimed_as_far_as_they_are_shown(
    pictures: tuple[bool, ...], lang: str
) -> None:
    now = datetime.now(UTC)
    stages = [SimpleNamespace(interval=Interval(None, now), picture=each) for each in pictures]
    project = words.text(_shows(SimpleNamespace(stages=stages)), lang)
    found = {"stages": [{"not_after": now, "picture": each} for each in pictures]}
    own = (wording.EN if lang == "en" else wording.JA)[alone.limits(found)]
    for told in (project, own):
        assert (CLAIM[lang] in told) is all(pictures)
        assert (SOME[lang] in told) is (any(pictures) and not all(pictures))
        assert (NONE[lang] in told) is not any(pictures)
        assert UNTIMED[lang] not in told


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_stage_that_opens_nothing_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    bare = Hand()
    seq = bare.add(EntryType.STAGE)
    bare.files[layout.stage(seq, "entry.json")] = bare.raws[seq]
    bare.seal()
    (tmp_path / "bare.zip").write_bytes(pack(bare.contents()))
    for told in told_by_both(tmp_path / "bare.zip", lang, capsys):
        assert UNBOUND[lang] in told
        assert UNTIMED[lang] in told
        assert CLAIM[lang] not in told
    assert json_of_both(tmp_path / "bare.zip", capsys) == [[(False, True)]] * 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes by name")
def test_a_root_that_is_no_file_keeps_nobody_waiting(
    tmp_path: Path, record: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    record(1).export(tmp_path / "pack.zip")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes((1 << 20) + 1))
    for odd in (tmp_path / "pipe", Path("/dev/zero"), tmp_path / "large", tmp_path):
        with pytest.raises(RefusedError):
            read_root(odd)
        assert alone.main([str(tmp_path / "pack.zip"), "--trust", str(odd)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
        command = [sys.executable, "-m", "desk", "verify", str(tmp_path / "pack.zip"), "--trust", str(odd)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=30)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stderr.strip()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_an_interrupt_is_no_traceback(tmp_path: Path, record: Recorder) -> None:
    import signal

    record(1).export(tmp_path / "pack")
    # A file of the largest size keeps the program reading for a moment.
    with (tmp_path / "pack" / "stages" / "000001.png").open("r+b") as file:
        file.truncate(1 << 28)
    tool = tmp_path / "verify.py"
    tool.write_bytes(joined.joined())
    text = f"import runpy, sys; sys.argv = ['v', {str(tmp_path / 'pack')!r}]\n"
    # A program that was started in the background, as some CI does it, ignores the signal from birth.
    text += "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    text += "import hashlib; whole = hashlib.sha256\n"
    text += "def slow(*raw):\n    import time\n    print('now', flush=True)\n    time.sleep(30)\n    return whole(*raw)\n"
    text += f"hashlib.sha256 = slow\nrunpy.run_path({str(tool)!r}, run_name='__main__')\n"
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == "now\n"
        ran.send_signal(signal.SIGINT)
        _, told = ran.communicate(timeout=20)
    assert (ran.returncode, told.strip()) == (130, "")


def test_a_report_of_many_stages_asks_for_the_names_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are copied at each call: asked for with each stage, the time grew with their square."""
    from sakigake.evidence import container

    calls: list[None] = []
    names = container.Archive.names

    def counted(self: container.Archive) -> list[str]:
        calls.append(None)
        return names(self)

    monkeypatch.setattr(container.Archive, "names", counted)
    asked = []
    for stages in (2, 12):
        made = hand(stages)
        (tmp_path / f"{stages}.zip").write_bytes(pack(made.contents()))
        calls.clear()
        verify(tmp_path / f"{stages}.zip", NOBODY)
        asked.append(len(calls))
    assert asked[0] == asked[1]
