"""A connection to OBS: requests matched to their answers by id, events, signs of life, and coming back after a loss."""

import copy
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from capture.obs import protocol
from capture.obs.protocol import (
    Address,
    Close,
    Events,
    Fields,
    OddMessageError,
    Op,
    RequestRefusedError,
    Statistics,
)
from capture.obs.wire import TICK_S, ClosedError, Wire
from sakigake.errors import ConfigError, NetworkError, SakigakeError

CONNECT_TIMEOUT_S = 3.0
REQUEST_TIMEOUT_S = 5.0
# Counted in receive time-outs and not by a clock, so that a laptop that slept does not accuse OBS of silence.
PING_AFTER_TICKS = 2
SILENT_AFTER_TICKS = 6
BACK_OFF_S = (1.0, 2.0, 5.0, 10.0)
JOIN_S = 2 * TICK_S

OnEvent = Callable[[str, Fields], None]


class Client:
    """One connection. Any thread may ask; `on_event` is called on the reading thread and must not ask itself.

    After a failure it stays failed: every request raises what ended it. `Link` makes a new one.
    """

    def __init__(
        self,
        address: Address,
        password: str | None,
        *,
        events: Events = Events.NONE,
        on_event: OnEvent | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        """Connect and identify; raises SakigakeError with what to do when that fails."""
        self.late = 0
        self._address = address
        self._timeout_s = timeout_s
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[Fields]] = {}
        self._failure: SakigakeError | None = None
        self._wire = Wire(address, CONNECT_TIMEOUT_S)
        try:
            self._identify(password, events)
        except BaseException:
            self._wire.drop()
            raise
        self._reader = threading.Thread(target=self._read, name="sakigake-obs", daemon=True)
        self._reader.start()

    @property
    def failure(self) -> SakigakeError | None:
        """Return what ended the connection; None while it stands."""
        return self._failure

    def _identify(self, password: str | None, events: Events) -> None:
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        hello = self._first(Op.HELLO, deadline)
        try:
            asked = protocol.challenge(hello)
        except OddMessageError as error:
            raise NetworkError("obs-not-obs", address=self._address) from error
        fields: Fields = {"rpcVersion": protocol.RPC_VERSION, "eventSubscriptions": int(events)}
        if asked is not None:
            if not password:
                raise ConfigError("obs-password-missing", address=self._address)
            fields["authentication"] = protocol.authentication(password, *asked)
        try:
            self._wire.send(protocol.write_message(Op.IDENTIFY, fields))
        except ClosedError as error:
            raise self._ended(error.code) from error
        self._first(Op.IDENTIFIED, deadline)

    def _first(self, wanted: Op, deadline: float) -> Fields:
        """Return the next message, which must be a `wanted`: nothing else is sent before a client is identified."""
        while time.monotonic() < deadline:
            try:
                raw = self._wire.receive()
                op, fields = protocol.read_message(raw) if raw else (None, {})
            except ClosedError as error:
                raise self._ended(error.code) from error
            except OddMessageError as error:
                raise NetworkError("obs-not-obs", address=self._address) from error
            if op == wanted:
                return fields
            if op is not None:
                raise NetworkError("obs-not-obs", address=self._address)
        raise NetworkError("obs-silent", address=self._address)

    def _ended(self, code: int) -> SakigakeError:
        """Return the sentence for a connection that OBS ended."""
        if code == Close.AUTHENTICATION_FAILED:
            return ConfigError("obs-password-wrong", address=self._address)
        if code == Close.UNSUPPORTED_RPC_VERSION:
            return ConfigError("obs-other-version", address=self._address)
        if code == Close.SESSION_INVALIDATED:
            return NetworkError("obs-sent-away", address=self._address)
        return NetworkError("obs-closed", address=self._address)

    def request(self, kind: str, data: Fields | None = None, timeout_s: float | None = None) -> Fields:
        """Ask OBS and return its answer.

        Raises RequestRefusedError when it says no, NetworkError "obs-silent" when it says nothing in time (an answer
        that comes after that is dropped), else whatever ended the connection.
        """
        answer: Future[Fields] = Future()
        number = str(next(self._numbers))
        with self._lock:
            if self._failure is not None:
                # A copy: one object raised again and again would gather tracebacks for ever.
                raise copy.copy(self._failure)
            self._waiting[number] = answer
        try:
            fields: Fields = {"requestType": kind, "requestId": number}
            if data:
                fields["requestData"] = data
            self._wire.send(protocol.write_message(Op.REQUEST, fields))
            return answer.result(timeout_s or self._timeout_s)
        except ClosedError as error:
            ended = self._ended(error.code)
            self._fail(ended)
            raise ended from error
        except TimeoutError as error:
            raise NetworkError("obs-silent", address=self._address) from error
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def statistics(self, timeout_s: float | None = None) -> Statistics:
        """Return what OBS counts of itself; raises as `request` does."""
        stats = self.request("GetStats", timeout_s=timeout_s)
        return Statistics.read(stats, self.request("GetStreamStatus", timeout_s=timeout_s))

    def _read(self) -> None:
        try:
            self._fail(self._receive())
        except ClosedError as error:
            self._fail(self._ended(error.code))
        except OddMessageError:
            self._fail(NetworkError("obs-not-obs", address=self._address))
        except SakigakeError as error:
            self._fail(error)
        except BaseException:  # a defect in what takes the events: say so, but leave nobody waiting
            self._fail(self._ended(0))
            raise
        finally:
            self._wire.drop()

    def _receive(self) -> SakigakeError:
        """Take in messages until nothing comes any more; returns what to say then."""
        quiet = 0
        while quiet < SILENT_AFTER_TICKS:
            raw = self._wire.receive()
            quiet = quiet + 1 if raw is None else 0
            if raw:
                self._take(raw)
            elif quiet >= PING_AFTER_TICKS:
                self._wire.ping()
        return NetworkError("obs-silent", address=self._address)

    def _take(self, raw: bytes) -> None:
        op, fields = protocol.read_message(raw)
        if op == Op.RESPONSE:
            number, answer = protocol.response(fields)
            with self._lock:
                waiting = self._waiting.pop(number, None)
            if waiting is None:
                self.late += 1
            elif isinstance(answer, RequestRefusedError):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)
        elif op == Op.EVENT and self._on_event is not None:
            data = fields.get("eventData")
            self._on_event(str(fields.get("eventType")), data if isinstance(data, dict) else {})

    def _fail(self, error: SakigakeError) -> None:
        with self._lock:
            self._failure = self._failure or error
            waiting, self._waiting = list(self._waiting.values()), {}
        for answer in waiting:
            answer.set_exception(copy.copy(error))

    def close(self) -> None:
        """Hang up. Requests that are still waiting raise "obs-closed"."""
        self._fail(self._ended(0))
        self._wire.hang_up()
        self._reader.join(JOIN_S)


