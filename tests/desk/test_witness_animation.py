"""`witness` over animated pictures: a code that only a later frame shows, in a GIF, an APNG and a WebP."""

import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sakigake.witness.code import Head
from tests.desk.test_evidence_commands import home, sakigake
from tests.desk.test_witness_command import at, fork, ledger, scene
from tests.evidence.conftest import record
from tests.watch.test_animation import gif

__all__ = ["home", "ledger", "record"]

STEP_MS = 400
OPTIONS: dict[str, dict[str, Any]] = {
    "post.gif": {},
    "post.png": {},
    "post.webp": {"quality": 80, "method": 0},
}


def animation(path: Path, shown: list[Head | None]) -> Path:
    """Write an animated picture of 640x360, the kind a post has, with one frame for each of `shown`."""
    pictures = [
        Image.fromarray(scene(head, 40 + 3 * number)[:, :, ::-1].copy()).resize(
            (640, 360), Image.Resampling.BOX
        )
        for number, head in enumerate(shown)
    ]
    options = OPTIONS[path.name]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=STEP_MS, **options)
    return path


@pytest.mark.parametrize("name", list(OPTIONS))
def test_codes_in_later_frames_are_found_with_their_moments(
    home: Path, ledger: list[bytes], tmp_path: Path, name: str
) -> None:
    two, other = at(ledger, 2), fork(ledger, 4)
    path = animation(tmp_path / name, [None, None, two, two, two, None, other, None])
    told = sakigake(home, "witness", str(path), "--json")
    assert told.returncode == 6, told.stderr
    (file,) = json.loads(told.stdout)["files"]
    assert (file["looks"], file["odd"], file["cut"]) == (8, 0, False)
    found = {code["code"]: (code["first_ms"], code["last_ms"], code["looks"]) for code in file["codes"]}
    assert found == {two.code: (800, 1600, 3), other.code: (2400, 2400, 1)}
    said = sakigake(home, "witness", str(path)).stdout
    assert "8 looks over 0:00:02" in said
    assert "0:00:00 to 0:00:01 in the video" in said
    seldom = json.loads(sakigake(home, "witness", str(path), "--interval", "1s", "--json").stdout)["files"][0]
    assert seldom["looks"] == 3  # at 0, 1.2 and 2.4 s
    assert {code["first_ms"] for code in seldom["codes"]} == {1200, 2400}


def test_a_picture_with_one_frame_has_no_moment(home: Path, ledger: list[bytes], tmp_path: Path) -> None:
    path = animation(tmp_path / "post.gif", [at(ledger, 3)])
    told = sakigake(home, "witness", str(path), "--json")
    assert told.returncode == 0, told.stderr
    (file,) = json.loads(told.stdout)["files"]
    assert [(code["first_ms"], code["fit"]) for code in file["codes"]] == [(None, "same")]
    assert "In the picture" in sakigake(home, "witness", str(path)).stdout


@pytest.mark.parametrize(("lang", "part"), [("en", "What comes later was not read"), ("ja", "その先は")])
def test_a_hundred_thousand_frames_end_soon_and_it_is_said(
    home: Path, tmp_path: Path, lang: str, part: str
) -> None:
    (tmp_path / "many.gif").write_bytes(gif(10, 10, 100_000))
    began = time.monotonic()
    told = sakigake(home, "witness", str(tmp_path / "many.gif"), lang=lang)
    assert time.monotonic() - began < 60
    assert told.returncode == 4, told.stderr
    assert "2000" in told.stdout
    assert part in told.stdout


def test_a_huge_canvas_is_one_sentence(home: Path, tmp_path: Path) -> None:
    (tmp_path / "huge.gif").write_bytes(gif(60_000, 60_000, 100_000))
    told = sakigake(home, "witness", str(tmp_path / "huge.gif"))
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("sakigake: huge.gif is too large")


def test_codes_before_the_damage_count(home: Path, ledger: list[bytes], tmp_path: Path) -> None:
    path = animation(tmp_path / "post.png", [None, at(ledger, 2), at(ledger, 3), at(ledger, 4)])
    whole = path.read_bytes()
    last = whole.rindex(b"fcTL")
    (size,) = struct.unpack_from(">I", whole, last - 4)
    path.write_bytes(whole[: last + 8 + size + 60])
    told = sakigake(home, "witness", str(path), "--json")
    assert told.returncode == 0, told.stderr
    (file,) = json.loads(told.stdout)["files"]
    assert file["cut"]
    assert [code["size"] for code in file["codes"]] == [2, 3]
