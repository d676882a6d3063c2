"""When a post was made, with what each end of the interval rests on.

Whatever cannot be read gives `PostTime()`, both ends unknown; nothing here raises. The bases are slugs:

    x-status-id, x-picture-name, discord-id, discord-attachment   A    the platform's clock
    pixiv-path                                                    A-   later when the picture was replaced
    mastodon-id, misskey-aid/aidx/meid/meidg/objectid/ulid        B    the home server's clock
    misskey-…-elsewhere, bluesky-tid, nostr-created-at,
    feed-date, exif-date, claimed-date                            C    what the author wrote
    x-status-id-mirror, mastodon-id-by-path, …-as-told            C    a clock's id, but at a place that is not that clock's
    jetstream-time, first-seen                                    W    seen then, by us or a stream; an upper end only

A class C end is a claim: an order in time must not rest on it without saying so. `trusted` leaves such ends out. The
Date header of an answer is nothing at all: the server that is asked may be the one that has the copy. For the same
reason an upper end of class B is no better than a claim.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sakigake.clock import from_ms
from sakigake.model import Interval
from watch import postids
from watch.links import read_link
from watch.post import ClockClass, PostTime, Stamp
from watch.postids import MS, SECOND, Step

UNKNOWN = PostTime()
# Clocks on Earth are at most fourteen hours ahead of UTC and twelve behind it.
AHEAD, BEHIND = timedelta(hours=14), timedelta(hours=12)
MAX_DATE = 100
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = from_ms(postids.LATEST_MS)
# The smaller, the better: of two ends that contradict each other the worse one is left out.
RANK = {
    ClockClass.PLATFORM: 0,
    ClockClass.WITNESSED: 0,
    ClockClass.REPLACEABLE: 1,
    ClockClass.SERVER: 2,
    ClockClass.AUTHOR: 3,
}
_CLOCKS = {
    "x": ClockClass.PLATFORM,
    "discord": ClockClass.PLATFORM,
    "pixiv": ClockClass.REPLACEABLE,
    "mastodon": ClockClass.AUTHOR,
    "misskey": ClockClass.AUTHOR,
    "bluesky": ClockClass.AUTHOR,
}
# Why a fediverse link is only a claim: any host may have such paths; the number may be of another server.
_BY_PATH = {"mastodon": "-by-path", "misskey": "-elsewhere"}
_EXIF = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)


def _within(step: Step | None, clock: ClockClass, basis: str = "") -> PostTime:
    """Make both ends of the step that an id states."""
    if step is None:
        return UNKNOWN
    basis = basis or step.kind
    return PostTime(Stamp(step.start, clock, basis), Stamp(step.start + step.width, clock, basis))


def _from(step: Step | None, clock: ClockClass, basis: str = "") -> PostTime:
    """Make the lower end alone, for what comes before the post itself."""
    return UNKNOWN if step is None else PostTime(Stamp(step.start, clock, basis or step.kind))


def x_status(number: str) -> PostTime:
    """Decode the number of a post on X. Class A."""
    return _within(postids.x_status(number), ClockClass.PLATFORM)


def x_picture(name: str) -> PostTime:
    """Decode the name of a picture on pbs.twimg.com, without its ending. Class A, and the lower end alone.

    The name is given when an upload is begun; the bytes and the post may follow later.
    """
    return _from(postids.x_picture(name), ClockClass.PLATFORM)


def discord(number: str, *, attachment: bool = False) -> PostTime:
    """Decode the number of a message on Discord, or of an attachment, which is there before its message. Class A."""
    step = postids.discord(number)
    if attachment:
        return _from(step, ClockClass.PLATFORM, "discord-attachment")
    return _within(step, ClockClass.PLATFORM)


def pixiv(address: str) -> PostTime:
    """Decode the address of a picture on i.pximg.net. Class A-: a replaced picture gets a later time."""
    found = postids.pixiv_path(address)
    return UNKNOWN if found is None else _within(found[0], ClockClass.REPLACEABLE)


def mastodon(number: str, *, home: bool) -> PostTime:
    """Decode the number of a status on the author's own server (class B); elsewhere it says nothing."""
    return _within(postids.mastodon(number), ClockClass.SERVER) if home else UNKNOWN


