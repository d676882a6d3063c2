"""Where verify.py ends before or after a verdict: what it needs, what it cannot write, what it is given wrongly."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sakigake.errors import VerificationError
from sakigake.evidence import container, head
from sakigake.evidence.standalone import __main__ as writer
from sakigake.evidence.standalone import joined
from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.verify import verify
from tests.evidence.conftest import Recorder
from tests.evidence.test_tokens import NOBODY

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("joined") / "verify.py"
    path.write_bytes(joined.joined())
    return path


def run(tool: Path, before: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run verify.py after `before`, which makes this Python a poorer one."""
    code = f"import runpy, sys; {before}; sys.argv = {[str(tool), *arguments]!r}; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-c", code],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("before", "what"),
    [
        ("sys.version_info = (3, 10, 14, 'final', 0)", "Python 3.11"),
        ("sys.version_info = (3, 8, 0, 'final', 0)", "Python 3.11"),
        ("sys.modules['cryptography'] = None", "pip install --upgrade cryptography"),
        ("sys.modules['cryptography.x509'] = None", "pip install --upgrade cryptography"),
        (
            "import cryptography.x509 as x; x.Certificate = object",  # as one of before version 42
            "pip install --upgrade cryptography",
        ),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(tool: Path, before: str, what: str) -> None:
    told = run(tool, before, "pack.zip")
    assert told.returncode == 2
    assert what in told.stderr
    assert "以降が必要です" in told.stderr
    assert "Traceback" not in told.stderr
    assert not told.stdout


def test_an_old_python_gets_as_far_as_that_sentence(tool: Path) -> None:
    ast.parse(tool.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_an_answer_that_cannot_be_written_is_no_trace(
    tool: Path, record: Recorder, tmp_path: Path, lang: str
) -> None:
    record(1).export(tmp_path / "pack.zip")
    for more in ([], ["--json"]):
        with FULL.open("wb") as full:
            told = subprocess.run(
                [sys.executable, "-I", "-X", "utf8", tool, tmp_path / "pack.zip", "--lang", lang, *more],
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
                timeout=60,
            )
        assert told.returncode == 1
        assert {"en": "could not be written", "ja": "書き出せませんでした"}[lang] in told.stderr
        assert len(told.stderr.splitlines()) == 1


def test_verify_py_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert writer.main([str(tmp_path / "none" / "x.py")]) == 1
    assert f"{tmp_path / 'none' / 'x.py'}: " in capsys.readouterr().err
    assert writer.main([str(tmp_path / "x.py")]) == 0
    assert (tmp_path / "x.py").read_bytes() == joined.joined()


def test_a_changed_checkpoint_that_was_given_is_no_fault_of_the_package(
    record: Recorder, tmp_path: Path
) -> None:
    recorded = record(2)
    recorded.export(tmp_path / "pack.zip")
    note = recorded.store.checkpoints(recorded.session.id)[1].note
    lines = note.split(b"\n")
    lines[1] = b"7"
    (tmp_path / "seen.txt").write_bytes(b"\n".join(lines))
    with pytest.raises(VerificationError) as caught:
        verify(tmp_path / "pack.zip", NOBODY, [head.read(str(tmp_path / "seen.txt"))])
    assert caught.value.code == "head-not-signed"
    for lang in ("en", "ja"):
        assert "seen.txt" in caught.value.message(lang)
    assert "package itself" in caught.value.hint("en")
    assert "Ask for the package" not in caught.value.hint("en")


@pytest.mark.skipif(os.name != "posix", reason="files that take no room are made the POSIX way")
def test_a_folder_may_hold_no_more_than_a_zip(record: Recorder, tmp_path: Path) -> None:
    """4 GiB in all, by the sizes that the file system states: nothing has to be read for that."""
    record(1).export(tmp_path / "pack")
    for number in range(17):
        with (tmp_path / "pack" / "stages" / f"{number + 100:06d}.png").open("wb") as file:
            file.truncate(container.MAX_FILE_BYTES)
    with pytest.raises(VerificationError) as caught:
        verify(tmp_path / "pack", NOBODY)
    assert caught.value.code == "evidence-too-large"
    with pytest.raises(RefusedError) as refused:
        Files(tmp_path / "pack")
    assert refused.value.code == "link"
