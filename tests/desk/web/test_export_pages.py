"""Making a package from the page: what the address may say, which stages go in, and a real package written and checked."""

import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from desk.watching import open_watch
from desk.web.exporting import jobs, steps, wanted
from desk.web.exporting.wanted import Wanted
from sakigake.errors import NotFoundError, UsageError
from sakigake.settings import load
from tests.desk.web import finds
from tests.desk.web.conftest import Served, served
from tests.desk.web.studio import Recorder
from tests.watch.studio import drawing


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> finds.Home:
    made = finds.recorded(tmp_path_factory.mktemp("export") / "home", tokens=False)
    finds.found(made)
    return made


@pytest.fixture(scope="module")
def desk(home: finds.Home) -> Iterator[Served]:
    with served(home.settings) as running:
        yield running


def test_what_an_address_says_is_read_and_said_again() -> None:
    told = wanted.read(QueryParams("session=s&finding=7&kind=order&audience=lawyer&named=1"))
    assert told == Wanted("s", 7, "order", "lawyer", (), named=True)
    again = parse_qs(told.query())
    assert again == {
        "session": ["s"],
        "finding": ["7"],
        "kind": ["order"],
        "audience": ["lawyer"],
        "named": ["1"],
    }


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["session", "finding", "kind", "audience", "named", "stages"]), st.text(max_size=90)
    )
)
def test_no_address_is_read_as_anything_but_what_there_is(told: dict[str, str]) -> None:
    read = wanted.read(QueryParams(told))
    assert read.kind in wanted.KINDS
    assert read.audience in wanted.AUDIENCES
    assert 0 <= read.finding < 10**9
    assert len(read.session) <= wanted.MOST_SESSION


KNOWN = (1, 2, 4, 7, 8, 12)


def test_stages_are_ticked_or_written() -> None:
    assert wanted.chosen(QueryParams("stage=4&stage=1&stage=4"), KNOWN) == (1, 4)
    assert wanted.chosen(QueryParams("stages=2,7-12&stage=1"), KNOWN) == (1, 2, 7, 8, 12)
    assert wanted.chosen(QueryParams("stages=all"), KNOWN) == KNOWN
    assert wanted.chosen(QueryParams(""), KNOWN) == ()
    for odd in ("stage=3", "stages=3", "stages=x", "stages=9-10", "stages=1;2", "stages=" + "1," * 30_000):
        with pytest.raises(UsageError):
            wanted.chosen(QueryParams(odd), KNOWN)
    assert wanted.chosen(QueryParams([("stage", "x"), ("stage", "-1")]), KNOWN) == ()


def test_of_a_long_session_some_are_shown_with_all_that_are_needed() -> None:
    known = tuple(range(1, 6001))
    shown = wanted.spread(known, (17, 18))
    assert len(shown) <= wanted.MOST_THUMBS + 2
    assert {1, 17, 18, 6000} <= set(shown)
    assert wanted.spread(KNOWN, ()) == KNOWN


def test_what_is_ticked_at_first() -> None:
    assert wanted.suggested(Wanted(kind="process"), KNOWN, ()) == KNOWN
    assert wanted.suggested(Wanted(kind="order"), KNOWN, (4, 7)) == (4, 7)
    assert wanted.with_needed(Wanted(stages=(1,)), (4, 1)).stages == (1, 4)


def test_the_command_is_told_what_was_chosen_and_no_more() -> None:
    plain = Wanted("s", stages=(7, 3), audience="client")
    assert wanted.arguments(plain, [], stamped=True) == ["s", "--audience", "client", "--stages", "3,7"]
    whole = Wanted("s", 5, "both", "lawyer", (3,), named=True)
    assert wanted.arguments(whole, ["--finding", "5"], stamped=False) == [
        *("s", "--audience", "lawyer", "--stages", "3", "--finding", "5"),
        *("--report", "both", "--with-account", "--no-stamp"),
    ]
    hidden = Wanted("s", 5, "order", "public", (3,), named=True)
    assert "--with-account" not in wanted.arguments(hidden, ["--finding", "5"], stamped=True)


def test_what_goes_in_is_that_of_the_reader() -> None:
    counts = {"stages": 1, "entries": 9}
    lawyer = {name for name, _, _ in wanted.contents(Wanted("s", 5, "order", "lawyer"), counts)}
    client = {name for name, _, _ in wanted.contents(Wanted("s", 0, "process", "client"), counts)}
    public = {name for name, _, _ in wanted.contents(Wanted("s", 5, "order", "public"), counts)}
    assert {"forms/", "custody.csv", "post/, compare/"} <= lawyer
    assert "forms/" not in client | public
    assert "post/, compare/" not in client
    assert "custody.csv" not in public


