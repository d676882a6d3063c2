"""Where a post and a stage agree: the maps add up to the scores, lie where they should, and are drawn for people."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sakigake import words
from sakigake.errors import UsageError
from sakigake.fingerprint.vector import V1, VERSION, Descriptors, fingerprint_v1, fingerprint_v2, unpack
from sakigake.model import Interval
from sakigake.store.sqlite import SqliteStore
from tests.watch.studio import START, Studio, drawing, framed, pictures, record, redrawn, saved
from watch import explained
from watch.check import check_picture
from watch.compare.explain import agreement
from watch.compare.measures import MEASURES, prepared, rows_of
from watch.explaining import maps

ROOT = Path(__file__).parents[2]
LATER = Interval(START + timedelta(hours=2), START + timedelta(hours=3))


def seen(pixels: np.typing.NDArray[np.uint8]) -> Descriptors:
    return unpack(fingerprint_v2(pixels))


def scores(post: Descriptors, stage: Descriptors) -> dict[str, float]:
    one, other = prepared(rows_of([post])), prepared(rows_of([stage]))
    return {
        each.name: float(each.compare(one[each.part], other[each.part])[0, 0])
        for each in MEASURES[post.version]
    }


@given(st.integers(0, 2**32 - 1), st.integers(0, 7))
@settings(max_examples=20, deadline=None)
def test_the_maps_add_up_to_the_scores(seed: int, stage: int) -> None:
    post, draft = seen(redrawn(drawing(seed, 7))), seen(drawing(seed, stage))
    found, known = agreement(post, draft), scores(post, draft)
    assert found.layout is not None
    assert (found.layout.shape, found.edges.shape, found.colours.shape) == ((16, 16), (16, 16), (8, 8))
    layout = (known["layout_on_stage_v2"] + known["layout_on_post_v2"]) / 2
    assert float(found.layout.sum()) == pytest.approx(layout, abs=2e-4)
    assert float(found.edges.sum()) == pytest.approx(known["edge_layout_v1"], abs=1e-4)
    assert float(found.colours.sum()) == pytest.approx(known["oklab_thumb_8_v1"], abs=1e-4)


def test_agreement_lies_where_the_pictures_are_the_same() -> None:
    """The left half of one drawing beside the right half of another."""
    one, other = drawing(11, 7), drawing(104, 7)
    half = one.shape[1] // 2
    mixed = one.copy()
    mixed[:, half:] = other[:, half:]
    found = agreement(seen(mixed), seen(one))
    assert found.layout is not None
    for values in (found.layout, found.edges, found.colours):
        middle = values.shape[1] // 2
        same, different = float(values[:, : middle - 1].sum()), float(values[:, middle + 1 :].sum())
        assert same > 4 * max(different, 0.02)
    best = np.unravel_index(found.layout.argmax(), found.layout.shape)
    assert best[1] < 8


def test_an_older_fingerprint_has_no_layout_and_is_not_mixed_with_a_newer() -> None:
    old = unpack(fingerprint_v1(drawing(11, 7)))
    found = agreement(old, old)
    assert found.layout is None
    assert float(found.edges.sum()) == pytest.approx(1, abs=1e-3)
    assert (old.version, seen(drawing(11, 7)).version) == (V1, VERSION)
    with pytest.raises(UsageError):
        agreement(old, seen(drawing(11, 7)))


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return record(SqliteStore(tmp_path / "sakigake.db"), pictures())


@pytest.mark.parametrize("turned", [False, True])
def test_the_view_that_fitted_is_shown(tmp_path: Path, studio: Studio, turned: bool) -> None:
    source = redrawn(drawing(11, 7))
    given = framed(np.ascontiguousarray(source[:, ::-1]) if turned else source)
    post = saved(tmp_path / "post.png", given)
    finding = check_picture(studio.store, [studio.session], post, LATER)
    assert finding.view == ("frame-mirror" if turned else "frame")
    shown = explained.explain(studio.store, tmp_path / "pictures", post, finding)
    assert shown.post.shape[0] < given.shape[0]
    small = cv2.resize(shown.post, (64, 48), interpolation=cv2.INTER_AREA).astype(np.float32)
    expected = cv2.resize(source, (64, 48), interpolation=cv2.INTER_AREA).astype(np.float32)
    assert float(np.abs(small - expected).mean()) < 12
    assert shown.stage is None  # this session keeps no pictures
    raw = {score.name: score.raw for score in finding.scores}
    assert float(shown.maps.edges.sum()) == pytest.approx(raw["edge_layout_v1"], abs=1e-4)


def test_a_post_that_was_exchanged_meanwhile_is_not_explained(tmp_path: Path, studio: Studio) -> None:
    post = saved(tmp_path / "post.png", redrawn(drawing(11, 7)))
    finding = check_picture(studio.store, [studio.session], post, LATER)
    saved(post, drawing(12, 7))
    with pytest.raises(UsageError) as caught:
        explained.explain(studio.store, tmp_path, post, finding)
    assert caught.value.code == "explain-changed"


def test_the_best_cell_is_yellow_and_no_agreement_is_dark() -> None:
    values = np.zeros((16, 16), np.float32)
    values[4, 9] = 0.2
    values[8, 8] = -1
    drawn = maps.heat(values, (160, 160))
    best, none, against = drawn[45, 95], drawn[5, 5], drawn[85, 85]
    assert int(best[2]) > 200
    assert int(best[0]) < 90
    assert int(none[2]) < 60
    assert np.array_equal(none, against)
    assert np.array_equal(maps.heat(np.full((8, 8), -1, np.float32), (160, 160))[5, 5], none)
    assert (maps.heat(None, (160, 160)) == drawn_empty(160)).all()


def drawn_empty(side: int) -> np.typing.NDArray[np.uint8]:
    return np.full((side, side, 3), 225, np.uint8)


def run(home: Path, *arguments: str, lang: str = "en") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "desk", "check", *arguments],
        env={**os.environ, "SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": lang, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )


@pytest.mark.usefixtures("studio")
@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_the_command_writes_one_picture_and_says_what_it_shows(tmp_path: Path, lang: str) -> None:
    post, out = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7))), tmp_path / "where.png"
    done = run(tmp_path, str(post), "--explain", str(out), lang=lang)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        picture.load()
        told = str(picture.info["Description"])
    sentence = words.text("pictures.caption.maps-alone", lang)  # this session keeps no pictures
    assert sentence in done.stdout
    assert sentence in told
    before = sha256(out.read_bytes()).digest()
    again = run(tmp_path, str(post), "--explain", str(out), lang=lang)
    assert again.returncode == 2
    assert again.stdout == ""
    assert sha256(out.read_bytes()).digest() == before


@pytest.mark.usefixtures("studio")
def test_json_stays_one_object_and_nothing_is_written_without_a_likeness(tmp_path: Path) -> None:
    out = tmp_path / "where.png"
    other = saved(tmp_path / "other.jpg", redrawn(drawing(104, 7)))
    done = run(tmp_path, str(other), "--json", "--explain", str(out))
    assert json.loads(done.stdout)["likeness"] == "none"
    assert done.stderr.strip() == words.text("explain.not-written", "en")
    assert not out.exists()


@pytest.mark.usefixtures("studio")
@pytest.mark.parametrize("name", ["where.jpg", "missing/where.png"])
def test_a_name_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    done = run(tmp_path, str(post), "--explain", str(tmp_path / name))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 2
    assert not (tmp_path / name).exists()
