"""Works off what waits: a few posts at a time on threads, what became of them written down together."""

import concurrent.futures
import logging
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

from sakigake.errors import SakigakeError
from watch.pipeline.retries import Failure
from watch.pipeline.steps import PutOff, Steps
from watch.post import Post
from watch.store.protocol import WatchStore
from watch.store.records import FindingRow, Outcome, PostState, Waiting

_Looked = Outcome | PutOff
BROKEN = "internal-error"
_BROKEN_TRIES = 2
LOG = logging.getLogger(__name__)


class Pipeline:
    """One worker of the posts that wait. `found` is called with each new finding, once it is durable."""

    def __init__(
        self,
        store: WatchStore,
        steps: Steps,
        receivers: Collection[str],
        found: Callable[[FindingRow], None],
        settled: Callable[[Post, Outcome], object] = lambda _post, _outcome: None,
        *,
        threads: int = 4,
    ) -> None:
        self.done = 0
        self._store, self._steps, self._receivers, self._found = store, steps, receivers, found
        self._settled = settled
        self._room = 3 * threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sakigake-post")
        self._flying: dict[Future[_Looked], Waiting] = {}
        self._ready: list[tuple[Waiting, _Looked]] = []

    @property
    def flying(self) -> int:
        """Return how many posts are in work."""
        return len(self._flying) + len(self._ready)

    def step(self, timeout_s: float) -> int:
        """Take in what is done, hand out what is due, and wait a little when there is nothing to do.

        Returns how many posts were finished. Raises SakigakeError when the store or the records cannot be used; what
        was in work then is asked for again.
        """
        finished = self._finish()
        self._hand_out()
        if self._flying and not finished:
            wait(self._flying, timeout_s, concurrent.futures.FIRST_COMPLETED)
            finished = self._finish()
        self.done += finished
        return finished

    def close(self) -> None:
        """Let go of the threads; posts in work stay in the store."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._flying.clear()

    def _hand_out(self) -> None:
        free = self._room - self.flying
        if free <= self._room // 3:
            return
        without = [each.key for each in self._flying.values()] + [each.key for each, _ in self._ready]
        own = frozenset(self._store.own_accounts())
        for waiting in self._store.due(datetime.now(UTC), free, without):
            self._flying[self._pool.submit(self._steps.look, waiting, own)] = waiting

    def _finish(self) -> int:
        """Write down what is done. What cannot be written is kept and written the next time."""
        for future in [each for each in self._flying if each.done()]:
            waiting = self._flying.pop(future)
            self._ready.append((waiting, _result(future, waiting)))
        ended = [(waiting.post, looked) for waiting, looked in self._ready if isinstance(looked, Outcome)]
        now = datetime.now(UTC)
        made = self._store.settle([each for _, each in ended], self._receivers, now) if ended else []
        self._ready = [each for each in self._ready if isinstance(each[1], PutOff)]
        while self._ready:
            looked = self._ready[-1][1]
            if isinstance(looked, PutOff):
                self._store.put_off(
                    looked.source, looked.key, now + timedelta(seconds=looked.wait_s), looked.reason
                )
            self._ready.pop()
        for post, outcome in ended:
            self._settled(post, outcome)
        for finding in made:
            self._found(finding)
        return len(ended)


def _result(future: Future[_Looked], waiting: Waiting) -> _Looked:
    """Return what a step answered. One post that breaks a step must not stop the others, nor go unnoticed."""
    try:
        return future.result()
    except SakigakeError:
        raise
    except Exception as error:  # noqa: BLE001 - counted, told and tried again
        LOG.error("a step ended with %s", type(error).__name__)  # noqa: TRY400 - a traceback may hold a name
        source, key = waiting.post.source, waiting.key
        wait_s = Failure(BROKEN, _BROKEN_TRIES).wait_s(waiting.tries)
        return (
            PutOff(source, key, wait_s, BROKEN) if wait_s else Outcome(source, key, PostState.FAILED, BROKEN)
        )
