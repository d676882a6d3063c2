"""The pages of a session, over a real server and a recorded session."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sakigake import settings
from sakigake.labels import PERSON
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from tests.desk.web.conftest import Served, served
from tests.desk.web.studio import Recorder, home_with_a_session
from tests.watch.studio import drawing

HOSTILE = "<script>alert(1)</script>\u202e\"'&"


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_with_a_session(tmp_path_factory.mktemp("home"))


@pytest.fixture
def recorded(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("SAKIGAKE_HOME", str(shared_home))
    with served(settings.load()) as running:
        yield running
    with_store = SqliteStore(shared_home / "sakigake.db")
    session = with_store.sessions()[0].id
    with_store.drop_labels(session, PERSON)
    with_store.part(session, list(with_store.joined(session)))
    with_store.put_title(session, "")
    with_store.close()


def session_of(recorded: Served) -> str:
    store = SqliteStore(recorded.home / "sakigake.db")
    found = store.sessions()[0].id
    store.close()
    return found


def test_with_nothing_recorded_the_list_says_so(desk: Served) -> None:
    page = desk.client.get("/sessions")
    assert page.status_code == 200
    assert "Nothing has been recorded yet" in page.text
    assert desk.client.get("/sessions/last").status_code == 404


def test_a_session_says_its_times_holes_and_witnesses(recorded: Served) -> None:
    page = recorded.client.get(f"/sessions/{session_of(recorded)}").text
    for part in (
        "<strong>Pause</strong>, by hand (30 s)",
        "<strong>Gap</strong>, the computer slept (1 min 35 s)",
        "9 time tokens over 9 signed checkpoints",
        "On air",
        "which anybody can set: a claim",
        "By time tokens:",
    ):
        assert part in page
    assert page.count('class="tile"') == 8
    assert "style=" not in page
    assert "<script>" not in page


def test_the_same_in_japanese(recorded: Served) -> None:
    page = recorded.client.post("/language", data={"lang": "ja", "back": "/sessions/last"}).text
    for part in ("記録のない区間", "<strong>一時停止</strong>", "時刻認証によると", "パソコンの時計の申告"):
        assert part in page


def test_names_begin_blocks_and_an_empty_one_takes_them_back(recorded: Served) -> None:
    at = f"/sessions/{session_of(recorded)}"
    page = recorded.client.post(f"{at}/names", data={"stage": "3", "do": "name", "label": "線画"}).text
    page = recorded.client.get(at).text
    assert "line art" in page  # typed in Japanese, shown in English
    assert page.count('class="begins"') == 1
    recorded.client.post(f"{at}/names", data={"stage": "3", "do": "name", "label": ""})
    assert "line art</a>" not in recorded.client.get(at).text


def test_merged_stages_are_one_tile_until_they_are_parted(recorded: Served) -> None:
    at = f"/sessions/{session_of(recorded)}"
    recorded.client.post(f"{at}/names", data={"stage": ["3", "7"], "do": "merge"})
    page = recorded.client.get(at).text
    assert page.count('class="tile"') == 6
    assert "Stages 3–7" in page
    recorded.client.post(f"{at}/names", data={"stage": "3", "do": "part"})
    assert recorded.client.get(at).text.count('class="tile"') == 8
    assert recorded.client.post(f"{at}/names", data={"stage": "3", "do": "merge"}).status_code == 400


@pytest.mark.parametrize("field", ["label", "title"])
def test_what_a_person_writes_is_text_and_nothing_else(recorded: Served, field: str) -> None:
    at = f"/sessions/{session_of(recorded)}"
    where = f"{at}/names" if field == "label" else f"{at}/title"
    sent = {field: HOSTILE, "stage": "2", "do": "name"}
    assert recorded.client.post(where, data=sent).status_code == 200
    for page in (recorded.client.get(at).text, recorded.client.get("/sessions").text):
        assert "<script>alert" not in page
        assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in recorded.client.get(at).text
    long = recorded.client.post(where, data={**sent, field: "長" * 10_000})
    assert long.status_code == 400
    assert "at most" in long.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sessions/nope", 404),
        ("/sessions/..%2f..%2fetc", 404),
        ("/sessions/{id}/stages/999", 404),
        ("/sessions/{id}/stages/0", 404),  # an entry, but no stage
        ("/sessions/{id}/stages/-1", 404),
        ("/sessions/{id}/stages/2/picture?side=99999", 404),
        ("/sessions/{id}/stages/0/picture", 404),
        ("/sessions/{id}/compare", 400),
        ("/sessions/{id}/compare?stage=2", 400),
        ("/sessions/{id}/compare?stage=2&stage=x", 404),
        ("/sessions/{id}/film/..%2f..%2fsakigake.db", 404),
        ("/sessions/{id}/film/0000.jpg", 404),
        ("/sessions/{id}?at=999999999999", 200),
        ("/sessions/{id}?at=-1", 200),
        ("/sessions?from=zzz", 200),
    ],
)
def test_odd_addresses_get_a_page_of_words(recorded: Served, path: str, status: int) -> None:
    answer = recorded.client.get(path.format(id=session_of(recorded)))
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert "<h1>" in answer.text


def test_a_name_from_elsewhere_changes_nothing(recorded: Served) -> None:
    at = f"/sessions/{session_of(recorded)}"
    foreign = recorded.client.post(
        f"{at}/title", data={"title": "x"}, headers={"origin": "https://example.com"}
    )
    assert foreign.status_code == 403
    assert "x</h1>" not in recorded.client.get(at).text


def test_pictures_are_encoded_anew_and_known_by_a_tag(recorded: Served) -> None:
    where = f"/sessions/{session_of(recorded)}/stages/11/picture?side=320"
    answer = recorded.client.get(where)
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert shown.size == (320, 240)
        pixels = np.asarray(shown.convert("RGB"), float)
    there = np.asarray(Image.fromarray(drawing(11, 7)[..., ::-1]).resize((320, 240)), float)
    assert np.abs(pixels - there).mean() < 8
    again = recorded.client.get(where, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    with recorded.stranger() as stranger:
        assert stranger.get(where).status_code == 403


def test_two_stages_by_ticks_and_by_moments(recorded: Served) -> None:
    at = f"/sessions/{session_of(recorded)}/compare"
    page = recorded.client.get(at, params={"stage": ["4", "11", "8"]}).text
    assert "Stage 4" in page
    assert "Stage 11" in page
    assert "1 between them are not" in page
    begin = 1_795_341_600_000  # the session's first second, in ms
    dragged = recorded.client.get(at, params={"from": begin, "to": begin + 600_000}).text
    assert "Stage 2</strong>" in dragged
    assert "Stage 11</strong>" in dragged
    difference = recorded.client.get(at.replace("compare", "difference"), params={"one": 4, "other": 11})
    assert difference.headers["content-type"] == "image/jpeg"


def test_the_player_has_every_picture_and_a_film_can_be_made(recorded: Served) -> None:
    at = f"/sessions/{session_of(recorded)}"
    page = recorded.client.get(f"{at}/play").text
    assert page.count("picture?side=960") >= 8
    assert "Make the film" in page
    recorded.client.post(f"{at}/film")
    until = time.monotonic() + 240
    while "hx-trigger" in (state := recorded.client.get(f"{at}/film/state")).text:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert state.headers["hx-refresh"] == "true"
    assert "could not be made" not in state.text
    film = recorded.client.get(f"{at}/film/film.gif")
    with Image.open(io.BytesIO(film.content)) as shown:
        assert getattr(shown, "n_frames", 1) >= 2
    assert "The canvas keeps its place" in recorded.client.get(f"{at}/play").text


def test_a_stage_without_a_picture_is_shown_without_one(own_home: Path) -> None:
    recorder = Recorder(own_home)
    first = recorder.stage(10, drawing(3, 2))
    second = recorder.stage(20, drawing(3, 3))
    recorder.ledger.forget(
        [first], {"reason": "forgotten", "ms": 9, "stages": 1, "first": first, "last": first}, []
    )
    recorder.end(30)
    with served(settings.load()) as running:
        page = running.client.get("/sessions/last").text
        assert "No picture" in page
        assert "1 pictures were forgotten on request." in page
        assert running.client.get(f"/sessions/last/stages/{first}/picture").status_code == 404
        assert running.client.get(f"/sessions/last/stages/{second}/picture").status_code == 200


@pytest.fixture(scope="module")
def long_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of 6,000 stages with tokens; the ledger is real, the stages share eight pictures and no fingerprint."""
    home = tmp_path_factory.mktemp("long")
    recorder = Recorder(home)
    kept = [recorder.spool.keep(drawing(11, stage)) for stage in range(8)]
    # One transaction for all: a full sync for each of 6,000 entries is the recorder's price, not the page's.
    recorder.store._db.execute("PRAGMA synchronous = OFF")
    for number in range(6000):
        recorder.ticking.now = recorder.ticking.now.fromtimestamp(
            1_795_341_600 + 5 * number, recorder.ticking.now.tzinfo
        )
        recorder.ledger.append(EntryType.STAGE, info={"label": "canvas"}, picture=kept[number % 8])
        if number % 500 == 0:
            recorder.token(5 * number + 1)
    recorder.end(30_001)
    return home


@pytest.mark.slow
def test_six_thousand_stages_open_quickly_and_come_in_windows(
    long_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAKIGAKE_HOME", str(long_home))
    with served(settings.load()) as running:
        began = time.process_time()
        page = running.client.get("/sessions/last")
        spent = time.process_time() - began  # server and client are threads of this process
        assert page.status_code == 200
        assert page.text.count('class="tile"') == 60
        assert len(page.content) < 200_000
        assert spent < 1.0
        began = time.process_time()
        part = running.client.get("/sessions/last/stages?at=5940").text
        assert time.process_time() - began < 0.5
        assert part.count('class="tile"') == 60
        assert 'class="later"' not in part


def test_many_ask_at_once(recorded: Served) -> None:
    at = f"/sessions/{session_of(recorded)}"
    paths = [
        at,
        f"{at}/stages?at=2",
        "/sessions",
        *(f"{at}/stages/{seq}/picture?side=160" for seq in (2, 3, 4, 7)),
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda path: recorded.client.get(path).status_code, paths * 3))
    assert answers == [200] * len(answers)
