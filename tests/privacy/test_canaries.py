"""Planted names are looked for in everything that leaves: packages, requests, the overlay's code, log files.

The user's name, the host's, the home folder, the titles of both windows and the colours of the second one.
"""

import os
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from desk.demo.authority import local_authority
from tests.capture.running import ROOT, wait_until
from tests.peers import calendar
from tests.peers.windows import PLANTED, Window
from tests.privacy.conftest import CANVAS_AT, PLACE, Screen, planted_pixels

pytestmark = [pytest.mark.x11, pytest.mark.slow]

USER, HOST, HOME = "canaryuserqz", "canaryhostqz", "canaryhomeqz"
TITLE, OTHER = "canarytitleqz", "canaryletterqz"
NAMES = (USER, HOST, HOME, TITLE, OTHER)
AS_ANOTHER = (
    "unshare",
    "--user",
    "--map-root-user",
    "--uts",
    "sh",
    "-c",
    f'hostname {HOST} && exec "$@"',
    "sh",
)


def spellings(name: str) -> tuple[bytes, ...]:
    plain = name.encode()
    return plain, name.encode("utf-16-le"), plain.hex().encode(), plain.upper()


def found_in(data: bytes) -> list[str]:
    colours = [colour.to_bytes(3, order) * 4 for colour in PLANTED for order in ("big", "little")]
    found = [name for name in NAMES if any(spelling in data for spelling in spellings(name))]
    return found + ["colour" for colour in colours if colour in data]


