"""Keeps the evidence of a watcher's matches, seals it, and has others witness it while the watcher goes on."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sakigake.anchor import blocks, calendars, queue, trust
from sakigake.clock import Clock
from sakigake.errors import NetworkError, NotFoundError, SakigakeError
from sakigake.model import Finding
from sakigake.settings import Settings
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.keys import Keys
from watch.evidence import bundle, ledger
from watch.fetch.records import Fetched
from watch.post import Post

if TYPE_CHECKING:
    from sakigake.anchor.thread import WorkThread


Camera = Callable[[str], bytes]  # address of a page -> PNG; raises NetworkError, NotFoundError


def drain(settings: Settings, clock: Clock, deadline_s: float) -> queue.Drained:
    """Ask for the tokens that the ledgers of evidence wait for, then for blocks; returns what came of the tokens.

    Raises ConfigError, and SakigakeError when the store fails.
    """
    path, end = ledger.path_of(settings.home), time.monotonic() + deadline_s
    if not path.is_file():
        return queue.Drained()
    table = settings.section("anchor")
    trusted = trust.load(settings.tables) if table["enabled"] else trust.Trust()
    with ledger.opened(settings.home) as store:
        done = queue.drain(store, trusted, clock, deadline_s, timeout_s=float(table["timeout_s"]))
        asked = calendars.load(settings.tables)
        if asked.addresses and (left := end - time.monotonic()) > 0:
            blocks.BlockWorker(store, asked, clock).drain(left)
    return done


class EvidenceKeeper:
    """With a `camera` the evidence holds a picture of the post's page, where that could be taken. `keep` may be called from several threads, `seal` from one at a time. Close it at the end.

    `sealed` is called with the name of each bundle that has come into a ledger. Raises ConfigError when the settings name
    an odd authority.
    """

    def __init__(
        self,
        settings: Settings,
        sealed: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
        camera: Camera | None = None,
    ) -> None:
        self._settings = settings
        self._camera = camera
        self._sealed = sealed
        self._clock = clock or Clock()
        table = settings.section("anchor")
        self._trust = trust.load(settings.tables) if table["enabled"] else trust.Trust()
        self._timeout_s = float(table["timeout_s"])
        self._threads: list[WorkThread] | None = None
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._most = int(float(settings.section("watch")["evidence_mb"]) * 1_000_000)
        self._used: int | None = None
        bundle.clean(settings.home)

    def keep(
        self, post: Post, fetched: Sequence[Fetched], finding: Finding, *, pictures: Sequence[bytes] = ()
    ) -> str:
        """Write the evidence of a likeness and return the name of its folder.

        Raises SakigakeError, `evidence-full` when the room that the settings give it is used up.
        """
        home = self._settings.home
        with self._lock:
            if self._used is None:
                self._used = bundle.size(home)
            if self._used >= self._most:
                self._used = bundle.size(home)  # somebody may have made room
            if self._used >= self._most:
                raise SakigakeError("evidence-full", megabytes=round(self._most / 1_000_000, 3))
        shown = None if bundle.is_kept(home, post, finding) else self._shown(post)
        kept = bundle.keep(home, post, fetched, finding, pictures=pictures, screenshot=shown)
        with self._lock:
            self._used += bundle.size_of(kept.folder)
        return kept.name

    def _shown(self, post: Post) -> bytes | None:
        """Return a picture of the post's page, None without a camera or a page, or when there is none to be had.

        Half a minute at most goes by with it, for a finding only. The rest of the evidence does not hang on it.
        """
        if self._camera is None or not post.url:
            return None
        try:
            return self._camera(post.url)
        except (NetworkError, NotFoundError):
            return None

    def seal(self) -> int:
        """Put every bundle that is in no ledger yet into one, and begin to ask for tokens; returns how many it put.

        Raises SakigakeError when the store fails, and ConfigError when the key cannot be opened.
        """
        home = self._settings.home
        waiting = bundle.bundles(home, self._told)
        if not waiting:
            self._ask()
            return 0
        done = 0
        with self._lock, ledger.opened(home) as store:
            known = ledger.named(store)
            keys = Keys.open(self._settings.keys)
            for each in waiting:
                if each.digest not in known:
                    authorities = queue.choose(self._trust, 0, important=True) if self._trust.asked else []
                    ledger.seal(store, keys, each, authorities, self._clock)
                    done += 1
                self._told.add(each.name)
                self._sealed(each.name)
        self._ask()
        return done

    def witness(self, deadline_s: float) -> int:
        """Ask for every token that waits, now, for so many seconds at most; returns how many still wait.

        For a watcher that ends by itself: its threads would be cut off before they have asked. Raises SakigakeError.
        """
        self.close()
        self._threads = []
        return drain(self._settings, self._clock, deadline_s).waiting

    def close(self) -> None:
        """End the threads that ask; what has no token yet gets one next time."""
        for thread in self._threads or ():
            thread.stop(self._timeout_s)

    def _ask(self) -> None:
        path = ledger.path_of(self._settings.home)
        if self._threads is not None or not path.is_file():
            return
        asked = calendars.load(self._settings.tables)
        self._threads = []
        if self._trust.asked:
            self._threads.append(
                queue.AnchorThread(
                    lambda: SqliteStore(path), self._trust, self._clock, timeout_s=self._timeout_s
                )
            )
        if asked.addresses:
            self._threads.append(blocks.BlockThread(lambda: SqliteStore(path), asked, self._clock))
        for thread in self._threads:
            thread.start()
