"""A tag of Danbooru, e621 or a server like them, asked for now and then at the pace and with the name that they ask for.

Both number their posts upwards, so the newest number known is the cursor. Their `created_at` is when the picture was put
there, by the server's clock; the picture itself may have been posted elsewhere long before.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import requests

from sakigake import __version__
from sakigake.errors import NetworkError
from watch import posted
from watch.limits import Rate
from watch.post import Batch, ClockClass, MediaRef, Post, SourceInfo
from watch.sources.net import Net, place
from watch.sources.options import Options

KIND = "booru"
PAGE = 100
RATE = Rate(per_s=1.0, burst=1.0)  # e621 cuts off above two a second and asks for one
OK = 200


@dataclass(frozen=True, slots=True)
class Config:
    """Which tags of which server, and what to call oneself: the servers want to know whom to write to."""

    server: str
    flavour: str
    tags: tuple[str, ...]
    contact: str
    every_s: float


def configure(options: Options) -> Config:
    """Read the options; raises UsageError."""
    return Config(
        options.server("server", example="https://danbooru.donmai.us"),
        options.one_of("flavour", ("danbooru", "e621")),
        options.texts("tags", example="ai-generated,genshin_impact"),
        options.text("contact", example="https://example.com/contact or a user name there"),
        options.seconds("every_s", default=300.0, least=60.0),
    )


class Booru:
    """The posts under some tags of one server."""

    def __init__(self, config: Config, net: Net, source: str) -> None:
        from watch.sources import session  # noqa: PLC0415 - loads requests

        self._config = config
        self._net = net
        self._source = source
        self._host = place(config.server)
        net.pace(self._host, RATE)
        contact = config.contact.encode("ascii", "replace").decode()
        self._session = session.guarded(
            net, f"sakigake/{__version__} (draft-stage comparison; contact: {contact})"
        )

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo(
            kind=KIND,
            platform=self._config.flavour,
            clock=ClockClass.SERVER,
            sent="sent-booru",
            terms="terms-booru",
            min_interval_s=self._config.every_s,
            tried_live=False,
        )

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Ask for what was put there after the post numbered `cursor`; without one for the newest. Raises NetworkError."""
        after = int(cursor) if cursor is not None and cursor.isdigit() else 0
        wanted = min(PAGE, max(1, limit))
        query = {"tags": " ".join(self._config.tags), "limit": str(wanted)}
        if after:
            query["page"] = f"a{after}"  # the oldest ones after that number, the newest of them first
        found = [post for post in self._ask(query) if _number(post) > after]
        found.sort(key=_number)
        posts = tuple(made for post in found[:limit] if (made := self._post(post)) is not None)
        newest = max((_number(post) for post in found[:limit]), default=after)
        return Batch(posts, str(newest) if newest else None)

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def _ask(self, query: dict[str, str]) -> list[dict[str, Any]]:
        address = f"{self._config.server}/posts.json?{urlencode(query)}"
        with self._net.paced(self._host):
            try:
                answer = self._session.get(address, timeout=10.0)
            except requests.RequestException as error:
                raise NetworkError("source-odd-answer", host=self._host, why=type(error).__name__) from error
            if answer.status_code != OK:
                raise NetworkError(
                    "source-refused",
                    host=self._host,
                    status=answer.status_code,
                    retry_after=answer.headers.get("Retry-After", ""),
                )
            try:
                found = json.loads(answer.content)
            except (ValueError, RecursionError) as error:
                raise NetworkError("source-odd-answer", host=self._host, why="JSON") from error
        found = found.get("posts") if isinstance(found, dict) else found
        if not isinstance(found, list):
            raise NetworkError("source-odd-answer", host=self._host, why="JSON")
        return [post for post in found if isinstance(post, dict) and _number(post)]

    def _post(self, post: dict[str, Any]) -> Post | None:
        address = _picture(post)
        if not address:
            return None
        number = _number(post)
        seen = posted.seen(self._net.clock.now())
        return Post(
            source=self._source,
            platform=self._config.flavour,
            post_id=f"{self._host}/{number}",
            url=f"{self._config.server}/posts/{quote(str(number))}",
            author_id=f"{self._host}/{post.get('uploader_id')}",
            author_name="",
            media=(MediaRef(address),),
            time=posted.combine(
                [posted.server_date(str(post.get("created_at") or ""), "booru-created-at"), seen]
            ),
            raw=json.dumps(post, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        )


def _number(post: dict[str, Any]) -> int:
    number = post.get("id")
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else 0


def _picture(post: dict[str, Any]) -> str:
    """Return the address of the reduced picture, else of the whole one; e621 nests them, and hides some."""
    nested = [post.get(name) for name in ("sample", "file")]
    found = [each.get("url") for each in nested if isinstance(each, dict)]
    found += [post.get("large_file_url"), post.get("file_url")]
    return next((str(each) for each in found if isinstance(each, str) and each.startswith("http")), "")
