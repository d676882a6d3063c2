"""Video files, made here by the library that reads them: groups, leaps in time, damage, files that end too early."""

import itertools
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from capture.frame import Frame, NoFrame, Region
from capture.sources.packets import Hole
from capture.sources.video import VideoSource
from sakigake import words
from sakigake.errors import NotFoundError, SakigakeError, UsageError

av = pytest.importorskip("av", reason="needs the extra 'video'")

SIZE = (160, 96)
RATE = 10
Film = Callable[..., Path]


def shade(second: float) -> int:
    """Return the grey that a film shows at a moment, so that a frame tells when it is from."""
    return 20 + int(second) * 8 % 220


@pytest.fixture
def film(tmp_path: Path) -> Film:
    def make(
        name: str = "film.mp4",
        seconds: float = 20,
        key_every: int = 20,
        times: Sequence[float] | None = None,
        **options: str,
    ) -> Path:
        """Write a film of `seconds`, or with a picture at each of `times`; `key_every` counts pictures."""
        path = tmp_path / name
        moments = times if times is not None else [number / RATE for number in range(int(seconds * RATE))]
        with av.open(str(path), "w", options=options) as container:
            stream: Any = container.add_stream("libx264", rate=RATE)
            stream.width, stream.height = SIZE
            stream.pix_fmt = "yuv420p"
            stream.gop_size = key_every
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            stream.options = {"keyint_min": str(key_every), "sc_threshold": "0", "preset": "ultrafast"}
            for moment in moments:
                picture = np.full((SIZE[1], SIZE[0], 3), shade(moment), np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = round(moment * 1000), Fraction(1, 1000)
                for packet in stream.encode(frame):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return path

    return make


def everything(path: Path, step_s: float = 2.0, canvas: Region | None = None) -> list[Frame | NoFrame]:
    source = VideoSource(path, step_s, canvas)
    source.open()
    found: list[Frame | NoFrame] = []
    while not found or found[-1] != NoFrame("exhausted"):
        found.append(source.grab())
    assert source.grab() == NoFrame("exhausted")
    source.close()
    return found[:-1]


def times(found: list[Frame | NoFrame]) -> list[float]:
    return [int(seen.info["pts_ms"]) / 1000 for seen in found if isinstance(seen, Frame)]


def holes(found: list[Frame | NoFrame]) -> list[Hole]:
    return [seen for seen in found if isinstance(seen, Hole)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.ts", "a.flv"])
def test_key_frames_are_enough_where_they_lie_close(film: Film, name: str) -> None:
    found = everything(film(name))
    assert times(found) == [2.0 * number for number in range(10)]
    assert not holes(found)
    for seen in found:
        assert isinstance(seen, Frame)
        assert seen.lossy
        assert seen.origin == "video"
        assert abs(int(seen.pixels[0, 0, 0]) - shade(int(seen.info["pts_ms"]) / 1000)) <= 6


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_long_group_is_decoded(film: Film, name: str) -> None:
    found = everything(film(name, key_every=10_000))
    assert times(found) == [2.0 * number for number in range(10)]
    assert [abs(int(seen.pixels[0, 0, 0]) - shade(2.0 * number)) <= 6 for number, seen in enumerate(found) if isinstance(seen, Frame)] == [True] * 10  # fmt: skip


def test_groups_of_both_kinds_in_one_file(film: Film) -> None:
    """Ten seconds in one group, then key frames: a switch in the middle loses nothing."""
    long, short = film("long.mp4", seconds=10, key_every=10_000), film("short.mp4", seconds=10, key_every=10)
    joined = long.parent / "joined.mkv"
    with av.open(str(joined), "w") as out:
        stream = None
        for part, path in enumerate((long, short)):
            with av.open(str(path)) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(source.streams.video[0]):
                    if packet.dts is None:
                        continue
                    for name in ("pts", "dts"):
                        setattr(packet, name, getattr(packet, name) + round(part * 10 / packet.time_base))
                    packet.stream = stream
                    out.mux(packet)
    found = everything(joined)
    assert times(found) == [2.0 * number for number in range(10)]
    assert not holes(found)


def test_no_more_key_frames_are_decoded_than_wanted(film: Film) -> None:
    assert times(everything(film(key_every=5), step_s=5.0)) == [0.0, 4.0, 8.0, 12.0, 16.0]


def test_a_leap_in_time_is_a_hole(film: Film) -> None:
    moments = [number / RATE for number in range(100)] + [25 + number / RATE for number in range(100)]
    for name in ("leap.mkv", "leap.mp4"):
        found = everything(film(name, times=moments))
        assert [(hole.reason, hole.pts_ms, hole.ms) for hole in holes(found)] == [("video-hole", 9900, 15100)]
        seen = times(found)
        assert max(time for time in seen if time < 20) >= 8.0
        assert min(time for time in seen if time > 20) <= 27.0
        # In its place: after what was before it and before what came after.
        place = found.index(holes(found)[0])
        assert all(time < 10 for time in times(found[:place]))
        assert all(time >= 25 for time in times(found[place:]))


def test_a_leap_inside_a_long_group_is_a_hole_too(film: Film) -> None:
    moments = [number / RATE for number in range(100)] + [25 + number / RATE for number in range(100)]
    found = everything(film("leap.mkv", times=moments, key_every=10_000))
    assert [(hole.reason, hole.pts_ms, hole.ms) for hole in holes(found)] == [("video-hole", 9900, 15100)]
    assert times(found)[:5] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert times(found)[5] == 25.0


def test_pictures_at_odd_times_are_no_holes(film: Film) -> None:
    random = np.random.default_rng(1)
    moments = np.cumsum(random.uniform(0.03, 0.6, 60))
    found = everything(film("vfr.mkv", times=[float(moment) for moment in moments], key_every=10_000))
    assert not holes(found)
    gaps = np.diff(times(found))
    assert gaps.min() >= 1.5
    assert gaps.max() <= 2.7


def test_a_slow_time_lapse_has_no_holes(film: Film) -> None:
    found = everything(film("slow.mkv", times=[3.0 * number for number in range(20)]), step_s=2.0)
    assert not holes(found)
    assert times(found) == [3.0 * number for number in range(20)]


def test_an_mp4_without_its_index_is_one_sentence(film: Film) -> None:
    path = film()
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UsageError) as caught:
        everything(path)
    assert caught.value.code == "video-cut-off"
    assert "MKV" in caught.value.hint("en")


def test_a_cut_mkv_gives_what_is_there_and_tells_what_is_missing(film: Film) -> None:
    path = film("cut.mkv", seconds=60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = everything(path)
    seen = times(found)
    assert seen[:5] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert 20 < seen[-1] < 40
    cut = holes(found)[-1]
    assert cut.reason == "video-cut-off"
    assert abs(cut.pts_ms + cut.ms - 60_000) <= 200


def test_an_mp4_with_its_index_in_front_is_read_as_far_as_it_goes(film: Film) -> None:
    path = film("front.mp4", seconds=60, movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = everything(path)
    assert times(found)[:3] == [0.0, 2.0, 4.0]
    assert holes(found)[-1].reason == "video-cut-off"


def test_a_damaged_stretch_is_told(film: Film) -> None:
    path = film("damaged.mkv", seconds=60)
    data = bytearray(path.read_bytes())
    begin, end = len(data) * 2 // 5, len(data) * 3 // 5
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)
    found = everything(path)
    seen = times(found)
    assert seen[0] == 0.0
    # However the demuxer takes it, what is missing between two frames is covered by a hole.
    for before, after in itertools.pairwise(seen):
        if after - before > 4.5:
            assert any(
                before * 1000 <= hole.pts_ms + hole.ms and hole.pts_ms <= after * 1000
                for hole in holes(found)
            )
    assert seen[-1] > 50 or holes(found)


@pytest.mark.parametrize("size", [0, 1, 7, 200])
def test_what_is_no_video_is_one_sentence(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(range(200))[:size])
    with pytest.raises(UsageError) as caught:
        everything(path)
    assert caught.value.code in {"video-unreadable", "video-cut-off"}
    assert caught.value.message("ja")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        everything(tmp_path / "not-there.mp4")


def test_a_folder_or_a_pipe_is_no_video(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(UsageError):
            everything(path)


def test_a_playlist_is_not_followed(film: Film) -> None:
    path = film("part.ts")
    for name in ("list.m3u8", "list.mp4"):
        listed = path.parent / name
        listed.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\n{path}\n#EXT-X-ENDLIST\n")
        with pytest.raises(UsageError) as caught:
            everything(listed)
        assert caught.value.code == "video-unreadable"


def test_sound_alone_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sound.mka"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in (*stream.encode(frame), *stream.encode()):
            container.mux(packet)
    with pytest.raises(UsageError) as caught:
        everything(path)
    assert caught.value.code == "video-without-pictures"


def test_without_the_library_it_says_what_to_install(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film()
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(SakigakeError) as caught:
        everything(path)
    assert caught.value.code == "video-extra-missing"
    assert "sakigake[video]" in caught.value.hint("ja")


def test_a_canvas_is_cut_out(film: Film) -> None:
    found = everything(film(), canvas=Region(10, 20, 64, 40))
    assert isinstance(found[0], Frame)
    assert found[0].pixels.shape == (40, 64, 3)
    assert found[0].region == Region(10, 20, 64, 40)


def test_a_canvas_beside_the_picture_is_told(film: Film) -> None:
    assert {seen.reason for seen in everything(film(), canvas=Region(400, 400, 64, 40)) if isinstance(seen, NoFrame)} == {"too-small"}  # fmt: skip


def test_colours_come_through(tmp_path: Path) -> None:
    path = tmp_path / "colours.mkv"
    picture = np.zeros((96, 160, 3), np.uint8)
    picture[:, :80], picture[:, 80:] = (200, 60, 30), (30, 60, 200)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv444p"
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        for packet in (*stream.encode(frame), *stream.encode()):
            container.mux(packet)
    found = everything(path)
    assert isinstance(found[0], Frame)
    assert np.abs(found[0].pixels.astype(int) - picture).max() <= 4


def test_every_hole_has_a_sentence() -> None:
    for reason in ("video-hole", "video-back", "video-damaged", "video-cut-off"):
        key, values = Hole(reason, pts_ms=3_725_000, ms=1500).sentence
        for lang in words.LANGUAGES:
            assert "1:02:05" in words.text(key, lang, **values)


def test_a_file_is_let_go_when_it_is_closed(film: Film) -> None:
    source = VideoSource(film(), 2.0)
    source.open()
    assert isinstance(source.grab(), Frame)
    source.close()
    assert source.grab() == NoFrame("exhausted")
    source.close()


def test_what_it_is_names_no_file(film: Film) -> None:
    assert VideoSource(film("private-name.mp4"), 2.0).describe() == {"origin": "video", "step_ms": 2000}
