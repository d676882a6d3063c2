"""The reports: what a reader of the PDF alone can say, the same bytes each time, nothing hostile, nobody named unasked."""

import csv
import html
import io
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import cv2
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from desk.commands.verify import _shows
from sakigake import words
from sakigake.anchor.rfc3161 import read_token
from sakigake.anchor.trust import Trust
from sakigake.errors import UsageError, VerificationError
from sakigake.evidence import custody, layout, package
from sakigake.evidence.audience import AUDIENCES
from sakigake.evidence.explained import Caption, Explained
from sakigake.evidence.paper import blocks, letters, pdf
from sakigake.evidence.paper.matter import Paper
from sakigake.evidence.paper.order import span
from sakigake.evidence.paper.sheet import Sheet
from sakigake.evidence.posted import Posted, PostedTime, without_account
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.standalone.whole import check
from sakigake.evidence.verify import verify
from sakigake.model import CalibrationCount, Finding, Interval, Likeness, Order, StoredToken
from sakigake.store.sqlite import SqliteStore
from tests.evidence.conftest import Recorded, Recorder, drawing
from tests.evidence.test_tampering import resigned
from tests.peers import forge

WHEN = datetime(2026, 11, 22, 10, 2, 3, tzinfo=UTC)
NAME = "canaryaccountqz"
HOSTILE = f"{NAME} <script>alert(1)</script> =cmd|'/c calc'!A1 \u202e\U00020bb7"
COUNTS = CalibrationCount("2", 1_000_000, 3, 0.00001, 2000, 1, 0.002)


def posted(**more: object) -> Posted:
    told = Posted(
        platform="x",
        number="77",
        address=f"https://x.com/{NAME}/status/1234567",
        account=HOSTILE,
        found=WHEN,
        times=(PostedTime("not-before", WHEN, "A"), PostedTime("not-after", WHEN, "W")),
    )
    return replace(told, **more)  # type: ignore[arg-type]


@pytest.fixture
def compared(record: Recorder, tmp_path: Path) -> Callable[..., tuple[Recorded, package.Post]]:
    def make(order: Order = Order.UNCLEAR, stages: int = 3) -> tuple[Recorded, package.Post]:
        recorded = record(stages)
        picture = tmp_path / "post.png"
        cv2.imwrite(str(picture), drawing(8))
        best = recorded.stages[1]
        finding = Finding(
            session=recorded.session.id,
            order=order,
            order_reason="",
            likeness=Likeness.STRONG,
            likeness_reason="",
            post=Interval(WHEN, WHEN),
            draft=Interval(),
            claimed=None,
            stage=best,
            first_stage=best,
            last_stage=best,
            view="mirror",
            compared=stages,
            counts=COUNTS,
            post_digest=sha256(picture.read_bytes()).hexdigest(),
        )
        return recorded, package.Post(picture, "png", finding)

    return make


def paper(name: str = "self", **more: object) -> Paper:
    return replace(Paper(AUDIENCES[name], AUDIENCES[name].report, posted=posted()), **more)  # type: ignore[arg-type]


