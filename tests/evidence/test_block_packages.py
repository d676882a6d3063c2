"""Packages whose time comes from Bitcoin blocks: what counts, what is said of it, and what no verifier takes."""

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import attack_scene, chain
from desk.cli import cli
from desk.commands.verify import _print
from desk.demo import authority as demo
from sakigake import resources
from sakigake.anchor import bitcoin, rfc3161
from sakigake.anchor.calendars import Calendars
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import blocks, container, layout
from sakigake.evidence.standalone import joined
from sakigake.evidence.standalone.blocks import check_blocks
from sakigake.evidence.standalone.certificates import Root
from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.main import sentences
from sakigake.evidence.standalone.notes import Checkpoint
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.standalone.wording import EN, JA
from sakigake.evidence.verify import Report, verify
from sakigake.model import Interval, StoredProof, StoredToken, Verdict
from sakigake.store.protocol import Promise
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.reading import entry_bounds
from tests.evidence.conftest import Recorded, Recorder

EASIEST = chain.easiest()
NOBODY = Trust()
VECTOR = json.loads(resources.read_text("vectors-v1.json"))["block"]


def in_a_block(
    store: SqliteStore, session: str, seconds: int | None = None, number: int = -1
) -> bitcoin.Header:
    """Put a checkpoint, the newest unless `number` says otherwise, into a block."""
    checkpoint = store.checkpoints(session)[number]
    then = int(time.time()) if seconds is None else seconds
    raw, header = attack_scene.held(checkpoint.note, then, chain.EASY)
    block = bitcoin.read(header, easiest=EASIEST)
    store.add_proof(session, StoredProof(checkpoint.number, raw, header, block.low, block.high))
    return block


def both(path: Path, trust: Trust = NOBODY) -> tuple[Report, dict[str, object]]:
    """Return what both verifiers say; they must say the same."""
    report = verify(path, trust, easiest=EASIEST)
    roots = [Root(each.name, each.roots, each.between) for each in trust.authorities]
    alone = check_alone(path, roots, EASIEST)
    assert (report.verdict.value, list(report.reasons)) == (alone["verdict"], alone["reasons"])
    times = [(stage.interval.not_before, stage.interval.not_after) for stage in report.stages]
    assert times == [(stage["not_before"], stage["not_after"]) for stage in alone["stages"]]
    assert {block.name for block in report.blocks} == {name for name, _ in alone["blocks"]}
    flags = ["block-time" in stage.flags for stage in report.stages]
    assert flags == [stage["by_block"] for stage in alone["stages"]]
    return report, alone


@pytest.fixture
def alone(tmp_path: Path, record: Recorder) -> tuple[Recorded, bitcoin.Header]:
    recorded = record(3)
    block = in_a_block(recorded.store, recorded.session.id)
    done = recorded.export(tmp_path / "pack.zip")
    assert (done.tokens, done.blocks) == (0, 1)
    return recorded, block


def test_verified_by_a_block_alone(tmp_path: Path, alone: tuple[Recorded, bitcoin.Header]) -> None:
    _, block = alone
    report, said = both(tmp_path / "pack.zip")
    assert report.verdict is Verdict.VERIFIED
    assert report.authorities == ("bitcoin",)
    for stage in report.stages:
        # Two hours are added, and a block never says that something was not there before it.
        assert stage.interval == Interval(None, block.time + timedelta(hours=2))
        assert stage.flags == ("block-time",)
    (found,) = report.blocks
    assert (found.name, found.time, found.file) == (block.name, block.time, "anchors/0004.ots")
    assert said["authorities"] == []


def test_what_is_said_names_the_witness_and_its_width(
    tmp_path: Path, alone: tuple[Recorded, bitcoin.Header], capsys: pytest.CaptureFixture[str]
) -> None:
    _, block = alone
    report, said = both(tmp_path / "pack.zip")
    _print(report, NOBODY)
    project = capsys.readouterr().out
    for text, start in ((project, "VERIFIED: "), ("\n".join(sentences(said, EN)), "VERIFIED: ")):
        assert text.splitlines()[0].startswith(start)
        assert "Bitcoin block, ± 2 hours; no time authority was counted" in text.splitlines()[0]
        assert "trusted authority" not in text.splitlines()[0]
        assert block.name in text
        assert "look it up" in text
        assert text.count("Bitcoin block, ± 2 hours") >= 1 + len(report.stages)
    assert "no --trust" in "\n".join(sentences(said, EN))
    assert "前後 2 時間" in sentences(said, JA)[0]