def test_the_name_of_a_file_is_plain_and_of_nobody() -> None:
    name = wanted.file_name(Wanted("20261122-100000-9fb0", 7, "order", "platform"))
    assert name == "sakigake-20261122-100000-9fb0-order-platform.zip"
    assert name.isascii()


@pytest.mark.parametrize(
    "name", ["", "x", "../x.zip", "/x.zip", "a b.zip", ".zip", "é.zip", "x.zip\n", "con/x.zip"]
)
def test_an_odd_name_is_refused(home: finds.Home, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        steps.out(home.settings, str(tmp_path), name)


def test_nothing_is_written_over_another_file(home: finds.Home, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"")
    assert steps.out(home.settings, str(tmp_path), "x.zip").name == "x-2.zip"
    for folder in ("relative", str(tmp_path / "not-there"), str(tmp_path / "x.zip"), "a\0b"):
        with pytest.raises(UsageError):
            steps.out(home.settings, folder, "x.zip")


def test_the_steps_follow_each_other(home: finds.Home, desk: Served) -> None:
    first = desk.client.get("/export")
    assert home.session in first.text
    assert "Begin from a finding for this." in first.text
    second = desk.client.get("/export/stages", params={"session": home.session, "audience": "client"})
    assert second.text.count('type="checkbox"') == len(home.seqs)
    assert second.text.count(" checked") == len(home.seqs)
    third = desk.client.get("/export/preview", params={"session": home.session, "stage": home.seqs[:3]})
    assert "3 stages: picture, ledger entry" in third.text
    assert f"{len(home.seqs) - 3} stages: only a salted digest" in third.text
    assert "Before you publish" not in third.text
    public = desk.client.get(
        "/export/preview", params={"session": home.session, "stage": 1, "audience": "public"}
    )
    assert "Before you publish" in public.text
    assert "defamation" in public.text


def test_every_stage_of_a_long_session_can_be_ticked(tmp_path: Path) -> None:
    """As many boxes as one page has: each is a field of the next address."""
    recorder = Recorder(tmp_path / "home")
    pixels = drawing(1, 2)
    picture = recorder.spool.keep(pixels)
    seqs = [recorder.stage(number, pixels, picture) for number in range(1, wanted.MOST_THUMBS + 1)]
    recorder.end(200)
    with served(load(tmp_path / "home")) as desk:
        page = desk.client.get("/export/stages", params={"session": "last"}).text
        assert page.count('name="stage"') == wanted.MOST_THUMBS
        answer = desk.client.get("/export/preview", params={"session": "last", "stage": seqs})
        assert answer.status_code == 200
        assert f"{wanted.MOST_THUMBS} stages: picture" in answer.text


def test_a_finding_brings_its_session_and_the_stages_it_rests_on(home: finds.Home, desk: Served) -> None:
    with closing(open_watch(home.settings)) as store:
        first, last = json.loads(store.finding(1).new.detail)["stage_range"]
    page = desk.client.get(
        "/export/stages", params={"finding": 1, "kind": "order", "session": "another"}
    ).text
    assert page.count("checked disabled") == len([seq for seq in home.seqs if first <= seq <= last])
    shown = desk.client.get("/export/preview", params={"finding": 1, "kind": "order"}).text
    assert f'name="session" value="{home.session}"' in shown
    assert "canary" not in shown


@pytest.mark.parametrize(
    "query",
    [
        "session=nobody",
        "finding=99",
        "session=last&stage=999",
        "session=last&stages=x",
        "session=last",
        "finding=99999999999",
    ],
)
def test_what_is_not_there_is_said(desk: Served, query: str) -> None:
    assert desk.client.get(f"/export/preview?{query}").status_code in {400, 404}


@pytest.mark.parametrize(
    "path", ["/export/jobs/x", "/export/jobs/x/package", "/export/stage/x/1", "/export/stage/last/x"]
)
def test_what_nobody_made_is_not_there(desk: Served, path: str) -> None:
    assert desk.client.get(path).status_code == 404


def written(desk: Served, **data: object) -> str:
    """Press the last button and wait until the package is done; returns the page then."""
    page = desk.client.post("/export/write", data=data)
    assert page.status_code == 200, page.text
    until = time.monotonic() + 300
    while 'hx-trigger="every 1s"' in page.text:
        assert time.monotonic() < until
        time.sleep(0.1)
        page = desk.client.get(str(page.url))
    return page.text


def test_a_package_is_written_checked_and_handed_over(home: finds.Home, desk: Served, tmp_path: Path) -> None:
    page = written(
        desk, finding="1", kind="order", audience="self", stages=str(home.seqs[0]), folder=str(tmp_path)
    )
    assert "INTEGRITY ONLY: nothing was changed" in page
    (out,) = tmp_path.iterdir()
    link = page.split('href="/export/jobs/', 1)[1].split('"', 1)[0]
    got = desk.client.get(f"/export/jobs/{link}")
    assert got.headers["content-disposition"] == f'attachment; filename="{out.name}"'
    assert got.content == out.read_bytes()
    names = zipfile.ZipFile(io.BytesIO(got.content)).namelist()
    pictures = {name for name in names if "stages/" in name and name.endswith(".png")}
    assert len(pictures) < len(home.seqs)
    assert any(name.endswith("post/picture.jpg") for name in names)
    assert b"canary" not in b"".join(zipfile.ZipFile(out).read(name) for name in names)


def test_a_package_that_does_not_hold_is_said_to_fail(tmp_path: Path) -> None:
    """Tokens that no authority made are in this record."""
    made = finds.recorded(tmp_path / "home")
    with served(made.settings) as desk:
        page = written(desk, session=made.session, stages=str(made.seqs[0]), folder=str(tmp_path))
    assert "FAILED: the package does not hold. Do not hand it over." in page


def test_the_page_before_publishing_has_to_be_read(home: finds.Home, desk: Served, tmp_path: Path) -> None:
    data = {"session": home.session, "audience": "public", "stages": "all", "folder": str(tmp_path)}
    assert desk.client.post("/export/write", data=data).status_code == 400
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "more", [{"stages": ""}, {"stages": "999"}, {"name": "../x.zip"}, {"folder": "x"}, {"session": "nobody"}]
)
def test_what_cannot_be_is_not_written(
    home: finds.Home, desk: Served, tmp_path: Path, more: dict[str, str]
) -> None:
    data = {"session": home.session, "stages": "all", "folder": str(tmp_path), **more}
    assert desk.client.post("/export/write", data=data).status_code in {400, 404}
    assert not list(tmp_path.iterdir())


