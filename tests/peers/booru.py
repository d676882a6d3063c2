"""Danbooru and e621 on loopback, as far as their list of posts goes: `tags`, `limit`, `page=a…`, and a strict doorman."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.peers.web import Asked, Site, answer, serving


def danbooru_post(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "created_at": "2026-11-01T12:00:00.000+09:00",
        "uploader_id": 3,
        "source": "https://x.com/a/status/1233161576649121792",
        "tag_string": "ai-generated",
        "tag_string_artist": "",
        "tag_string_character": "",
        "tag_string_copyright": "",
        "tag_string_general": "ai-generated",
        "tag_string_meta": "",
        "md5": f"{number:032x}",
        "file_ext": "png",
        "file_url": f"https://cdn.example/original/{number}.png",
        "large_file_url": f"https://cdn.example/sample/{number}.jpg",
        **more,
    }


def e621_post(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "created_at": "2026-11-01T12:00:00.000+09:00",
        "uploader_id": 3,
        "file": {"url": f"https://cdn.example/original/{number}.png", "ext": "png", "md5": f"{number:032x}"},
        "sample": {"url": f"https://cdn.example/sample/{number}.jpg", "has": True},
    }


@dataclass(slots=True)
class Booru:
    """A running server. Whoever comes without a name, or looks like a browser, is refused."""

    site: Site
    nested: bool
    posts: list[dict[str, Any]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    refuse: tuple[int, str] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.site.place}"

    def page(self, asked: Asked, connection: socket.socket) -> bool:
        self.at.append(time.monotonic())
        agent = asked.header("user-agent")
        if not agent or agent.startswith(("Mozilla", "python-requests")):
            return answer(b"", "403 No")(asked, connection)
        if self.refuse is not None:
            return answer(b"", f"{self.refuse[0]} No", (f"Retry-After: {self.refuse[1]}",))(asked, connection)
        query = parse_qs(urlsplit(asked.path).query)
        limit = int(query.get("limit", ["20"])[0])
        found = sorted(self.posts, key=lambda post: -int(post["id"]))
        page = query.get("page", [""])[0]
        if page.startswith("a"):
            found = [post for post in found if post["id"] > int(page[1:])][-limit:]
        elif page.startswith("b"):
            found = [post for post in found if post["id"] < int(page[1:])]
        body = json.dumps({"posts": found[:limit]} if self.nested else found[:limit]).encode()
        return answer(body, headers=("Content-Type: application/json",))(asked, connection)


@contextmanager
def booru(*, nested: bool = False) -> Iterator[Booru]:
    """Run a server on a free port of loopback until the block ends; `nested` for e621's form."""
    with serving({}) as site:
        peer = Booru(site, nested)
        site.pages["/posts.json"] = peer.page
        yield peer
