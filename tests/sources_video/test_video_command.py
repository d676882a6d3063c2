"""A film taken in by the real command: stages in its order, its holes as gaps, no token of its time."""

from pathlib import Path

import numpy as np
import pytest

from sakigake.model import EntryType
from tests.capture.running import Kept, Recording, command
from tests.sources_video.test_video import Film, av
from tests.sources_video.test_video import film as film  # noqa: PLC0414 - a fixture

assert av


def test_a_hole_in_a_film_is_a_gap_in_the_record(tmp_path: Path, film: Film) -> None:
    path = film(times=[*np.arange(0, 10, 0.1), *np.arange(40, 50, 0.1)])
    home = tmp_path / "home"
    with Recording(home, "--source", f"video:{path}", "--interval", "2s") as recording:
        assert recording.ended(60) == 0
        assert any("no pictures for" in line for line in recording.sentences)
    with Kept(home) as kept:
        kept.check()
        gaps = kept.of(EntryType.GAP)
        assert [entry.info["reason"] for entry in gaps] == ["video-hole"]
        assert 28_000 <= int(gaps[0].info["ms"]) <= 32_000
        assert 8_000 <= int(gaps[0].info["pts_ms"]) <= 10_100
        stages = kept.of(EntryType.STAGE)
        assert len(stages) >= 2
        assert {stage.info["origin"] for stage in stages} == {"video"}


@pytest.mark.parametrize(("name", "said"), [("none.mp4", "no video at"), ("text.mp4", "cannot be read")])
def test_what_is_no_film_is_said(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "text.mp4").write_text("no film\n" * 100)
    told = command(tmp_path / "home", "start", "--source", f"video:{tmp_path / name}")
    assert told.returncode in {2, 4}
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_once_does_not_look_at_a_film_more_often(tmp_path: Path, film: Film) -> None:
    """`--once` makes a folder be looked at often; of a film it would decode everything for nothing."""
    path = film(times=np.arange(0, 12, 0.1))
    looks: list[int] = []
    for more in ((), ("--once",)):
        table = tmp_path / f"{len(looks)}.csv"
        options = ("--source", f"video:{path}", "--stats", str(table), *more)
        with Recording(tmp_path / f"home{len(looks)}", *options) as recording:
            assert recording.ended(60) == 0
        looks.append(len(table.read_text(encoding="utf-8").splitlines()) - 1)
    assert 5 <= looks[0] <= 7
    assert looks[0] == looks[1]
