"""The watch folder: whole files only, links in three kinds of files, nothing that leads elsewhere."""

import os
import plistlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sakigake.errors import NotFoundError, UsageError
from tests.watch.sources.draining import Kept, net_to
from watch.post import ClockClass
from watch.sources import PostSource, registry
from watch.sources.folder import links_of

LINK = "https://x.com/a/status/1233161576649121792"


@contextmanager
def folder(path: Path) -> Iterator[PostSource]:
    with net_to() as net:
        yield registry.make("folder", {"path": str(path)}, net, source="d")


def put(path: Path, data: bytes | str = b"picture", age_s: float = 60.0) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


def names(kept: Kept) -> set[str]:
    return {post.url or Path(post.media[0].path).name for post in kept.posts.values()}


def test_pictures_and_links_become_posts_once(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    put(tmp_path / "絵.JPG", "another")
    put(tmp_path / "note.txt", f"see {LINK}, and （https://example.com/p.png）")
    put(tmp_path / "other.psd")
    put(tmp_path / ".hidden.png")
    (tmp_path / "sub.png").mkdir()
    kept = Kept()
    with folder(tmp_path) as made:
        assert made.describe().sent == "sent-nothing"
        for _ in range(3):
            kept.poll(made)
        assert names(kept) == {"a.png", "絵.JPG", LINK, "https://example.com/p.png"}
        put(tmp_path / "b.webp", "a third")
        assert kept.poll(made) == 1
    assert not kept.repeats
    picture = next(
        post for post in kept.posts.values() if post.media and post.media[0].path.endswith("a.png")
    )
    assert picture.time.not_before is None, "the date of a file is nobody's word"
    assert picture.time.not_after is not None
    assert picture.time.not_after.clock is ClockClass.WITNESSED
    linked = next(post for post in kept.posts.values() if post.url == LINK)
    assert linked.time.not_before is not None
    assert linked.time.not_before.clock is ClockClass.PLATFORM


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take Unicode names only")
def test_a_name_that_is_no_text_is_passed_over_and_told(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    put(tmp_path / os.fsdecode(b"b\xff.png"))
    kept, holes = Kept(), set()
    with folder(tmp_path) as made:
        for _ in range(3):
            batch = made.poll(None, 50)
            holes |= {(hole.reason, hole.began, hole.ended) for hole in batch.holes}
            for post in batch.posts:
                kept.posts[post.post_id] = post
    assert names(kept) == {"a.png"}
    ((reason, began, ended),) = holes
    assert reason == "source-file-name-odd"
    assert began == ended


def test_a_picture_is_known_by_its_bytes(tmp_path: Path) -> None:
    kept = Kept()
    with folder(tmp_path) as made:
        picture = put(tmp_path / "a.png")
        assert kept.poll(made) == 1
        os.utime(picture, (1_700_000_000, 1_700_000_000))
        kept.settle(made)
        picture.rename(tmp_path / "b.png")
        kept.settle(made)
        put(tmp_path / "copy.png")
        kept.settle(made)
        assert len(kept.posts) == 1
        put(tmp_path / "b.png", b"another")
        kept.settle(made)
        assert len(kept.posts) == 2


def test_a_file_that_is_still_being_written_waits(tmp_path: Path) -> None:
    kept = Kept()
    with folder(tmp_path) as made:
        put(tmp_path / "a.png", b"half", age_s=0)
        assert kept.poll(made) == 0
        put(tmp_path / "a.png", b"half and more", age_s=0)
        assert kept.poll(made) == 0
        assert kept.poll(made) == 1, "twice the same"
        put(tmp_path / "empty.png", b"")
        assert [kept.poll(made) for _ in range(3)] == [0, 0, 0]
        put(tmp_path / "a.png", b"another picture under the same name")
        assert kept.poll(made) == 1
    assert len(kept.posts) == 2


def test_a_lost_batch_comes_again_and_a_restart_loses_nothing(tmp_path: Path) -> None:
    for n in range(25):
        put(tmp_path / f"{n}.png", f"picture {n}")
    kept = Kept()
    with folder(tmp_path) as made:
        assert kept.poll(made, 10, commit=False) == 10
        assert kept.poll(made, 10) == 10
        assert kept.poll(made, 10, commit=False) == 10
    with folder(tmp_path) as made:
        while kept.poll(made, 10):
            pass
    assert names(kept) == {f"{n}.png" for n in range(25)}


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights there")
def test_no_link_is_followed(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.txt", LINK)
    watched = tmp_path / "in"
    watched.mkdir()
    (watched / "a.txt").symlink_to(secret)
    (watched / "b.png").symlink_to(secret)
    os.mkfifo(watched / "c.png")
    kept = Kept()
    with folder(watched) as made:
        for _ in range(3):
            kept.poll(made)
    assert not kept.posts


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    watched = tmp_path / "in"
    watched.mkdir()
    with folder(watched) as made:
        made.poll(None, 10)
        watched.rmdir()
        with pytest.raises(NotFoundError):
            made.poll("1", 10)
    with pytest.raises(UsageError):
        registry.check("folder", {"path": str(watched)})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.url", f"[InternetShortcut]\r\nURL={LINK}\r\nIconIndex=0\r\n".encode()),
        ("a.url", f"\ufeff[InternetShortcut]\nURL={LINK}\n".encode()),
        ("a.webloc", plistlib.dumps({"URL": LINK})),
        ("a.webloc", plistlib.dumps({"URL": LINK}, fmt=plistlib.FMT_BINARY)),
        ("a.txt", f"\ufeff{LINK}".encode("utf-16-le")),
        ("a.txt", f"「{LINK}」。{LINK}".encode()),
    ],
)
def test_links_in_files(tmp_path: Path, name: str, data: bytes) -> None:
    assert links_of(put(tmp_path / name, data)) == (LINK,)


XML = f'<plist version="1.0"><dict><key>URL</key><string>&a;{LINK}</string></dict></plist>'


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.url", b"[InternetShortcut]\nURL=file:///etc/passwd\n"),
        ("a.url", b"URL=https://example.com/\n"),
        ("a.url", b"[InternetShortcut\n\x00%(a)s"),
        ("a.webloc", f'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "b">]>{XML}'.encode()),
        ("a.webloc", plistlib.dumps({"URL": 5})),
        ("a.webloc", plistlib.dumps([LINK])),
        ("a.webloc", b"bplist00" + b"\xff" * 60),
        ("a.txt", b"\xff\xfe\x00"),
    ],
)
def test_files_without_a_link(tmp_path: Path, name: str, data: bytes) -> None:
    assert links_of(put(tmp_path / name, data)) == ()


@given(
    st.binary(max_size=300),
    st.sampled_from(["a.url", "a.webloc", "a.txt"]),
    st.sampled_from([b"", b"bplist00", b"<plist>", b"[InternetShortcut]\n"]),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_file_is_a_crash(tmp_path: Path, data: bytes, name: str, head: bytes) -> None:
    assert isinstance(links_of(put(tmp_path / name, head + data)), tuple)
