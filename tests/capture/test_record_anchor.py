"""A recording beside a real time authority on this machine (openssl ts): it never waits for it and misses nothing."""

import shutil
import time
from pathlib import Path

import pytest

from desk.demo.authority import LocalAuthority, local_authority
from sakigake.model import EntryType
from tests.capture.display import Painter, XServer, have_xvfb
from tests.capture.running import Kept, Recording

pytestmark = [
    pytest.mark.x11,
    pytest.mark.skipif(not have_xvfb(), reason="Xvfb is not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
SCREEN = ("--region", "0,0,640,480", "--interval", "0.2s")


def settings(home: Path, authority: LocalAuthority) -> None:
    home.mkdir()
    text = authority.settings().replace(
        "[anchor]", "[record]\nheartbeat_s = 0.5\n[anchor]\ncheckpoint_s = 1\nstage_checkpoint_s = 1"
    )
    (home / "sakigake.toml").write_text(text, encoding="utf-8")


def test_entries_lie_between_the_tokens_before_and_after_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with local_authority(tmp_path / "keys") as authority, XServer() as server, Painter(server) as painter:
        settings(home, authority)
        painter.fill(0, 0, 640, 480, 0xFFFFFF)
        with Recording(home, *SCREEN, display=server.name) as recording:
            recording.wait_for("heartbeat", 6)  # by now the first token has come
            painter.stroke(1, size=20)
            recording.wait_for("stage", 2)
            assert recording.end() == 0
            assert not any("still to come" in line for line in recording.sentences)
    with Kept(home) as kept:
        kept.check()
        session = kept.sessions[0].id
        checkpoints = kept.store.checkpoints(session)
        tokens = kept.store.tokens(session)
        assert {token.checkpoint for token in tokens} >= {0, len(checkpoints) - 1}
        assert all(token.trusted for token in tokens)
        assert kept.of(EntryType.STAGE)[-1].after in {token.digest.hex() for token in tokens}
        assert not kept.store.pending_jobs()


@pytest.mark.slow
def test_an_authority_that_is_away_is_told_and_its_tokens_are_owed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with local_authority(tmp_path / "keys") as authority:
        settings(home, authority)
    with XServer() as server, Recording(home, *SCREEN, display=server.name) as recording:
        recording.wait_for("anchor_fail")
        recording.wait_for("heartbeat", 6)
        began = time.monotonic()
        assert recording.end() == 0
        assert time.monotonic() - began < 30
        assert any("still to come" in line for line in recording.sentences)
    with Kept(home) as kept:
        kept.check()
        (fail,) = kept.of(EntryType.ANCHOR_FAIL)
        assert fail.info == {"authority": "demonstration", "reason": "anchor-unreachable"}
        assert kept.store.pending_jobs()
