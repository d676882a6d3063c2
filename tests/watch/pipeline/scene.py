"""A recorded drawing and a small world on loopback: pictures, a feed, pages and a receiver of messages."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from sakigake.store.sqlite import SqliteStore
from tests.peers.web import Asked, Handler, Site, answer, serving
from tests.watch import studio

JPEG = ("Content-Type: image/jpeg",)
HOOK = "/hook"


def jpeg(pixels: studio.Pixels) -> bytes:
    done, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert done
    return bytes(coded)


def recorded(home: Path) -> studio.Studio:
    """Record one drawing into a home."""
    home.mkdir(parents=True, exist_ok=True)
    return studio.record(SqliteStore(home / "sakigake.db"), studio.pictures())


def derived(seed: int = 1) -> bytes:
    """Return a picture made from the recorded drawing's sixth stage."""
    return jpeg(studio.redrawn(studio.drawing(11, 6), seed))


def unrelated(seed: int) -> bytes:
    """Return another drawing."""
    return jpeg(studio.drawing(1000 + seed, 7))


@dataclass(slots=True)
class Receiver:
    """Takes messages. `answers` are the statuses to give, the last one for good; while `gate` is clear it gives none."""

    got: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=lambda: ["200 OK"])
    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def handler(self) -> Handler:
        def take(asked: Asked, connection: object) -> bool:
            self.begun.set()
            self.gate.wait(30)
            status = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
            if status.startswith("2"):
                self.got.append(json.loads(asked.body))
                self.keys.append(asked.header("idempotency-key"))
            return answer(b"{}", status)(asked, connection)  # type: ignore[arg-type]

        return take


@dataclass(frozen=True, slots=True)
class World:
    """The servers of one test."""

    site: Site
    receiver: Receiver

    def picture(self, path: str, data: bytes) -> str:
        self.site.pages[path] = answer(data, headers=JPEG)
        return self.site.url(path)

    def page(self, path: str, html: str) -> str:
        self.site.pages[path] = answer(html.encode(), headers=("Content-Type: text/html",))
        return self.site.url(path)

    @property
    def hook(self) -> str:
        return f"json://{self.site.place}{HOOK}"


@contextmanager
def world() -> Iterator[World]:
    receiver = Receiver()
    receiver.gate.set()
    with serving({HOOK: receiver.handler()}) as site:
        yield World(site, receiver)
        receiver.gate.set()
