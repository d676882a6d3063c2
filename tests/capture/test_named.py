"""What a person types becomes one source, or one sentence."""

from pathlib import Path

import pytest

from capture.sources.named import AMID_PANELS, Wish, named
from capture.sources.obs import ObsSource
from sakigake.errors import SakigakeError
from sakigake.settings import Settings, load
from tests.capture.running import Kept, Recording
from tests.capture.test_record_folder import canvas, write


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "home")


@pytest.mark.parametrize(
    ("wish", "origin", "share"),
    [
        (Wish(region="0,0,100,100"), "screen", 1.0),
        (Wish(source="screen"), "screen", AMID_PANELS),
        (Wish(source="screen:2", canvas="0,0,50,50"), "screen", 1.0),
        (Wish(source="window:krita"), "window", AMID_PANELS),
        (Wish(source="window:my drawing: 2"), "window", AMID_PANELS),
        (Wish(source="folder:/tmp", once=True), "folder", AMID_PANELS),
        (Wish(source="video:a.mp4"), "video", 1.0),
        (Wish(source="obs://"), "obs", 1.0),
        (Wish(source="obs://host:1/A scene: with / all"), "obs", 1.0),
        (Wish(pictures=(Path("a.png"),)), "pictures", 1.0),
    ],
)
def test_every_kind_of_source(wish: Wish, origin: str, share: float, settings: Settings) -> None:
    found = named(wish, settings)
    assert found.source.describe()["origin"] == origin
    assert found.canvas_share == share
    assert found.name != named(Wish(region="0,0,99,99"), settings).name
    assert found.name == named(wish, settings).name


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish(), "record-source-missing"),
        (Wish(region="0,0,99,99", source="screen"), "record-two-sources"),
        (Wish(source="screen", pictures=(Path("a.png"),)), "record-two-sources"),
        (Wish(source="screen:two"), "record-source-unknown"),
        (Wish(source="window:"), "record-source-unknown"),
        (Wish(source="window"), "record-source-unknown"),
        (Wish(source="folder:"), "record-source-unknown"),
        (Wish(source="video"), "record-source-unknown"),
        (Wish(source="camera:0"), "record-source-unknown"),
        (Wish(source="obs:"), "record-source-unknown"),
        (Wish(source="obs://me:secret@host"), "obs-address"),
        (Wish(source="screen", once=True), "record-once-needs-folder"),
        (Wish(region="0,0,99,99", once=True), "record-once-needs-folder"),
        (Wish(region="1,2,3"), "region-unreadable"),
        (Wish(source="screen", canvas="a"), "region-unreadable"),
    ],
)
def test_what_is_no_source_is_said(wish: Wish, code: str, settings: Settings) -> None:
    with pytest.raises(SakigakeError) as caught:
        named(wish, settings)
    assert caught.value.code == code


def test_our_own_folder_is_not_recorded(settings: Settings) -> None:
    with pytest.raises(SakigakeError) as caught:
        named(Wish(source=f"folder:{settings.home}/pictures"), settings)
    assert caught.value.code == "folder-is-ours"


def test_what_obs_counts_is_noted_once_before_and_once_after(settings: Settings) -> None:
    found = named(Wish(source="obs://"), settings)
    assert isinstance(found.source, ObsSource)
    assert found.notes() == []  # OBS was never asked: nothing is made up
    assert found.notes() == []


def test_picture_files_are_taken_in_in_their_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.png" for name in ("rough", "lines", "flats")]
    for number, path in enumerate(paths):
        write(path, canvas(4 * number + 1))
    with Recording(tmp_path / "home", *map(str, paths)) as recording:
        assert recording.ended(60) == 0
        assert recording.count("stage") == 3
    with Kept(tmp_path / "home") as kept:
        kept.check()
