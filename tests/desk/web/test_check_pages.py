"""Checking a post through the page: a real server, the real process that compares, real pictures."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from desk.web.checking import asking
from desk.web.checking.card import card
from desk.web.checking.carried import Answer
from sakigake import copies, settings, words
from sakigake.errors import UsageError
from sakigake.model import CalibrationCount, Finding, Interval, Likeness, Order
from tests.desk.web.conftest import Served, served
from tests.desk.web.studio import home_with_a_session, picture_bytes
from tests.desk.web.test_check_jobs import bomb
from tests.watch.studio import drawing, redrawn
from watch.post import ClockClass, PostTime, Stamp

T = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_with_a_session(tmp_path_factory.mktemp("home"))


@pytest.fixture
def recorded(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("SAKIGAKE_HOME", str(shared_home))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with served(settings.load()) as running:
        yield running
    assert not list(copies.folder(shared_home, copies.CHECKS).glob("*"))  # nothing given is left


def begun(recorded: Served, data: bytes, name: str = "post.png", **fields: str) -> httpx.Response:
    return recorded.client.post("/check", data=fields, files={"picture": (name, data, "image/png")})


def answered(recorded: Served, page: httpx.Response, seconds: float = 240) -> str:
    """Wait until a check has an answer or a fault, and return its page."""
    until = time.monotonic() + seconds
    while 'hx-trigger="every 1s"' in page.text:
        assert time.monotonic() < until
        time.sleep(0.1)
        page = recorded.client.get(page.url.path)
    return page.text


def test_a_post_is_compared_and_the_card_has_its_order(recorded: Served) -> None:
    page = begun(
        recorded,
        picture_bytes(redrawn(drawing(11, 7))),
        not_before="2026-11-22T15:00",
        zone="utc",
        session="all",
    )
    assert re.fullmatch(r"/check/[\w-]{16}", page.url.path)
    text = answered(recorded, page)
    marks = [
        "The draft record is earlier.",
        "Strong agreement",
        "Other explanations",
        "A shared reference, official art",
        "It does not establish copying",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "pairs of unrelated works" in text
    assert "not verified" in text
    assert not re.search(r"\d\s?%", re.sub(r'(?:x|x1|x2|width)="[\d.]+%"', "", text.partition("<div")[0]))
    for each in re.findall(r'<img class="thumb" src="([^"]+)"', text):
        assert recorded.client.get(each).headers["content-type"] in {"image/jpeg", "image/png"}
    japanese = recorded.client.post("/language", data={"lang": "ja", "back": page.url.path}).text
    assert "下描き段階の記録のほうが先です" in japanese
    gone = recorded.client.post(f"{page.url.path}/dismiss")
    assert gone.url.path == "/check"
    assert recorded.client.get(page.url.path).status_code == 404


def test_an_unrelated_picture_has_no_stage_to_show(recorded: Served) -> None:
    text = answered(recorded, begun(recorded, picture_bytes(drawing(907, 7))))
    assert "No agreement found." in text
    assert "The order cannot be determined." in text
    assert "Over each other" not in text


@pytest.mark.parametrize(
    ("data", "part"),
    [(b"MZ" + bytes(99), "not a picture"), (bomb(), "large"), (b"\xff\xd8\xff" + bytes(40), "damaged")],
    ids=["program", "bomb", "broken"],
)
def test_hostile_files_get_a_sentence(recorded: Served, data: bytes, part: str) -> None:
    text = answered(recorded, begun(recorded, data, "<img src=x onerror=alert(1)>\u202egnp.exe"))
    assert "<img src=x" not in text
    assert "\u202e" not in text
    assert 'role="alert"' in text
    assert part in text or "picture" in text


def test_a_form_without_anything_or_with_nonsense_is_shown_again(recorded: Served) -> None:
    for fields, part in (
        ({}, "Neither a picture nor a link"),
        ({"link": "javascript:alert(1)"}, "not a link"),
        ({"link": "file:///etc/passwd"}, "not a link"),
        ({"link": "https://a.example/" + "x" * 9999}, "not a link"),
        ({"link": "https://a.example", "not_before": "yesterday"}, "yesterday"),
        (
            {"link": "https://a.example", "not_before": "2026-11-23T00:00", "not_after": "2026-11-22T00:00"},
            "at once",
        ),
    ):
        page = recorded.client.post("/check", data=fields)
        assert page.status_code == 400
        assert part in page.text
        assert "<form" in page.text


def test_a_link_into_this_computer_is_not_fetched(recorded: Served) -> None:
    text = answered(recorded, recorded.client.post("/check", data={"link": f"{recorded.url}/check"}))
    assert 'role="alert"' in text
    assert "Try another" in text


def test_too_much_is_refused_before_it_is_read(recorded: Served) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in recorded.client.cookies.items())
    connection = HTTPConnection("127.0.0.1", recorded.port, timeout=20)
    headers = {"Origin": recorded.url, "Cookie": cookie, "Content-Type": "multipart/form-data; boundary=a"}
    connection.request("POST", "/check", headers={**headers, "Content-Length": str(200 << 20)})
    assert connection.getresponse().status == 413
    connection.close()


def test_nobody_else_starts_or_sees_a_check(recorded: Served) -> None:
    page = begun(recorded, picture_bytes(drawing(907, 7)))
    with recorded.stranger() as stranger:
        assert stranger.get(page.url.path).status_code == 403
    foreign = recorded.client.post("/check", data={"link": "https://a.example"}, headers={"origin": "null"})
    assert foreign.status_code == 403
    assert recorded.client.get("/check/AAAAAAAAAAAAAAAA").status_code == 404
    assert recorded.client.get(f"{page.url.path}/picture/..%2frequest.json").status_code == 404


def a_finding(order: Order, **more: Any) -> Finding:
    values: dict[str, Any] = {
        "session": "s", "order": order, "order_reason": "", "likeness": Likeness.STRONG, "likeness_reason": "",
        "post": Interval(T, T), "draft": Interval(T, T), "claimed": T, "stage": 4, "first_stage": 3, "last_stage": 4,
        "view": "full", "compared": 9, "counts": CalibrationCount("v", 1000, 1, 0.01, 100, 0, 0.03),
    }  # fmt: skip
    return Finding(**(values | more))


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_whichever_way_it_goes_the_card_has_the_same_parts(lang: str) -> None:
    with words.speaking(lang):
        first, second = (card(Answer(a_finding(order))) for order in (Order.DRAFT_FIRST, Order.POST_FIRST))
    assert first.order != second.order
    assert (first.likeness, first.likeness_lines, first.other, first.limits) == (
        second.likeness, second.likeness_lines, second.other, second.limits,
    )  # fmt: skip


def test_what_is_only_claimed_is_said_and_not_counted() -> None:
    stamp = Stamp(T, ClockClass.AUTHOR, "exif-date")
    finding = a_finding(Order.UNCLEAR, post=Interval(), order_reason="post-time-not-given")
    with words.speaking("en"):
        told = card(Answer(finding, PostTime(stamp, None)))
    assert "said, not counted" in told.post.lines[0]
    assert "date inside the picture" in told.post.lines[0]
    assert "--posted" not in told.order_reason  # the page has no command line


def test_a_finding_without_counts_gives_no_number() -> None:
    with words.speaking("en"):
        told = card(Answer(a_finding(Order.UNCLEAR, counts=None, order_reason="intervals-overlap")))
    assert "not known" in told.likeness_lines[-1]


def test_times_are_read_in_the_zone_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        local = asking.read({"not_before": "2026-11-22T19:00"}, pictured=True).stated.not_before
        utc = asking.read({"not_before": "2026-11-22T19:00", "zone": "utc"}, pictured=True).stated.not_before
        own = asking.read(
            {"not_before": "2026-11-22T19:00+01:00", "zone": "utc"}, pictured=True
        ).stated.not_before
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (local, utc, own) == (T, T + timedelta(hours=9), T + timedelta(hours=8))
    with pytest.raises(UsageError):
        asking.read({"not_before": "0001-01-01T00:00"}, pictured=True)


def test_names_of_files_are_one_short_line() -> None:
    assert asking.name_of("C:\\Users\\a\\絵.png") == "絵.png"
    assert asking.name_of("../../etc/passwd") == "passwd"
    assert "\u202e" not in asking.name_of("a\u202egnp.exe")
    assert len(asking.name_of("長" * 10_000)) <= 80
    assert asking.name_of("") == asking.name_of(None) == "picture"
