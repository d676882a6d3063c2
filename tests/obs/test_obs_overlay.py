"""A real OBS shows the picture of the code, and loads it anew by itself when it changes."""

import hashlib
from functools import partial
from pathlib import Path

import pytest

from capture.frame import Frame
from capture.sources.obs import ObsSource
from sakigake.witness import overlay
from sakigake.witness.code import Head
from sakigake.witness.reader import heads
from tests.peers.obs import PASSWORD, Obs, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.x11]


def head(number: int) -> Head:
    root = hashlib.sha256(b"%d" % number).digest()
    return Head(root.hex()[:8], number, root)


def test_an_image_source_follows_the_file(obs: Obs, tmp_path: Path) -> None:
    path = tmp_path / "code.png"
    overlay.write(path, head(1), "ab" * 16, "ja")
    obs.add_colour("paper", 0xC0C0C0, 1280, 720)
    obs.add("code", "image_source", file=str(path))
    source = ObsSource(obs.address, PASSWORD)
    source.open()
    seen: set[Head] = set()

    def shows(count: int) -> bool:
        frame = source.grab()
        if isinstance(frame, Frame):
            found, _ = heads(frame.pixels)
            seen.update(found)
        return len(seen) == count

    try:
        for number in (1, 2, 3):
            overlay.write(path, head(number), "ab" * 16, "en")
            wait_for(f"code {number} is not on air", partial(shows, number))
    finally:
        source.close()
    assert seen == {head(1), head(2), head(3)}
