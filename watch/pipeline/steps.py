"""The steps of one post: fetch, open, fingerprint, compare, keep. They change nothing in the store, so each may be cut off."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from sakigake.errors import NetworkError, NotFoundError, SakigakeError, UsageError
from sakigake.model import Finding
from watch import sanitise
from watch.fetch.records import Fetched
from watch.finding import ALIKE, to_json
from watch.pipeline.pages import picture_in
from watch.pipeline.ports import Comparer, Decoder, Frames, Keeper, Net
from watch.pipeline.retries import NO_PICTURE, TOO_MANY, Failure, judge
from watch.pipeline.verdict import idempotency, with_claims
from watch.post import MediaRef, Post
from watch.store.protocol import WatchStore
from watch.store.records import NewFinding, Outcome, OwnAccount, PostState, Review, Waiting

PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
MOST_MEDIA = 16
_PAGE_BYTES = 2 * 2**20


@dataclass(frozen=True, slots=True)
class PutOff:
    """A post to be tried again in so many seconds, and why."""

    source: str
    key: bytes
    wait_s: float
    reason: str


@dataclass(slots=True)
class _Seen:
    """What was seen of a post so far."""

    digests: list[str | None] = field(default_factory=list)
    findings: list[NewFinding] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class Steps:
    """Looks at one post after another; usable from several threads."""

    def __init__(
        self, store: WatchStore, net: Net, decoder: Decoder, comparer: Comparer, keeper: Keeper | None
    ) -> None:
        self._store, self._net, self._decoder = store, net, decoder
        self._comparer, self._keeper = comparer, keeper

    def look(self, waiting: Waiting, own: frozenset[OwnAccount] = frozenset()) -> Outcome | PutOff:
        """Return what became of a post, or when to try again. `own` are the accounts of the artist.

        Raises SakigakeError only for what is wrong here: the store or the records cannot be read.
        """
        post, generation = waiting.post, self._comparer.generation
        seen = _Seen()
        # A link that leads to a page names no picture: the page itself is asked.
        media = post.media or ((MediaRef(url=post.url),) if post.url else ())
        for number, ref in enumerate(media[:MOST_MEDIA]):
            self._look_at(post, number, ref, seen, own)
        # What was not looked at stands beside whatever the rest came to: a padded picture must not hide behind a decoy.
        beyond = TOO_MANY if len(media) > MOST_MEDIA else ""
        state, reason = PostState.UNRELATED, next((each.reason for each in seen.failures), beyond)
        if seen.findings:
            state = PostState.FOUND
        elif any(each.tries for each in seen.failures):
            failure = max(seen.failures, key=lambda each: each.tries)
            if (wait_s := failure.wait_s(waiting.tries)) is not None:
                return PutOff(post.source, waiting.key, wait_s, failure.reason)
            state, reason = PostState.FAILED, failure.reason
        elif seen.failures and not any(seen.digests):
            state = PostState.FAILED
        elif not media:
            reason = NO_PICTURE
        return Outcome(
            post.source, waiting.key, state, reason, tuple(seen.digests), generation, tuple(seen.findings)
        )

    def _look_at(
        self, post: Post, number: int, ref: MediaRef, seen: _Seen, own: frozenset[OwnAccount]
    ) -> None:
        seen.digests.append(None)
        try:
            data, fetched = self._bytes(ref)
            digest = sha256(data).hexdigest()
            earlier = self._store.earlier(digest)
            if earlier and earlier.finding is None and earlier.generation >= self._comparer.generation:
                seen.digests[number] = digest
                return  # the same file came to nothing before, and nothing was recorded since
            finding = self._compare(post, number, data, digest)
        except (NetworkError, UsageError, NotFoundError) as error:
            seen.failures.append(judge(error))
            return
        except SakigakeError as error:
            if not (failure := judge(error)).tries:
                raise
            seen.failures.append(failure)
            return
        seen.digests[number] = digest
        if finding and finding.likeness in ALIKE:
            seen.findings.append(
                self._new(post, number, (data, fetched), with_claims(finding, post.time), own)
            )

    def _compare(self, post: Post, number: int, data: bytes, digest: str) -> Finding | None:
        """Return the finding of a picture, None when a first look at it, small, tells that no work could be like it.

        What is like a work is opened once more, in a child that has met no other picture: an earlier one cannot have meddled.
        """
        name, near = f"{number + 1}", None
        if side := self._comparer.first_side:
            near = self._comparer.near(self._decoder.decode(data, name, least=side))
            if not any(near):
                return None
        shared = self._decoder.decode(data, name)
        finding = self._comparer.compare(shared, post.time, digest, near)
        if finding and finding.likeness in ALIKE:
            alone = self._decoder.decode(data, name, alone=True)
            if not _same(shared, alone):  # the same pixels have been compared already
                finding = self._comparer.compare(alone, post.time, digest, near)
        return finding

    def _bytes(self, ref: MediaRef) -> tuple[bytes, Sequence[Fetched]]:
        if ref.path:
            return sanitise.read_file(Path(ref.path)), ()
        return fetch_picture(self._net, ref.url)

    def _new(
        self,
        post: Post,
        number: int,
        seen: tuple[bytes, Sequence[Fetched]],
        finding: Finding,
        own: frozenset[OwnAccount],
    ) -> NewFinding:
        mine = bool(post.author_id) and OwnAccount(post.platform, post.author_id) in own
        bundle, reason = "", ""
        if self._keeper and not mine:
            try:
                data, fetched = seen
                bundle = self._keeper.keep(post, fetched, finding, pictures=() if fetched else (data,))
            except SakigakeError as error:
                reason = error.code
            except OSError:
                reason = "output-full"  # the finding itself must not be lost with its evidence
        return NewFinding(
            idempotency=idempotency(post.source, post.post_id, number, finding.session),
            media=number,
            digest=finding.post_digest,
            session=finding.session,
            likeness=finding.likeness,
            order=finding.order,
            order_reason=finding.order_reason,
            detail=json.dumps(to_json(finding), ensure_ascii=False),
            notes=finding.notes,
            review=Review.OWN_POST if mine else Review.NEW,
            bundle=bundle,
            bundle_reason=reason,
        )


def _same(some: Frames, others: Frames) -> bool:
    """Say whether two openings of a file gave the same pixels, frame by frame."""
    return len(some) == len(others) and all(map(np.array_equal, some, others))


def fetch_picture(net: Net, url: str) -> tuple[bytes, tuple[Fetched, ...]]:
    """Return the picture at an address and what was fetched; of a page the picture that it names, with one more request.

    Raises NetworkError, and UsageError when there is none.
    """
    first = net.get(url, accept=(*PICTURES, "text/html;q=0.5"))
    if sanitise.kind_of(first.body):
        return first.body, (first,)
    onward = picture_in(first.body[:_PAGE_BYTES], first.url)
    if onward is None:
        raise UsageError("watch-no-picture-in-page")
    second = net.get(onward, accept=PICTURES)
    if not sanitise.kind_of(second.body):
        raise UsageError("watch-no-picture-in-page")
    return second.body, (first, second)
