"""Writing a package, for the command line and the page alike: what is asked for, and what came of it.

Each step that waits (for tokens, for a comparison) is here; what is said about it is left to who asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sakigake import errors, words
from sakigake.evidence import audience as audiences
from sakigake.evidence.explained import Explained
from sakigake.evidence.posted import Posted, PostedTime
from sakigake.model import Finding, Interval, Session

if TYPE_CHECKING:
    from sakigake.evidence.package import Exported, Post
    from sakigake.settings import Settings
    from sakigake.store.protocol import Store
    from sakigake.store.sqlite import SqliteStore
    from watch.store.records import FindingRow


@dataclass(frozen=True, slots=True)
class Request:
    """What a package is to hold. `chosen`, `hidden`, `bare` are entry numbers; None for `chosen` means every stage.

    `report` None is that of the audience, or what there is matter for. `finding` is the number of a finding of the
    watcher, `post` a picture instead, `posted` when that was made. `explained` are pictures that explain the comparison.
    """

    out: Path
    session: str = "last"
    chosen: list[int] | None = None
    hidden: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)
    post: Path | None = None
    posted: Interval = field(default_factory=Interval)
    finding: int | None = None
    audience: str = "self"
    report: str | None = None
    langs: tuple[str, ...] = ("ja", "en")
    named: bool = False
    stamp: bool = True
    older_copy: bool = False
    explained: Explained | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it. `report` is what was written, `why` why the list of files has no token."""

    exported: "Exported"
    session: Session
    report: str
    why: str
    behind: bool
    headless: bool
    evidence: str = ""  # the key of a sentence on what was left out of the evidence


def check(request: Request) -> audiences.Audience:
    """Refuse what contradicts itself before anything is begun; returns the audience. Raises UsageError."""
    reader = audiences.AUDIENCES[request.audience]
    audiences.require(reader, named=request.named)
    if request.post and request.finding:
        raise errors.UsageError("export-post-twice")
    has_post = bool(request.post or request.finding)
    asked = request.report or (reader.report if has_post else audiences.PROCESS)
    if has_post and not audiences.wants(asked, audiences.ORDER):
        raise errors.UsageError("export-post-untold")
    if not has_post and request.report in {audiences.ORDER, audiences.BOTH}:
        raise errors.UsageError("export-no-post")
    return reader


def report_of(request: Request) -> str:
    """Return which report is written: without a post there is nothing to say about an order."""
    if not (request.post or request.finding):
        return audiences.PROCESS
    return request.report or audiences.AUDIENCES[request.audience].report


def run(loaded: "Settings", store: "SqliteStore", session: Session, request: Request) -> Done:
    """Write the package of a session; raises SakigakeError. The caller has the passphrase provided."""
    from desk.commands.export import is_behind, seal_rest, stamper  # noqa: PLC0415
    from sakigake.anchor import trust  # noqa: PLC0415
    from sakigake.evidence import package  # noqa: PLC0415
    from sakigake.evidence.paper.matter import Paper  # noqa: PLC0415
    from sakigake.timeline import keys  # noqa: PLC0415

    reader = check(request)
    trusted = trust.load(loaded.tables)
    key = keys.signer(loaded.keys, store.public_key(session.id), session.id)
    behind = is_behind(loaded, store, session, allowed=request.older_copy)
    # An older copy is never signed again: that would be a second ledger under its name.
    headless = not behind and not store.frozen and seal_rest(loaded, trusted, session.id)
    compared, told, left = _post(loaded, store, session, request, store.public_key(session.id))
    explained = request.explained or (_explained(loaded, store, compared, request) if compared else None)
    stamp, why = stamper(loaded, trusted) if request.stamp else (None, words.text("export.stamp-off"))
    report = report_of(request)
    done = package.export(
        store,
        session,
        key=key,
        pictures=loaded.pictures,
        trust=trusted,
        out=request.out,
        chosen=request.chosen,
        without_picture=request.hidden,
        entry_only=request.bare,
        post=compared,
        stamp=stamp,
        paper=Paper(reader, report, request.langs, request.named, told, explained),
    )
    return Done(done, session, report, why, behind, headless, left if reader.kept else "")


def row_of(loaded: "Settings", number: int) -> "FindingRow":
    """Return a finding of the watcher; raises NotFoundError."""
    from desk.watching import open_watch  # noqa: PLC0415

    return open_watch(loaded).finding(number)


