"""What is kept of posts that came to nothing and of findings that were dismissed, and for how long."""

from datetime import datetime, timedelta
from pathlib import Path

from sakigake.errors import SakigakeError
from watch import clipboard
from watch.evidence import bundle
from watch.store.protocol import WatchStore

EVERY_S = 3600.0
TRACES_S = 60.0  # how often what was removed is overwritten in the store's log as well


def sweep(store: WatchStore, now: datetime, keep_days: float) -> int:
    """Remove what is left of unrelated posts that were seen longer ago; returns how many."""
    gone = store.sweep(now - timedelta(days=keep_days))
    if gone:
        clean(store)
    return gone


def forget(store: WatchStore, home: Path, number: int, now: datetime) -> None:
    """Erase a finding and the evidence of its post; raises NotFoundError, and SakigakeError when a part cannot be removed.

    The evidence goes first: cut off in between, the finding is still there to be forgotten again.
    """
    found = store.finding(number)
    bundle.remove(home, found.new.bundle)
    clipboard.let_go(found.post, home)
    store.forget_finding(number, now)


def forget_dismissed(store: WatchStore, home: Path, now: datetime, keep_days: float) -> int:
    """Forget what was dismissed longer ago, unless `keep_days` is 0; returns how many."""
    numbers = store.dismissed(now - timedelta(days=keep_days)) if keep_days else []
    for number in numbers:
        forget(store, home, number, now)
    if numbers:
        clean(store)
    return len(numbers)


def clean(store: WatchStore) -> bool:
    """Overwrite what was removed; returns False when another process is in the way, and it is to be done later."""
    try:
        store.leave_no_trace()
    except SakigakeError:
        return False
    return True
