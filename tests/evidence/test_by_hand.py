"""READ-ME-FIRST.txt: its commands name files that are there, find what was added, and say what they leave out."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sakigake import words
from sakigake.anchor import rfc3161
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import layout
from sakigake.evidence.verify import verify
from sakigake.model import StoredToken
from sakigake.store.sqlite import SqliteStore
from tests.evidence.conftest import Recorder
from tests.evidence.test_tokens import NOBODY
from tests.peers import forge


def readme(folder: Path) -> str:
    return (folder / layout.README).read_text(encoding="utf-8")


def commands(folder: Path) -> list[str]:
    text = readme(folder)
    return re.findall(r"^   (\S.*)$", text[text.index("How to check") :], re.MULTILINE)


def by_hand(folder: Path, command: str) -> str:
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    ).stdout


def missing(folder: Path) -> list[str]:
    """Return the files of the package that the commands name and that are not there."""
    named = re.findall(r"(?:stages|anchors|trust)/[A-Za-z0-9._-]+", " ".join(commands(folder)))
    assert named
    return [name for name in named if not (folder / name).is_file()]


def test_the_commands_follow_a_stage_whose_picture_is_shown(record: Recorder, tmp_path: Path) -> None:
    recorded = record(3)
    recorded.export(tmp_path / "pack", without_picture=[recorded.stages[-1]])
    assert not missing(tmp_path / "pack")
    assert layout.stage(recorded.stages[1], "png") in " ".join(commands(tmp_path / "pack"))


def test_without_any_picture_they_follow_the_fingerprint(record: Recorder, tmp_path: Path) -> None:
    recorded = record(2)
    recorded.export(tmp_path / "pack", without_picture=recorded.stages)
    assert not missing(tmp_path / "pack")
    printed = by_hand(tmp_path / "pack", commands(tmp_path / "pack")[2])
    digest, opening = (line.split()[0] for line in printed.splitlines()[:2])
    assert f'"digest":"{digest}"' in printed
    assert f'"fp":"{opening}"' in printed
    text = readme(tmp_path / "pack")
    for lang in words.LANGUAGES:
        about = words.text("handcheck.about-print", lang, session="", seq=2, goal="")
        assert about[-30:] in text


def test_without_a_time_no_step_is_promised_about_one(record: Recorder, tmp_path: Path) -> None:
    record(1).export(tmp_path / "pack")
    text = readme(tmp_path / "pack")
    assert len(commands(tmp_path / "pack")) == 5
    assert "from its picture to the signed record." in text
    for lang in words.LANGUAGES:
        assert words.text("handcheck.no-time", lang) in text
        assert words.text("handcheck.unchecked", lang) in text
        assert words.text("handcheck.goal-time", lang) + "." not in text


@pytest.mark.parametrize("name", ["NOTE.txt", "stages/000012.png", "anchors/SHA256SUMS"])
def test_the_first_step_finds_a_file_that_was_added(record: Recorder, tmp_path: Path, name: str) -> None:
    record(2).export(tmp_path / "pack")
    first = commands(tmp_path / "pack")[0]
    assert name not in by_hand(tmp_path / "pack", first)
    (tmp_path / "pack" / name).write_bytes(b"x")
    assert f"1 {name}\n" in by_hand(tmp_path / "pack", first)
    with pytest.raises(VerificationError):
        verify(tmp_path / "pack", NOBODY)


def test_the_first_step_finds_links_empty_folders_and_what_is_gone(record: Recorder, tmp_path: Path) -> None:
    record(2).export(tmp_path / "pack")
    first = commands(tmp_path / "pack")[0]
    (tmp_path / "pack" / "more").mkdir()
    (tmp_path / "pack" / "link.png").symlink_to("index.html")
    (tmp_path / "pack" / "index.html").rename(tmp_path / "gone.html")
    told = by_hand(tmp_path / "pack", first)
    assert {"more", "link.png", "index.html"} <= {line.split()[-1] for line in told.splitlines()}


@pytest.mark.parametrize("name", ["evil\n./evil", "notice.html\r\x1b[2K\x1b[1A"])
def test_the_first_step_shows_names_that_would_hide_themselves(
    record: Recorder, tmp_path: Path, name: str
) -> None:
    """A line break makes two lines of one, and a terminal obeys some letters."""
    record(2).export(tmp_path / "pack")
    first = commands(tmp_path / "pack")[0]
    honest = by_hand(tmp_path / "pack", first)
    added = tmp_path / "pack" / name
    added.parent.mkdir(exist_ok=True)
    added.write_bytes(b"x")
    told = by_hand(tmp_path / "pack", first)
    assert len(told.splitlines()) > len(honest.splitlines())
    assert "\x1b" not in told
    assert "\r" not in told
    with pytest.raises(VerificationError):
        verify(tmp_path / "pack", NOBODY)


def test_the_checkpoints_own_signature_is_looked_at(record: Recorder, tmp_path: Path) -> None:
    record(2).export(tmp_path / "pack")
    root = commands(tmp_path / "pack")[4]
    before = sorted(path.name for path in tmp_path.rglob("*"))
    told = by_hand(tmp_path / "pack", root).splitlines()
    assert told[0] == told[1]
    assert told[2:] == ["Signature Verified Successfully"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == before, "no file is added to the package"
    named = re.search(r"for f in (\S+);", root)
    assert named
    note = tmp_path / "pack" / named[1]
    text, _, signature = note.read_text(encoding="utf-8").rpartition(" ")
    odd = "A" if signature[40] != "A" else "B"
    note.write_text(f"{text} {signature[:40]}{odd}{signature[41:]}", encoding="utf-8")
    told = by_hand(tmp_path / "pack", root).splitlines()
    assert told[0] == told[1]
    assert "Signature Verified Successfully" not in told


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_time_by_hand_is_that_of_the_verifiers_whatever_the_accuracy(
    record: Recorder, tmp_path: Path, shell: str
) -> None:
    """Found by an outsider: of a token right to a day, OpenSSL shows the middle and nobody said so."""
    if not shutil.which(shell, path="/usr/bin:/bin"):
        pytest.skip(f"{shell} is not installed")
    chain = forge.chain()
    pem = chain.root.public_bytes(serialization.Encoding.PEM)
    trusted = Trust().with_roots(pem, "local")

    def seal(store: SqliteStore, session: str) -> None:
        note = store.checkpoints(session)[-1]
        plan = forge.Plan(
            chain, data=note.note, accuracy=forge.seq(forge.integer(86_400)), serial=note.number + 1
        )
        raw = forge.forge(plan)
        low, high = (read := rfc3161.read_token(raw, note.note, trusted)).low, read.high
        kept = StoredToken(note.number, "local", raw, sha256(raw).digest(), low, high, trusted=True)
        store.add_token(session, kept)

    folder = tmp_path / "pack"
    record(1, seal).export(folder, trusted)
    steps = commands(folder)
    assert len(steps) == 6
    told = [
        subprocess.run(
            [shell, "-c", step],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        for step in steps
    ]
    assert "FAILED" not in told[0].stdout
    assert not [
        line
        for line in told[0].stdout.splitlines()
        if not line.endswith((": OK", " SHA256SUMS", " SHA256SUMS.sig"))
    ]
    assert all("Signature Verified Successfully" in told[at].stdout for at in (1, 4))
    assert "Verification: OK" in told[5].stdout
    stamped = re.search(r"Time stamp: (.*) GMT", told[5].stdout)
    accuracy = re.search(r"Accuracy: (0x[0-9A-F]+) seconds", told[5].stdout)
    assert stamped
    assert accuracy
    when = datetime.strptime(stamped[1], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    at = re.search(r"-attime ([0-9]+)", steps[5])
    assert at
    assert datetime.fromtimestamp(int(at[1]), UTC) == when, "the number behind -attime is the printed time"
    assert when.strftime("%Y") in told[5].stdout.splitlines()[-1]
    latest = when + timedelta(seconds=1 + int(accuracy[1], 16))
    assert latest == verify(folder, trusted).stages[0].interval.not_after