class Link:
    """Keeps a connection, and makes a new one after a loss, less and less often. Owned by one thread."""

    def __init__(self, connect: Callable[[], Client], mono_ns: Callable[[], int]) -> None:
        self._connect = connect
        self._mono_ns = mono_ns
        self._client: Client | None = None
        self._failures = 0
        self._retry_at = 0
        self._why: SakigakeError | None = None

    def open(self) -> Client:
        """Connect now; raises SakigakeError."""
        self._drop()
        try:
            self._client = self._connect()
        except SakigakeError as error:
            self._put_off(error)
            raise
        self._failures, self._why = 0, None
        return self._client

    def client(self) -> Client:
        """Return the connection, a new one if it is time for that; raises the SakigakeError that stands in the way."""
        client = self._client
        if client is not None:
            if client.failure is None:
                return client
            self._drop()
            self._put_off(client.failure)
        if self._why is not None and self._mono_ns() < self._retry_at:
            raise copy.copy(self._why)
        return self.open()

    def _put_off(self, error: SakigakeError) -> None:
        self._why = error
        self._retry_at = self._mono_ns() + int(BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)] * 1e9)
        self._failures += 1

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def close(self) -> None:
        """Hang up and forget."""
        self._drop()
        self._failures, self._retry_at, self._why = 0, 0, None
