"""A recording with a calendar on loopback: handed in at the end, never waited for long, and told in the ledger."""

import json
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from bench import attack_scene, chain
from sakigake.anchor import bitcoin, blocks, ots
from sakigake.model import EntryType, StoredProof
from tests.capture.running import COMMAND, Kept, Recording, environment
from tests.capture.test_record_folder import canvas, write
from tests.peers.calendar import Peer, serving


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    write(folder / "1.png", canvas(5))
    return folder


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serving(Peer()) as made:
        yield made


def settle(home: Path, *peers: Peer, every_s: float = 600, timeout_s: float = 1) -> Path:
    """No authority is asked: the calendars are the only witnesses."""
    home.mkdir()
    lines = (
        "[anchor]\nuse = []\ntimeout_s = 3\ncheckpoint_s = 1",
        f"[ots]\ncalendars = {json.dumps([peer.url for peer in peers])}",
        f'explorer = "{peers[0].url}"\nevery_s = {every_s}\ntimeout_s = {timeout_s}',
    )
    (home / "sakigake.toml").write_text("\n".join(lines), encoding="utf-8")
    return home


def sakigake(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND[:-1], *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_last_checkpoint_is_handed_in(tmp_path: Path, frames: Path, peer: Peer) -> None:
    home = settle(tmp_path / "home", peer)
    with Recording(home, "--source", f"folder:{frames}", "--interval", "0.2s") as recording:
        recording.wait_for("stage")
        assert peer.asked == []  # the first ten minutes nobody is asked
        assert recording.end() == 0
    with Kept(home) as kept:
        session = kept.sessions[0].id
        notes = [point.note for point in kept.store.checkpoints(session)]
        (promise,) = kept.store.promises(session)
        assert promise.checkpoint == len(notes) - 1
        digest, _ = ots.read_file(promise.raw)
        assert digest == sha256(notes[-1]).digest()
        assert not kept.of(EntryType.ANCHOR_FAIL)
    shown = sakigake(home, "timeline", "show")
    assert "0 checkpoints in a Bitcoin block, 1 promised (they count once they are in one)" in shown.stdout
    assert "no later than" not in shown.stdout
    listed = json.loads(sakigake(home, "timeline", "list", "--json").stdout)["sessions"]
    assert [(row["blocks"], row["blocks_promised"]) for row in listed] == [(0, 1)]
    again = sakigake(home, "timeline", "anchor")
    assert again.returncode == 0, again.stderr
    assert "0 checkpoints handed in, 0 now in a Bitcoin block, 1 only promised" in again.stdout


def test_a_promise_does_not_verify_and_a_block_does(tmp_path: Path, frames: Path, peer: Peer) -> None:
    home, pack = settle(tmp_path / "home", peer), tmp_path / "pack.zip"
    with Recording(home, "--source", f"folder:{frames}", "--interval", "0.2s") as recording:
        recording.wait_for("stage")
        assert recording.end() == 0
    done = sakigake(home, "export", "--no-stamp", "-o", str(pack))
    assert "0 Bitcoin blocks hold checkpoints of this session; 1 more are only promised" in done.stdout
    assert sakigake(home, "verify", str(pack)).returncode == 7
    # The block of a test chain is kept by hand: the program itself does not take it, whatever calendars say.
    peer.mine()
    refused = sakigake(home, "timeline", "anchor")
    assert "0 now in a Bitcoin block, 1 only promised" in refused.stdout
    assert peer.paths("/block/")
    with Kept(home) as kept:
        session = kept.sessions[0].id
        point = kept.store.checkpoints(session)[-1]
        raw, header = attack_scene.held(point.note, int(time.time()), chain.EASY)
        block = bitcoin.read(header, easiest=chain.easiest())
        kept.store.add_proof(session, StoredProof(point.number, raw, header, block.low, block.high))
    shown = sakigake(home, "timeline", "show")
    assert "1 checkpoints in a Bitcoin block, 0 promised" in shown.stdout
    assert f"no later than {block.high:%Y-%m-%dT%H:%M:%SZ}" in shown.stdout
    done = sakigake(home, "export", "--no-stamp", "-o", str(tmp_path / "second.zip"))
    assert "1 Bitcoin blocks hold checkpoints of this session; 0 more are only promised" in done.stdout
    assert sakigake(home, "verify", str(tmp_path / "second.zip")).returncode == 6  # below the floor


@pytest.mark.slow
def test_calendars_that_hang_hold_nothing_up(tmp_path: Path, frames: Path, peer: Peer) -> None:
    peer.fault = "slow"
    with serving(Peer()) as second:
        second.fault = "slow"
        home = settle(tmp_path / "home", peer, second, every_s=0.5, timeout_s=4)
        with Recording(home, "--source", f"folder:{frames}", "--interval", "0.2s") as recording:
            recording.wait_for("stage")
            for number in (2, 3):
                write(frames / f"{number}.png", canvas(8 * number))
                recording.wait_for("stage", number)
            recording.wait_for("anchor_fail")
            begun = time.monotonic()
            assert recording.end() == 0
            assert time.monotonic() - begun < 20
    with Kept(home) as kept:
        kept.check()
        assert not kept.of(EntryType.GAP)  # it never stopped looking, with eight seconds of silence at a time
        (fail,) = kept.of(EntryType.ANCHOR_FAIL)
        assert fail.info == {"authority": "opentimestamps", "reason": "anchor-timeout"}
        session = kept.sessions[0].id
        assert kept.store.promises(session) == []
        assert len(kept.store.unpromised()) == 1  # nothing is lost: the next recording hands it in
    peer.fault = ""
    handed = sakigake(home, "timeline", "anchor")
    assert "1 checkpoints handed in, 0 now in a Bitcoin block, 1 only promised" in handed.stdout
    with Kept(home) as kept:
        assert blocks.waiting(kept.store) == 1
