"""What every watcher's store must do. A test module subclasses this and says how its store is opened."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sakigake.errors import NotFoundError, UsageError
from sakigake.model import Likeness, Order
from watch.post import Batch, ClockClass, Hole, MediaRef, Post, PostTime, Stamp
from watch.store.protocol import WatchStore
from watch.store.records import (
    INBOX,
    Earlier,
    FindingRow,
    HoleRow,
    NewFinding,
    Outcome,
    OwnAccount,
    PostState,
    Review,
)

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_post(number: int, source: str = "feed", author: str = "did:1") -> Post:
    stamp = Stamp(NOW + timedelta(microseconds=number), ClockClass.SERVER, "basis")
    return Post(
        source=source,
        platform="rss",
        post_id=f"post-{number}",
        url=f"https://example.com/{number}",
        author_id=author,
        author_name="Name",
        media=(MediaRef(url=f"https://example.com/{number}.jpg"), MediaRef(url="https://example.com/b.png")),
        time=PostTime(stamp, None),
        raw=b"\x00raw",
    )


def a_finding(key: str = "f" * 64, digest: str = "d" * 64, review: Review = Review.NEW) -> NewFinding:
    return NewFinding(
        idempotency=key,
        media=0,
        digest=digest,
        session="20261127-100000-abcd",
        likeness=Likeness.STRONG,
        order=Order.DRAFT_FIRST,
        order_reason="",
        detail='{"schema_version": 1}',
        notes=("claimed-time-earlier",),
        review=review,
        bundle="b" * 64,
    )


def with_feed(store: WatchStore, *posts: Post, cursor: str = "c1") -> None:
    if not any(row.id == "feed" for row in store.sources()):
        store.add_source("feed", "rss", {"url": "https://example.com/feed"}, NOW)
    store.take_batch("feed", Batch(posts, cursor), NOW)


def settled(store: WatchStore, number: int, outcome_of: PostState, *findings: NewFinding) -> list[FindingRow]:
    (waiting,) = [each for each in store.due(NOW, 100) if each.post.post_id == f"post-{number}"]
    digests = tuple(each.digest for each in findings) or ("e" * 64,)
    outcome = Outcome("feed", waiting.key, outcome_of, "", digests, 7, findings)
    return store.settle([outcome], {"desktop", "json:1"}, NOW)


class StoreConformance:
    """Needs a fixture `store` with an empty store, and one `reopened` that opens the same again."""

    def test_a_source_is_kept_as_it_was_added(self, store: WatchStore) -> None:
        store.add_source("feed", "rss", {"url": "https://例え.jp/", "n": 1}, NOW)
        row = store.source("feed")
        assert (row.kind, dict(row.config), row.added) == ("rss", {"url": "https://例え.jp/", "n": 1}, NOW)
        assert (row.cursor, row.good, row.paused) == (None, None, False)
        for taken in ("feed", INBOX):
            with pytest.raises(UsageError):
                store.add_source(taken, "rss", {}, NOW)

    def test_an_unknown_source_is_not_found(self, store: WatchStore) -> None:
        for ask in (store.source, store.remove_source):
            with pytest.raises(NotFoundError):
                ask("feed")

    def test_a_post_comes_back_as_it_was_told(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        (waiting,) = store.due(NOW, 10)
        assert waiting.post == a_post(1)
        assert (waiting.seen, waiting.tries) == (NOW, 0)

    def test_posts_and_cursor_are_one_step_and_repeats_are_dropped(self, store: WatchStore) -> None:
        with_feed(store, a_post(1), a_post(2))
        fresh = store.take_batch("feed", Batch((a_post(2), a_post(3), a_post(1)), "c2"), NOW + SECOND)
        assert fresh == 1
        assert store.waiting() == 3
        row = store.source("feed")
        assert (row.cursor, row.good) == ("c2", NOW + SECOND)

    def test_the_same_id_in_another_source_is_another_post(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        store.add_source("other", "rss", {}, NOW)
        assert store.take_batch("other", Batch((a_post(1, "other"),), None), NOW) == 1

    def test_what_is_left_of_an_unrelated_post_names_nobody(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        assert settled(store, 1, PostState.UNRELATED) == []
        assert store.waiting() == 0
        assert store.earlier("e" * 64) == Earlier(None, 7)
        assert store.take_batch("feed", Batch((a_post(1),), "c2"), NOW) == 0, "it is known all the same"
        assert store.counts().unrelated == 1

    def test_a_post_is_settled_once(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        (waiting,) = store.due(NOW, 1)
        made = settled(store, 1, PostState.FOUND, a_finding())
        assert [each.number for each in made] == [1]
        again = Outcome("feed", waiting.key, PostState.FOUND, "", (), 7, (a_finding("a" * 64),))
        assert store.settle([again], {"desktop"}, NOW) == []
        assert len(store.findings()) == 1
        assert store.unsent() == 2

    def test_a_finding_comes_back_as_it_was_made(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        (made,) = settled(store, 1, PostState.FOUND, a_finding())
        found = store.finding(made.number)
        assert found == made
        assert found.post == a_post(1)
        assert found.new == a_finding()
        assert store.earlier("d" * 64) == Earlier(1, 0)

    def test_one_idempotency_key_is_one_finding_and_one_message_a_receiver(self, store: WatchStore) -> None:
        with_feed(store, a_post(1), a_post(2))
        settled(store, 1, PostState.FOUND, a_finding())
        assert settled(store, 2, PostState.FOUND, a_finding()) == []
        assert len(store.due_deliveries(NOW, 10)) == 2

    def test_the_same_file_again_is_linked_to_the_first_finding(self, store: WatchStore) -> None:
        with_feed(store, a_post(1), a_post(2))
        settled(store, 1, PostState.FOUND, a_finding())
        (second,) = settled(store, 2, PostState.FOUND, a_finding("a" * 64))
        assert second.same_as == 1

    def test_one_message_tells_of_a_file_however_often_it_is_posted(self, store: WatchStore) -> None:
        with_feed(store, *(a_post(number) for number in range(120)))
        for number in range(120):
            settled(store, number, PostState.FOUND, a_finding(f"{number:064}"))
        assert len(store.findings()) == 120
        assert store.unsent() == 2, "one a receiver"
        assert store.same_file("d" * 64) == list(range(1, 121))
        with_feed(store, a_post(200))
        settled(store, 200, PostState.FOUND, a_finding("a" * 64, "c" * 64))
        assert store.unsent() == 4, "another file is another message"

    def test_a_licensed_picture_sends_nothing_more_but_an_own_one_may_be_taken_up(
        self, store: WatchStore
    ) -> None:
        with_feed(store, *(a_post(number) for number in range(4)))
        store.settle([], (), NOW)
        settled(store, 0, PostState.FOUND, a_finding("0" * 64, "1" * 64))
        assert store.keep_receivers(()) == 2, "nobody was told of it"
        store.review(1, Review.LICENSED, "", NOW)
        settled(store, 1, PostState.FOUND, a_finding("1" * 64, "1" * 64))
        assert store.unsent() == 0
        settled(store, 2, PostState.FOUND, a_finding("2" * 64, "2" * 64, Review.OWN_POST))
        assert store.unsent() == 0
        settled(store, 3, PostState.FOUND, a_finding("3" * 64, "2" * 64))
        assert store.unsent() == 2, "the same file posted by somebody else is news"

    def test_an_own_post_sends_nothing(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        settled(store, 1, PostState.FOUND, a_finding(review=Review.OWN_POST))
        assert store.unsent() == 0
        assert [each.review for each in store.findings()] == [Review.OWN_POST]

    def test_a_message_waits_until_it_is_marked(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        settled(store, 1, PostState.FOUND, a_finding())
        first, second = store.due_deliveries(NOW, 10)
        assert {first.receiver, second.receiver} == {"desktop", "json:1"}
        store.mark_sent(first, NOW)
        store.postpone(second, NOW + SECOND)
        assert store.due_deliveries(NOW, 10) == []
        (again,) = store.due_deliveries(NOW + SECOND, 10)
        assert (again.receiver, again.tries) == (second.receiver, 1)
        assert store.keep_receivers({"desktop"}) == (second.receiver == "json:1")
        assert store.unsent() == (second.receiver != "json:1")

    def test_a_post_that_is_put_off_comes_later(self, store: WatchStore) -> None:
        with_feed(store, a_post(1), a_post(2))
        (first,) = store.due(NOW, 1)
        store.put_off("feed", first.key, NOW + SECOND, "fetch-too-slow")
        assert [each.post.post_id for each in store.due(NOW, 10)] == ["post-2"]
        later = store.due(NOW + SECOND, 10)
        assert [(each.post.post_id, each.tries) for each in later] == [("post-2", 0), ("post-1", 1)]

    def test_posts_in_work_are_left_out(self, store: WatchStore) -> None:
        with_feed(store, *map(a_post, range(5)))
        first, second = store.due(NOW, 2)
        rest = store.due(NOW, 2, {first.key, second.key})
        assert [each.post.post_id for each in rest] == ["post-2", "post-3"]

    def test_holes_are_kept_exactly(self, store: WatchStore) -> None:
        with_feed(store)
        told = Hole(NOW - 2 * SECOND, NOW - SECOND, "cursor-too-old")
        store.note_trouble("feed", "fetch-too-slow", NOW + SECOND)
        store.note_trouble("feed", "fetch-unreachable", None)
        assert store.holes("feed") == [HoleRow("feed", NOW, None, "fetch-too-slow")]
        assert store.source("feed").failures == 2
        store.take_batch("feed", Batch((), "c2", (told,)), NOW + 5 * SECOND)
        store.take_batch("feed", Batch((), "c2", (told,)), NOW + 6 * SECOND)
        assert store.holes() == [
            HoleRow("feed", told.began, told.ended, told.reason),
            HoleRow("feed", NOW, NOW + 5 * SECOND, "fetch-too-slow"),
        ]
        assert store.source("feed").failures == 0

    def test_a_pause_is_a_hole(self, store: WatchStore) -> None:
        with_feed(store)
        store.pause_source("feed", paused=True, now=NOW + SECOND)
        assert store.source("feed").paused
        store.open_hole("feed", NOW + 2 * SECOND, "not-running")
        store.pause_source("feed", paused=False, now=NOW + 3 * SECOND)
        assert store.holes() == [HoleRow("feed", NOW, None, "paused")]

    def test_a_removed_source_leaves_findings_and_holes(self, store: WatchStore) -> None:
        with_feed(store, a_post(1), a_post(2))
        settled(store, 1, PostState.FOUND, a_finding())
        store.note_trouble("feed", "fetch-too-slow", None)
        store.remove_source("feed")
        assert store.sources() == []
        assert store.waiting() == 0
        assert len(store.findings()) == 1
        assert [each.reason for each in store.holes()] == ["fetch-too-slow"]
        assert store.take_batch("feed", Batch((a_post(3),), "c"), NOW) == 0, "it was asked while it went"

    def test_what_is_handed_in_waits_once_and_a_failed_one_is_tried_anew(self, store: WatchStore) -> None:
        handed = a_post(1, INBOX)
        assert store.hand_in(handed, NOW)
        assert not store.hand_in(handed, NOW)
        (waiting,) = store.due(NOW, 10)
        assert waiting.post == handed
        store.settle([Outcome(INBOX, waiting.key, PostState.FAILED, "source-gone")], (), NOW)
        assert store.counts().failed == {"source-gone": 1}
        assert store.hand_in(handed, NOW)
        assert store.waiting() == 1

    def test_what_came_to_nothing_is_looked_at_anew_when_it_is_handed_in_again(
        self, store: WatchStore
    ) -> None:
        handed = a_post(1, INBOX)
        assert store.hand_in(handed, NOW)
        (waiting,) = store.due(NOW, 10)
        store.settle([Outcome(INBOX, waiting.key, PostState.UNRELATED, "", ("e" * 64,), 7)], (), NOW)
        assert store.hand_in(handed, NOW)
        (again,) = store.due(NOW, 10)
        assert again.post == handed
        store.settle([Outcome(INBOX, again.key, PostState.FOUND, "", (), 8, (a_finding(),))], (), NOW)
        assert not store.hand_in(handed, NOW), "a finding stands"

    def test_posts_seen_in_part_are_counted_by_reason(self, store: WatchStore) -> None:
        with_feed(store, *(a_post(number) for number in range(4)))
        reasons = [("fetch-too-large", PostState.UNRELATED), ("too-many-pictures", PostState.FOUND)]
        reasons += [("", PostState.UNRELATED), ("no-picture", PostState.UNRELATED)]
        outcomes = [
            Outcome("feed", waiting.key, state, reason, ("e" * 64,), 7)
            for waiting, (reason, state) in zip(store.due(NOW, 10), reasons, strict=True)
        ]
        store.settle(outcomes, (), NOW)
        assert store.counts().partly == {"fetch-too-large": 1, "too-many-pictures": 1}
        assert store.counts().failed == {}

    def test_a_batch_that_comes_after_the_pause_leaves_the_hole_open(self, store: WatchStore) -> None:
        with_feed(store)
        store.pause_source("feed", paused=True, now=NOW + SECOND)
        assert store.take_batch("feed", Batch((a_post(1),), "c2"), NOW + 2 * SECOND) == 1
        assert store.holes() == [HoleRow("feed", NOW, None, "paused")]
        store.pause_source("feed", paused=False, now=NOW + 3 * SECOND)
        assert store.holes() == [HoleRow("feed", NOW, None, "paused")], "until it answers again"
        store.take_batch("feed", Batch((), "c3"), NOW + 4 * SECOND)
        assert store.holes() == [HoleRow("feed", NOW, NOW + 4 * SECOND, "paused")]

    def test_half_a_character_is_kept_as_its_replacement(self, store: WatchStore) -> None:
        lone = "a\ud800\udcffb"
        odd = replace(a_post(1), url=lone, author_name=lone, post_id=lone, media=(MediaRef(url=lone),))
        with_feed(store, odd)
        (waiting,) = store.due(NOW, 10)
        assert waiting.post == odd
        assert waiting.post.url == waiting.post.media[0].url == "a\ufffd\ufffdb"

    def test_a_review_is_kept(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        (made,) = settled(store, 1, PostState.FOUND, a_finding())
        store.review(made.number, Review.LICENSED, "書面で許可", NOW + SECOND)
        found = store.finding(made.number)
        assert (found.review, found.review_note, found.reviewed) == (
            Review.LICENSED,
            "書面で許可",
            NOW + SECOND,
        )
        assert store.findings(Review.NEW) == []
        for ask in (store.finding, lambda number: store.review(number, Review.NEW, "", NOW)):
            with pytest.raises(NotFoundError):
                ask(99)

    def test_evidence_is_sealed_once(self, store: WatchStore) -> None:
        with_feed(store, a_post(1))
        (made,) = settled(store, 1, PostState.FOUND, a_finding())
        assert [each.number for each in store.unsealed()] == [made.number]
        store.mark_sealed(made.number)
        assert store.unsealed() == []
        assert store.finding(made.number).sealed

    def test_a_forgotten_finding_leaves_nothing_but_that_the_post_was_seen(self, store: WatchStore) -> None:
        with_feed(store, *(a_post(number) for number in range(3)))
        for number in range(3):
            settled(store, number, PostState.FOUND, a_finding(str(number) * 64))
        store.forget_finding(1, NOW)
        assert [each.number for each in store.findings()] == [2, 3]
        assert [each.same_as for each in store.findings()] == [None, 2]
        assert store.unsent() == 0
        with pytest.raises(NotFoundError):
            store.forget_finding(1, NOW)
        with_feed(store, a_post(0))
        assert store.waiting() == 0, "the post is known"
        store.forget_finding(3, NOW)
        store.forget_finding(2, NOW)
        assert store.earlier("d" * 64) is None, "the same picture elsewhere is looked at anew"

    def test_dismissed_findings_are_named_by_their_age(self, store: WatchStore) -> None:
        with_feed(store, *(a_post(number) for number in range(3)))
        for number in range(3):
            settled(store, number, PostState.FOUND, a_finding(str(number) * 64))
        store.review(1, Review.DISMISSED, "", NOW - SECOND)
        store.review(2, Review.DISMISSED, "", NOW)
        store.review(3, Review.CONFIRMED, "", NOW - SECOND)
        assert store.dismissed(NOW) == [1]

    def test_own_accounts(self, store: WatchStore) -> None:
        mine = OwnAccount("bluesky", "did:me")
        store.add_own_account(mine, NOW)
        store.add_own_account(mine, NOW)
        assert store.own_accounts() == [mine]
        store.remove_own_account(mine)
        with pytest.raises(NotFoundError):
            store.remove_own_account(mine)

    def test_sweeping_leaves_findings_and_what_waits(self, store: WatchStore) -> None:
        with_feed(store, a_post(1), a_post(2), a_post(3))
        settled(store, 1, PostState.FOUND, a_finding())
        settled(store, 2, PostState.UNRELATED)
        assert store.sweep(NOW) == 0
        assert store.sweep(NOW + SECOND) == 1
        assert store.earlier("e" * 64) is None
        assert (store.waiting(), len(store.findings())) == (1, 1)

    def test_all_of_it_is_there_after_closing(self, store: WatchStore, reopened: WatchStore) -> None:
        with_feed(store, a_post(1), a_post(2))
        settled(store, 1, PostState.FOUND, a_finding())
        store.put_state("pulse", "x")
        store.close()
        assert reopened.state("pulse") == "x"
        assert reopened.source("feed").cursor == "c1"
        assert (reopened.waiting(), reopened.unsent()) == (1, 2)
        assert reopened.take_batch("feed", Batch((a_post(1),), "c2"), NOW) == 0, (
            "it knows posts by the same key"
        )