def pipe(source: socket.socket, sink: socket.socket, heard: bytearray) -> None:
    try:
        with source, sink:
            while data := source.recv(65536):
                heard.extend(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # cut off from the other side


@contextmanager
def overheard(port: int) -> Iterator[tuple[str, bytearray]]:
    """Stand between a client and the server at `port`; yields the address to use, and all that goes through."""
    heard = bytearray()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", port))
            for ends in ((client, server), (server.dup(), client.dup())):
                threading.Thread(target=pipe, args=(*ends, heard), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        listener.close()


def run(home: Path, display: str, *arguments: str) -> subprocess.Popen[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("SAKIGAKE_")}
    env |= {"USER": USER, "LOGNAME": USER, "USERNAME": USER, "HOME": str(home), "HOSTNAME": HOST}
    env |= {
        "SAKIGAKE_HOME": str(home / "records"),
        "SAKIGAKE_LANG": "en",
        "PYTHONPATH": str(ROOT),
        "DISPLAY": display,
    }
    command = [*AS_ANOTHER, sys.executable, "-m", "desk", *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def able() -> None:
    done = subprocess.run([*AS_ANOTHER, "hostname"], capture_output=True, text=True, check=False)
    if done.stdout.strip() != HOST:
        pytest.skip(f"unshare cannot give a process another host name here: {done.stderr.strip()}")


@dataclass
class Journey:
    """What came of a recording and an export: what was printed as JSON, what went over the wires, and the files."""

    printed: list[str]
    stamps: bytearray
    promises: bytearray
    records: Path
    overlay: Path
    pack: Path


def journey(screen: Screen, folder: Path) -> Journey:
    """Record a region, with the other window in front for a while, stop, and export."""
    home = folder / HOME
    (home / "records").mkdir(parents=True)
    overlay, pack = folder / "overlay.png", folder / "pack.zip"
    with ExitStack() as stack:
        authority = stack.enter_context(local_authority(folder / "authority"))
        clocks = stack.enter_context(calendar.serving(calendar.Peer()))
        asked, stamps = stack.enter_context(overheard(int(authority.url.rpartition(":")[2])))
        submitted, promises = stack.enter_context(overheard(int(clocks.url.rpartition(":")[2])))
        ots = f'[ots]\nenabled = true\ncalendars = ["{submitted}"]\nexplorer = "{submitted}"'
        text = authority.settings().replace(authority.url, asked)
        text = text.replace("[ots]\nenabled = false", ots)
        (home / "records" / "sakigake.toml").write_text(
            f"[privacy]\nsettle_s = 0.1\n{text}", encoding="utf-8"
        )
        canvas = stack.enter_context(
            Window(screen.display, CANVAS_AT, "--title", TITLE, "--program", "paint", "--traits", "bare")
        )
        other = stack.enter_context(
            Window(screen.display, "300,150,200,200", "--title", OTHER, "--program", "mail", planted=True)
        )
        other.give("lower")
        canvas.give("focus")
        options = ("--region", str(PLACE), "--interval", "0.2s", "--json", "--overlay", str(overlay))
        with run(home, screen.display, "record", "start", *options) as recording:
            said: list[str] = []
            reader = threading.Thread(target=lambda: said.extend(recording.stdout or ()))
            reader.start()

            def came(kind: str, count: int = 1) -> None:
                wait_until(
                    lambda: sum(f'"type": "{kind}"' in line for line in list(said)) >= count,
                    60,
                    lambda: "".join(said),
                )

            came("stage")
            canvas.give("dot", "150,150")
            came("stage", 2)
            other.give("raise")
            came("pause")
            other.give("lower")
            canvas.give("focus")
            canvas.give("dot", "200,180")
            came("resume")
            with run(home, screen.display, "record", "stop") as stop:
                stop.communicate(timeout=60)
            assert recording.wait(90) == 0
            reader.join(10)
        with run(home, screen.display, "export", "-o", str(pack)) as export:
            printed, _ = export.communicate(timeout=120)
            assert export.returncode == 0, printed
    return Journey(
        [line for line in said if line.startswith("{")], stamps, promises, home / "records", overlay, pack
    )


def clean_picture(body: bytes) -> bool:
    """Say whether a PNG has nothing but its picture in it, and nothing planted in that."""
    known = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
    parts = [(body[at + 4 : at + 8], body[at + 8 : at + 8 + length(body, at)]) for at in chunks(body)]
    inner = zlib.decompress(b"".join(data for kind, data in parts if kind == b"IDAT"))
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    planted = planted_pixels(np.asarray(pixels, np.uint8)) > 0 or bool(found_in(inner))
    return {kind for kind, _ in parts} <= known and not planted


@pytest.mark.usefixtures("able")
def test_no_planted_name_or_colour_leaves(screen: Screen, tmp_path: Path) -> None:
    made = journey(screen, tmp_path)
    assert not found_in("".join(made.printed).encode())
    assert len(made.stamps) > 1000
    assert len(made.promises) > 100
    assert found_in(bytes(made.stamps)) == found_in(bytes(made.promises)) == []
    with ZipFile(made.pack) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert [name for name, body in members.items() if found_in(body)] == []
    # What a PDF says is packed: it is read as a reader reads it.
    read = subprocess.run(
        ["pdftotext", "-", "-"], input=members["report.pdf"], capture_output=True, check=True
    )
    assert b"sakigake" in read.stdout
    assert not found_in(read.stdout)
    pictures = {name: body for name, body in members.items() if name.endswith(".png")}
    assert len(pictures) >= 2
    pictures["overlay"] = made.overlay.read_bytes()
    assert [name for name, body in pictures.items() if not clean_picture(body)] == []
    assert not found_in(made.overlay.with_suffix(".json").read_bytes())
    kept = [path for path in made.records.rglob("*") if path.is_file() and path.name != "sakigake.toml"]
    assert [path for path in kept if found_in(path.read_bytes())] == []


def length(png: bytes, at: int) -> int:
    return int.from_bytes(png[at : at + 4], "big")


def chunks(png: bytes) -> Iterator[int]:
    at = 8
    while at < len(png):
        yield at
        at += 12 + length(png, at)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_looked_for_would_be_found(name: str) -> None:
    for spelling in spellings(name):
        assert found_in(b"before " + spelling + b" behind") == [name]