def _post(
    loaded: "Settings", store: "Store", session: Session, request: Request, public: bytes
) -> "tuple[Post | None, Posted, str]":
    """Return the post that is compared, what is told of it, and what had to be left out of its evidence."""
    from desk import explaining, own_works  # noqa: PLC0415
    from sakigake.evidence import package  # noqa: PLC0415
    from watch.check import check_picture  # noqa: PLC0415
    from watch.sanitise import extension_of  # noqa: PLC0415

    if request.post:
        finding = check_picture(store, [session], request.post, request.posted, own_works.provide(loaded))
        extension = extension_of(request.post).removeprefix(".")
        return package.Post(request.post, extension, finding), Posted(times=_stated(request.posted)), ""
    if request.finding is None:
        return None, Posted(), ""
    row = row_of(loaded, request.finding)
    path = explaining.picture_of(loaded, row)
    finding = _again(loaded, store, session, row, path)
    told, left = _told(loaded, row, public, named=request.named)
    return package.Post(path, extension_of(path).removeprefix("."), finding), told, left


def _explained(loaded: "Settings", store: "Store", compared: "Post", request: Request) -> Explained | None:
    """Return the pictures that explain the comparison, with nothing of a stage that the package holds back."""
    from desk import explaining  # noqa: PLC0415
    from sakigake.evidence.explained import taken  # noqa: PLC0415
    from watch.explaining.gathering import Disclosed  # noqa: PLC0415

    shown = Disclosed(request.chosen, request.hidden, request.bare)
    drawn = explaining.of_post(store, loaded.pictures, compared.path, compared.finding, shown)
    return taken(drawn) if drawn else None


def _stated(posted: Interval) -> tuple[PostedTime, ...]:
    ends = (("not-before", posted.not_before), ("not-after", posted.not_after))
    return tuple(PostedTime(end, when, "E") for end, when in ends if when)


def _again(loaded: "Settings", store: "Store", session: Session, row: "FindingRow", path: Path) -> Finding:
    """Return the answer anew: tokens that have come since make its times narrower, and a stored answer is text."""
    from desk import own_works  # noqa: PLC0415
    from watch.check import check_picture  # noqa: PLC0415
    from watch.pipeline.verdict import deciding, with_claims  # noqa: PLC0415

    found = check_picture(store, [session], path, deciding(row.post.time), own_works.provide(loaded))
    return with_claims(found, row.post.time)


def _told(loaded: "Settings", row: "FindingRow", public: bytes, *, named: bool) -> tuple[Posted, str]:
    """Return what is told of a finding's post, with the evidence that was kept of it."""
    from watch.evidence import bundle, ledger  # noqa: PLC0415

    kept = bundle.read(loaded.home / bundle.FOLDER / row.new.bundle)
    sums = (kept.folder / bundle.SUMS).read_bytes()
    files: dict[str, bytes | Path] = {"post/SHA256SUMS": sums}
    if named:
        listed = [line.partition("  ")[2] for line in sums.decode("ascii").splitlines()]
        files |= {f"post/{name}": kept.folder / name for name in listed}
    left = "" if named else "paper.help.evidence-left-out"
    if ledger.path_of(loaded.home).is_file():
        with ledger.opened(loaded.home) as sealed:
            session = ledger.find(sealed, kept)
            if session and sealed.public_key(session.id) == public:
                files |= _ledger(sealed, session)
            elif session:
                left = "paper.help.other-key"
    post = row.post
    return Posted(
        platform=post.platform,
        number=post.post_id,
        address=post.url,
        account=post.author_name or post.author_id,
        found=row.found,
        times=_times(row),
        kept=files,
        complete=named,
    ), left


def _ledger(sealed: "Store", session: Session) -> Mapping[str, bytes]:
    """Return the ledger that names what was kept, with its checkpoint and the tokens over it."""
    from sakigake.evidence import layout  # noqa: PLC0415

    (checkpoint,) = sealed.checkpoints(session.id)
    files = {
        layout.KEPT_ENTRIES: b"".join(entry.raw + b"\n" for entry in sealed.entries(session.id)),
        layout.KEPT_CHECKPOINT: checkpoint.note,
    }
    for nth, token in enumerate(sealed.tokens(session.id)[:9], start=1):
        files[layout.kept_token(nth)] = token.raw
    return files


def _times(row: "FindingRow") -> tuple[PostedTime, ...]:
    """Return both ends of the post's time, each with its class and what it was read from, in words."""
    found = []
    for end, stamp in (("not-before", row.post.time.not_before), ("not-after", row.post.time.not_after)):
        if stamp:
            key = f"watch.basis.{stamp.basis}"
            said = {lang: table[key] for lang in words.LANGUAGES if key in (table := words.table(lang))}
            found.append(PostedTime(end, stamp.value, stamp.clock.value, said))
    return tuple(found)
