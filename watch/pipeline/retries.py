"""Which failures may pass, and when a post is tried again."""

from dataclasses import dataclass

from sakigake.errors import SakigakeError
from watch.store.records import NO_PICTURE as NO_PICTURE  # noqa: PLC0414 - one of the reasons

# Seconds until the next try, by how many there were. After the last one the post counts as failed.
WAITS_S = (30.0, 120.0, 600.0, 3600.0, 6 * 3600.0)
# A fresh post's picture may not have reached all servers of its platform yet; after this many it is gone.
GONE_TRIES = 2
GONE, TOO_MANY = "source-gone", "too-many-pictures"
_GONE_STATUSES = frozenset({404, 410})
_BUSY_STATUSES = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_MAY_PASS = frozenset(
    {"fetch-too-slow", "fetch-unreachable", "fetch-cut-off", "fetch-tls", "picture-decoder-gone", "picture-too-slow"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture could not be looked at: a slug, whether that may pass, and how many tries it is worth."""

    reason: str
    tries: int

    def wait_s(self, tried: int) -> float | None:
        """Return how long to wait after `tried` earlier tries, None when it is not worth another."""
        return WAITS_S[min(tried, len(WAITS_S) - 1)] if tried < self.tries else None


def judge(error: SakigakeError) -> Failure:
    """Say of an error whether it may pass."""
    status = error.params.get("status")
    if error.code == "fetch-status" and isinstance(status, int):
        if status in _GONE_STATUSES:
            return Failure(GONE, GONE_TRIES)
        passing = status in _BUSY_STATUSES or status >= _SERVER_ERROR
        return Failure(error.code, len(WAITS_S) if passing else 0)
    return Failure(error.code, len(WAITS_S) if error.code in _MAY_PASS else 0)
