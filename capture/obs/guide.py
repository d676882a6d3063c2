"""A recording that begins and ends with the stream."""

import threading
from collections.abc import Callable
from typing import Protocol

from capture.obs.protocol import Address
from capture.obs.stream import StreamChange, StreamWatch
from sakigake.errors import SakigakeError
from sakigake.model import EntryType
from sakigake.timeline.entry import Info

STEP_S = 0.2


class Recording(Protocol):
    """What a guide does with a recorder; both may be called from any thread."""

    def note(self, kind: EntryType, info: Info) -> None:
        """Write an entry about this moment."""

    def stop(self, reason: str) -> None:
        """End the recording."""


class StreamGuide:
    """Waits for the stream, writes down what becomes of it, and ends the recording with it.

    `say` gets the key and values of each sentence for the person at the screen.
    """

    def __init__(self, address: Address, secret: str | None, say: Callable[..., None]) -> None:
        self._watch = StreamWatch(address, secret, self._changed)
        self._say = say
        self._lock = threading.Lock()
        self._recording: Recording | None = None
        self._before: list[StreamChange] = []
        self._trouble: str | None = None

    def open(self) -> None:
        """Connect to OBS and begin to watch; raises SakigakeError with what to do."""
        self._watch.open()
        self._watch.start()

    def wait(self, over: Callable[[], bool]) -> bool:
        """Return True once the stream runs, False as soon as `over` says so."""
        if not self._watch.streaming:
            self._say("record.waiting-for-stream")
        pause = threading.Event()
        while not self._watch.streaming:
            if over():
                return False
            self._tell_trouble(self._watch.trouble)
            pause.wait(STEP_S)
        return True

    def lead(self, recording: Recording) -> None:
        """From now on write what happens into this recording; what happened until now comes first."""
        with self._lock:
            self._recording = recording
            for change in self._before:
                self._note(recording, change)
            self._before.clear()

    def close(self) -> None:
        """Stop watching."""
        self._watch.close()

    def _changed(self, change: StreamChange) -> None:
        with self._lock:
            if self._recording is None:
                # Of the time before the recording only the last start belongs to it.
                self._before = [change] if change.state == "started" else []
            else:
                self._note(self._recording, change)

    def _note(self, recording: Recording, change: StreamChange) -> None:
        recording.note(EntryType.STREAM_STATE, change.info())
        self._say(f"record.stream-{change.state}")
        if change.state == "stopped":
            recording.stop("stream")

    def _tell_trouble(self, trouble: SakigakeError | None) -> None:
        code = trouble.code if trouble is not None else None
        if trouble is not None and code != self._trouble:
            self._say("record.stream-trouble", why=f"{trouble.message()} {trouble.hint()}")
        self._trouble = code
