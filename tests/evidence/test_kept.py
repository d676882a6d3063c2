"""What was kept of a post, in a package: both verifiers hold list, files, ledger and tokens together, or refuse."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from desk.commands.verify import verify as command
from sakigake import words
from sakigake.anchor import client
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import layout, package
from sakigake.evidence.audience import AUDIENCES
from sakigake.evidence.kept import Kept
from sakigake.evidence.paper.matter import Paper
from sakigake.evidence.posted import Posted
from sakigake.evidence.standalone import main
from sakigake.evidence.standalone.certificates import read_root
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.standalone.whole import check
from sakigake.evidence.verify import verify
from sakigake.model import EntryType, Finding, Interval, Likeness, Order
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Ledger
from tests.evidence.conftest import Recorded, Recorder, drawing
from tests.evidence.test_tampering import resigned
from tests.evidence.test_tokens import authority, trusted

__all__ = ["authority", "trusted"]

FILES = {"log.json": b"{}\n", "post.json": b'{"author_id":"someone"}\n', "capture.warc.gz": b"\x1f\x8b"}


@pytest.fixture
def packed(record: Recorder, tmp_path: Path, trusted: Trust) -> Callable[..., tuple[Recorded, Path]]:
    def make(
        *,
        all_files: bool = True,
        ledger: bool = True,
        listed_picture: bool = True,
        posted: Interval | None = None,
    ) -> tuple[Recorded, Path]:
        recorded = record(2)
        picture = tmp_path / "post.png"
        cv2.imwrite(str(picture), drawing(8))
        listed = {**FILES, "1.png": picture.read_bytes() if listed_picture else b"another"}
        sums = "".join(
            f"{sha256(raw).hexdigest()}  {name}\n" for name, raw in sorted(listed.items())
        ).encode()
        kept: dict[str, bytes | Path] = {layout.KEPT_SUMS: sums}
        if all_files:
            kept |= {f"post/{name}": raw for name, raw in listed.items()}
        if ledger:
            store = SqliteStore(tmp_path / "watch.db")
            made = Ledger.start(store, recorded.key, "watch")
            made.append(EntryType.CLAIM, info={"bundle": sha256(sums).hexdigest()})
            made.append(EntryType.SESSION_END, info={"reason": "kept"})
            sealed = made.checkpoint([])
            local = trusted.get("local")
            assert sealed
            assert local
            entries = store.entries(made.session.id)
            kept[layout.KEPT_ENTRIES] = b"".join(each.raw + b"\n" for each in entries)
            kept[layout.KEPT_CHECKPOINT] = sealed.note
            kept[layout.kept_token(1)] = client.request_token(local, sealed.note, 5)
        best = recorded.stages[1]
        finding = Finding(
            recorded.session.id, Order.UNCLEAR, "", Likeness.SOME, "", posted or Interval(), Interval(), None, best, best, best,
            "full", 2, post_digest=sha256(picture.read_bytes()).hexdigest(),
        )  # fmt: skip
        told = Posted(account="someone", kept=kept, complete=all_files)
        asked = Paper(AUDIENCES["lawyer"], "both", posted=told, named=all_files)
        folder = tmp_path / "pack"
        recorded.export(folder, trusted, post=package.Post(picture, "png", finding), paper=asked)
        return recorded, folder

    return make


def both(folder: Path, trusted: Trust, tmp_path: Path) -> tuple[object, object]:
    """Return what both verifiers say of what was kept; None for a refusal."""
    local = trusted.get("local")
    assert local
    pem = tmp_path / "root.pem"
    pem.write_bytes(b"".join(path.read_bytes() for path in (folder / "trust").glob("*.pem")))
    try:
        ours: object = verify(folder, trusted).post_kept
    except VerificationError:
        ours = None
    try:
        theirs: object = check(folder, [read_root(pem)])["post_kept"]
    except RefusedError:
        theirs = None
    return ours, theirs


def test_the_whole_bundle_with_its_time(
    packed: Callable[..., tuple[Recorded, Path]], trusted: Trust, tmp_path: Path
) -> None:
    _, folder = packed()
    report, found = verify(folder, trusted), both(folder, trusted, tmp_path)[1]
    assert report.post_kept
    assert (report.post_kept.listed, report.post_kept.shown) == (4, 4)
    assert report.post_kept.not_after
    assert found == {
        "files": 4,
        "shown": 4,
        "not_after": report.post_kept.not_after,
        "holds_post": True,
        "older_than_post": False,
    }


def test_the_list_and_its_time_without_the_files(
    packed: Callable[..., tuple[Recorded, Path]], trusted: Trust, tmp_path: Path
) -> None:
    _, folder = packed(all_files=False)
    report = verify(folder, trusted)
    assert report.post_kept
    assert (report.post_kept.listed, report.post_kept.shown) == (4, 0)
    assert both(folder, trusted, tmp_path)[1] == {
        "files": 4,
        "shown": 0,
        "not_after": report.post_kept.not_after,
        "holds_post": True,
        "older_than_post": False,
    }
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"someone" not in everything


def test_a_list_alone_is_said_to_show_nothing_of_the_post(
    packed: Callable[..., tuple[Recorded, Path]],
    trusted: Trust,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Found by an outsider: digests of nothing, listed months before the post, read like evidence of it."""
    monkeypatch.setenv("SAKIGAKE_HOME", str(tmp_path / "home"))
    later = datetime.now(UTC) + timedelta(days=30)
    _, folder = packed(all_files=False, listed_picture=False, posted=Interval(later, None))
    ours, theirs = both(folder, trusted, tmp_path)
    assert isinstance(ours, Kept)
    assert isinstance(theirs, dict)
    assert (ours.shown, ours.holds_post, ours.older_than_post) == (0, False, True)
    assert (theirs["shown"], theirs["holds_post"], theirs["older_than_post"]) == (0, False, True)
    page = (folder / layout.PAGE).read_text(encoding="utf-8")
    for lang in words.LANGUAGES:
        told = (str(folder), "--trust", str(tmp_path / "root.pem"), "--lang", lang)
        project = CliRunner().invoke(command, told).output
        main.main(list(told))
        alone = capsys.readouterr().out
        for key in ("kept-none", "kept-apart", "kept-older"):
            assert words.text(f"verify.{key}", lang) in project
            assert words.text(f"verify.{key}", lang) in alone
            assert key == "kept-none" or words.text(f"verify.{key}", lang) in page


