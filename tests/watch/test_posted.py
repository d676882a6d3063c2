"""The clocks inside ids: published vectors, round trips, and that what is no id never becomes a time."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.clock import iso, to_ms
from sakigake.model import Interval
from watch import links, posted, postids
from watch.post import ClockClass, PostTime, Stamp
from watch.postids import MS, SECOND

# A case each, with the moment that its own documentation or the forensic tool dfir-unfurl states.
VECTORS = [
    ("https://twitter.com/_RyanBenson/status/1233161576649121792", "2020-02-27T22:46:45.564Z", "A", "x-status-id"),
    ("https://x.com/i/web/status/1123741185531678721", "2019-05-02T00:09:11.389Z", "A", "x-status-id"),
    ("https://pbs.twimg.com/media/D5tPa7vUIAAePq2?format=jpg&name=orig", "2019-05-04T07:41:46", "A", "x-picture-name"),
    ("https://pbs.twimg.com/media/D5tPa7vUIAAePq2.jpg:large", "2019-05-04T07:41:46", "A", "x-picture-name"),
    ("https://discord.com/channels/1/2/175928847299117063", "2016-04-30T11:18:25.796Z", "A", "discord-id"),
    ("https://cdn.discordapp.com/attachments/1/175928847299117063/a.png", "2016-04-30T11:18:25.796Z", "A", "discord-attachment"),
    ("https://i.pximg.net/img-original/img/2014/09/30/21/22/44/46270949_p0.jpg", "2014-09-30T12:22:44Z", "A-", "pixiv-path"),
    ("https://mastodon.social/@a/109349525231262342", "2022-11-15T19:42:19.588Z", "C", "mastodon-id-by-path"),
    ("https://bsky.app/profile/did:plc:abc/post/3l25zusnsfctk", "2024-08-20T16:31:35.793Z", "C", "bluesky-tid"),
    ("at://did:plc:abc/app.bsky.feed.post/3l25zusnsfctk", "2024-08-20T16:31:35.793Z", "C", "bluesky-tid"),
    ("https://nitter.net/a/status/1233161576649121792", "2020-02-27T22:46:45.564Z", "C", "x-status-id-mirror"),
    ("https://misskey.io/notes/9bz5y8zq1k", "2023-03-05T16:19:54.758Z", "C", "misskey-aid-elsewhere"),
]  # fmt: skip
NOTHING = [
    "https://x.com/a/status/20",  # numbered one after another then
    "https://x.com/a/status/99999999999999999999999",
    "https://pbs.twimg.com/media/AAAAAAAAAAAAAAA.jpg",
    "https://pbs.twimg.com/profile_images/1/a.jpg",
    "https://www.pixiv.net/artworks/46270949",
    "https://i.pximg.net/img-original/img/2014/13/30/21/22/44/1_p0.jpg",
    "https://i.pximg.net/img-original/img/1999/12/30/21/22/44/1_p0.jpg",
    "https://mastodon.social/@a@other.example/109349525231262342",  # not the author's server
    "https://mastodon.social/web/statuses/109349525231262342",
    "https://example.com/notes/help-wanted",
    "https://bsky.app/profile/a/post/zzzzzzzzzzzzz",
    "https://example.com/",
    "http://[::1",
    "http://a:b:c/",
    "javascript:alert(1)",
    "ftp://x.com/a/status/1233161576649121792",
    "",
]


@pytest.mark.parametrize(("url", "moment", "clock", "basis"), VECTORS, ids=lambda each: str(each)[-24:])
def test_links_with_a_known_moment(url: str, moment: str, clock: str, basis: str) -> None:
    time = posted.decode_link(url)
    assert time.not_before is not None
    assert iso(time.not_before.value).startswith(moment)
    assert (time.not_before.clock, time.not_before.basis) == (clock, basis)
    if basis in {"x-picture-name", "discord-attachment"}:
        assert time.not_after is None, "the upload comes before the post"
    else:
        assert time.not_after is not None
        width = time.not_after.value - time.not_before.value
        assert width == (SECOND if basis == "pixiv-path" else MS)
        assert (time.not_after.clock, time.not_after.basis) == (clock, basis)


@pytest.mark.parametrize("url", NOTHING)
def test_links_without_a_moment(url: str) -> None:
    assert posted.decode_link(url) == PostTime()


@pytest.mark.parametrize(
    ("text", "kind", "moment"),
    [
        ("9bz5y8zq1k", "misskey-aid", None),
        ("9bz5y8zq1k2w0001", "misskey-aidx", None),
        ("5f1d7e3a0000000000000000", "misskey-objectid", "2020-07-26T12:59:38Z"),
        ("81856fdcf0c0000000000000", "misskey-meid", None),
        ("g1856fdcf0c0000000000000", "misskey-meidg", None),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "misskey-ulid", "2016-07-30T23:54:10.259Z"),  # the specification's
    ],
)
def test_each_method_of_misskey_is_told_apart(text: str, kind: str, moment: str | None) -> None:
    step = postids.misskey(text)
    assert step is not None
    assert step.kind == kind
    assert moment is None or iso(step.start) == moment


def test_one_moment_in_the_ids_of_all_methods_of_misskey() -> None:
    ms = to_ms(datetime(2023, 1, 1, 12, 0, 0, 123_000, tzinfo=UTC))
    base36 = postids._digits(ms - postids.MISSKEY_EPOCH_MS, postids.BASE36, 8)
    made = {
        "misskey-aid": base36 + "zz",
        "misskey-aidx": base36 + "abcd0001",
        "misskey-meid": f"{ms + 0x800000000000:012x}" + "f" * 12,
        "misskey-meidg": f"g{ms:011x}" + "f" * 12,
        "misskey-ulid": postids._digits(ms, postids.CROCKFORD, 10) + "Z" * 16,
    }
    for kind, text in made.items():
        step = postids.misskey(text)
        assert step is not None
        assert (step.kind, to_ms(step.start)) == (kind, ms)
        before = postids.misskey_before(text, timedelta(minutes=10))
        earlier = postids.misskey(before)
        assert earlier is not None
        assert (earlier.kind, to_ms(earlier.start), len(before)) == (kind, ms - 600_000, len(text))
        assert before < text


X_MS = st.integers(to_ms(datetime(2010, 11, 5, tzinfo=UTC)), to_ms(datetime(2070, 1, 1, tzinfo=UTC)))
LOW_22 = st.integers(0, 2**22 - 1)
ANY_MS = st.integers(to_ms(datetime(2023, 1, 1, tzinfo=UTC)), postids.LATEST_MS - 1)


def value(time: PostTime) -> int:
    assert time.not_before is not None
    return to_ms(time.not_before.value)


@given(X_MS, LOW_22)
def test_round_trip_of_x(ms: int, noise: int) -> None:
    number = (ms - postids.X_EPOCH_MS) << 22 | noise
    assert value(posted.x_status(str(number))) == ms
    name = urlsafe_b64encode(number.to_bytes(8, "big") + b"abc").decode().rstrip("=")
    assert value(posted.x_picture(name)) == ms
    assert posted.x_picture(name).not_after is None


@given(X_MS, LOW_22)
def test_round_trip_of_discord(ms: int, noise: int) -> None:
    ms = max(ms, postids.DISCORD_EPOCH_MS + 1)
    assert value(posted.discord(str((ms - postids.DISCORD_EPOCH_MS) << 22 | noise))) == ms


@given(ANY_MS, st.integers(0, 2**16 - 1))
def test_round_trip_of_mastodon(ms: int, noise: int) -> None:
    number = str(ms << 16 | noise)
    assert value(posted.mastodon(number, home=True)) == ms
    assert posted.mastodon(number, home=False) == PostTime()
    assert int(postids.mastodon_before(number, timedelta(minutes=1))) == (ms - 60_000) << 16


@given(ANY_MS, st.integers(0, 999), st.integers(0, 1023))
def test_round_trip_of_bluesky(ms: int, us: int, clock: int) -> None:
    number, text = (ms * 1000 + us) << 10 | clock, ""
    for _ in range(13):
        number, digit = divmod(number, 32)
        text = postids.SORTABLE[digit] + text
    assert value(posted.bluesky(text)) == ms


@given(st.datetimes(datetime(2008, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001 - Japan's clock, which has no summer time
def test_round_trip_of_pixiv(local: datetime) -> None:
    time = posted.pixiv(
        f"https://i.pximg.net/c/600x600/img-master/img/{local:%Y/%m/%d/%H/%M/%S}/1_p0_master1200.jpg"
    )
    assert time.not_before is not None
    assert time.not_before.value == local.replace(microsecond=0, tzinfo=UTC) - timedelta(hours=9)


@given(st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_dates_of_feeds_and_answers(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert value(posted.feed_date(f"{whole:%a, %d %b %Y %H:%M:%S} GMT")) == to_ms(whole)
    assert value(posted.feed_date(whole.isoformat())) == to_ms(whole)
    assert value(posted.feed_date(f"{whole + timedelta(hours=9):%Y-%m-%dT%H:%M:%S}+09:00")) == to_ms(whole)


@given(
    st.one_of(st.text(), st.text("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHJKMNPQRSTVWXYZ_-", max_size=30))
)
def test_garbage_is_unknown_and_never_raises(text: str) -> None:
    for decode in (
        posted.x_status, posted.x_picture, posted.discord, posted.pixiv, posted.bluesky, posted.feed_date,
        posted.claimed, posted.exif_date, posted.decode_link, posted.nostr,
        lambda each: posted.mastodon(each, home=True), lambda each: posted.misskey(each, home=True),
        lambda each: posted.exif_date("2020:01:02 03:04:05", each), lambda each: posted.decode_link("https://" + each),
        lambda each: posted.decode_link("https://x.com/" + each), lambda each: posted.decode_link("at://a/app.bsky.feed.post/" + each),
    ):  # fmt: skip
        time = decode(text)
        assert isinstance(time, PostTime)
        if time.not_before and time.not_after:
            assert time.not_before.value <= time.not_after.value
    assert isinstance(postids.misskey_before(text, timedelta(minutes=1)), str)
    assert isinstance(postids.mastodon_before(text, timedelta(minutes=1)), str)


@given(st.integers() | st.floats() | st.booleans() | st.none())
def test_nostr_takes_any_value(created: object) -> None:
    time = posted.nostr(created)
    assert time == PostTime() or (time.not_before is not None and time.not_before.clock is ClockClass.AUTHOR)
    assert value(posted.nostr(1_700_000_000)) == 1_700_000_000_000


def test_exif_without_a_zone_is_as_wide_as_the_zones_of_the_world() -> None:
    time = posted.exif_date("2014:09:30 21:22:44")
    assert time.interval == Interval(
        datetime(2014, 9, 30, 7, 22, 44, tzinfo=UTC), datetime(2014, 10, 1, 9, 22, 45, tzinfo=UTC)
    )
    known = posted.exif_date("2014:09:30 21:22:44", "+09:00")
    assert known.interval.not_before == datetime(2014, 9, 30, 12, 22, 44, tzinfo=UTC)
    assert posted.exif_date("2014:09:30 21:22:44", "-03:30").interval.not_before == datetime(
        2014, 10, 1, 0, 52, 44, tzinfo=UTC
    )
    assert posted.exif_date("2014:02:30 21:22:44") == PostTime()


def stamp(hour: int, clock: ClockClass) -> Stamp:
    return Stamp(datetime(2024, 1, 1, hour, tzinfo=UTC), clock, f"{clock}{hour}")


A, B, C, W = ClockClass.PLATFORM, ClockClass.SERVER, ClockClass.AUTHOR, ClockClass.WITNESSED


def test_a_claim_never_moves_an_end_that_somebody_else_vouches_for() -> None:
    platform = PostTime(stamp(5, A), stamp(6, A))
    for claim in (PostTime(stamp(9, C), stamp(9, C)), PostTime(stamp(1, C), stamp(1, C))):
        assert posted.combine([platform, claim]) == posted.combine([claim, platform]) == platform


def test_a_claim_stands_alone_with_its_class_and_the_widest_one_is_taken() -> None:
    joined = posted.combine([PostTime(stamp(5, C)), PostTime(stamp(3, C)), PostTime(None, stamp(9, W))])
    assert joined == PostTime(stamp(3, C), stamp(9, W))
    assert posted.trusted(joined) == Interval(None, stamp(9, W).value)
    assert posted.claim(joined) == stamp(3, C).value
    assert posted.claim(PostTime(stamp(3, B))) is None


def test_of_vouched_ends_the_tightest_is_taken() -> None:
    joined = posted.combine(
        [PostTime(stamp(3, B), stamp(8, B)), PostTime(stamp(2, A), stamp(9, A)), PostTime(None, stamp(10, W))]
    )
    assert joined == PostTime(stamp(3, B), stamp(9, A))


def test_a_servers_upper_end_is_a_claim_beside_anybody_elses() -> None:
    server = PostTime(stamp(3, B), stamp(3, B))
    assert posted.combine([server, PostTime(None, stamp(9, W))]) == PostTime(stamp(3, B), stamp(9, W))
    assert posted.trusted(server) == Interval(stamp(3, B).value, None)


def test_pictures_state_an_upper_end_only_together() -> None:
    old = "https://i.pximg.net/img-original/img/2014/09/30/21/22/44/46270949_p0.jpg"
    new = "https://i.pximg.net/img-original/img/2024/09/30/21/22/44/1_p0.jpg"
    copy = "https://example.com/copy.jpg"
    assert posted.of_files([old]) == posted.decode_link(old)
    for files in ([old, new], [new, old]):
        assert posted.of_files(files) == posted.decode_link(new), "an old picture does not make the post old"
    assert posted.of_files([old, copy]) == PostTime(posted.decode_link(old).not_before)
    assert posted.of_files([]) == PostTime()


def test_what_is_only_told_is_a_claim() -> None:
    told = posted.as_told(PostTime(stamp(3, A), stamp(4, C)))
    assert told == PostTime(Stamp(stamp(3, A).value, C, "A3-as-told"), stamp(4, C))


def test_ends_that_contradict_each_other_are_not_joined() -> None:
    ahead = PostTime(stamp(9, C), stamp(9, C))
    assert posted.combine([ahead, posted.seen(stamp(5, W).value)]).not_before is None
    assert posted.combine(
        [PostTime(stamp(9, B)), PostTime(stamp(2, A)), PostTime(None, stamp(5, W))]
    ) == PostTime(stamp(2, A), stamp(5, W))
    assert posted.combine([PostTime(stamp(9, A)), PostTime(None, stamp(5, A))]) == PostTime()


TIMES = st.builds(
    PostTime,
    st.none() | st.builds(stamp, st.integers(0, 23), st.sampled_from([A, B, C])),
    st.none() | st.builds(stamp, st.integers(0, 23), st.sampled_from([A, B, C, W])),
)


@given(st.lists(TIMES, max_size=5))
def test_joining_is_sound_whatever_the_order(times: list[PostTime]) -> None:
    joined = posted.combine(times)
    assert posted.combine(reversed(times)).interval == joined.interval
    if joined.not_before and joined.not_after:
        assert joined.not_before.value <= joined.not_after.value
    given_ends = {each for time in times for each in (time.not_before, time.not_after)}
    assert {joined.not_before, joined.not_after} <= given_ends | {None}
    if joined.not_before and joined.not_before.clock is C and joined.not_after is None:
        assert not any(time.not_before and time.not_before.clock is not C for time in times) or any(
            time.not_after for time in times
        )


def test_mirrors_of_x_lead_to_the_same_post() -> None:
    ids = {
        (link.platform, link.post_id)
        for host in ("x.com", "mobile.twitter.com", "www.twitter.com", "fxtwitter.com", "vxtwitter.com")
        if (link := links.read_link(f"https://{host}/someone/status/1233161576649121792/photo/1")) is not None
    }
    assert ids == {("x", "1233161576649121792")}


def test_no_trailing_dot_or_case_makes_another_host() -> None:
    assert posted.decode_link("https://X.COM./a/status/1233161576649121792").not_before is not None
    assert posted.decode_link("https://notx.com/a/status/1233161576649121792") == PostTime()
