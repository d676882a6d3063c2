"""Forgetting beside a real time authority: what it has stamped stays, the rest goes, and the package still verifies."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from desk.demo.authority import local_authority
from sakigake.model import EntryType
from sakigake.timeline.reading import is_forgotten
from tests.capture.forgetting import marks, traces
from tests.capture.running import COMMAND, Kept, Recording, command, environment, wait_until

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.mark.slow
def test_what_is_stamped_stays_and_the_package_verifies(tmp_path: Path) -> None:
    home, frames = tmp_path / "home", tmp_path / "frames"
    home.mkdir()
    frames.mkdir()
    random = np.random.default_rng(6)

    def draw(name: str) -> None:
        pixels = cv2.resize(random.integers(0, 256, (30, 40, 3), np.uint8), (400, 300))
        assert cv2.imwrite(str(tmp_path / name), pixels)
        (tmp_path / name).rename(frames / name)

    with local_authority(tmp_path / "keys") as authority:
        # A stage is sealed soon after it is kept; checkpoints without one are far apart.
        text = authority.settings().replace(
            "[anchor]", "[anchor]\ncheckpoint_s = 600\nstage_checkpoint_s = 4"
        )
        (home / "sakigake.toml").write_text(text, encoding="utf-8")
        draw("1.png")
        with Recording(home, "--source", f"folder:{frames}", "--interval", "0.2s") as recording:
            recording.wait_for("stage")
            with Kept(home) as kept:
                session = kept.sessions[0].id
                wait_until(lambda: kept.store.sealed(session) > 1, 30)
            draw("2.png")
            recording.wait_for("stage", 2)
            with Kept(home) as kept:
                second = [entry for entry in kept.stored() if entry.type is EntryType.STAGE][1]
            told = command(home, "forget")
            assert told.returncode == 0, told.stderr
            assert told.stdout.startswith("1 pictures were forgotten")
            assert "1 more were stamped already and stay" in told.stdout
            assert traces(home, marks(second)) == []
            time.sleep(0.5)
            assert recording.end() == 0
        package = tmp_path / "pack.zip"
        for arguments, code in (
            (("export", "--no-stamp", "-o", str(package)), 0),
            (("verify", str(package), "--json"), 0),
        ):
            ran = subprocess.run(
                [*COMMAND[:-1], *arguments],
                env=environment(home),
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == code, ran.stderr
    report = json.loads(ran.stdout)
    assert report["verdict"] == "VERIFIED"
    assert report["ledger_closed"] is True
    assert len(report["stages"]) == 1
    with Kept(home) as kept:
        kept.check()
        stages = [entry for entry in kept.stored() if entry.type is EntryType.STAGE]
        assert [is_forgotten(entry) for entry in stages] == [False, True]
        (gap,) = kept.of(EntryType.GAP)
        assert gap.info["reason"] == "forgotten"
        assert gap.after in {token.digest.hex() for token in kept.store.tokens(session)}
