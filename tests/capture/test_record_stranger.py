"""Somebody else answers at the address of the time authority: said once, and no time is lost."""

import shutil
from pathlib import Path

import pytest

from desk.demo.authority import LocalAuthority, create, local_authority
from sakigake.model import EntryType
from tests.capture.running import Kept, Recording
from tests.capture.test_kill import drawings
from tests.desk.test_key_command import sakigake

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
SAID = "Somebody else answered in place of the time authority demonstration"


@pytest.mark.parametrize("once", [True, False])
def test_a_stranger_in_place_of_the_authority(tmp_path: Path, once: bool) -> None:
    home, genuine = tmp_path / "home", tmp_path / "genuine"
    home.mkdir()
    create(genuine)
    drawings(tmp_path / "frames", 2)
    source = ("--source", f"folder:{tmp_path / 'frames'}", "--interval", "0.1s")
    with local_authority(tmp_path / "evil") as evil:
        asked = LocalAuthority(evil.url, genuine / "root.pem")
        (home / "sakigake.toml").write_text(asked.settings(), encoding="utf-8")
        with Recording(home, *source, *(["--once"] if once else [])) as recording:
            if not once:
                recording.wait_for("anchor_fail")
            assert (recording.ended() if once else recording.end()) == 0
        assert sum(SAID in line for line in recording.sentences) == 1
        drained = sakigake(home, "timeline", "anchor")
        assert "somebody else answered" in drained.stdout
        assert drained.stdout.startswith("0 time tokens came")
    with Kept(home) as kept:
        session = kept.sessions[0].id
        if not once:
            (fail,) = kept.of(EntryType.ANCHOR_FAIL)
            assert fail.info == {"authority": "demonstration", "reason": "anchor-not-trusted"}
        assert not any(token.trusted for token in kept.store.tokens(session))
        waiting = len(kept.store.pending_jobs())
        assert waiting >= 1
    with local_authority(genuine) as back:
        (home / "sakigake.toml").write_text(back.settings(), encoding="utf-8")
        assert "time tokens came, 0 are still waiting" in sakigake(home, "timeline", "anchor").stdout
    with Kept(home) as kept:
        assert sum(token.trusted for token in kept.store.tokens(session)) >= 1
