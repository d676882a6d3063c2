"""Puts a watcher together from the settings: the one place that knows every part of the room."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import cv2

from sakigake.errors import ConfigError, NotFoundError
from sakigake.settings import Settings
from sakigake.store.sqlite import SqliteStore
from watch import clipboard, retention
from watch.alerts.receivers import configured, require_known
from watch.compare.own import Own
from watch.decoding import DecoderPool
from watch.evidence import screenshot
from watch.evidence.keeper import EvidenceKeeper
from watch.fetch.client import Fetcher
from watch.fetch.connect import open_socket
from watch.fetch.guard import Guard
from watch.pipeline.steps import Steps
from watch.pipeline.works import RecordedWorks
from watch.post import Post
from watch.sources import PostSource, registry
from watch.sources.net import Net
from watch.store.records import FindingRow, Outcome, SourceRow
from watch.store.sqlite import FILE, SqliteWatchStore
from watch.watcher import Plan

LEAST_WORKERS, MOST_WORKERS = 1, 16


@contextmanager
def network(settings: Settings) -> Iterator[Net]:
    """Give the guarded network that the settings allow; raises ConfigError."""
    guard = Guard.of(_trusted(settings))
    with Fetcher(guard) as fetcher:
        yield Net(fetcher, lambda host, port, **more: open_socket(guard, host, port, **more))


def make_source(source: str, kind: str, config: Mapping[str, object], net: Net) -> PostSource:
    """Make the source that is called `source`; raises UsageError for a kind or an option that is not known."""
    return registry.make(kind, config, net, source=source)


@contextmanager
def assembled(
    settings: Settings,
    say: Callable[..., None],
    found: Callable[[FindingRow], None],
    own: Own | None = None,
) -> Iterator[Plan]:
    """Give the plan of a watcher and let go of its parts at the end.

    Raises NotFoundError when nothing was recorded, or no browser is there for the screenshots that the settings ask for, and
    ConfigError.
    """
    if not settings.database.is_file():
        raise NotFoundError("nothing-recorded")
    table = settings.section("watch")
    receivers = configured(settings)
    require_known(receivers)
    cv2.setNumThreads(1)  # posts are looked at side by side
    with ExitStack() as stack:
        store = stack.enter_context(closing(SqliteWatchStore(settings.home / FILE)))
        records = stack.enter_context(closing(SqliteStore(settings.database)))
        net = stack.enter_context(network(settings))
        pool = stack.enter_context(DecoderPool(_workers(table, "decoders")))
        works = stack.enter_context(closing(RecordedWorks(records, settings.home, own)))
        in_ledger: set[str] = set()
        camera = _camera(settings)
        keeper = stack.enter_context(closing(EvidenceKeeper(settings, in_ledger.add, camera=camera)))

        def make(row: SourceRow) -> PostSource:
            return make_source(row.id, row.kind, row.config, net)

        def seal() -> int:
            waiting = store.unsealed()
            done = keeper.seal()  # also when nothing waits: tokens of an earlier run may
            # By name, not by what was just put: evidence is kept before its finding is, and may be sealed before it.
            for row in waiting:
                if row.new.bundle in in_ledger:
                    store.mark_sealed(row.number)
            return done

        def settled(post: Post, outcome: Outcome) -> None:
            # What is kept as evidence need not lie there twice; without evidence it is all that there is.
            if all(each.bundle for each in outcome.findings):
                clipboard.let_go(post, settings.home)

        yield Plan(
            store=store,
            steps=Steps(store, net.fetcher, pool, works, keeper),
            make=make,
            receivers=receivers,
            catch_up=works.catch_up,
            seal=seal,
            witness=keeper.witness,
            forget=lambda: retention.forget_dismissed(
                store, settings.home, datetime.now(UTC), float(table["keep_dismissed_days"])
            ),
            say=say,
            found=found,
            settled=settled,
            names=table["alert_names"],
            threads=_workers(table, "workers"),
            queue=int(table["queue"]),
            keep_days=float(table["keep_days"]),
        )


def _camera(settings: Settings) -> Callable[[str], bytes] | None:
    """Return what takes pictures of pages when the settings ask for it; raises NotFoundError when no browser is there."""
    if settings.section("watch")["screenshots"] is not True:
        return None
    guard, browser = Guard.of(_trusted(settings)), screenshot.find_browser()
    return lambda url: screenshot.take(url, guard, browser=browser)


def _trusted(settings: Settings) -> tuple[str, ...]:
    named = settings.section("watch")["trusted_hosts"]
    if not all(isinstance(each, str) for each in named):
        raise ConfigError(
            "setting-wrong", name="watch.trusted_hosts", value=named, example='["127.0.0.1:8080"]'
        )
    return tuple(named)


def _workers(table: Mapping[str, Any], name: str) -> int:
    return max(LEAST_WORKERS, min(MOST_WORKERS, int(table[name])))