def misskey(note: str, *, home: bool) -> PostTime:
    """Decode the id of a note, made by any of the six methods: class B on the author's own server.

    Elsewhere it is made of the time that the note claims: class C, with a basis that ends in "-elsewhere".
    """
    step = postids.misskey(note)
    if step is None:
        return UNKNOWN
    if home:
        return _within(step, ClockClass.SERVER)
    return _within(step, ClockClass.AUTHOR, f"{step.kind}-elsewhere")


def bluesky(key: str) -> PostTime:
    """Decode a record key (TID). Class C: whoever writes the record chooses it."""
    return _within(postids.bluesky(key), ClockClass.AUTHOR)


def nostr(created_at: object) -> PostTime:
    """Decode `created_at`, seconds since 1970. Class C."""
    if isinstance(created_at, bool) or not isinstance(created_at, int):
        return UNKNOWN
    return _claim(created_at * 1000, "nostr-created-at")


def _claim(ms: int, basis: str) -> PostTime:
    if not 0 < ms < postids.LATEST_MS:
        return UNKNOWN
    return _within(Step(from_ms(ms), SECOND, basis), ClockClass.AUTHOR)


def feed_date(text: str) -> PostTime:
    """Decode the date of an RSS or Atom entry (RFC 822 or RFC 3339, with its zone). Class C."""
    return _dated(text, ClockClass.AUTHOR, "feed-date")


def claimed(text: str) -> PostTime:
    """Decode a date that an author or a program of theirs wrote, as `createdAt` on Bluesky. Class C."""
    return _dated(text, ClockClass.AUTHOR, "claimed-date")


def server_date(text: str, basis: str) -> PostTime:
    """Decode a date that a server wrote beside the post, as `created_at` of a booru. Class B."""
    return _dated(text, ClockClass.SERVER, basis)


def _dated(text: str, clock: ClockClass, basis: str) -> PostTime:
    moment = _moment(text)
    if moment is None:
        return UNKNOWN
    width = MS if moment.microsecond else SECOND
    return _within(Step(moment, width, basis), clock)


def _moment(text: str) -> datetime | None:
    """Read a date with a zone in either of the two usual forms."""
    text = text.strip()
    if not text or len(text) > MAX_DATE:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    if moment.tzinfo is None:
        return None  # a date without a zone is a guess
    try:
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment < LATEST else None


def exif_date(text: str, offset: str = "") -> PostTime:
    """Decode DateTimeOriginal and OffsetTimeOriginal. Class C; without the offset it may be any zone on Earth."""
    match = _EXIF.fullmatch(text.strip()[:MAX_DATE])
    if match is None:
        return UNKNOWN
    try:
        local = datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return UNKNOWN
    if not EARLIEST < local < LATEST:
        return UNKNOWN
    low, high = local - AHEAD, local + BEHIND
    if known := _OFFSET.fullmatch(offset.strip()):
        shift = timedelta(hours=int(known[2]), minutes=int(known[3]))
        if shift <= AHEAD:
            low = high = local - shift if known[1] == "+" else local + shift
    return PostTime(
        Stamp(low, ClockClass.AUTHOR, "exif-date"), Stamp(high + SECOND, ClockClass.AUTHOR, "exif-date")
    )


def seen(moment: datetime, basis: str = "first-seen") -> PostTime:
    """Return that the post was there at `moment`: an upper end of class W."""
    if not EARLIEST <= moment < LATEST:
        return UNKNOWN
    return PostTime(not_after=Stamp(moment, ClockClass.WITNESSED, basis))