def test_the_commands_take_no_block_of_a_test_chain(
    tmp_path: Path, alone: tuple[Recorded, bitcoin.Header]
) -> None:
    """The floor cannot be lowered from outside: neither by a setting, nor by a variable, nor on the command line."""
    assert alone
    pack = tmp_path / "pack.zip"
    with pytest.raises(VerificationError) as caught:
        verify(pack, NOBODY)
    assert caught.value.code == "block-too-easy"
    said = CliRunner().invoke(cli, ["verify", str(pack), "--json"])
    assert (said.exit_code, json.loads(said.stdout)["code"]) == (6, "block-too-easy")
    (tmp_path / "verify.py").write_bytes(joined.joined())
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(pack), "--json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (6, "block-work")


def test_a_block_over_some_stages_verifies_those(tmp_path: Path, record: Recorder) -> None:
    recorded = record(3)
    block = in_a_block(recorded.store, recorded.session.id, number=2)
    recorded.export(tmp_path / "pack.zip")
    report, _ = both(tmp_path / "pack.zip")
    assert (report.verdict, report.reasons) == (Verdict.INTEGRITY_ONLY, ("stage-without-token",))
    assert [stage.interval.not_after for stage in report.stages] == [block.high, block.high, None]
    assert report.stages[2].flags == ("no-time",)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Trust, Callable[[SqliteStore, str], None]]:
    """Return an authority and a function that has the newest checkpoint stamped by it."""
    folder = tmp_path / "tsa"
    demo.create(folder)
    trust = Trust().with_roots((folder / "root.pem").read_bytes(), "local")

    def seal(store: SqliteStore, session: str) -> None:
        checkpoint = store.checkpoints(session)[-1]
        raw = attack_scene.ask(folder, checkpoint.note)
        read = rfc3161.read_token(raw, checkpoint.note, trust)
        token = StoredToken(
            checkpoint.number, "local", raw, sha256(raw).digest(), read.low, read.high, trusted=True
        )
        store.add_token(session, token)

    return trust, seal


def test_the_earlier_of_token_and_block_counts(
    tmp_path: Path, record: Recorder, authority: tuple[Trust, Callable[[SqliteStore, str], None]]
) -> None:
    trust, seal = authority
    recorded = record(3, seal)
    store, session = recorded.store, recorded.session.id
    in_a_block(store, session, number=1)
    early = in_a_block(store, session, int(time.time()) - 90 * 60, number=3)
    recorded.export(tmp_path / "pack.zip", trust)
    report, _ = both(tmp_path / "pack.zip", trust)
    assert report.authorities == ("local", "bitcoin")
    # A token of now is earlier than a block of now and two hours; a block of ninety minutes ago is not.
    assert [stage.interval.not_after for stage in report.stages][:1] != [early.high]
    assert all(stage.flags == () for stage in report.stages)
    _print(report, trust)
    # Who pins nobody still sees the blocks.
    report, _ = both(tmp_path / "pack.zip")
    assert report.verdict is Verdict.VERIFIED
    assert {stage.interval.not_after for stage in report.stages} == {early.high}
    assert (report.untrusted_tokens, report.authorities) == (5, ("bitcoin",))


def test_a_block_older_than_a_token_named_before_it_contradicts(
    tmp_path: Path, record: Recorder, authority: tuple[Trust, Callable[[SqliteStore, str], None]]
) -> None:
    trust, seal = authority
    recorded = record(2, seal)
    in_a_block(recorded.store, recorded.session.id, int(time.time()) - 3 * 3600)
    recorded.export(tmp_path / "pack.zip", trust)
    with pytest.raises(VerificationError) as caught:
        verify(tmp_path / "pack.zip", trust, easiest=EASIEST)
    assert caught.value.code == "times-contradict"
    roots = [Root(each.name, each.roots, each.between) for each in trust.authorities]
    with pytest.raises(RefusedError) as refused:
        check_alone(tmp_path / "pack.zip", roots, EASIEST)
    assert refused.value.code == "times"


def test_a_promise_is_not_exported(tmp_path: Path, record: Recorder) -> None:
    recorded = record(2)
    recorded.export(tmp_path / "before.zip")
    now = recorded.session.started
    promise = Promise(
        recorded.session.id, 2, "https://calendar.example", bytes.fromhex(VECTOR["pending"]), now, now
    )
    recorded.store.add_promises(recorded.session.id, 2, [promise])
    done = recorded.export(tmp_path / "after.zip")
    assert done.blocks == 0
    assert (tmp_path / "before.zip").read_bytes() == (tmp_path / "after.zip").read_bytes()
    assert entry_bounds(recorded.store, recorded.session.id, [1])[1] == Interval()


def test_bounds_of_a_kept_session_know_its_blocks(record: Recorder) -> None:
    recorded = record(2)
    block = in_a_block(recorded.store, recorded.session.id, number=1)
    found = entry_bounds(recorded.store, recorded.session.id, recorded.stages)
    assert [found[seq] for seq in recorded.stages] == [Interval(None, block.high), Interval()]
    assert recorded.store.sealed(recorded.session.id) == 2


