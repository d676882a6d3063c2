"""Getting back what was missed while a stream was away: pages of a timeline, oldest first, from a position on.

Servers of the fediverse file a post that reaches them late under the time that it claims, behind others that were told
already. So every round looks back a while, and what this reader told before is left out.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from sakigake.errors import NetworkError
from watch.post import Post
from watch.sources.push import Run
from watch.sources.wire import ClosedError

LOOK_BACK = timedelta(minutes=10)
MOST_PAGES = 50
REMEMBERED = 5000
# Of an id that states a later time than this from now on the next round would miss what is to come.
AHEAD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a timeline; `post` is None when it holds no picture."""

    id: str
    post: Post | None


@dataclass(frozen=True, slots=True)
class Ids:
    """What is known of a server's ids: their order, the moment that one states, and the id a while before another."""

    order: Callable[[str], tuple[int, str]]
    moment: Callable[[str], datetime | None]
    before: Callable[[str, timedelta], str]


class Timeline:
    """One timeline as one reader follows it. `page` returns what comes after an id, oldest first; None asks for the newest."""

    def __init__(self, page: Callable[[str | None], Sequence[Entry]], ids: Ids) -> None:
        self._page = page
        self._ids = ids
        self._told: OrderedDict[str, None] = OrderedDict()

    def catch_up(self, position: str | None, run: Run) -> str | None:
        """Tell everything after `position`, a while before it included; returns the new position.

        Without a position it is the newest page. What lies beyond the last page that is read is a hole.
        """
        after = self._ids.before(position, LOOK_BACK) if position is not None else None
        for _ in range(MOST_PAGES):
            entries = self._page(after)
            run.alive()
            for entry in entries:
                position = self.tell(entry, position, run)
            last = max((entry.id for entry in entries), key=self._ids.order, default=None)
            if last is None or after is None or self._ids.order(last) <= self._ids.order(after):
                return position
            after = last
        if after is not None and (reached := self._ids.moment(after)) is not None:
            run.hole(reached, run.now(), "source-too-much-missed")
        return position

    def catch_up_streaming(self, position: str | None, run: Run, refused: Collection[int]) -> str | None:
        """Catch up beside a stream: a server that shows no timeline (one of the statuses `refused`) leaves a hole.

        Anything else that goes wrong is raised, and tried again with the whole connection.
        """
        lost = run.alive_until or (self._ids.moment(position) if position is not None else None)
        try:
            return self.catch_up(position, run)
        except NetworkError as error:
            if error.params.get("status") not in refused:
                raise
            if lost is not None:
                run.hole(lost, run.now(), "source-no-replay")
            return position

    def ask_every(self, seconds: float, position: str | None, run: Run) -> NoReturn:
        """Ask again and again instead of listening; raises ClosedError when the run is over."""
        while not run.stopped:
            position = self.catch_up(position, run)
            run.tell(None, position)
            run.rest(seconds)
        raise ClosedError

    def tell(self, entry: Entry, position: str | None, run: Run) -> str | None:
        """Tell an entry unless this reader did so before; returns the new position."""
        position = self._later(entry.id, position, run.now())
        key = entry.post.post_id if entry.post is not None else entry.id
        if key in self._told:
            self._told.move_to_end(key)
            return position
        run.tell(entry.post, position)
        self._told[key] = None
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return position

    def _later(self, found: str, position: str | None, now: datetime) -> str | None:
        moment = self._ids.moment(found)
        if moment is None or moment > now + AHEAD:
            return position
        return found if position is None or self._ids.order(found) > self._ids.order(position) else position