def decode_link(url: str) -> PostTime:
    """Return what a pasted link states about its post's time, asking nobody; nothing for links that state none.

    A link to a note on Misskey does not show whether the author lives on that server, so its time is only a claim. So is
    that of a path which looks like Mastodon's, as any host may have one, and that of a mirror of X.
    """
    link = read_link(url)
    if link is None or link.step is None:
        return UNKNOWN
    step = link.step
    if link.platform == "discord" and link.upload:
        return _from(step, ClockClass.PLATFORM, "discord-attachment")
    if link.upload:
        return _from(step, ClockClass.PLATFORM)
    if link.mirror:
        return _within(step, ClockClass.AUTHOR, f"{step.kind}-mirror")
    basis = f"{step.kind}{_BY_PATH[link.platform]}" if link.platform in _BY_PATH else ""
    return _within(step, _CLOCKS[link.platform], basis)


def as_told(time: PostTime) -> PostTime:
    """Return a time as a mere claim (class C): what it was read from came from somebody who may have made it up."""
    return PostTime(_told(time.not_before), _told(time.not_after))


def _told(stamp: Stamp | None) -> Stamp | None:
    if stamp is None or stamp.clock is ClockClass.AUTHOR:
        return stamp
    return Stamp(stamp.value, ClockClass.AUTHOR, f"{stamp.basis}-as-told")


def of_files(addresses: Iterable[str]) -> PostTime:
    """Return what the addresses of a post's pictures state of the post: it is no older than the newest of them.

    An upper end only when each picture has one, and then the last: a post may show an old picture beside a new one.
    """
    times = [decode_link(each) for each in addresses]
    lows = [each.not_before for each in times if each.not_before]
    highs = [each.not_after for each in times if each.not_after]
    low = max(lows, key=lambda each: each.value, default=None)
    high = max(highs, key=lambda each: each.value, default=None) if len(highs) == len(times) else None
    return PostTime(low, high)


def combine(times: Iterable[PostTime]) -> PostTime:
    """Join what is known about one post from several places.

    Each end is the tightest of those that somebody other than the author vouches for. Claims are used for an end that
    nothing else is known of, and then the widest one, so that no choice of claims makes the interval narrower. An upper
    end of class B counts as a claim: who can set a server back could make a post older than it is. Ends that contradict each other are not joined: the one of the worse class is left out, both if they are equal.
    """
    known = list(times)
    lows = [time.not_before for time in known if time.not_before is not None]
    highs = [time.not_after for time in known if time.not_after is not None]
    while True:
        low, high = _best(lows, lower=True), _best(highs, lower=False)
        if low is None or high is None or low.value <= high.value:
            return PostTime(low, high)
        if RANK[low.clock] >= RANK[high.clock]:
            lows.remove(low)
        if RANK[high.clock] >= RANK[low.clock]:
            highs.remove(high)


def _best(stamps: list[Stamp], *, lower: bool) -> Stamp | None:
    claims = {ClockClass.AUTHOR} if lower else {ClockClass.AUTHOR, ClockClass.SERVER}
    vouched = [stamp for stamp in stamps if stamp.clock not in claims]
    if not stamps:
        return None
    if lower is bool(vouched):  # the tightest lower end or the widest upper one
        return max(vouched or stamps, key=lambda stamp: (stamp.value, -RANK[stamp.clock]))
    return min(vouched or stamps, key=lambda stamp: (stamp.value, RANK[stamp.clock]))


def trusted(time: PostTime) -> Interval:
    """Return the ends that do not rest on the author's word alone, nor the upper one on a server's."""
    low, high = time.not_before, time.not_after
    return Interval(
        low.value if low is not None and low.clock is not ClockClass.AUTHOR else None,
        high.value if high is not None and high.clock not in {ClockClass.AUTHOR, ClockClass.SERVER} else None,
    )


def claim(time: PostTime) -> datetime | None:
    """Return the moment that the author claims, if that is all that is known of the lower end."""
    low = time.not_before
    return low.value if low is not None and low.clock is ClockClass.AUTHOR else None
