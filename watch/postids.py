"""When an id was given: the clocks inside the ids of posts. Pure arithmetic; what is no such id is None, never an error.

Each function returns the start of the smallest step that its id can state: a millisecond, or a second where the id
holds no more. An id whose moment lies before its platform existed, or after the year 2100, is taken for something
else that happens to look like one.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from sakigake.clock import from_ms, to_ms

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
JST = timezone(timedelta(hours=9))

LATEST_MS = to_ms(datetime(2100, 1, 1, tzinfo=UTC))
X_EPOCH_MS = 1_288_834_974_657
X_FIRST = 29_700_859_247  # statuses before it (4 November 2010) were numbered one after another
DISCORD_EPOCH_MS = 1_420_070_400_000
MASTODON_FIRST_MS = to_ms(datetime(2016, 1, 1, tzinfo=UTC))  # statuses before release 2.0 have small numbers
MISSKEY_EPOCH_MS = 946_684_800_000  # the year 2000
MISSKEY_FIRST_MS = to_ms(datetime(2014, 1, 1, tzinfo=UTC))
BLUESKY_FIRST_MS = to_ms(datetime(2022, 1, 1, tzinfo=UTC))
PIXIV_FIRST = datetime(2007, 9, 10, tzinfo=JST)

SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
MEID_OFFSET = 0x8000_0000_0000

_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_PICTURE = re.compile(r"[A-Za-z0-9_-]{15}")
_TID = re.compile(r"[234567a-j][234567a-z]{12}")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_PIXIV = re.compile(r"/img/(\d{4})/(\d\d)/(\d\d)/(\d\d)/(\d\d)/(\d\d)/(\d+)_", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """The moment that an id states: somewhere in `[start, start + width]`. `kind` names how the id is made."""

    start: datetime
    width: timedelta
    kind: str


def start(step: Step | None) -> datetime | None:
    """Return the start of a step, None for none."""
    return None if step is None else step.start


def _number(text: str) -> int | None:
    return int(text) if _DIGITS.fullmatch(text) else None


def _step(ms: int, earliest_ms: int, kind: str, width: timedelta = MS) -> Step | None:
    return Step(from_ms(ms), width, kind) if earliest_ms <= ms < LATEST_MS else None


def x_status(text: str) -> Step | None:
    """Read the number of a post on X: milliseconds since November 2010 above 22 bits of machine and sequence."""
    number = _number(text)
    if number is None or number < X_FIRST:
        return None
    return _step((number >> 22) + X_EPOCH_MS, X_EPOCH_MS, "x-status-id")


def x_picture(name: str) -> Step | None:
    """Read the name of a picture on pbs.twimg.com: eight bytes of the same clock in base64, then three of noise.

    It is the moment at which the upload was begun; the picture's name stays when the post is gone.
    """
    if not _PICTURE.fullmatch(name):
        return None
    try:
        raw = base64.b64decode(name + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    ms = (int.from_bytes(raw[:8], "big") >> 22) + X_EPOCH_MS
    return _step(ms, X_EPOCH_MS + 1, "x-picture-name")


def discord(text: str) -> Step | None:
    """Read the number of a message or an attachment on Discord: milliseconds since 2015 above 22 bits."""
    number = _number(text)
    if number is None:
        return None
    return _step((number >> 22) + DISCORD_EPOCH_MS, DISCORD_EPOCH_MS + 1, "discord-id")


def mastodon(text: str) -> Step | None:
    """Read the number of a status on Mastodon: milliseconds since 1970 above 16 bits.

    A server makes such a number of the *claimed* time when it fetches an older status from another server, so it says
    something on the author's home instance alone.
    """
    number = _number(text)
    return None if number is None else _step(number >> 16, MASTODON_FIRST_MS, "mastodon-id")


def bluesky(text: str) -> Step | None:
    """Read a TID (atproto.com/specs/tid): microseconds above ten bits, in sortable base32. The author's program writes it."""
    if not _TID.fullmatch(text):
        return None
    number = 0
    for character in text:
        number = number * 32 + SORTABLE.index(character)
    return _step((number >> 10) // 1000, BLUESKY_FIRST_MS, "bluesky-tid")


def ulid(text: str) -> Step | None:
    """Read a ULID: 48 bits of milliseconds since 1970 in Crockford's base32, then chance."""
    if not _ULID.fullmatch(text):
        return None
    number = 0
    for character in text[:10]:
        number = number * 32 + CROCKFORD.index(character)
    return _step(number, MISSKEY_FIRST_MS, "ulid")


def misskey(text: str) -> Step | None:
    """Read a note's id by whichever of Misskey's methods made it; the administrator chose one at installation.

    aid (10) and aidx (16) begin with eight digits of base 36 since 2000; meidg begins with g; meid and objectid have 24
    hexadecimal digits and differ in the first one, since meid sets the highest bit and objectid counts seconds.
    """
    if re.fullmatch(r"[0-9a-z]{10}|[0-9a-z]{16}", text):
        kind = "misskey-aid" if len(text) == 10 else "misskey-aidx"  # noqa: PLR2004 - the two lengths
        return _step(int(text[:8], 36) + MISSKEY_EPOCH_MS, MISSKEY_FIRST_MS, kind)
    if re.fullmatch(r"g[0-9a-f]{23}", text):
        return _step(int(text[1:12], 16), MISSKEY_FIRST_MS, "misskey-meidg")
    if re.fullmatch(r"[89a-f][0-9a-f]{23}", text):
        return _step(int(text[:12], 16) - MEID_OFFSET, MISSKEY_FIRST_MS, "misskey-meid")
    if re.fullmatch(r"[0-7][0-9a-f]{23}", text):
        return _step(int(text[:8], 16) * 1000, MISSKEY_FIRST_MS, "misskey-objectid", SECOND)
    found = ulid(text)
    return found and Step(found.start, found.width, "misskey-ulid")


def misskey_before(text: str, gap: timedelta) -> str:
    """Return the lowest id, made like `text`, of the moment `gap` before it; an id of no known kind comes back as it is.

    Notes that reach a server late are filed by the time they claim, so whoever asks for what came since must look back.
    """
    found = misskey(text)
    if found is None:
        return text
    ms = max(to_ms(found.start - gap), MISSKEY_FIRST_MS)
    match found.kind:
        case "misskey-aid" | "misskey-aidx":
            return _digits(ms - MISSKEY_EPOCH_MS, BASE36, 8).ljust(len(text), "0")
        case "misskey-meidg":
            return f"g{ms:011x}".ljust(24, "0")
        case "misskey-meid":
            return f"{ms + MEID_OFFSET:012x}".ljust(24, "0")
        case "misskey-objectid":
            return f"{ms // 1000:08x}".ljust(24, "0")
        case _:
            return _digits(ms, CROCKFORD, 10).ljust(26, "0")


def mastodon_before(text: str, gap: timedelta) -> str:
    """Return the lowest status number of the moment `gap` before `text`; another kind of id comes back as it is."""
    found = mastodon(text)
    return text if found is None else str(to_ms(found.start - gap) << 16)


def _digits(number: int, alphabet: str, width: int) -> str:
    out = ""
    for _ in range(width):
        number, digit = divmod(number, len(alphabet))
        out = alphabet[digit] + out
    return out


def pixiv_path(path: str) -> tuple[Step, str] | None:
    """Read a picture's path on i.pximg.net: the second in Japan at which it was uploaded, and the work's number.

    Uploading another picture in its place gives a new path with a later time.
    """
    match = _PIXIV.search(path)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=JST)
    except ValueError:
        return None
    if not PIXIV_FIRST <= moment < from_ms(LATEST_MS):
        return None
    return Step(moment.astimezone(UTC), SECOND, "pixiv-path"), match[7]
