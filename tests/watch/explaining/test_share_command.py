"""A comparison to be posted: only after the text was read, bearing what it shows, naming nobody."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sakigake import words
from sakigake.model import Session
from sakigake.store.sqlite import SqliteStore
from tests.watch.commands import sakigake
from tests.watch.explaining.case import cut, recorded, usual
from tests.watch.studio import drawing, redrawn, saved
from watch.explaining import letters, sharing
from watch.explaining.sharing import Share, Way


@pytest.fixture
def session(own_home: Path) -> Session:
    store, made = recorded(own_home, [drawing(11, stage) for stage in range(4, 8)])
    store.close()
    return made


@pytest.fixture
def post(tmp_path: Path) -> Path:
    """Return a post with an account's name in its metadata."""
    path = saved(tmp_path / "somebodys_name.jpg", cut(redrawn(drawing(11, 7)), 0.05, 0.08, 0.95, 0.92))
    with Image.open(path) as picture:
        picture.load()
        exif = picture.getexif()
        exif[0x013B] = "somebodys_name"
        picture.save(path, exif=exif)
    return path


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(("lang", "answer"), [("en", ""), ("ja", "n\n")])
def test_nothing_is_written_unless_the_text_was_confirmed(
    post: Path, tmp_path: Path, lang: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    out = tmp_path / "out.gif"
    done = sakigake("share", "--post", str(post), "-o", str(out), code=2, lang=lang)
    first = words.text("pictures.share.before", lang).strip().splitlines()[0]
    assert first in done.stdout
    assert words.text("error.share-not-read", lang) in done.stderr
    assert not list(tmp_path.glob("out*"))


@pytest.mark.usefixtures("session")
def test_yes_is_enough(post: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    sakigake("share", "--post", str(post), "-o", str(tmp_path / "out.png"), lang="ja")
    assert (tmp_path / "out.png").is_file()


@pytest.mark.usefixtures("session")
def test_the_file_names_nobody_and_the_text_lies_beside_it(
    post: Path, tmp_path: Path, own_home: Path
) -> None:
    out = tmp_path / "out.gif"
    sakigake("share", "--post", str(post), "-o", str(out), "--i-have-read", lang="ja")
    raw = out.read_bytes()
    store = SqliteStore(own_home / "sakigake.db")
    for name in ("somebodys_name", str(tmp_path), store.sessions()[0].id, "sakigake"):
        assert name.encode() not in raw
    store.close()
    with Image.open(out) as picture:
        assert getattr(picture, "n_frames", 1) == 2
        assert "comment" not in picture.info
    told = (tmp_path / "out.gif.before-you-publish.txt").read_text(encoding="utf-8")
    assert told.strip() == words.text("pictures.share.before", "ja").strip()
    sakigake("share", "--post", str(post), "-o", str(out), "--i-have-read", code=2)
    assert out.read_bytes() == raw


@pytest.mark.usefixtures("session")
def test_a_png_holds_pixels_alone_and_an_mp4_plays(post: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    still, moving = tmp_path / "out.png", tmp_path / "out.mp4"
    sakigake("share", "--post", str(post), "-o", str(still), "--i-have-read")
    sakigake("share", "--post", str(post), "-o", str(moving), "--i-have-read")
    with Image.open(still) as picture:
        picture.load()
        assert not picture.info
    with av.open(str(moving)) as file:
        stream = file.streams.video[0]
        frames = sum(1 for _ in file.decode(stream))
        assert frames / float(stream.average_rate) >= 8
        assert not {
            key for key in file.metadata if key not in {"major_brand", "minor_version", "compatible_brands"}
        }
    for name in ("somebodys_name", str(tmp_path), "Lavf", "Lavc"):
        assert name.encode() not in moving.read_bytes()


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("arguments", "code", "slug"),
    [
        (("-o", "out.gif"), 2, "share-which"),
        (("3", "--post", "x.png", "-o", "out.gif"), 2, "share-which"),
        (("--post", "x.png", "-o", "out.jpg"), 2, "share-suffix"),
        (("--post", "x.png", "-o", "out.png", "--as", "blink"), 2, "share-still"),
        (("--post", "x.png", "-o", "out.gif"), 4, "picture-missing"),
        (("3", "-o", "out.gif"), 4, "watch-nothing-yet"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_compared(
    arguments: tuple[str, ...], code: int, slug: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = sakigake("share", *arguments, code=code)
    assert words.text(f"error.{slug}", "en").split("{")[0] in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("session")
def test_without_a_likeness_there_is_nothing_to_share(tmp_path: Path) -> None:
    other = saved(tmp_path / "other.png", drawing(104, 7))
    done = sakigake("share", "--post", str(other), "-o", str(tmp_path / "out.gif"), "--i-have-read", code=4)
    assert words.text("error.share-no-likeness", "en") in done.stderr


@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize("way", list(Way))
def test_every_frame_bears_what_it_shows_and_what_not(way: Way, lang: str) -> None:
    """The strip with likeness, order, chance and limits is in each frame, to the last row."""
    share = Share(way, lang, letters.shipped())
    material = usual()
    frames = [pixels for pixels, _ in sharing.frames(material, share)]
    assert len({each.shape for each in frames}) == 1
    strip = sharing.strip_of(material.finding, share, frames[0].shape[1] - 16)
    for pixels in frames:
        assert np.array_equal(pixels[-strip.shape[0] - 8 : -8, 8:-8], strip)
    told = sharing.told(material.finding, lang)
    assert words.text("report.limits", lang) in told
    assert words.text("finding.order.draft_first", lang) in told[1]
    counts = material.finding.counts
    assert counts is not None
    assert f"{counts.pairs:,}" in told[2]


def test_the_same_share_has_the_same_bytes() -> None:
    share = Share(Way.OVERLAY, "ja", letters.shipped())
    for suffix in (".gif", ".png"):
        one, other = (sharing.file_of(usual(), share, suffix) for _ in range(2))
        assert one == other
        with Image.open(io.BytesIO(one)) as picture:
            picture.load()


def test_the_two_frames_of_a_blink_are_the_two_pictures() -> None:
    share = Share(Way.BLINK, "en", letters.shipped())
    (first, _), (second, _) = sharing.frames(usual(), share)
    assert float(np.abs(first.astype(int) - second).mean()) > 5
    raw = sharing.file_of(usual(), share, ".gif")
    with Image.open(io.BytesIO(raw)) as picture:
        shown = picture.convert("RGB")
    assert float(np.abs(np.asarray(shown)[..., ::-1].astype(int) - first).mean()) < 12


def test_check_explain_draws_the_sheet_in_the_language(session: Session, post: Path, tmp_path: Path) -> None:
    out = tmp_path / "where.png"
    told = sakigake("check", str(post), "--explain", str(out), lang="ja").stdout
    assert "番号" not in told
    assert session.id not in out.read_bytes().decode("latin-1")
    pixels = cv2.imread(str(out))
    assert pixels is not None
    assert pixels.shape[0] > 900  # both pictures, and the maps below
    assert json.dumps(words.text("pictures.caption.maps", "ja")[:20])[1:-1] in json.dumps(told)
