"""obs-websocket 5 as data: addresses, messages, the password challenge, statistics. No sockets here.

Source: the obs-websocket 5 protocol, https://github.com/obsproject/obs-websocket/blob/master/docs/generated/protocol.md
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from hashlib import sha256
from typing import Any

from sakigake.errors import SakigakeError, UsageError

RPC_VERSION = 1
SUBPROTOCOL = "obswebsocket.json"
SCHEME = "obs://"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4455

_PLACE = re.compile(
    r"obs://(?:\[(?P<ip6>[0-9a-fA-F:.%]+)\]|(?P<host>[^\s:/@\[\]]*))(?::(?P<port>[0-9]{1,5}))?(?:/(?P<scene>.*))?",
    re.DOTALL,
)

Fields = dict[str, Any]


class Op(IntEnum):
    """What a message is."""

    HELLO = 0
    IDENTIFY = 1
    IDENTIFIED = 2
    EVENT = 5
    REQUEST = 6
    RESPONSE = 7


class Events(IntFlag):
    """Which events OBS is to send."""

    NONE = 0
    OUTPUTS = 1 << 6


class Close(IntEnum):
    """Why OBS ended a connection."""

    AUTHENTICATION_FAILED = 4009
    UNSUPPORTED_RPC_VERSION = 4010
    SESSION_INVALIDATED = 4011


class Status(IntEnum):
    """Why OBS did not do what it was asked for; only those that are told apart here."""

    RESOURCE_NOT_FOUND = 600


class OddMessageError(ValueError):
    """A message that no obs-websocket 5 sends."""


class RequestRefusedError(SakigakeError):
    """OBS answered, but did not do what it was asked for. `status` is its reason."""

    def __init__(self, request: str, status: int, comment: str) -> None:
        super().__init__("obs-refused", request=request, status=status, comment=comment)
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where OBS listens and which scene is meant; `scene` None is whichever scene is the program."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    scene: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, spec: str) -> "Address":
        """Read `obs://[host[:port]][/Scene name]`; raises UsageError.

        The name of the scene is taken as it stands, with every blank, slash and percent sign in it. A password has
        no place here: it would stay in the history of the shell and in the list of processes.
        """
        read = _PLACE.fullmatch(spec)
        if read is None:
            raise UsageError("obs-address", spec=SCHEME if "@" in spec else spec)
        port = int(read["port"] or DEFAULT_PORT)
        if not 0 < port < 1 << 16:
            raise UsageError("obs-address", spec=spec)
        return cls(read["ip6"] or read["host"] or DEFAULT_HOST, port, read["scene"] or None)


def read_message(raw: bytes) -> tuple[int, Fields]:
    """Return operation and fields of one message; raises OddMessageError.

    Decoded here and once: to have the websocket library check the UTF-8 of a picture takes it seconds.
    """
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise OddMessageError("not JSON") from error
    op, fields = (message.get("op"), message.get("d")) if isinstance(message, dict) else (None, None)
    if not isinstance(op, int) or not isinstance(fields, dict):
        raise OddMessageError("no operation")
    return op, fields


def write_message(op: Op, fields: Fields) -> str:
    """Return one message as OBS reads it."""
    return json.dumps({"op": op, "d": fields})


def challenge(hello: Fields) -> tuple[str, str] | None:
    """Return salt and challenge of a Hello, None when OBS asks for no password; raises OddMessageError."""
    if not isinstance(hello.get("obsWebSocketVersion"), str):
        raise OddMessageError("no version")
    asked = hello.get("authentication")
    if asked is None:
        return None
    salt, question = (asked.get("salt"), asked.get("challenge")) if isinstance(asked, dict) else (None, None)
    if not isinstance(salt, str) or not isinstance(question, str):
        raise OddMessageError("no challenge")
    return salt, question


def authentication(password: str, salt: str, question: str) -> str:
    """Return the answer to a challenge; the password itself is never sent (protocol.md, "Creating an auth string")."""
    secret = base64.b64encode(sha256((password + salt).encode()).digest())
    return base64.b64encode(sha256(secret + question.encode()).digest()).decode()


def response(fields: Fields) -> tuple[str, Fields | RequestRefusedError]:
    """Return the id of the request that a RequestResponse answers, and the answer; raises OddMessageError."""
    number, status = fields.get("requestId"), fields.get("requestStatus")
    if not isinstance(number, str) or not isinstance(status, dict):
        raise OddMessageError("no request id")
    if status.get("result") is not True:
        comment, code = status.get("comment"), status.get("code")
        return number, RequestRefusedError(
            str(fields.get("requestType")), code if isinstance(code, int) else 0, str(comment or "")
        )
    data = fields.get("responseData")
    return number, data if isinstance(data, dict) else {}


def picture(data_url: object) -> bytes:
    """Return the file in a `data:image/png;base64,…` answer; raises OddMessageError."""
    head, comma, body = data_url.partition(",") if isinstance(data_url, str) else ("", "", "")
    if not comma or not head.endswith(";base64"):
        raise OddMessageError("no picture")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise OddMessageError("no base64") from error


@dataclass(frozen=True, slots=True)
class Statistics:
    """What OBS counts of itself since it was started. Integers, since the ledger carries nothing else.

    `render_*` are frames of the compositor, `output_*` frames of the encoders, `stream_*` frames of the stream that
    runs or ran last (skipped there: the network was too slow).
    """

    render_total: int
    render_skipped: int
    output_total: int
    output_skipped: int
    stream_total: int
    stream_skipped: int
    render_us: int
    fps_milli: int
    cpu_permille: int
    memory_mb: int

    @classmethod
    def read(cls, stats: Fields, stream: Fields) -> "Statistics":
        """Take GetStats and GetStreamStatus; what an OBS does not tell is 0."""
        return cls(
            render_total=_whole(stats, "renderTotalFrames"),
            render_skipped=_whole(stats, "renderSkippedFrames"),
            output_total=_whole(stats, "outputTotalFrames"),
            output_skipped=_whole(stats, "outputSkippedFrames"),
            stream_total=_whole(stream, "outputTotalFrames"),
            stream_skipped=_whole(stream, "outputSkippedFrames"),
            render_us=_whole(stats, "averageFrameRenderTime", 1000),
            fps_milli=_whole(stats, "activeFps", 1000),
            cpu_permille=_whole(stats, "cpuUsage", 10),
            memory_mb=_whole(stats, "memoryUsage"),
        )

    def info(self) -> dict[str, int | str]:
        """Return the counts for a ledger entry."""
        return {
            "render_total": self.render_total,
            "render_skipped": self.render_skipped,
            "output_total": self.output_total,
            "output_skipped": self.output_skipped,
            "stream_total": self.stream_total,
            "stream_skipped": self.stream_skipped,
        }


def _whole(fields: Fields, name: str, times: int = 1) -> int:
    value = fields.get(name)
    # OBS has been seen to answer with a count that wrapped around; the ledger takes nothing beyond 2^53.
    return int(value * times) if isinstance(value, int | float) and 0 <= value < 1 << 32 else 0
