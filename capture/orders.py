"""Orders to a recorder that runs, from another process: pause, resume, forget. They meet only in the store.

An order is answered once it is carried out, not when it is read.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
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

PAUSE, RESUME, FORGET = "pause", "resume", "forget"
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
        self._order: Order | None = None
        self._request: Request | None = None

    def step(self) -> None:
        """Answer the order that is being carried out, or take the next one."""
        if self._order is None:
            raw = self._store.take_state(ORDER)
            self._order = None if raw is None else _read(raw)
            if self._order is not None and (refusal := self._begin(self._order)):
                self._answer(Answer(self._order.id, refusal))
        if self._order is not None and (answer := self._outcome(self._order)):
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self._store.put_state(ANSWER, json.dumps(asdict(answer)))
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


def _read(raw: str) -> Order | None:
    try:
        order = Order(**json.loads(raw))
    except (ValueError, TypeError):
        return None
    return order if order.do in {PAUSE, RESUME, FORGET} else None


def clear(store: Store) -> None:
    """Take back every order that nobody took: it was for an earlier recorder. Raises SakigakeError."""
    for name in (STOP, ORDER, ANSWER):
        store.take_state(name)


def ask(store: Store, order: Order, alive: Callable[[], bool], timeout_s: float) -> Answer | None:
    """Give an order and return its answer; None when the recorder ended before it answered.

    Raises SakigakeError when no answer comes in time.
    """
    store.put_state(ORDER, json.dumps(asdict(order)))
    until = time.monotonic() + timeout_s
    while True:
        running = alive()
        raw = store.state(ANSWER)
        answer = Answer(**json.loads(raw)) if raw else None
        if answer is not None and answer.id == order.id:
            store.take_state(ANSWER)
            return answer
        if not running:
            store.take_state(ORDER)
            return None
        if time.monotonic() > until:
            raise SakigakeError("record-order-slow")
        time.sleep(POLL_S)
