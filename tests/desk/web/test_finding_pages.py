"""The pages of findings: what is shown and what is not, the reader's word, and everything that others wrote kept inert."""

import time as clocks
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from desk import card, reviewing
from desk.commands import findings as command
from desk.watching import open_watch
from desk.web import pages
from desk.web.found import pictures, views
from sakigake import words
from sakigake.errors import NotFoundError, UsageError
from sakigake.model import Likeness, Order
from tests.desk.web import finds
from tests.desk.web.conftest import Served, served
from tests.watch.pipeline import scene
from watch.evidence import bundle
from watch.finding import to_json
from watch.post import ClockClass
from watch.store.records import FindingRow

NOW = finds.START + timedelta(days=1)
LONG = "長" * 10_000
TURNED = "evil\u202egnp.exe\u2066"
HOSTILE = [
    f"javascript:alert('{finds.SCRIPT}')",
    "data:text/html,<script>document.title='owned'</script>",
    f"https://x.com/a/status/1\" onmouseover=\"document.title='owned'{finds.SCRIPT}",
    "vbscript:x",
    TURNED,
    LONG,
    "",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> finds.Home:
    """One ordinary finding, and one for each hostile address; numbers from 1."""
    made = finds.recorded(tmp_path_factory.mktemp("found") / "home")
    finds.found(made)
    for number, url in enumerate(HOSTILE, start=2):
        name = f"{finds.SCRIPT}{TURNED}{LONG}"
        told = finds.post(number, url=url, author_name=name, author_id=name, platform=name)
        finds.found(made, 1, told)
    return made


@pytest.fixture(scope="module")
def desk(home: finds.Home) -> Iterator[Served]:
    with served(home.settings) as running:
        yield running


def test_the_list_names_nobody_and_filters(desk: Served) -> None:
    page = desk.client.get("/findings").text
    assert "Finding 1" in page
    assert "The draft record is earlier." in page
    assert "Strong agreement in composition and outlines." in page
    assert "canary" not in page
    assert "There is nothing here." in desk.client.get("/findings?review=licensed").text
    for odd in ("?review=<script>", "?page=-1", "?page=99999999999999", "?page=x", "?review=all&page=2"):
        answer = desk.client.get(f"/findings{odd}")
        assert answer.status_code == 200
        assert "<script>" not in answer.text


def test_the_card_stands_in_its_order_and_no_share_is_in_big_type(desk: Served) -> None:
    page = desk.client.get("/findings/1").text
    marks = [
        "Order in time",
        "The draft record is earlier.",
        "no earlier than",
        "class A, the platform’s own clock",
        'id="answer-likeness"',
        "Best fitting stage:",
        "pairs of unrelated works in the calibration set",
        "Other explanations:",
        "It does not establish copying",
    ]
    places = [page.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "%" not in page.split("<main", 1)[1].split("</main>", 1)[0]


def test_both_orders_are_printed_alike(home: finds.Home) -> None:
    """The same words in the same places and the same type, whichever way it went."""
    early, late = finds.posted(timedelta(hours=-2)), finds.posted()
    data = scene.derived()
    drawn = []
    for time, wanted in ((late, Order.DRAFT_FIRST), (early, Order.POST_FIRST)):
        found = finds.checked(home, data, time)
        assert found.order is wanted
        made = card.card(to_json(found), time)
        template = pages.environment().from_string(
            '{% from "result-card.html.j2" import result with context %}{{ result(card) }}'
        )
        text = template.render(card=made, lang="en")
        for interval in (made.draft, made.post):
            for end in (interval.not_before, interval.not_after):
                text = text.replace(str(pages.shown_time(end)), "WHEN")
        drawn.append(text.replace(made.order_words, "ORDER").replace(made.order, "slug"))
    # The draft's own interval may have an end less; all else is one text.
    assert [line for line in drawn[0].splitlines() if "WHEN" not in line] == [
        line for line in drawn[1].splitlines() if "WHEN" not in line
    ]


def test_a_card_of_another_version_is_shown_as_far_as_it_can_be_read(home: finds.Home) -> None:
    detail = to_json(finds.checked(home, scene.derived(), finds.posted()))
    detail |= {"notes": ["from-a-later-version"], "view": "later", "order_reason": "later", "counts": None}
    made = card.card(detail, None)
    assert (made.notes, made.view, made.order_why, made.chance) == ((), "", "", "")
    none = {"order": "order_unclear", "likeness": "none"}
    assert card.card(none, None).likeness_words == words.text("finding.likeness.none")


def test_an_account_is_shown_only_when_it_is_asked_for(desk: Served) -> None:
    assert "canary-name" not in desk.client.get("/findings/1").text
    assert "998877665544" not in desk.client.get("/findings/1").text
    asked = desk.client.get("/findings/1?names=1").text
    assert "canary-name" in asked
    assert "998877665544" in asked


@pytest.mark.parametrize("number", range(2, 2 + len(HOSTILE)))
def test_what_others_wrote_is_text_and_nothing_else(desk: Served, number: int) -> None:
    for path in (f"/findings/{number}?names=1", f"/findings/{number}/visit", "/findings?review=all"):
        page = desk.client.get(path)
        assert page.status_code == 200
        main = page.text.split("<main", 1)[1].split("</main>", 1)[0]
        assert "<script" not in main
        assert 'onerror="' not in main
        assert 'onmouseover="' not in main
        assert not [each for each in ("javascript:", "data:", "vbscript:") if f'href="{each}' in page.text]
        assert "\u202e" not in page.text
        assert "\u2066" not in page.text
        assert "長" * 1000 not in page.text


def test_looking_at_a_post_again_says_first_what_the_other_side_sees(desk: Served) -> None:
    page = desk.client.get("/findings/1/visit").text
    assert "sees a visit" in page
    assert (
        '<a class="button" href="https://x.com/canary_handle/status/1700000000000000001"'
        ' rel="noreferrer noopener" target="_blank">'
    ) in page
    odd = desk.client.get("/findings/2/visit").text
    assert "It is shown as text only." in odd
    assert "noreferrer" not in odd


@pytest.mark.parametrize("part", ["", "/picture", "/stage", "/erase", "/visit"])
@pytest.mark.parametrize(
    "number", ["0", "99", "-1", "1e3", "%EF%BC%91", "9" * 30, "..%2F1", "1'", "x" * 3000]
)
def test_a_forged_number_leads_nowhere(desk: Served, number: str, part: str) -> None:
    assert desk.client.get(f"/findings/{number}{part}").status_code == 404


def test_the_picture_is_drawn_anew(home: finds.Home, desk: Served) -> None:
    got = desk.client.get("/findings/1/picture")
    assert got.headers["content-type"] == "image/jpeg"
    assert got.content.startswith(b"\xff\xd8")
    original = reviewing.picture(home.settings, _row(home, 1))
    assert original == scene.derived()
    assert got.content != original
    assert desk.client.get("/findings/1/stage").content.startswith(b"\xff\xd8")


def test_a_hostile_file_in_the_evidence_is_not_handed_on() -> None:
    canary = b"CANARY-IN-THE-TAIL"
    made = pictures.redrawn(scene.derived() + canary, 320)
    assert canary not in made
    with pytest.raises(UsageError):
        pictures.redrawn(b"\x89PNG\r\n\x1a\n" + canary * 100, 320)
    with pytest.raises(UsageError):
        pictures.redrawn(b"<svg onload='x'>", 320)


def test_a_word_is_kept_with_its_note_and_can_be_taken_back(home: finds.Home, desk: Served) -> None:
    note = f"見ました\n{finds.SCRIPT}"
    page = desk.client.post("/findings/1/review", data={"answer": "confirmed", "note": note})
    assert "Noted: confirmed" in page.text
    assert (_row(home, 1).review.value, _row(home, 1).review_note) == ("confirmed", note)
    assert "<script>document" not in page.text
    page = desk.client.post("/findings/1/review", data={"answer": "dismissed", "note": "no"})
    page = desk.client.post("/findings/1/undo")
    assert (_row(home, 1).review.value, _row(home, 1).review_note) == ("confirmed", note)
    assert desk.client.post("/findings/1/undo").status_code == 404
    desk.client.post("/findings/1/review", data={"answer": "new"})
    assert _row(home, 1).review.value == "new"


def test_an_answer_that_there_is_not_changes_nothing(home: finds.Home, desk: Served) -> None:
    before = _row(home, 1).review
    for data in ({"answer": "guilty"}, {}, {"answer": "confirmed", "note": "x" * 2001}):
        assert desk.client.post("/findings/1/review", data=data).status_code == 400
    assert _row(home, 1).review is before
    with pytest.raises(UsageError):
        reviewing.review(home.settings, 1, "nonsense", "", NOW)
    assert command.REVIEWS == reviewing.REVIEWS


def test_evidence_that_was_changed_is_said_to_be(tmp_path: Path) -> None:
    made = finds.recorded(tmp_path / "home")
    finds.found(made)
    folder = made.path / bundle.FOLDER / _row(made, 1).new.bundle
    (folder / bundle.SUMS).unlink()
    with served(made.settings) as desk:
        assert words.text("error.evidence-bundle-changed.hint") in desk.client.get("/findings/1").text


def test_erasing_asks_once_more_and_takes_the_evidence_along(tmp_path: Path) -> None:
    made = finds.recorded(tmp_path / "home")
    finds.found(made)
    with served(made.settings) as desk:
        assert desk.client.get("/findings/1/picture").status_code == 200
        assert "This cannot be undone." in desk.client.get("/findings/1/erase").text
        page = desk.client.post("/findings/1/erase")
        assert "Finding 1 is erased" in page.text
        assert desk.client.get("/findings/1").status_code == 404
        assert desk.client.get("/findings/1/picture").status_code == 404
    assert not list((made.path / bundle.FOLDER).iterdir())


def test_a_check_is_kept_once_with_its_picture_and_without_a_path(home: finds.Home) -> None:
    data, time = scene.derived(7), finds.posted(clock=ClockClass.AUTHOR)
    told = finds.post(70, time=time, media=(), url="")
    finding = finds.checked(home, data, time)
    first = reviewing.keep_check(home.settings, told, finding, data, NOW)
    again = reviewing.keep_check(home.settings, told, finding, data, NOW)
    assert (first.fresh, again.fresh, again.number) == (True, False, first.number)
    row = _row(home, first.number)
    assert row.review.value == "new"
    assert reviewing.picture(home.settings, row) == data
    assert all(not media.path for media in row.post.media)
    other = scene.unrelated(3)
    nothing = finds.checked(home, other, time)
    assert nothing.likeness is Likeness.NONE
    with pytest.raises(UsageError):
        reviewing.keep_check(home.settings, told, nothing, other, NOW)


def test_a_check_of_the_page_is_kept_as_a_finding_and_led_on_to_a_package(tmp_path: Path) -> None:
    made = finds.recorded(tmp_path / "home")
    with served(made.settings) as desk:
        desk.client.timeout = httpx.Timeout(120)
        data = {
            "link": "",
            "not_before": "2026-11-22T13:00",
            "not_after": "2026-11-22T14:00",
            "zone": "utc",
            "session": "all",
        }
        upload = {"picture": ("canary-file.jpg", scene.derived(), "image/jpeg")}
        page = desk.client.post("/check", data=data, files=upload)
        assert page.status_code == 200, page.text
        until = clocks.monotonic() + 300
        while "/findings/from-check" not in page.text:
            assert clocks.monotonic() < until
            clocks.sleep(0.1)
            page = desk.client.get(str(page.url))
        number = str(page.url).rpartition("/")[2]
        assert "keep it as a finding first" in desk.client.get(f"/export?check={number}").text
        kept = desk.client.post("/findings/from-check", data={"check": number})
        assert kept.url.path == "/findings/1"
        assert words.text("report.post-time-stated") in kept.text
        assert "canary-file" not in kept.text
        led = desk.client.post("/findings/from-check", data={"check": number, "then": "export"})
        assert str(led.url).endswith("/export?finding=1")
        assert desk.client.post("/findings/from-check", data={"check": "nobody"}).status_code == 404
    assert _row(made, 1).new.order is Order.DRAFT_FIRST


def test_no_copy_no_picture(home: finds.Home) -> None:
    with pytest.raises(NotFoundError):
        pictures.Pictures(home.settings).get(99, 320)


def test_many_findings_come_page_by_page(home: finds.Home) -> None:
    rows = [_row(home, 1)] * 70
    shown = views.listing(rows, "", 3)
    assert (shown.page, shown.pages, len(shown.lines)) == (3, 3, 10)
    assert views.listing(rows, "", 99).page == 3
    assert views.listing([], "confirmed", 1).lines == ()


BUTTONS = ("/findings/1/review", "/findings/1/undo", "/findings/1/erase", "/findings/from-check")


@pytest.mark.parametrize("path", BUTTONS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:1"},
        {"host": "evil.example"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=["no origin", "null", "foreign", "other port", "rebinding", "fetch metadata"],
)
def test_no_button_can_be_pressed_from_elsewhere(
    home: finds.Home, desk: Served, path: str, headers: dict[str, str]
) -> None:
    cookies = dict(desk.client.cookies)
    with httpx.Client(base_url=desk.url, cookies=cookies, trust_env=False, timeout=20) as browser:
        if headers.get("sec-fetch-site") or headers.get("host"):
            headers = {"origin": desk.url, **headers}
        answer = browser.post(path, data={"answer": "dismissed"}, headers=headers)
    assert answer.status_code == 403
    assert _row(home, 1).review.value == "new"
    with desk.stranger(origin=desk.url) as stranger:
        assert stranger.post(path, data={"answer": "dismissed"}).status_code == 403
    assert _row(home, 1).review.value == "new"


def _row(home: finds.Home, number: int) -> FindingRow:
    store = open_watch(home.settings)
    try:
        return store.finding(number)
    finally:
        store.close()
