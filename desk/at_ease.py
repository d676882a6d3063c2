"""Whether the recorder and the stream may be disturbed: by the recorder's pulse, and by what OBS counts of itself."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from capture.lock import is_recording_or_about_to
from capture.pulse import Pulse, State
from sakigake.errors import SakigakeError
from sakigake.store.protocol import Store

if TYPE_CHECKING:
    from sakigake.settings import Settings

HOLD_S = 30.0  # after pictures were lost, or looks came late, so long nothing else takes the processor
MOST_WAITING = 1  # one picture is always being written
LATE_LOOKS = 2  # intervals since the last good look
OBS_TIMEOUT_S = 2.0

Drops = Callable[[], int | None]


class Ease:
    """Says why the recorder is to be left alone: "dropping", "stream", "late", "trouble"; "" while it is at ease.

    Pictures that wait, and looks or a pulse that stay away, mean late; pictures that were lost mean dropping. `stream`
    returns how many frames the program that streams has dropped so far, None when it cannot be asked; more of them than
    before mean stream. Each holds for `HOLD_S` after it was last seen, so that one good second does not let a burden in.
    """

    def __init__(
        self,
        store: Store,
        home: Path,
        *,
        stream: Drops | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._home = home
        self._stream = stream or (lambda: None)
        self._monotonic = monotonic
        self._wall_ms = wall_ms
        self._drops: tuple[str, int] | None = None
        self._streamed: int | None = None
        self._until = float("-inf")
        self._reason = ""

    def __call__(self) -> str:
        """Return the reason now."""
        reason = self._of_stream() or self._of_recorder()
        now = self._monotonic()
        if reason:
            self._until, self._reason = now + HOLD_S, reason
        return self._reason if now < self._until else ""

    def _of_stream(self) -> str:
        dropped, before = self._stream(), self._streamed
        self._streamed = dropped
        return "stream" if dropped is not None and before is not None and dropped > before else ""

    def _of_recorder(self) -> str:
        pulse = Pulse.read(self._store)
        if pulse is None or not is_recording_or_about_to(self._home):
            self._drops = None
            return ""
        before, self._drops = self._drops, (pulse.session, pulse.drops)
        if before and before[0] == pulse.session and pulse.drops > before[1]:
            return "dropping"
        if pulse.waiting > MOST_WAITING:
            return "late"
        if not pulse.paused and pulse.beat_ms - pulse.good_ms > pulse.interval_s * LATE_LOOKS * 1000:
            return "trouble" if pulse.trouble else "late"
        if pulse.judge(self._wall_ms(), running=True) is State.STALE:
            return "trouble" if pulse.trouble else "late"
        return ""


def obs_drops(settings: "Settings", spec: str) -> Drops:
    """Return what asks an OBS for its dropped frames; one that is away answers None. Raises UsageError for an odd address."""
    from capture.obs.client import Client, Link  # noqa: PLC0415 - only where it was asked for
    from capture.obs.protocol import Address  # noqa: PLC0415
    from capture.sources.obs import password  # noqa: PLC0415

    address, secret = Address.parse(spec), password(settings)
    link = Link(lambda: Client(address, secret), time.monotonic_ns)

    def dropped() -> int | None:
        try:
            found = link.client().statistics(OBS_TIMEOUT_S)
        except SakigakeError:
            return None
        return found.render_skipped + found.output_skipped + found.stream_skipped

    return dropped
