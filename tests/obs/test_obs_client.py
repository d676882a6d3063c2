"""The client against a server that does what no OBS does: wrong ids, late answers, pieces, silence, other languages."""

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from capture.obs import client as clients
from capture.obs import wire
from capture.obs.client import Client, Link
from capture.obs.protocol import Address, Events, RequestRefusedError
from sakigake.errors import ConfigError, NetworkError, SakigakeError, UsageError
from tests.obs.scripted import Answer, Script, Server, Talk, obs

PASSWORD = "a word nobody says"  # noqa: S105 - of a server that lives for seconds


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TICK_S", 0.05)
    monkeypatch.setattr(clients, "CONNECT_TIMEOUT_S", 1.0)


@contextmanager
def talking(script: Script, password: str | None = None, **options: Any) -> Iterator[tuple[Client, Server]]:
    with Server(script) as server:
        client = Client(server.address, password, **options)
        try:
            yield client, server
        finally:
            client.close()


def echo(talk: Talk, request: dict[str, Any]) -> None:
    talk.answer(request, {"echo": request.get("requestData", {}).get("word")})


def refusal(script: Script, password: str | None = None) -> SakigakeError:
    with Server(script) as server, pytest.raises(SakigakeError) as refused:
        Client(server.address, password)
    assert str(refused.value)
    assert refused.value.message("ja")
    return refused.value


def ended(client: Client, seconds: float = 3.0) -> str:
    """Return the slug of what ended the connection."""
    until = time.monotonic() + seconds
    while client.failure is None and time.monotonic() < until:
        time.sleep(0.01)
    return client.failure.code if client.failure is not None else ""


def test_a_request_is_answered() -> None:
    with talking(obs(echo)) as (client, _):
        assert client.request("Say", {"word": "絵"}) == {"echo": "絵"}
        assert client.request("Say") == {"echo": None}


def test_the_password_opens_and_is_never_sent() -> None:
    with talking(obs(echo, PASSWORD), PASSWORD) as (client, server):
        assert client.request("Say", {"word": "in"}) == {"echo": "in"}
        assert PASSWORD.encode() not in server.talks[0].heard


def test_a_wrong_and_a_missing_password_say_so() -> None:
    wrong = refusal(obs(echo, PASSWORD), "another word")
    assert isinstance(wrong, ConfigError)
    assert wrong.code == "obs-password-wrong"
    missing = refusal(obs(echo, PASSWORD))
    assert isinstance(missing, ConfigError)
    assert missing.code == "obs-password-missing"
    assert "another word" not in str(wrong)


def test_an_answer_with_an_unknown_id_is_handed_to_nobody() -> None:
    def answer(talk: Talk, request: dict[str, Any]) -> None:
        talk.answer(request | {"requestId": "999"}, {"echo": "for somebody else"})
        echo(talk, request)

    with talking(obs(answer)) as (client, _):
        assert client.request("Say", {"word": "mine"}) == {"echo": "mine"}
        assert client.late == 1


def test_a_late_answer_is_dropped_and_the_next_request_gets_its_own() -> None:
    held: list[dict[str, Any]] = []

    def answer(talk: Talk, request: dict[str, Any]) -> None:
        if request["requestType"] == "Slow":
            held.append(request)
            return
        for late in held:
            talk.answer(late, {"echo": "late"})
        echo(talk, request)

    with talking(obs(answer)) as (client, _):
        with pytest.raises(NetworkError) as slow:
            client.request("Slow", {"word": "1"}, timeout_s=0.2)
        assert slow.value.code == "obs-silent"
        assert client.request("Say", {"word": "2"}) == {"echo": "2"}
        assert client.late == 1
        assert client.failure is None


def test_answers_in_another_order_reach_those_who_asked() -> None:
    waiting: list[dict[str, Any]] = []

    def answer(talk: Talk, request: dict[str, Any]) -> None:
        waiting.append(request)
        if len(waiting) == 6:
            for one in reversed(waiting):
                echo(talk, one)

    got: dict[int, object] = {}
    with talking(obs(answer)) as (client, _):

        def ask(number: int) -> None:
            got[number] = client.request("Say", {"word": number})["echo"]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == {number: number for number in range(6)}


def test_a_message_in_pieces_is_put_together() -> None:
    def answer(talk: Talk, request: dict[str, Any]) -> None:
        text = '{"op":7,"d":{"requestId":"%s","requestStatus":{"result":true},"responseData":{"echo":"%s"}}}'
        talk.fragments((text % (request["requestId"], "絵" * 50_000)).encode(), 7_001)

    with talking(obs(answer)) as (client, _):
        assert client.request("Say") == {"echo": "絵" * 50_000}


