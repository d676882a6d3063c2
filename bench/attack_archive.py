"""The structured attacks of `bench.attack` on the container: ZIP files and folders."""

import io
import os
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.attack_scene import Scene, pack
from sakigake.evidence import layout

Attack = tuple[Any, ...]


def cases(scene: Scene) -> Iterator[Attack]:
    """Yield (name, how it is made, right verdicts)."""
    for part in (_whole, _names, _headers, _others, _folder):
        yield from part(scene)


def _whole(scene: Scene) -> Iterator[Attack]:
    """Yield ZIP files that another program could read as something else."""
    whole = scene.contents
    plain = pack(whole)
    yield "zip: bytes before it", lambda: b"x" + plain
    yield "zip: bytes behind it", lambda: plain + b"x"
    yield "zip: a second archive behind it", lambda: plain + plain
    yield "zip: a program before it", lambda: b"#!/usr/bin/env python3\n" + plain
    yield "zip: empty", lambda: b"PK\x05\x06" + bytes(18)
    yield "zip: nothing", lambda: b""
    yield "zip: no directory", lambda: plain[: plain.index(b"PK\x01\x02")]
    yield (
        "zip: directory twice",
        lambda: plain[: plain.index(b"PK\x05\x06")] + plain[plain.index(b"PK\x01\x02") :],
    )
    yield "zip: other order", lambda: pack(whole, names=sorted(whole, reverse=True))
    first = min(whole)
    yield "zip: name twice", lambda: pack(whole, names=[first, *sorted(whole)])


def _names(scene: Scene) -> Iterator[Attack]:
    """Yield names that another system reads as another file."""
    whole = scene.contents
    odd = {
        "path out of the folder": "../evil.txt",
        "absolute path": "/etc/evil.txt",
        "backslash": "stages\\evil.txt",
        "drive": "C:evil.txt",
        "device": "con.txt",
        "device in a folder": "aux/evil.txt",
        "letters of another script": "а.txt",
        "two letters for one": "e\u0301.txt",
        "folder": "stages/",
        "dot": "./index.html",
        "capitals only apart": "INDEX.HTML",
        "very long": "a" * 300,
        "very long path": "a/" * 2000 + "b",
        "line end": "a\nb.txt",
        "nothing": "",
        "zero byte": "index.html\0.txt",
        "space": "index.html ",
        "mark of direction": "a\u202etxt.png",
    }
    for name, path in odd.items():
        yield f"zip: name, {name}", lambda path=path: pack({**whole, path: b"x"})


def _headers(scene: Scene) -> Iterator[Attack]:
    """Yield one value changed in the headers of one file."""
    whole = scene.contents
    first = min(whole)

    def headed(change: dict[str, int], where: str) -> Callable[[], bytes]:
        def put(name: str, head: dict[str, int]) -> None:
            if name == first:
                head.update(change)

        local = put if where in {"local", "both"} else None
        return lambda: pack(whole, local=local, central=put if where in {"central", "both"} else None)

    fields = {
        "version": 45,
        "flags": 1,
        "method": 8,
        "time": 1,
        "date": 34,
        "crc": 0,
        "size": 1,
        "packed": 1,
        "extra": 4,
    }
    for field, value in fields.items():
        for where in ("local", "central", "both"):
            yield f"zip: {field} in {where}", headed({field: value}, where)
    more = {"made": 20, "comment": 3, "disk": 1, "internal": 1, "mode": 0o120777 << 16, "offset": 1}
    for field, value in more.items():
        yield f"zip: {field}", headed({field: value}, "central")
    for value, name in ((1 << 3, "sizes behind the data"), (1 << 11, "names in UTF-8")):
        yield f"zip: {name}", headed({"flags": value}, "both")
    huge = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
    yield "zip: 4 GiB stated (zip64)", headed(huge, "both")
    for field in ("disk", "start", "here", "all", "size", "offset", "comment"):
        yield (
            f"zip: end, {field}",
            lambda field=field: pack(whole, end=lambda last: last.update({field: last[field] + 1})),
        )


def _others(scene: Scene) -> Iterator[Attack]:
    """Yield archives of other programs and of absurd sizes."""
    whole = scene.contents
    plain = pack(whole)

    def library(compression: int, **more: Any) -> Callable[[], bytes]:
        def make() -> bytes:
            made = io.BytesIO()
            with zipfile.ZipFile(made, "w", compression, **more) as archive:
                for name in sorted(whole):
                    archive.writestr(name, whole[name])
            return made.getvalue()

        return make

    for name, kind in (
        ("deflate", zipfile.ZIP_DEFLATED),
        ("bzip2", zipfile.ZIP_BZIP2),
        ("lzma", zipfile.ZIP_LZMA),
    ):
        yield f"zip: {name}", library(kind)
    yield "zip: today's date", library(zipfile.ZIP_STORED)

    def bomb() -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.writestr("index.html", bytes(200 << 20))
        return made.getvalue()

    yield "zip: 200 MB in 200 kB", bomb
    count = 60_001
    yield "zip: too many files", lambda: pack({f"compare/{_letters(n)}.png": b"" for n in range(count)})

    def sparse() -> Path:
        path = scene.folder / "sparse.zip"
        with path.open("wb") as file:
            file.write(plain)
            file.truncate((1 << 32) + 100)
        return path

    yield "zip: more than 4 GiB", sparse
    lying = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 1 << 31, 1 << 31, 1, 0) + b"a"
    yield "zip: 2 GiB stated in 40 bytes", lambda: lying


def _letters(number: int) -> str:
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


def _deep(root: Path) -> None:
    for _ in range(700):
        root /= "a"
        root.mkdir()


def _folder(scene: Scene) -> Iterator[Attack]:
    """Yield unpacked packages with what a ZIP cannot hold."""

    def unpacked(change: Callable[[Path], None]) -> Callable[[], Path]:
        def make() -> Path:
            root = Path(tempfile.mkdtemp(dir=scene.folder))
            for name, body in scene.contents.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(body)
            change(root)
            return root

        return make

    def link(root: Path) -> None:
        (root / layout.LEAVES).rename(root.parent / "elsewhere")
        (root / layout.LEAVES).symlink_to(root.parent / "elsewhere")

    def folder_link(root: Path) -> None:
        (root / "more").symlink_to(root / "stages")

    def pipe(root: Path) -> None:
        os.mkfifo(root / "pipe")

    def add(name: str) -> Callable[[Path], None]:
        def change(root: Path) -> None:
            (root / name).write_bytes(b"x")

        return change

    yield "folder: as it was", unpacked(lambda _root: None), ("VERIFIED",)
    yield "folder: link to a file", unpacked(link)
    yield "folder: link to a folder", unpacked(folder_link)
    yield "folder: pipe", unpacked(pipe)
    yield "folder: empty folder", unpacked(lambda root: (root / "approved-by-the-court").mkdir())

    yield "folder: 700 folders in each other", unpacked(_deep)
    yield "folder: file added", unpacked(add("extra.txt"))
    yield "folder: hidden file", unpacked(add(".hidden"))
    yield "folder: no folder at all", lambda: scene.folder / "honest"
