"""Addresses, messages and the password challenge, without a socket."""

import base64
import json

import pytest

from capture.obs import protocol
from capture.obs.protocol import Address, OddMessageError, Op, RequestRefusedError, Statistics
from sakigake.errors import UsageError


@pytest.mark.parametrize(
    ("spec", "host", "port", "scene"),
    [
        ("obs://", "127.0.0.1", 4455, None),
        ("obs:///", "127.0.0.1", 4455, None),
        ("obs:///Scene", "127.0.0.1", 4455, "Scene"),
        ("obs://:4456/Scene", "127.0.0.1", 4456, "Scene"),
        ("obs://studio.local/お絵描き 配信", "studio.local", 4455, "お絵描き 配信"),
        ("obs://10.0.0.5:4444/a/b?c#d 100%41", "10.0.0.5", 4444, "a/b?c#d 100%41"),
        ("obs://[::1]:4455/S", "::1", 4455, "S"),
        ("obs://[::1]", "::1", 4455, None),
        ("obs:///obs://x", "127.0.0.1", 4455, "obs://x"),
    ],
)
def test_an_address_names_host_port_and_scene(spec: str, host: str, port: int, scene: str | None) -> None:
    assert Address.parse(spec) == Address(host, port, scene)


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "obs:",
        "obs:/Scene",
        "http://127.0.0.1/x",
        "obs://host:0/x",
        "obs://host:70000",
        "obs://host:44x5",
        "obs://a b/x",
        "obs://[::1",
        "obs://[::1]4455",
    ],
)
def test_what_is_no_address_is_refused(spec: str) -> None:
    with pytest.raises(UsageError) as refused:
        Address.parse(spec)
    assert refused.value.code == "obs-address"


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        Address.parse("obs://me:secret-word@host/x")
    assert "secret-word" not in str(refused.value)
    assert "SAKIGAKE_OBS_PASSWORD" in str(refused.value)


def test_an_address_is_shown_as_it_is_connected_to() -> None:
    assert str(Address("::1", 4455)) == "[::1]:4455"
    assert str(Address("host", 1)) == "host:1"


def test_the_challenge_is_answered_as_the_protocol_has_it() -> None:
    # The example of the protocol's own document.
    salt, question = (
        "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI=",
        "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY=",
    )
    answer = protocol.authentication("supersecretpassword", salt, question)
    assert answer == "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4="


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"op": "0", "d": {}}',
        b'{"op": 0}',
        b'{"op": 0, "d": 3}',
        b"[" * 200_000,
        b'{"op": 5, "d": {"eventType": "\xc3\x28"}}',
    ],
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(OddMessageError):
        protocol.read_message(raw)


def test_messages_come_back_as_they_were_written() -> None:
    fields = {"requestType": "X", "requestId": "1", "requestData": {"sceneName": "絵 \u2028 100%"}}
    assert protocol.read_message(protocol.write_message(Op.REQUEST, fields).encode()) == (6, fields)


@pytest.mark.parametrize(
    "hello",
    [
        {},
        {"obsWebSocketVersion": 5},
        {"obsWebSocketVersion": "5", "authentication": 3},
        {"obsWebSocketVersion": "5", "authentication": {"salt": "x"}},
    ],
)
def test_a_hello_that_is_none_is_refused(hello: dict[str, object]) -> None:
    with pytest.raises(OddMessageError):
        protocol.challenge(hello)


@pytest.mark.parametrize(
    "fields", [{}, {"requestId": "1"}, {"requestId": 1, "requestStatus": {"result": True}}]
)
def test_an_answer_without_id_or_status_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(OddMessageError):
        protocol.response(fields)


def test_a_refusal_carries_its_reason() -> None:
    status = {"result": False, "code": 600, "comment": "No source was found."}
    number, answer = protocol.response({"requestId": "7", "requestType": "GetX", "requestStatus": status})
    assert number == "7"
    assert isinstance(answer, RequestRefusedError)
    assert answer.status == 600
    assert "No source was found." in str(answer)


def test_pictures_are_taken_out_of_their_wrapping() -> None:
    wrapped = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert protocol.picture(wrapped) == b"\x89PNG"
    for odd in (None, "", "data:image/png", "data:image/png;base64,###", "data:image/png,AAAA", wrapped[:-2]):
        with pytest.raises(OddMessageError):
            protocol.picture(odd)


def test_statistics_are_whole_numbers_whatever_obs_says() -> None:
    stats = {
        "renderTotalFrames": 120,
        "renderSkippedFrames": 3,
        "outputTotalFrames": 2**64 - 1,  # wrapped around
        "outputSkippedFrames": -1,
        "averageFrameRenderTime": 1.25,
        "activeFps": 29.97,
        "cpuUsage": 12.34,
        "memoryUsage": float("nan"),
    }
    read = Statistics.read(stats, {"outputTotalFrames": "many", "outputSkippedFrames": True})
    assert (read.render_total, read.render_skipped, read.output_total, read.output_skipped) == (120, 3, 0, 0)
    assert (read.render_us, read.fps_milli, read.cpu_permille, read.memory_mb) == (1250, 29970, 123, 0)
    assert read.stream_total == 0
    assert json.dumps(read.info())
    assert set(read.info()) == {
        f"{part}_{count}" for part in ("render", "output", "stream") for count in ("total", "skipped")
    }