def test_a_list_that_was_there_within_the_time_of_the_post_is_not_called_older(
    packed: Callable[..., tuple[Recorded, Path]], trusted: Trust, tmp_path: Path
) -> None:
    earlier = datetime.now(UTC) - timedelta(days=30)
    _, folder = packed(posted=Interval(earlier, None))
    ours, theirs = both(folder, trusted, tmp_path)
    assert isinstance(ours, Kept)
    assert isinstance(theirs, dict)
    assert not ours.older_than_post
    assert not theirs["older_than_post"]


def changed(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        assert old in raw
        (folder / name).write_bytes(raw.replace(old, new, 1))

    return change


def gone(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def added(name: str, raw: bytes) -> Callable[[Path], None]:
    def add(folder: Path) -> None:
        (folder / name).write_bytes(raw)

    return add


def doubled(folder: Path) -> None:
    (folder / layout.kept_token(2)).write_bytes((folder / layout.kept_token(1)).read_bytes())


@pytest.mark.parametrize(
    "attack",
    [
        changed("post/post.json", b"someone", b"another"),
        changed(layout.KEPT_SUMS, b"log.json", b"lag.json"),
        changed(layout.KEPT_SUMS, b"\n", b"\n\n"),
        changed(layout.KEPT_ENTRIES, b'"reason":"kept"', b'"reason":"lost"'),
        changed(layout.KEPT_CHECKPOINT, b"\n3\n", b"\n2\n"),
        gone(layout.KEPT_SUMS),
        gone(layout.KEPT_ENTRIES),
        gone(layout.KEPT_CHECKPOINT),
        added("post/2.png", b"x"),
        added("post/notes.txt", b"x"),
        added(layout.kept_token(3), b"0"),
        doubled,
    ],
)
def test_what_does_not_fit_is_refused_by_both(
    packed: Callable[..., tuple[Recorded, Path]],
    trusted: Trust,
    tmp_path: Path,
    attack: Callable[[Path], None],
) -> None:
    recorded, folder = packed()
    attack(folder)
    resigned(recorded.key, folder)
    assert both(folder, trusted, tmp_path) == (None, None)


def test_a_ledger_of_another_key_is_refused_by_both(
    packed: Callable[..., tuple[Recorded, Path]], trusted: Trust, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    recorded, folder = packed()
    store = SqliteStore(tmp_path / "other.db")
    made = Ledger.start(store, Ed25519PrivateKey.generate(), "watch")
    made.append(
        EntryType.CLAIM, info={"bundle": sha256((folder / layout.KEPT_SUMS).read_bytes()).hexdigest()}
    )
    sealed = made.checkpoint([])
    assert sealed
    (folder / layout.KEPT_ENTRIES).write_bytes(
        b"".join(each.raw + b"\n" for each in store.entries(made.session.id))
    )
    (folder / layout.KEPT_CHECKPOINT).write_bytes(sealed.note)
    (folder / layout.kept_token(1)).unlink()
    resigned(recorded.key, folder)
    assert both(folder, trusted, tmp_path) == (None, None)
