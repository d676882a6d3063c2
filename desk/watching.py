"""What the commands of the watcher share: opening its store, and its records as JSON."""

import re
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sakigake import words
from sakigake.clock import iso
from sakigake.errors import NotFoundError
from sakigake.lock import is_held
from sakigake.settings import Settings
from watch.post import Post, PostTime, Stamp
from watch.pulse import LOCK_FILE, Pulse, State
from watch.store.records import Counts, FindingRow, HoleRow, SourceRow
from watch.store.sqlite import FILE, SqliteWatchStore

_LOGIN = re.compile(r"//[^/@?#]*@")
# In the query of an address: names that speak of a key, and values that look like one.
_KEYS = re.compile(
    r"([?&;][^=&;#]*(?:key|token|secret|pass|auth|sig|hash|session)[^=&;#]*=|[?&;][^=&;#]*=(?=[\w.~+/-]{20,}(?:[&;#]|$)))"
    r"[^&;#]*",
    re.IGNORECASE | re.ASCII,
)


def open_watch(settings: Settings, *, make: bool = False) -> SqliteWatchStore:
    """Open the watcher's store; raises NotFoundError when there is none, unless it is to be made."""
    path = settings.home / FILE
    if not make and not path.is_file():
        raise NotFoundError("watch-nothing-yet")
    return SqliteWatchStore(path)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the watcher is, as it can be known from outside; `pulse` is the last that it left."""

    state: State
    pulse: Pulse | None
    counts: Counts


def standing(settings: Settings) -> Standing:
    """Return how the watcher is; raises NotFoundError when there never was anything to watch."""
    with closing(open_watch(settings)) as store:
        pulse, counts = Pulse.read(store), store.counts()
    state = State.NOT_RUNNING
    if is_held(settings.home / LOCK_FILE):
        state = pulse.judge(time.time_ns() // 1_000_000, running=True) if pulse else State.STALE
    return Standing(state, pulse, counts)


def why(slug: str) -> str:
    """Return the wording of a reason: of a hole, of a source's trouble, of a picture that was not looked at.

    A reason that this version does not know is shown as it stands.
    """
    return _worded(slug, f"watch.hole.{slug}", f"watch.reason.{slug}")


def basis(slug: str) -> str:
    """Return what a post's time was read from, in words."""
    return _worded(slug, f"watch.basis.{slug}")


def _worded(slug: str, *keys: str) -> str:
    table = words.table(words.language())
    return next((table[key] for key in keys if key in table), slug)


def shown_options(config: Mapping[str, object]) -> dict[str, str]:
    """Return the options of a source for the one who gave them. Of addresses the parts that may be a key are hidden."""
    return {name: _KEYS.sub(r"\1…", _LOGIN.sub("//…@", str(value))) for name, value in config.items()}


def source_json(row: SourceRow) -> dict[str, Any]:
    """Return a source as plain values; what opens an account stays out."""
    return {
        "name": row.id,
        "kind": row.kind,
        "options": shown_options(row.config),
        "added": iso(row.added),
        "last_good_poll": iso(row.good) if row.good else None,
        "paused": row.paused,
        "failures": row.failures,
        "trouble": row.trouble or None,
        "resting_until": iso(row.resting_until) if row.resting_until else None,
    }


def hole_json(hole: HoleRow) -> dict[str, Any]:
    """Return a hole as plain values; `ended` is None while it goes on."""
    return {
        "source": hole.source,
        "began": iso(hole.began),
        "ended": iso(hole.ended) if hole.ended else None,
        "reason": hole.reason,
    }


def finding_json(row: FindingRow, *, names: bool) -> dict[str, Any]:
    """Return a finding as plain values; who posted stands in it only with `names`."""
    return {
        "number": row.number,
        "found": iso(row.found),
        "review": row.review.value,
        "reviewed": iso(row.reviewed) if row.reviewed else None,
        "note": row.review_note or None,
        "source": row.post.source,
        "platform": row.post.platform,
        "session": row.new.session,
        "likeness": row.new.likeness.value,
        "order": row.new.order.value,
        "order_reason": row.new.order_reason or None,
        "notes": list(row.new.notes),
        "picture": row.new.media + 1,
        "picture_sha256": row.new.digest,
        "posted": stamps_json(row.post.time),
        "same_as": row.same_as,
        "bundle": row.new.bundle or None,
        "sealed": row.sealed,
        **(_who(row.post) if names else {}),
    }


def stamps_json(time: PostTime) -> dict[str, Any]:
    """Return both ends of a post's time, each with the class of its clock and what it was read from."""
    return {"not_before": _stamp(time.not_before), "not_after": _stamp(time.not_after)}


def _stamp(stamp: Stamp | None) -> dict[str, str] | None:
    return {"time": iso(stamp.value), "class": stamp.clock.value, "basis": stamp.basis} if stamp else None


def _who(post: Post) -> dict[str, str | None]:
    return {
        "url": post.url or None,
        "account": post.author_id or None,
        "account_name": post.author_name or None,
    }
