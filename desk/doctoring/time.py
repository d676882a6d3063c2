"""The computer's clock against outsiders', and the outsiders themselves."""

import os
import time
from collections.abc import Iterator
from contextlib import closing

from desk.doctoring.line import Line, State
from sakigake import errors
from sakigake.clock import from_ms, iso
from sakigake.settings import Settings

FAR_S = 2.0
LOOKED_AT = 200  # entries of the newest session


def from_record(settings: Settings) -> Iterator[Line]:
    """Return what the newest session's time tokens say of the clock: no network is asked."""
    from desk.sessions import find, open_store  # noqa: PLC0415
    from sakigake.timeline.entry import parse_entry  # noqa: PLC0415
    from sakigake.timeline.reading import entry_bounds  # noqa: PLC0415

    if not settings.database.is_file():
        yield Line("clock", State.INFO, "clock-unknown")
        return
    lows, highs = [], []
    try:
        with closing(open_store(settings)) as store:
            session = find(store, "last")
            entries = [parse_entry(each.raw) for each in store.entries(session.id)][-LOOKED_AT:]
            bounds = entry_bounds(store, session.id, [entry.seq for entry in entries])
    except errors.SakigakeError:
        yield Line("clock", State.INFO, "clock-unknown")
        return
    for entry in entries:
        wall, bound = from_ms(entry.wall), bounds[entry.seq]
        if bound.not_after:
            lows.append((wall - bound.not_after).total_seconds())
        if bound.not_before:
            highs.append((wall - bound.not_before).total_seconds())
    if not lows or not highs:
        yield Line("clock", State.INFO, "clock-unknown")
        return
    yield _judged(max(lows), min(highs), iso(session.started))


def _judged(low: float, high: float, when: str) -> Line:
    """Say how far the clock was off: at least `low` and at most `high` seconds ahead."""
    off = max(low, -high, 0.0)
    facts = {"low": f"{low:+.1f}", "high": f"{high:+.1f}", "off": f"{off:.1f}", "when": when}
    if off > FAR_S:
        return Line("clock", State.WARN, "clock-off", facts)
    return Line("clock", State.GOOD, "clock", facts)


def online(settings: Settings) -> Iterator[Line]:
    """Ask every authority of the settings for a token over random bytes; nothing is kept."""
    from sakigake.anchor import client, trust  # noqa: PLC0415

    known = trust.load(settings.tables)
    timeout = float(settings.section("anchor")["timeout_s"])
    if not known.asked:
        yield Line("authorities", State.WARN, "authorities-none")
    for name in known.asked:
        authority = known.get(name)
        if authority is None:
            continue
        began = time.time()
        try:
            reading = client.stamp(authority, os.urandom(32), timeout).reading
        except errors.SakigakeError as error:
            facts = {"name": name, "why": error.message(), "how": error.hint()}
            yield Line("authorities", State.WARN, "authority-silent", facts)
            continue
        ended = time.time()
        took = f"{ended - began:.1f}"
        if reading.authority is None:
            yield Line("authorities", State.WARN, "authority-unknown", {"name": name})
            continue
        yield Line("authorities", State.GOOD, "authority", {"name": name, "took": took})
        # The token was made between the two moments.
        yield _judged(began - reading.high.timestamp(), ended - reading.low.timestamp(), name)
