"""What a process that goes on leaves in its store of how it is, and what others make of it: they meet in the store only.

The recorder and the watcher each say in a record of their own what there is to know; how it is kept, read and when it counts
as fresh is the same for both.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _Record = TypeVar("_Record", bound=DataclassInstance)
else:
    _Record = TypeVar("_Record")

EVERY_S = 5.0


class States(Protocol):
    """A store that keeps a text under a name."""

    def state(self, name: str) -> str | None:
        """Return what is kept under a name; raises SakigakeError."""

    def put_state(self, name: str, value: str) -> None:
        """Keep it; raises SakigakeError."""


def put(store: States, name: str, record: "DataclassInstance") -> None:
    """Leave a record in the store; raises SakigakeError."""
    store.put_state(name, json.dumps(asdict(record)))


def read(store: States, name: str, kind: type[_Record]) -> _Record | None:
    """Return the record last left; None when there is none that this version can read. Raises SakigakeError."""
    raw = store.state(name)
    try:
        return kind(**json.loads(raw)) if raw else None
    except (ValueError, TypeError):
        return None


def fresh(now_ms: int, moments: Iterable[int], limit_ms: float) -> bool:
    """Say whether all moments lie within `limit_ms` of now.

    A clock set back since makes a pulse look as if it came from the future: that is no sign of health.
    """
    return all(-limit_ms <= now_ms - moment <= limit_ms for moment in moments)
