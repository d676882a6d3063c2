"""What is kept of posts that came to nothing, and for how long."""

from datetime import datetime, timedelta

from sakigake.errors import SakigakeError
from watch.store.protocol import WatchStore

EVERY_S = 3600.0
TRACES_S = 60.0  # how often what was removed is overwritten in the store's log as well


def sweep(store: WatchStore, now: datetime, keep_days: float) -> int:
    """Remove what is left of unrelated posts that were seen longer ago; returns how many."""
    gone = store.sweep(now - timedelta(days=keep_days))
    if gone:
        clean(store)
    return gone


def clean(store: WatchStore) -> bool:
    """Overwrite what was removed; returns False when another process is in the way, and it is to be done later."""
    try:
        store.leave_no_trace()
    except SakigakeError:
        return False
    return True
