"""Progress bars, on a terminal only: in a pipe, with --plain or in a terminal that cannot, nothing is drawn.

They go to standard error, so that what a command answers can be led elsewhere. rich is loaded only when one is drawn.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from desk import speaking
from sakigake import words

if TYPE_CHECKING:
    from rich.console import Console


T = TypeVar("T")


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))


def track(steps: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Return the steps one after the other and show how many of `total` are done; `what` is a key of settings.busy."""
    if not speaking.bars():
        yield from steps
        return
    from rich.progress import track as draw  # noqa: PLC0415

    label = words.text(f"settings.busy.{what}")
    yield from draw(steps, label, total=total, console=_console(), transient=True)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show that something goes on that cannot be counted, and for how long."""
    if not speaking.bars():
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_console(), transient=True) as shown:
        shown.add_task(words.text(f"settings.busy.{what}"), total=None)
        yield
