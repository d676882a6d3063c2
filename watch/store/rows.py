"""Posts and moments as columns."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sakigake.clock import EPOCH
from sakigake.store.values import as_bytes, as_int
from watch.post import ClockClass, MediaRef, Post, PostTime, Stamp

# In this order they are written and read.
POST = (
    "post_id, platform, url, author_id, author_name,"
    " before_us, before_clock, before_basis, after_us, after_clock, after_basis, raw"
)
POST_LENGTH = 12
NOTHING_LEFT = ", ".join(f"{name.strip()} = NULL" for name in POST.split(","))


def to_us(moment: datetime) -> int:
    """Return microseconds since 1970 UTC: ids of some platforms are as fine as that."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(us: object) -> datetime:
    """Return the aware UTC datetime of `us` since 1970 UTC."""
    return EPOCH + timedelta(microseconds=as_int(us))


def maybe(us: object) -> datetime | None:
    """Return the moment, None for none."""
    return None if us is None else from_us(us)


def post_values(post: Post) -> tuple[object, ...]:
    """Return a post as the columns of `POST`."""
    return (
        post.post_id,
        post.platform,
        post.url,
        post.author_id,
        post.author_name,
        *_stamp_values(post.time.not_before),
        *_stamp_values(post.time.not_after),
        post.raw,
    )


def post_of(source: str, row: Sequence[object], media: Sequence[tuple[object, ...]]) -> Post:
    """Return the post of the columns of `POST` and of the rows `url, path` of its pictures."""
    raw = row[11]
    return Post(
        source=source,
        post_id=_text(row[0]),
        platform=_text(row[1]),
        url=_text(row[2]),
        author_id=_text(row[3]),
        author_name=_text(row[4]),
        media=tuple(MediaRef(_text(url), _text(path)) for url, path in media),
        time=PostTime(_stamp(row[5:8]), _stamp(row[8:11])),
        raw=b"" if raw is None else as_bytes(raw),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _stamp_values(stamp: Stamp | None) -> tuple[object, ...]:
    return (to_us(stamp.value), stamp.clock.value, stamp.basis) if stamp else (None, None, None)


def _stamp(row: Sequence[object]) -> Stamp | None:
    return None if row[0] is None else Stamp(from_us(row[0]), ClockClass(str(row[1])), _text(row[2]))
