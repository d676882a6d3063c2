"""What a person does with a finding: says what it is, erases it, keeps a check as one. For the command line and the page."""

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import PurePath

from desk import evidenced
from desk.watching import open_watch
from sakigake.errors import SakigakeError, UsageError, VerificationError
from sakigake.model import Finding
from sakigake.settings import Settings
from watch import retention, sanitise
from watch.evidence import bundle
from watch.finding import ALIKE, to_json
from watch.pipeline.verdict import idempotency
from watch.post import MediaRef, Post
from watch.store.records import INBOX, FindingRow, NewFinding, Outcome, PostState, Review

REVIEWS = ("confirmed", "dismissed", "own_post", "licensed")
MOST_NOTE = 2000  # characters


@dataclass(frozen=True, slots=True)
class Kept:
    """A check that was kept: the finding's number, and whether it is a new one."""

    number: int
    fresh: bool


def review(settings: Settings, number: int, answer: str, note: str, now: datetime) -> FindingRow:
    """Keep what a person says of a finding, and return it as it was before, so that the word can be taken back.

    Raises NotFoundError, and UsageError for an answer that there is not or a note that is too long.
    """
    if answer not in {*REVIEWS, Review.NEW.value}:
        raise UsageError("findings-review-odd", value=answer, known=", ".join(REVIEWS))
    told = note.strip()
    if len(told) > MOST_NOTE:
        raise UsageError("findings-note-long", most=MOST_NOTE)
    with closing(open_watch(settings)) as store:
        before = store.finding(number)
        store.review(number, Review(answer), told, now)
    return before


def erase(settings: Settings, number: int, now: datetime) -> bool:
    """Erase a finding, its messages and the evidence of its post; raises NotFoundError.

    Returns False when another program still reads the database: its last traces go later then.
    """
    with closing(open_watch(settings)) as store:
        retention.forget(store, settings.home, number, now)
        return retention.clean(store)


def file_name(row: FindingRow) -> str:
    """Return what the file is called that a finding is of, empty when it was no file here. Not for messages."""
    media = row.post.media[row.new.media : row.new.media + 1]
    return PurePath(media[0].path).name if media else ""


def picture(settings: Settings, row: FindingRow) -> bytes | None:
    """Return the very file that a finding is of, by its digest; None when no evidence of it was kept. Not decoded."""
    folder = settings.home / bundle.FOLDER / row.new.bundle
    if not row.new.bundle or not folder.is_dir():
        return None
    for path in sorted(folder.iterdir()):
        if path.suffix not in {".png", ".jpg", ".webp", ".gif"} or path.is_symlink():
            continue
        try:
            data = sanitise.read_file(path)
        except SakigakeError:
            continue
        if sha256(data).hexdigest() == row.new.digest:
            return data
    return None


def witness_line(settings: Settings, row: FindingRow) -> str:
    """Return by when the evidence of a finding was witnessed, or what is wrong with it; empty without evidence."""
    if not row.new.bundle:
        return ""
    try:
        return evidenced.standing(settings, row).line()
    except VerificationError as error:
        return f"{error.message()} {error.hint()}"


def keep_check(settings: Settings, post: Post, finding: Finding, data: bytes, now: datetime) -> Kept:
    """Keep a check that somebody made by hand as a finding, with the picture as evidence; nobody is told of it.

    `post` is what was looked at, `data` the bytes of its picture. The watcher has the evidence witnessed as any other.
    Raises UsageError when nothing alike was found, and SakigakeError when the evidence cannot be written.
    """
    if finding.likeness not in ALIKE:
        raise UsageError("findings-nothing-alike")
    digest = sha256(data).hexdigest()
    # What a file is called and where it lies is nothing that a finding needs: the evidence holds its bytes.
    told = _without_paths(post, digest)
    with closing(open_watch(settings, make=True)) as store:
        before = store.same_file(digest)
        again = [number for number in before if store.finding(number).post.post_id == told.post_id]
        if again:
            return Kept(again[0], fresh=False)
        kept = bundle.keep(settings.home, told, (), finding, pictures=(data,))
        store.hand_in(told, now)
        outcome = Outcome(
            source=INBOX,
            key=store.key_of(INBOX, told.post_id),
            state=PostState.FOUND,
            digests=(digest,),
            findings=(_new(told, finding, digest, kept.name),),
        )
        made = store.settle([outcome], (), now)
        # None is made when the watcher was quicker with the same post: what it found stands.
        others = [made[0].number] if made else store.same_file(digest)
    if not others:
        raise SakigakeError("findings-not-kept")
    return Kept(others[-1], fresh=bool(made))


def _new(post: Post, finding: Finding, digest: str, kept: str) -> NewFinding:
    return NewFinding(
        idempotency=idempotency(INBOX, post.post_id, 0, finding.session),
        media=0,
        digest=digest,
        session=finding.session,
        likeness=finding.likeness,
        order=finding.order,
        order_reason=finding.order_reason,
        detail=json.dumps(to_json(finding), ensure_ascii=False),
        notes=finding.notes,
        bundle=kept,
    )


def _without_paths(post: Post, digest: str) -> Post:
    media = tuple(MediaRef(url=ref.url) for ref in post.media[:1] if ref.url)
    return Post(
        source=INBOX,
        platform=post.platform,
        post_id=post.post_id or f"file:{digest}",
        url=post.url,
        author_id=post.author_id,
        author_name=post.author_name,
        media=media or (MediaRef(),),
        time=post.time,
        raw=post.raw,
    )