def test_a_package_without_room_says_why(home: finds.Home, desk: Served, tmp_path: Path) -> None:
    """The command itself fails: its own sentence is shown."""
    out = tmp_path / "x.zip"
    job = desk.app.state.desk.kept.setdefault("export-jobs", jobs.Jobs(home.settings)).start(
        tmp_path / "gone" / "x.zip", [home.session, "--no-stamp"], "en"
    )
    until = time.monotonic() + 120
    while not job.ended:
        assert time.monotonic() < until
        time.sleep(0.05)
    page = desk.client.get(f"/export/jobs/{job.number}").text
    assert "There is no folder" in page
    assert desk.client.get(f"/export/jobs/{job.number}/package").status_code == 404
    assert not out.exists()


def test_packages_wait_for_each_other_and_too_many_are_refused(home: finds.Home, tmp_path: Path) -> None:
    gate, ran = threading.Event(), []

    def run(arguments: Sequence[str]) -> tuple[int, str, str]:
        gate.wait(60)
        ran.append(tuple(arguments))
        return 0, "", ""

    made = jobs.Jobs(home.settings, run)
    started = [made.start(tmp_path / f"{n}.zip", ["last"], "en") for n in range(jobs.MOST_KEPT)]
    with pytest.raises(UsageError):
        made.start(tmp_path / "one-more.zip", ["last"], "en")
    assert [job.state for job in started[1:]] == ["waiting"] * (jobs.MOST_KEPT - 1)
    gate.set()
    until = time.monotonic() + 60
    while not all(job.ended for job in started):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert [each[0] for each in ran] == ["export", "verify"] * jobs.MOST_KEPT
    with pytest.raises(NotFoundError):
        made.get("nobody")


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example"])
def test_the_last_button_cannot_be_pressed_from_elsewhere(
    home: finds.Home, desk: Served, tmp_path: Path, origin: str
) -> None:
    with httpx.Client(
        base_url=desk.url, cookies=dict(desk.client.cookies), trust_env=False, timeout=20
    ) as browser:
        data = {"session": home.session, "stages": "all", "folder": str(tmp_path)}
        assert browser.post("/export/write", data=data, headers={"origin": origin}).status_code == 403
    assert not list(tmp_path.iterdir())