def test_a_piece_that_is_slow_to_come_is_waited_for() -> None:
    def answer(talk: Talk, request: dict[str, Any]) -> None:
        data = (
            b'{"op":7,"d":{"requestId":"%s","requestStatus":{"result":true}}}' % request["requestId"].encode()
        )
        head = bytes([0x81, len(data)])
        for piece in (head[:1], head[1:], data[:9], data[9:]):
            talk.end.sendall(piece)
            time.sleep(0.12)  # more than two ticks, in the middle of a frame

    with talking(obs(answer)) as (client, _):
        assert client.request("Say") == {}


def test_a_refusal_names_the_request_and_the_reason() -> None:
    with talking(obs(lambda talk, request: talk.refuse(request, 600, "No source."))) as (client, _):
        with pytest.raises(RequestRefusedError) as refused:
            client.request("GetSourceScreenshot")
        assert refused.value.status == 600
        assert "GetSourceScreenshot" in str(refused.value)
        assert client.failure is None


def test_events_arrive_and_do_not_disturb_answers() -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def answer(talk: Talk, request: dict[str, Any]) -> None:
        talk.event("StreamStateChanged", outputState="X")
        talk.send(5, {"eventType": "Bare"})
        echo(talk, request)

    def noted(kind: str, data: dict[str, Any]) -> None:
        seen.append((kind, data))

    with talking(obs(answer), events=Events.OUTPUTS, on_event=noted) as (client, _):
        client.request("Say")
        assert seen == [("StreamStateChanged", {"outputState": "X"}), ("Bare", {})]


def test_a_connection_that_falls_silent_is_given_up() -> None:
    def script(talk: Talk) -> None:
        talk.greet()
        talk.answers_pings = False
        talk.serve(echo)

    with talking(script) as (client, server):
        assert ended(client) == "obs-silent"
        assert server.talks[0].pings >= 1
        with pytest.raises(NetworkError) as silent:
            client.request("Say")
        assert silent.value.code == "obs-silent"


def test_a_connection_with_nothing_to_say_is_kept() -> None:
    with talking(obs(echo)) as (client, server):
        assert ended(client, 1.0) == ""  # three times as long as silence would take
        assert server.talks[0].pings > 5
        assert client.request("Say", {"word": "still here"}) == {"echo": "still here"}


def test_who_waits_is_told_at_once_when_obs_goes() -> None:
    def vanish(talk: Talk, _request: dict[str, Any]) -> None:
        talk.end.close()

    began = time.monotonic()
    with talking(obs(vanish)) as (client, _), pytest.raises(NetworkError) as gone:
        client.request("Say")
    assert gone.value.code == "obs-closed"
    assert time.monotonic() - began < 2


def test_being_sent_away_says_so() -> None:
    with talking(obs(lambda talk, _request: talk.close(4011))) as (client, _):
        with pytest.raises(NetworkError) as away:
            client.request("Say")
        assert away.value.code == "obs-sent-away"


@pytest.mark.parametrize(
    "answer",
    [
        lambda talk, _request: talk.frame(b"not json"),
        lambda talk, _request: talk.frame(b'{"op":7,"d":{"requestId":"1\xff","requestStatus":{}}}'),
        lambda talk, _request: talk.send(7, {"requestId": 3}),
        lambda talk, _request: talk.frame(b"{}", 3),
    ],
)
def test_nonsense_ends_the_connection(answer: Answer) -> None:
    with talking(obs(answer)) as (client, _):
        with pytest.raises(NetworkError) as odd:
            client.request("Say")
        assert odd.value.code in {"obs-not-obs", "obs-closed"}


def test_a_message_beyond_the_limit_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_MESSAGE_BYTES", 100_000)

    def answer(talk: Talk, _request: dict[str, Any]) -> None:
        talk.end.sendall(b"\x81\x7f" + (1 << 62).to_bytes(8, "big"))
        for _ in range(100):
            talk.end.sendall(bytes(10_000))

    with talking(obs(answer)) as (client, _):
        with pytest.raises(NetworkError) as large:
            client.request("Say")
        assert large.value.code == "obs-too-large"


def test_many_small_messages_are_no_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_MESSAGE_BYTES", 10_000)
    with talking(obs(echo)) as (client, _):
        for _ in range(30):
            assert client.request("Say", {"word": "x" * 1000}) == {"echo": "x" * 1000}


def test_a_closed_port_says_so() -> None:
    with Server(lambda talk: talk.upgrade()) as server:
        address = server.address
    with pytest.raises(NetworkError) as closed:
        Client(address, None)
    assert closed.value.code == "obs-closed"
    assert f"127.0.0.1:{address.port}" in str(closed.value)