def told(folder: Path) -> str:
    """Return the words of the PDF, as another program reads them."""
    ran = subprocess.run(
        ["pdftotext", "-layout", str(folder / layout.REPORT), "-"], capture_output=True, check=True
    )
    return re.sub(r"\s+", "", ran.stdout.decode())


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_a_reader_of_the_pdf_alone_can_say_all_four(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    recorded.export(tmp_path / "pack", post=post, paper=paper())
    read = told(tmp_path / "pack")
    for lang in words.LANGUAGES:
        for sentence in (
            words.text("paper.stage-picture", lang, seq=recorded.stages[1]),
            words.text("finding.order.order_unclear", lang),
            words.text("finding.likeness.strong", lang),
            words.text("finding.view.mirror", lang),
            words.text("finding.likeness.some", lang),
            words.text("finding.likeness.none", lang),
            words.text("paper.clock.A", lang),
            words.text("paper.clock.W", lang),
            words.text("paper.witness.none", lang),
            words.text("report.other-explanations", lang),
            words.text("paper.not-shown-list", lang),
            words.text("report.limits", lang),
        ):
            assert squeezed(sentence) in read, sentence
    assert read.count("1,000,000") == 2
    pages = subprocess.run(
        ["pdfinfo", str(tmp_path / "pack" / layout.REPORT)], capture_output=True, check=True
    )
    count = int(re.search(rb"Pages: +(\d+)", pages.stdout)[1])  # type: ignore[index]
    feet = [squeezed(words.text("report.limits", lang)) for lang in words.LANGUAGES]
    assert sum(read.count(foot) for foot in feet) == count + 2  # on each page, and once in each text


def test_the_first_page_says_that_another_language_follows(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    for name, langs in (("both", ("ja", "en")), ("one", ("ja",))):
        recorded.export(tmp_path / name, post=post, paper=paper(langs=langs))
    follows = squeezed(words.text("paper.follows", "en"))
    assert follows in squeezed(told(tmp_path / "both").split("1ページ")[0])
    assert told(tmp_path / "both").count(follows) == 1
    assert squeezed(words.text("paper.follows", "ja")) not in told(tmp_path / "both")
    assert follows not in told(tmp_path / "one")


def test_an_interval_within_a_second_is_said_as_one() -> None:
    moment = datetime(2026, 11, 28, 7, 48, 56, 120_000, tzinfo=UTC)
    short = Interval(moment, moment + timedelta(milliseconds=1))
    long = Interval(moment, moment + timedelta(seconds=1))
    assert span(short, "en") == "within the second that begins at 2026-11-28 07:48:56 UTC"
    assert span(short, "ja") == "2026-11-28 16:48:56 JST からの 1 秒のあいだ"
    assert span(long, "en") == "between 2026-11-28 07:48:56 UTC and 2026-11-28 07:48:57 UTC"


@pytest.mark.parametrize("order", list(Order))
def test_each_order_is_printed_in_the_same_size(order: Order) -> None:
    answer = blocks.Answer("x", words.text(f"finding.order.{order.value}", "en"))
    sheet = Sheet("x", "en")
    sizes: list[float] = []
    sheet.put = lambda *given, **_: sizes.append(given[3])  # type: ignore[method-assign]
    sheet.page()
    sizes.clear()
    pdf._block(sheet, blocks.Answers((answer,)), {})
    sheet.close()
    assert set(sizes) == {9, pdf.VERDICT}


def test_the_same_input_gives_the_same_bytes(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    for name in ("one.zip", "two.zip"):
        recorded.export(tmp_path / name, post=post, paper=paper())
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    verify(tmp_path / "one.zip", Trust())


def test_a_letter_that_the_font_lacks_is_printed_by_its_number(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    done = recorded.export(tmp_path / "pack", post=post, paper=paper(named=True))
    assert done.odd == ("U+20BB7",)
    read = told(tmp_path / "pack")
    assert "[U+20BB7]" in read
    for lang in words.LANGUAGES:
        assert squeezed(words.text("paper.odd", lang)) in read


def test_every_sentence_can_be_printed() -> None:
    known = letters.widths()
    lacking = {
        (lang, key, letter)
        for lang in words.LANGUAGES
        for key, sentence in words.table(lang).items()
        for letter in sentence
        # The desk and the command line speak on screens only.
        if letter != "\n" and ord(letter) not in known and not key.startswith(("desk.", "click."))
    }
    assert not lacking


@given(st.text(max_size=80), st.floats(20, 200))
def test_lines_hold_every_letter_and_no_line_is_too_wide(text: str, room: float) -> None:
    printed, odd = letters.shown(text)
    lines = letters.wrapped(printed, 4, room)
    assert "".join(lines).replace(" ", "") == printed.replace(" ", "")
    assert all(letters.width(line, 4) <= room or len(line) <= 2 for line in lines)
    assert all(f"[{each}]" in printed for each in odd)


def test_what_others_wrote_is_inert(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    recorded.export(tmp_path / "pack", post=post, paper=paper(named=True))
    page = (tmp_path / "pack" / layout.PAGE).read_text(encoding="utf-8")
    assert NAME in page
    assert "<script" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:image/|stages/|compare/)""", page)


@given(st.text(max_size=40))
def test_no_cell_is_a_formula(text: str) -> None:
    raw = custody.write([custody.Step(text, text, text, None, text, 1, text)])
    (row,) = list(csv.reader(io.StringIO(raw.decode("ascii"))))[1:]
    assert not [value for value in row if value.startswith(("=", "+", "-", "@", "|", "%", "\t", "\r"))]


@pytest.mark.parametrize("name", sorted(AUDIENCES))
def test_each_audience_gets_what_the_table_says_and_nobody_is_named(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path, name: str
) -> None:
    recorded, post = compared()
    reader = AUDIENCES[name]
    given_post = None if name == "client" else post
    recorded.export(tmp_path / "pack", post=given_post, paper=paper(name))
    names = {path.relative_to(tmp_path / "pack").as_posix() for path in (tmp_path / "pack").rglob("*.*")}
    assert {each for each in names if each.startswith("forms/")} == set(reader.forms)
    assert (layout.CUSTODY in names) == reader.custody
    everything = b"".join(path.read_bytes() for path in (tmp_path / "pack").rglob("*") if path.is_file())
    assert NAME.encode() not in everything
    assert NAME not in told(tmp_path / "pack")
    verify(tmp_path / "pack", Trust())


def test_the_identity_sheet_is_the_same_for_everybody_and_the_drafts_say_what_they_are(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    recorded.export(tmp_path / "named", post=post, paper=paper(named=True))
    recorded.export(tmp_path / "plain", post=post, paper=paper())
    sheets = [(tmp_path / each / "forms/identity-sheet.txt").read_bytes() for each in ("named", "plain")]
    template = Path(package.__file__).parent / "templates/forms/identity-sheet.txt.j2"
    filled = template.read_text(encoding="utf-8").replace("{{ blank }}", "_" * 30)
    assert sheets == [filled.encode()] * 2
    for path in (tmp_path / "named" / "forms").iterdir():
        if path.name not in {"README.txt", "identity-sheet.txt"}:
            text = path.read_text(encoding="utf-8")
            assert any(words.text("paper.form.draft", lang) in text for lang in words.LANGUAGES)
            assert any(words.text("report.limits", lang) in text for lang in words.LANGUAGES)
            assert "\u202e" not in text


@pytest.mark.parametrize("name", ["client", "public"])
def test_no_name_may_be_asked_for_where_none_may_stand(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        paper(name, named=True)
    assert caught.value.code == "export-account-hidden"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"https://x.com/{NAME}/status/12", "https://x.com/i/status/12"),
        ("https://www.pixiv.net/artworks/7", "https://www.pixiv.net/artworks/7"),
        (f"https://bsky.app/profile/{NAME}/post/3k", ""),
        (f"https://mastodon.social/@{NAME}/1", ""),
        (f"https://example.com/{NAME}", ""),
    ],
)
def test_an_address_without_an_account(address: str, shown: str) -> None:
    assert without_account(address) == shown


def test_pictures_that_explain_go_in_with_their_captions(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    png = cv2.imencode(".png", drawing(5))[1].tobytes()
    drawn = Explained(
        {"aligned.png": png, "blink.gif": b"GIF89a", "method.json": b"{}\n"},
        {"aligned.png": Caption("report.stage", {"seq": 41})},
    )
    recorded.export(tmp_path / "pack", post=post, paper=paper(explained=drawn))
    assert (tmp_path / "pack/compare/aligned.png").read_bytes() == png
    assert squeezed(words.text("report.stage", "ja", seq=41)) in told(tmp_path / "pack")
    verify(tmp_path / "pack", Trust())


@pytest.mark.parametrize("name", ["../x.png", "A.png", "x.html", "method.json.png", ".png"])
def test_a_picture_of_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Explained({name: b"", "method.json": b"{}"}, {})


def test_only_process_and_no_token(record: Recorder, tmp_path: Path) -> None:
    record(1).export(tmp_path / "pack", paper=paper("client", posted=Posted()))
    read = told(tmp_path / "pack")
    for lang in words.LANGUAGES:
        assert squeezed(words.text("report.no-token", lang)) in read
        assert squeezed(words.text("paper.not-recorded-text", lang)) in read
        assert squeezed(words.text("report.order", lang)) not in read


@pytest.mark.parametrize("case", ["all", "some", "none", "part-timed", "untimed"])
def test_the_reports_claim_no_more_than_the_verifiers(record: Recorder, tmp_path: Path, case: str) -> None:
    """Found by an outsider: "had these pictures" was printed of packages without a picture, or without any time."""
    chain = forge.chain()
    trusted = Trust().with_roots(chain.root.public_bytes(serialization.Encoding.PEM), "local")

    def seal(store: SqliteStore, session: str) -> None:
        made = store.checkpoints(session)[-1]
        if case == "untimed" or (case == "part-timed" and made.number > 1):
            return
        raw = forge.forge(forge.Plan(chain, data=made.note, serial=made.number + 1))
        read = read_token(raw, made.note, trusted)
        kept = StoredToken(made.number, "local", raw, sha256(raw).digest(), read.low, read.high, trusted=True)
        store.add_token(session, kept)

    recorded = record(2, seal)
    hidden = {"some": recorded.stages[:1], "none": recorded.stages}.get(case, [])
    recorded.export(tmp_path / "pack", trusted, entry_only=hidden, paper=paper("client", posted=Posted()))
    key = {"all": "paper.shows", "some": "verify.shows-some", "none": "verify.shows-none"}.get(
        case, f"verify.shows-{case}"
    )
    assert key in {"paper.shows", _shows(verify(tmp_path / "pack", trusted))}
    read, page = told(tmp_path / "pack"), (tmp_path / "pack" / layout.PAGE).read_text(encoding="utf-8")
    others = {"paper.shows", *(f"verify.shows-{each}" for each in ("some", "none", "part-timed", "untimed"))}
    for lang in words.LANGUAGES:
        for each in others:
            assert (squeezed(words.text(each, lang)) in read) == (each == key), each
            assert (words.text(each, lang) in html.unescape(page)) == (each == key), each


@pytest.mark.parametrize("most", [10, 120])
def test_a_long_timeline_is_printed_in_part_and_says_so(most: int) -> None:
    rows = [blocks.Moment(str(number), (), subject=number == 3331) for number in range(6000)]
    printed = pdf.chosen(rows, most)
    assert {0, 3331, 5999} <= set(printed)
    assert most <= len(printed) <= most + 1
    assert pdf.chosen(rows[:7], most) == list(range(7))


def test_a_file_that_is_none_of_these_is_still_refused(record: Recorder, tmp_path: Path) -> None:
    recorded = record(1)
    for number, name in enumerate(("forms/other.txt", "report2.pdf", "trust/x.html", "events.tsr")):
        folder = tmp_path / f"pack{number}"
        recorded.export(folder, paper=paper("client", posted=Posted()))
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
        resigned(recorded.key, folder)
        with pytest.raises(VerificationError) as caught:
            verify(folder, Trust())
        assert caught.value.code == "package-file-extra"
        with pytest.raises(RefusedError) as refused:
            check(folder, [])
        assert refused.value.code == "extra"
