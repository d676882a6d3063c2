"""A real `sakigake record start` in a process of its own, and what its store says afterwards."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.spool import Spool
from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import EntryType, Session, StoredEntry
from sakigake.settings import Settings, load
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import merkle, note
from sakigake.timeline.entry import Entry, parse_entry, parse_picture

COMMAND = [sys.executable, "-m", "desk", "record"]
ROOT = Path(__file__).resolve().parents[2]


def environment(home: Path, display: str | None = None, **more: str) -> dict[str, str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("SAKIGAKE_")}
    env.pop("DISPLAY", None)
    env |= {"SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": "en", "PYTHONPATH": str(ROOT), **more}
    return env | ({"DISPLAY": display} if display else {})


def configure(home: Path, text: str = "") -> None:
    """No network in these tests, whatever else is set."""
    home.mkdir(parents=True, exist_ok=True)
    quiet = "[privacy]\nsettle_s = 0.1\n[anchor]\nenabled = false\n"
    (home / "sakigake.toml").write_text(f"{text}\n{quiet}", encoding="utf-8")


class Recording:
    """A recorder process with `--json`: its acknowledged entries and its sentences as they come."""

    def __init__(self, home: Path, *arguments: str, display: str | None = None, setup: Any = None) -> None:
        if not (home / "sakigake.toml").exists():
            configure(home)
        self.home = home
        self.lines: list[dict[str, Any]] = []
        self.sentences: list[str] = []
        self._came: queue.Queue[None] = queue.Queue()
        self.process = subprocess.Popen(
            [*COMMAND, "start", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(home, display),
            text=True,
            preexec_fn=setup,  # noqa: PLW1509 - limits are set before anything runs
        )
        self._threads = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_sentences, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self._drain()
        if self.process.stdout and self.process.stderr:
            self.process.stdout.close()
            self.process.stderr.close()

    def _read_lines(self) -> None:
        for line in self.process.stdout or ():
            # A kill can cut the last line; only whole lines were acknowledged.
            if line.endswith("\n"):
                self.lines.append(json.loads(line))

    def _read_sentences(self) -> None:
        for line in self.process.stderr or ():
            self.sentences.append(line.rstrip("\n"))

    def _drain(self) -> None:
        for thread in self._threads:
            thread.join(5)

    def count(self, kind: str) -> int:
        return sum(line["type"] == kind for line in list(self.lines))

    def wait_for(self, kind: str, count: int = 1, timeout: float = 30) -> None:
        wait_until(
            lambda: self.count(kind) >= count,
            timeout,
            lambda: f"{count} x {kind}: {self.kinds()} {self.sentences}",
        )

    def wait_said(self, part: str, timeout: float = 30) -> None:
        wait_until(
            lambda: any(part in line for line in list(self.sentences)),
            timeout,
            lambda: f"{part}: {self.sentences}",
        )

    def kinds(self) -> Counter[str]:
        return Counter(line["type"] for line in list(self.lines))

    def end(self, number: int = signal.SIGINT, timeout: float = 40) -> int:
        self.process.send_signal(number)
        return self.ended(timeout)

    def ended(self, timeout: float = 60) -> int:
        code = self.process.wait(timeout)
        self._drain()
        return code


def wait_until(condition: Any, timeout: float, say: Any = lambda: "") -> None:
    until = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(say())
        time.sleep(0.02)


def command(home: Path, *arguments: str, display: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(home, display),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


class Kept:
    """What a home holds, every bit of it checked on the way."""

    def __init__(self, home: Path) -> None:
        self.settings: Settings = load(home)
        self.store = SqliteStore(self.settings.database)
        self.sessions: list[Session] = self.store.sessions()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def stored(self, session: Session | None = None) -> list[StoredEntry]:
        return list(self.store.entries((session or self.sessions[-1]).id))

    def entries(self, session: Session | None = None) -> list[Entry]:
        return [parse_entry(stored.raw) for stored in self.stored(session)]

    def of(self, kind: EntryType, session: Session | None = None) -> list[Entry]:
        return [entry for entry in self.entries(session) if entry.type is kind]

    def check(self) -> None:
        """Every chain is whole, every checkpoint holds, every picture is there and is the one that was recorded."""
        import cv2

        for session in self.sessions:
            stored, prev = self.stored(session), "00" * 32
            for place, entry in enumerate(stored):
                parsed = parse_entry(entry.raw)
                assert (parsed.seq, parsed.prev) == (place, prev)
                assert merkle.leaf_hash(entry.raw) == entry.leaf
                prev = entry.leaf.hex()
                if entry.opening and entry.type is EntryType.STAGE:  # of others only the digests are kept
                    picture = parse_picture(entry.opening)
                    path = Spool(self.settings.pictures).path(picture.file)
                    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
                    assert pixels is not None, path
                    assert pixel_digest_v1(np.asarray(pixels, np.uint8)) == picture.pixels
                    assert entry.fingerprint
            public = Ed25519PublicKey.from_public_bytes(self.store.public_key(session.id))
            for checkpoint in self.store.checkpoints(session.id):
                stated = note.verify(checkpoint.note, public)
                tree = merkle.Frontier([entry.leaf for entry in stored[: stated.size]])
                assert stated.root == tree.root()
        assert not list(self.settings.pictures.glob("*/*.tmp"))
