"""Orders to a recorder that runs, from another process: stop, pause, resume, forget. They meet in the store.

An order is answered once it is carried out, not when it is read. Several wait in line, whoever gave them. Where the
store takes nothing any more, as on a full disk, an empty file in its folder stands for the order, and that it is gone
for the answer.
"""

import json
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from capture.forget import Request
from capture.pulse import STOP
from sakigake.errors import SakigakeError
from sakigake.store.protocol import Store

if TYPE_CHECKING:
    from capture.look import Looker  # whoever only gives orders has no need of OpenCV

ORDER = "record.order"
ANSWER = "record.answer"
POLL_S = 0.1
ANSWERS_KEPT = 16

HALT, PAUSE, RESUME, FORGET = "stop", "pause", "resume", "forget"
FLAGGED = (HALT, PAUSE, RESUME)
FLAG = ".order"
DONE, ALREADY, BY_GATE = "done", "already", "by-gate"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done, and for how many seconds: of the pause (0: until resumed), or of what is to be forgotten."""

    do: str
    seconds: float = 0.0
    id: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the order with this id; `said` is a slug."""

    id: str
    said: str
    forgotten: int = 0
    stamped: int = 0


class Orders:
    """The recorder's side: `step` is called again and again by the watchdog; raises SakigakeError."""

    def __init__(self, store: Store, looker: "Looker", wall_ms: Callable[[], int]) -> None:
        self._store = store
        self._looker = looker
        self._wall_ms = wall_ms
        self._waiting: deque[Order] = deque()
        self._order: Order | None = None
        self._request: Request | None = None

    def step(self) -> None:
        """Answer the order that is being carried out, or take the next one."""
        if self._order is None:
            raw = self._store.take_state(ORDER)
            self._waiting.extend([] if raw is None else _read(raw))
            self._order = self._waiting.popleft() if self._waiting else None
            if self._order is not None and (refusal := self._begin(self._order)):
                self._answer(Answer(self._order.id, refusal))
        if self._order is not None and (answer := self._outcome(self._order)):
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self._store.update_state(ANSWER, lambda raw: _added(raw, asdict(answer)))
        self._order = self._request = None

    def _begin(self, order: Order) -> str:
        """Pass an order on; returns why it cannot be carried out, if so."""
        pauses = self._looker.pauses
        if order.do == PAUSE:
            if pauses.asked:
                return ALREADY
            pauses.ask(order.seconds or None)
        elif order.do == RESUME:
            if not pauses.asked:
                return BY_GATE if pauses.current else ALREADY
            pauses.ask_end()
        else:
            self._request = Request(round(order.seconds * 1000), self._wall_ms())
            self._looker.forget(self._request)
        return ""

    def _outcome(self, order: Order) -> Answer | None:
        if order.do == FORGET:
            result = self._request.result if self._request else None
            if result is None:
                return None
            return Answer(order.id, DONE, forgotten=result.count, stamped=result.stamped)
        return None if self._looker.pauses.ordered else Answer(order.id, DONE)


def _read(raw: str) -> list[Order]:
    """Return the orders of a line; none of a line that this version cannot read."""
    try:
        orders = [Order(**order) for order in json.loads(raw)]
    except (ValueError, TypeError):
        return []
    return [order for order in orders if order.do in {PAUSE, RESUME, FORGET}]


def _listed(raw: str | None) -> list[dict[str, object]]:
    try:
        rows = json.loads(raw or "[]")
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _added(raw: str | None, row: dict[str, object], most: int = ANSWERS_KEPT) -> str:
    return json.dumps([*_listed(raw), row][-most:])


def raise_flag(home: Path, order: Order) -> Path:
    """Leave an order where the store takes none; raises SakigakeError. It is removed once it is carried out."""
    path = home / f"{order.do}-{round(order.seconds)}{FLAG}"
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise SakigakeError("record-home-unwritable", path=home, why=error.strerror or error) from error
    return path


def flags(home: Path) -> list[tuple[Path, Order]]:
    """Return the orders that flags stand for; other files are left alone."""
    found = []
    for path in sorted(home.glob(f"*{FLAG}")):
        do, _, seconds = path.name.removesuffix(FLAG).partition("-")
        if do in FLAGGED and seconds.isdecimal():
            found.append((path, Order(do, float(seconds), path.name)))
    return found


def clear_flags(home: Path) -> None:
    """Remove every flag."""
    for path, _ in flags(home):
        path.unlink(missing_ok=True)


def clear(store: Store, home: Path) -> None:
    """Take back every order that nobody took: it was for an earlier recorder. Raises SakigakeError."""
    clear_flags(home)
    for name in (STOP, ORDER, ANSWER):
        store.take_state(name)


def ask(store: Store, order: Order, alive: Callable[[], bool], timeout_s: float) -> Answer | None:
    """Give an order and return its answer; None when the recorder ended before it answered.

    Raises SakigakeError when no answer comes in time.
    """
    store.update_state(ORDER, lambda raw: _added(raw, asdict(order)))
    until = time.monotonic() + timeout_s
    while True:
        running = alive()
        answers = (row for row in _listed(store.state(ANSWER)) if row.get("id") == order.id)
        if (row := next(answers, None)) is not None:
            return Answer(**row)  # type: ignore[arg-type] # as the recorder wrote it
        if not running:
            store.take_state(ORDER)
            return None
        if time.monotonic() > until:
            raise SakigakeError("record-order-slow")
        time.sleep(POLL_S)