def test_a_host_that_does_not_exist_says_so() -> None:
    with pytest.raises(NetworkError) as unknown:
        Client(Address("a" * 70 + ".invalid"), None)
    assert unknown.value.code == "obs-unreachable"


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    """A web server that sends everybody elsewhere."""

    target = ""

    def do_GET(self) -> None:
        if self.target:
            self.send_response(302)
            self.send_header("Location", self.target)
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize("sends_elsewhere", [False, True])
def test_a_web_server_is_no_obs_and_its_redirects_are_not_followed(sends_elsewhere: bool) -> None:
    with Server(obs(echo)) as other, http.server.HTTPServer(("127.0.0.1", 0), _Elsewhere) as web:
        _Elsewhere.target = f"ws://{other.address}" if sends_elsewhere else ""
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        try:
            with pytest.raises(NetworkError) as refused:
                Client(Address(port=web.server_port), None)
        finally:
            web.shutdown()
            thread.join()
        assert refused.value.code == "obs-not-obs"
        assert not other.talks


def no_hello(talk: Talk) -> None:
    """obs-websocket 4 shakes hands and waits to be spoken to."""
    talk.upgrade()
    talk.receive()


def odd_hello(talk: Talk) -> None:
    talk.upgrade()
    talk.send(0, {"hello": "world"})


def early(talk: Talk) -> None:
    talk.upgrade()
    talk.send(2, {"negotiatedRpcVersion": 1})


def other_version(talk: Talk) -> None:
    talk.upgrade()
    talk.send(0, {"obsWebSocketVersion": "9", "rpcVersion": 9})
    talk.receive()
    talk.close(4010)


def gone_at_once(talk: Talk) -> None:
    talk.upgrade()


def deaf(talk: Talk) -> None:
    """A frozen OBS: the system takes the connection, nobody reads from it."""
    time.sleep(2)
    talk.end.close()


def chatter(talk: Talk) -> None:
    talk.end.sendall(b"220 mail.example ESMTP\r\n\r\n")
    talk.exactly(1 << 20)


def drips(talk: Talk) -> None:
    for letter in b"HTTP/1.1 101 Switching Protocols\r\n" * 10:
        talk.end.sendall(bytes([letter]))
        time.sleep(0.02)


def endless(talk: Talk) -> None:
    talk.end.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
    for _ in range(10_000):
        talk.end.sendall(b"X-Header: " + b"x" * 1000 + b"\r\n")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (no_hello, "obs-silent"),
        (odd_hello, "obs-not-obs"),
        (early, "obs-not-obs"),
        (other_version, "obs-other-version"),
        (gone_at_once, "obs-closed"),
        (deaf, "obs-silent"),
        (chatter, "obs-not-obs"),
        (drips, "obs-silent"),
        (endless, "obs-not-obs"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_whatever_else_listens_there_is_told_apart(script: Script, code: str) -> None:
    began = time.monotonic()
    assert refusal(script).code == code
    assert time.monotonic() - began < 4


def test_a_lost_connection_is_made_again_less_and_less_often() -> None:
    now = [0]
    tries: list[float] = []

    def connect() -> Client:
        tries.append(now[0] / 1e9)
        return Client(address, None)

    with Server(obs(echo)) as server:
        address = server.address
        link = Link(connect, lambda: now[0])
        first = link.open()
        assert link.client() is first
        server.stop_listening()
        server.talks[0].end.close()
        assert ended(first) == "obs-closed"
        for second in range(60):
            now[0] = second * 1_000_000_000
            with pytest.raises(NetworkError) as lost:
                link.client()
            assert lost.value.code == "obs-closed"
    assert tries == [0.0, 1.0, 3.0, 8.0, 18.0, 28.0, 38.0, 48.0, 58.0]
    with Server(obs(echo)) as server:
        address = server.address
        now[0] += 10_000_000_000
        second_client = link.client()
        assert second_client is not first
        assert second_client.request("Say", {"word": "back"}) == {"echo": "back"}
        link.close()
        assert second_client.failure is not None


def test_closing_leaves_no_thread_and_no_socket_behind() -> None:
    def sockets() -> int:
        handles = Path("/proc/self/fd")
        return len(list(handles.iterdir())) if handles.is_dir() else 0

    threads, before = threading.active_count(), sockets()
    for _ in range(5):
        with talking(obs(echo)) as (client, _):
            client.request("Say")
    assert threading.active_count() == threads
    assert sockets() <= before


def test_a_closed_client_says_so() -> None:
    with talking(obs(echo)) as (client, _):
        client.close()
        with pytest.raises(NetworkError) as closed:
            client.request("Say")
        assert closed.value.code == "obs-closed"


def test_without_the_extra_the_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websocket", None)
    with pytest.raises(UsageError) as missing:
        Client(Address(), None)
    assert 'pip install "sakigake[obs]"' in str(missing.value)
    assert 'pip install "sakigake[obs]"' in missing.value.hint("ja")


def test_the_extra_is_not_needed_before_it_is_used() -> None:
    code = "import sys, capture.sources.obs, capture.obs.stream; sys.exit('websocket' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
