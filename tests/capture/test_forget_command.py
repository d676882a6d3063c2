"""`record forget` on a recorder that runs and on one that does not, and all else after it."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.forget import forget_at_rest
from capture.frame import Pixels
from capture.spool import Spool
from desk.cli import main
from sakigake.errors import NotFoundError
from sakigake.model import EntryType, Picture
from sakigake.settings import load
from sakigake.timeline.entry import parse_entry
from sakigake.timeline.reading import is_forgotten
from tests.capture.forgetting import MINUTE, Drawn, marks, traces
from tests.capture.here import Scripted, recorder_here
from tests.capture.running import COMMAND, Kept, Recording, command, environment, wait_until


@pytest.fixture
def drawn(own_home: Path) -> Iterator[Drawn]:
    made = Drawn(own_home)
    yield made
    made.store.close()


def test_at_rest_an_ended_session_stays_ended(drawn: Drawn, own_home: Path) -> None:
    entry = drawn.stage()
    drawn.end()
    drawn.on(MINUTE)
    done = forget_at_rest(drawn.settings, drawn.spool, 5 * MINUTE, drawn.clock)
    assert (done.seqs, done.stamped) == ((entry.seq,), 0)
    with Kept(own_home) as kept:
        kept.check()
        assert kept.sessions[0].ended
        assert [each.type for each in kept.entries()][-3:] == [
            EntryType.SESSION_END,
            EntryType.GAP,
            EntryType.SESSION_END,
        ]


def test_at_rest_a_session_that_was_cut_off_keeps_its_gap_and_goes_on_later(
    drawn: Drawn, own_home: Path
) -> None:
    drawn.stage()
    drawn.on(MINUTE)
    forget_at_rest(drawn.settings, drawn.spool, 5 * MINUTE, drawn.clock)
    with Kept(own_home) as kept:
        kept.check()
        assert kept.sessions[0].ended is None
        kinds = [(entry.type, entry.info.get("reason")) for entry in kept.entries()][-3:]
        assert kinds == [(EntryType.RECOVERED, None), (EntryType.GAP, "crash"), (EntryType.GAP, "forgotten")]
        assert kept.of(EntryType.GAP)[0].info["ms"] == MINUTE


def test_where_there_is_nothing_to_forget_nothing_is_written(
    drawn: Drawn, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn.end()
    before = drawn.store.leaves(drawn.session.id)
    assert main(["record", "forget"]) == 4
    assert capsys.readouterr().err.startswith("sakigake: In that time no picture was kept.")
    assert drawn.store.leaves(drawn.session.id) == before
    assert main(["record", "forget", "--last", "0m"]) == 2
    with pytest.raises(NotFoundError):
        forget_at_rest(load(own_home / "elsewhere"), drawn.spool, 1, drawn.clock)
    assert not (own_home / "elsewhere").exists()


def test_all_stamped_is_said_and_changes_nothing(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = Drawn(own_home)
    drawn.now_ms = time.time_ns() // 1_000_000
    drawn.stage()
    drawn.seal()
    drawn.end()
    before = drawn.store.leaves(drawn.session.id)
    assert main(["record", "forget"]) == 4
    assert "the 1 pictures of that time are covered by a time token and stay" in capsys.readouterr().err
    assert drawn.store.leaves(drawn.session.id) == before
    drawn.store.close()


def test_a_running_recorder_forgets_and_goes_on(tmp_path: Path) -> None:
    with recorder_here(tmp_path, Scripted()) as here:
        here.wait_told(EntryType.STAGE, 3)
        with Kept(tmp_path) as kept:
            # The pictures are so alike that the next one shares parts of their fingerprints.
            wanted = [mark for entry in kept.stored() if entry.opening for mark in marks(entry)[:9]]
        told = command(tmp_path, "forget", "--last", "10m")
        assert (told.returncode, told.stderr) == (0, "")
        assert traces(tmp_path, wanted) == []
        count = int(told.stdout.split()[0])
        assert count >= 3
        here.wait_told(EntryType.STAGE, here.told.count(EntryType.STAGE) + 2)
    said = [values for key, values in here.said if key == "record.forgotten"]
    assert said == [{"count": count, "stamped": 0}]
    with Kept(tmp_path) as kept:
        kept.check()
        stages = [entry for entry in kept.stored() if entry.type is EntryType.STAGE]
        assert sum(is_forgotten(entry) for entry in stages) == count
        gone = {entry.seq for entry in stages if is_forgotten(entry)}
        (gap,) = [gap for gap in kept.of(EntryType.GAP) if gap.info["reason"] == "forgotten"]
        assert (gap.info["stages"], gap.info["first"], gap.info["last"]) == (count, min(gone), max(gone))
        for entry in stages:
            back = parse_entry(entry.raw).info.get("reverts_to")
            assert is_forgotten(entry) or back not in gone


def test_what_still_waits_for_the_disk_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, slow = Spool.keep, [1.0]

    def late(self: Spool, pixels: Pixels) -> Picture:
        time.sleep(slow[0])
        return keep(self, pixels)

    monkeypatch.setattr(Spool, "keep", late)
    with recorder_here(tmp_path, Scripted(), interval_s=0.05) as here:
        wait_until(lambda: here.recorder.backlog.waiting() >= 4, 60)
        told = command(tmp_path, "forget")
        assert told.returncode == 0, told.stderr
        count = int(told.stdout.split()[0])
        slow[0] = 0.0
    with Kept(tmp_path) as kept:
        kept.check()
        stages = [entry for entry in kept.stored() if entry.type is EntryType.STAGE]
        assert count > sum(is_forgotten(entry) for entry in stages) > 0


def test_it_works_while_paused(tmp_path: Path) -> None:
    with recorder_here(tmp_path, Scripted()) as here:
        here.wait_told(EntryType.STAGE, 2)
        assert command(tmp_path, "pause").returncode == 0
        assert command(tmp_path, "forget").returncode == 0
        assert here.told.count(EntryType.RESUME) == 0
    with Kept(tmp_path) as kept:
        kept.check()
        assert not [entry for entry in kept.stored() if entry.opening]  # nor is the last one kept at the end


def test_everything_else_copes_with_a_forgotten_stage(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = Drawn(own_home)
    drawn.now_ms = time.time_ns() // 1_000_000 - 10 * MINUTE
    drawn.stage(seed=1)
    drawn.on(10 * MINUTE)
    drawn.stage(seed=2)
    drawn.end()
    drawn.store.close()
    assert main(["record", "forget"]) == 0
    assert capsys.readouterr().out.startswith("1 pictures were forgotten")
    assert main(["timeline", "list"]) == 0
    assert main(["timeline", "show"]) == 0
    assert "stage, picture forgotten" in capsys.readouterr().out
    assert main(["timeline", "show", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["seq"] for row in rows if row.get("forgotten")] == [2]
    picture = tmp_path / "post.png"
    pixels = cv2.resize(np.random.default_rng(2).integers(0, 256, (30, 40, 3), np.uint8), (400, 300))
    assert cv2.imwrite(str(picture), pixels)
    assert main(["check", str(picture)]) == 0
    assert main(["export", "--stages", "2", "--no-stamp", "-o", str(tmp_path / "a.zip")]) == 2
    assert "sakigake: The picture of stage 2 was forgotten on request" in capsys.readouterr().err
    assert main(["export", "--stages", "1-3", "--no-stamp", "-o", str(tmp_path / "b.zip")]) == 0
    assert main(["export", "--no-stamp", "-o", str(tmp_path / "c.zip")]) == 0
    assert "1 stages are not in the package: their pictures were forgotten" in capsys.readouterr().out
    for name in ("b.zip", "c.zip"):
        assert main(["verify", str(tmp_path / name), "--json"]) == 7  # no tokens, nothing else
        report = json.loads(capsys.readouterr().out)
        assert report["ledger_closed"] is True
    with Recording(own_home, "--source", f"folder:{tmp_path}", "--once") as recording:
        assert recording.ended() == 0


def test_a_session_of_which_nothing_is_left(own_home: Path, tmp_path: Path) -> None:
    drawn = Drawn(own_home)
    drawn.stage()
    drawn.seal(trusted=False)
    drawn.forget(5)
    drawn.end()
    drawn.store.close()
    for arguments in (("check", str(picture(tmp_path))), ("export", "-o", str(tmp_path / "p.zip"))):
        told = subprocess.run(
            [*COMMAND[:-1], *arguments],
            env=environment(own_home),
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 4
        assert len(told.stderr.splitlines()) == 2


def picture(folder: Path) -> Path:
    path = folder / "post.png"
    assert cv2.imwrite(str(path), np.random.default_rng(2).integers(0, 256, (300, 400, 3), np.uint8))
    return path
