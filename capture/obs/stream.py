"""When the stream begins and ends, as OBS tells it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from capture.obs.client import Client, Link
from capture.obs.protocol import Address, Events, Fields, Statistics
from capture.pacer import SECOND
from sakigake.clock import Clock
from sakigake.errors import SakigakeError

STARTED = "OBS_WEBSOCKET_OUTPUT_STARTED"
STOPPED = "OBS_WEBSOCKET_OUTPUT_STOPPED"
STEP_S = 0.5
STATISTICS_TIMEOUT_S = 2.0
# OBS closed in the middle of a stream may come back and go on; after this long without it the stream counts as over.
GONE_S = 60.0


@dataclass(frozen=True, slots=True)
class StreamChange:
    """The stream started, stopped, or its OBS was lost or came back.

    `how` says how we know: "event" (OBS said so at this moment), "asked" (it was so when we could ask, and may have
    been for longer) or "lost" (OBS has not been there for a minute). `statistics` is None when OBS could not be asked.
    """

    state: str
    how: str
    wall_ns: int
    mono_ns: int
    statistics: Statistics | None

    def info(self) -> dict[str, int | str]:
        """Return what a ledger entry of type `stream_state` holds."""
        counts = self.statistics.info() if self.statistics is not None else {}
        return {"state": self.state, "how": self.how, **counts}


class StreamWatch:
    """Watches the stream of one OBS over a connection of its own, and survives OBS.

    `on_change` gets each change, in order, on the thread of the watch; it must not raise.
    """

    def __init__(
        self,
        address: Address,
        secret: str | None,
        on_change: Callable[[StreamChange], None],
        clock: Clock | None = None,
        *,
        gone_s: float = GONE_S,
    ) -> None:
        self._address = address
        self._secret = secret
        self._on_change = on_change
        self._clock = clock or Clock()
        self._gone_ns = int(gone_s * SECOND)
        self._link = Link(self._connect, self._clock.mono_ns)
        self._known: Client | None = None
        self._events: SimpleQueue[tuple[str, int, int]] = SimpleQueue()
        self._streaming: bool | None = None
        self._lost_at: int | None = None
        self._trouble: SakigakeError | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def streaming(self) -> bool | None:
        """Say whether the stream runs, as far as is known; None before OBS was ever asked."""
        return self._streaming

    @property
    def trouble(self) -> SakigakeError | None:
        """Return what stands between us and OBS now."""
        return self._trouble

    def open(self) -> None:
        """Connect once before `start`, to learn of a wrong password at once; raises SakigakeError."""
        self._link.open()

    def start(self) -> None:
        """Begin to watch. A stream that already runs is told as "started" with how "asked"."""
        self._thread = threading.Thread(target=self._run, name="sakigake-stream", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._link.close()

    def _connect(self) -> Client:
        # A queue for each connection: nothing that an earlier one still says is taken for news.
        events: SimpleQueue[tuple[str, int, int]] = SimpleQueue()

        def arrived(kind: str, data: Fields) -> None:
            if kind == "StreamStateChanged":
                events.put((str(data.get("outputState")), self._clock.wall_ns(), self._clock.mono_ns()))

        client = Client(self._address, self._secret, events=Events.OUTPUTS, on_event=arrived)
        self._events = events
        return client

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                client = self._link.client()
                if client is not self._known:
                    self._compare(client)
                    self._known = client
                self._trouble = None
                self._wait(client)
            except SakigakeError as error:
                self._away(error)
                self._stop.wait(STEP_S)

    def _compare(self, client: Client) -> None:
        """Ask a new connection how things are: what happened without us is told as asked, not as seen."""
        active = client.request("GetStreamStatus").get("outputActive") is True
        if active and self._streaming and self._lost_at is not None:
            self._tell("back", "asked", client)
        elif active != bool(self._streaming):
            self._tell("started" if active else "stopped", "asked", client)
        self._streaming, self._lost_at = active, None

    def _wait(self, client: Client) -> None:
        try:
            state, wall, mono = self._events.get(timeout=STEP_S)
        except Empty:
            return
        if state in {STARTED, STOPPED} and (state == STARTED) != self._streaming:
            self._streaming = state == STARTED
            self._tell("started" if self._streaming else "stopped", "event", client, (wall, mono))

    def _away(self, error: SakigakeError) -> None:
        self._trouble = error
        if not self._streaming:
            return
        now = self._clock.mono_ns()
        if self._lost_at is None:
            self._lost_at = now
            self._tell("lost", "asked", None)
        elif now - self._lost_at >= self._gone_ns:
            self._streaming, self._lost_at = False, None
            self._tell("stopped", "lost", None)

    def _tell(self, state: str, how: str, client: Client | None, at: tuple[int, int] | None = None) -> None:
        wall, mono = at or (self._clock.wall_ns(), self._clock.mono_ns())
        counts: Statistics | None = None
        if client is not None:
            try:
                counts = client.statistics(STATISTICS_TIMEOUT_S)
            except SakigakeError as error:
                self._trouble = error
        self._on_change(StreamChange(state, how, wall, mono, counts))