def commands_in(folder: Path) -> list[str]:
    text = (folder / "READ-ME-FIRST.txt").read_text(encoding="utf-8")
    return re.findall(r"^   (\S.*)$", text[text.index("How to check") :], re.MULTILINE)


@pytest.mark.parametrize("with_token", [False, True])
def test_by_hand_in_six_commands_at_most(
    tmp_path: Path,
    record: Recorder,
    authority: tuple[Trust, Callable[[SqliteStore, str], None]],
    with_token: bool,
) -> None:
    trust, seal = authority
    recorded = record(2, seal if with_token else None)
    block = in_a_block(recorded.store, recorded.session.id)
    folder = tmp_path / "pack"
    recorded.export(folder, trust)
    commands = commands_in(folder)
    assert len(commands) == 6
    assert sum("openssl ts" in command for command in commands) == with_token
    outputs = []
    for command in commands[:-1]:
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        outputs.append(done.stdout)
    leaf = outputs[2 if with_token else 3].splitlines()[-2:]
    assert leaf[0].split()[0] == leaf[1]
    roots = outputs[3 if with_token else 4].splitlines()
    signed = roots[-(2 if with_token else 1) :]
    assert signed == ["Signature Verified Successfully"] * len(signed), "each checkpoint's own"
    roots = roots[: -len(signed)]
    assert roots[: len(roots) // 2] == roots[len(roots) // 2 :]
    assert len(roots) == (4 if with_token else 2)
    checking, _, header = commands[-1].partition("; ")
    assert checking == "ots --no-bitcoin verify -f anchors/0003.checkpoint.txt anchors/0003.ots"
    done = subprocess.run(["bash", "-c", header], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [block.name, block.root[::-1].hex()]


def judged(folder: Path, proof: bytes, header: bytes) -> tuple[bool, bool]:
    """Say which verifier takes a proof and a header as they stand, with no list of files around them."""
    (folder / "anchors").mkdir(exist_ok=True)
    (folder / "anchors" / "0000.ots").write_bytes(proof)
    (folder / "anchors" / "0000.hdr").write_bytes(header)
    data, easiest = base64.b64decode(VECTOR["data"]), int(VECTOR["easiest"], 16)
    taken = []
    for check in (
        lambda: blocks.check(container.open_container(folder), [(data, 1)], easiest=easiest),
        lambda: check_blocks(Files(folder), [Checkpoint(data, 1, b"", None, None)], {}, easiest),
    ):
        try:
            taken.append(bool(check()))
        except (VerificationError, RefusedError):
            taken.append(False)
    return taken[0], taken[1]


@pytest.mark.slow
def test_no_bit_that_the_keys_holder_changes_is_taken(tmp_path: Path) -> None:
    """The list of files could be signed anew. Left is the height, three bytes that nothing rests on."""
    proof, header = bytes.fromhex(VECTOR["proof"]), bytes.fromhex(VECTOR["header"])
    assert judged(tmp_path, proof, header) == (True, True)
    taken = set()
    for raw, put in (
        (proof, lambda changed: (changed, header)),
        (header, lambda changed: (proof, changed)),
    ):
        for at in range(len(raw)):
            for bit in range(8):
                changed = raw[:at] + bytes((raw[at] ^ 1 << bit,)) + raw[at + 1 :]
                answer = judged(tmp_path, *put(changed))
                assert answer[0] == answer[1], (raw is proof, at, bit)
                if answer[0]:
                    taken.add((raw is proof, at))
    assert taken <= {(True, len(proof) - 1 - place) for place in range(3)}


@pytest.mark.slow
def test_no_bit_of_a_package_can_be_changed(tmp_path: Path, alone: tuple[Recorded, bitcoin.Header]) -> None:
    assert alone
    archive = container.open_container(tmp_path / "pack.zip")
    contents = {name: container.read(archive, name, 1 << 26) for name in archive.names()}
    path = tmp_path / "changed.zip"
    tried = 0
    for name in ("anchors/0004.ots", "anchors/0004.hdr"):
        raw = contents[name]
        for at in range(len(raw)):
            for bit in range(8):
                changed = raw[:at] + bytes((raw[at] ^ 1 << bit,)) + raw[at + 1 :]
                path.write_bytes(attack_scene.pack({**contents, name: changed}))
                with pytest.raises(VerificationError):
                    verify(path, NOBODY, easiest=EASIEST)
                with pytest.raises(RefusedError):
                    check_alone(path, [], EASIEST)
                tried += 1
    assert tried == 8 * (len(contents["anchors/0004.ots"]) + 80)


def test_names_in_the_layout_are_those_of_the_description() -> None:
    assert (layout.proof(7), layout.header(7)) == ("anchors/0007.ots", "anchors/0007.hdr")
    assert Calendars() == Calendars((), 600, 10, None)
