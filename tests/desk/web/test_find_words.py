"""The field that finds stages by words: what it says when something is missing, what hostile words do, how a search ends."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import httpx
import pytest

from desk import deep_room
from desk.web.sought.jobs import MOST_KEPT, MOST_UNDONE, Found, Hit, Search, Searches
from sakigake import settings, words
from sakigake.errors import NotFoundError, UsageError
from tests.deep import parcels, tiny
from tests.desk.web.conftest import Served, served
from tests.desk.web.studio import home_with_a_session
from watch.deep import shelf
from watch.deep.manifest import WEIGHTS

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = "<script>alert(1)</script>"
# Peers of a search that are real processes: each reads what the desk asks and answers in its own bad way.
ANSWERS = """
import json, sys
asked = json.loads(sys.stdin.readline())
print(json.dumps({"step": "load"}), flush=True)
print(json.dumps({"model": asked["text"], "searched": 3, "unread": 1, "foreign": False,
                  "hits": [["0" * 32, 4, 1.5]]}), flush=True)
sys.stdin.read()
"""
HANGS = 'import sys; sys.stdin.readline(); print(\'{"step": "load"}\', flush=True); sys.stdin.read()'
DEAF = "import time; time.sleep(600)"


def ended(search: Search, seconds: float = 30) -> Search:
    until = time.monotonic() + seconds
    while not search.ended:
        assert time.monotonic() < until, search
        time.sleep(0.02)
    return search


def begun(search: Search) -> "subprocess.Popen[str]":
    until = time.monotonic() + 30
    while search.process is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    return search.process


@pytest.fixture
def searching() -> Iterator[list[Searches]]:
    made: list[Searches] = []
    yield made
    for each in made:
        each.close()


def searches(made: list[Searches], home: Path, program: str, wall_s: float = 60.0) -> Searches:
    made.append(Searches(home, command=[sys.executable, "-c", program], wall_s=wall_s))
    return made[-1]


def test_words_go_to_the_process_and_its_answer_comes_back(own_home: Path, searching: list[Searches]) -> None:
    search = ended(searches(searching, own_home, ANSWERS).start(f"赤い帽子 \u2028{SCRIPT}"))
    assert search.found == Found(
        f"赤い帽子 \u2028{SCRIPT}", 3, 1, foreign=False, hits=(Hit("0" * 32, 4, 1.5),)
    )
    assert not search.error


@pytest.mark.parametrize(
    "program",
    [
        "",
        "print('no line of ours')",
        "print('[]')",
        "print('{\"model\": 1}')",
        'print(\'{"model": "m", "searched": "many", "unread": 0, "foreign": 0, "hits": []}\')',
        'print(\'{"model": "m", "searched": 1, "unread": 0, "foreign": 0, "hits": [["a"]]}\')',
        "import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n')",
        "import os; os.kill(os.getpid(), 9)",
    ],
)
def test_a_process_that_answers_badly_ends_the_search_in_a_sentence(
    own_home: Path, searching: list[Searches], program: str
) -> None:
    search = ended(searches(searching, own_home, program).start("hat"))
    assert search.error == "find-broke"
    assert search.found is None


def test_a_program_that_is_not_there_ends_it_as_well(own_home: Path, searching: list[Searches]) -> None:
    searching.append(Searches(own_home, command=[str(own_home / "nothing")]))
    assert ended(searching[-1].start("hat")).error == "find-broke"


@pytest.mark.parametrize("program", [HANGS, DEAF])
def test_one_that_never_answers_is_stopped(own_home: Path, searching: list[Searches], program: str) -> None:
    search = ended(searches(searching, own_home, program, wall_s=1.0).start("hat"))
    assert search.error == "find-late"
    assert search.params == {"seconds": "1"}
    assert begun(search).wait(20) != 0


def test_a_dismissed_search_ends_its_process_and_is_forgotten(
    own_home: Path, searching: list[Searches]
) -> None:
    made = searches(searching, own_home, HANGS)
    search = made.start("hat")
    process = begun(search)
    made.dismiss(search.number)
    assert process.wait(20) != 0
    with pytest.raises(NotFoundError) as gone:
        made.get(search.number)
    assert gone.value.code == "find-gone"


def test_they_wait_for_each_other_and_only_so_many(own_home: Path, searching: list[Searches]) -> None:
    made = searches(searching, own_home, HANGS)
    waiting = [made.start(str(n)) for n in range(MOST_UNDONE)]
    begun(waiting[0])
    assert [each.process for each in waiting[1:]] == [None] * (MOST_UNDONE - 1)
    with pytest.raises(UsageError) as busy:
        made.start("one more")
    assert busy.value.code == "find-busy"
    made.close()
    assert begun(waiting[0]).wait(20) != 0
    assert all(each.process is None for each in waiting[1:]), "what waited never began"


def test_old_ones_make_room(own_home: Path, searching: list[Searches]) -> None:
    made = searches(searching, own_home, "")
    first = ended(made.start("first"))
    for n in range(MOST_KEPT):
        ended(made.start(str(n)))
    with pytest.raises(NotFoundError):
        made.get(first.number)


def test_when_the_desk_is_killed_the_search_ends(own_home: Path) -> None:
    """The real worker, held before it has anything to do: its standard input ends with whoever holds the other end."""
    with subprocess.Popen(
        [sys.executable, "-c", HELD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "SAKIGAKE_HOME": str(own_home)},
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"text": "hat", "limit": 3}) + "\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "searching"
        process.stdin.close()
        assert process.wait(30) == 3


HELD = """
import threading
from desk.web.sought import worker
def held(*_):
    print("searching", flush=True)
    threading.Event().wait(600)
worker._find = held
worker.main()
"""


@pytest.fixture
def place(own_home: Path) -> Iterator[Served]:
    home_with_a_session(own_home)
    with served(settings.load()) as running:
        yield running


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_without_a_model_one_sentence_says_what_is_missing_and_what_to_do(place: Served, lang: str) -> None:
    place.client.post("/language", data={"lang": lang, "back": "/sessions"})
    page = place.client.get("/sessions").text
    missing = NotFoundError("deep-no-model")
    assert words.text("desk.find.title", lang) in page
    assert missing.message(lang) in page
    assert missing.hint(lang) in page
    assert 'name="words"' not in page
    # Asked all the same, the process says the same: the real one, as it ships.
    found = place.client.post("/find", data={"words": "hat"})
    until = time.monotonic() + 60
    while 'id="state"' in found.text:
        assert time.monotonic() < until
        time.sleep(0.1)
        found = place.client.get(found.url.path)
    assert missing.message(lang) in found.text


def test_without_the_extra_the_sentence_names_it(
    place: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / WEIGHTS
    weights.write_bytes(parcels.weights())
    shelf.take_in(place.home, tiny.model(weights), {WEIGHTS: weights}, pin=False)
    import importlib.util

    whole = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "torch" else whole(name, *more)
    )
    page = place.client.get("/sessions").text
    assert "sakigake[deep]" in page
    assert 'name="words"' not in page


def asked(place: Served, typed: bytes) -> httpx.Response:
    """Send words as a browser does, whatever bytes they are."""
    body = b"words=" + quote_from_bytes(typed).encode()
    return place.client.post(
        "/find", content=body, headers={"content-type": "application/x-www-form-urlencoded"}
    )


def test_no_words_and_too_many_are_told_and_nothing_is_started(place: Served) -> None:
    for typed in (b"", b"   ", b"\xe3\x80\x80", b"a" * (deep_room.MOST_TEXT + 1), "あ".encode() * 301):
        answer = asked(place, typed)
        assert answer.status_code == 400, typed
        assert 'role="alert"' in answer.text
    assert not place.app.state.desk.kept["sought"]._kept


HOSTILE = (
    SCRIPT.encode(),
    b"\xed\xa0\x80 half a character",
    b"\x00\x1b[31m",
    "\u202edrawkcab".encode(),
    b'"}\n{"step": "search"}',
    b"--help",
    b"{{ 7 * 7 }}",
    b"%s%n ../../etc/passwd",
)


def test_hostile_words_stay_words(place: Served, own_home: Path) -> None:
    made = Searches(own_home, command=[sys.executable, "-c", ANSWERS])
    place.app.state.desk.kept["sought"] = made
    for typed in HOSTILE:
        answer = asked(place, typed)
        assert answer.status_code == 200, answer.text
        number = answer.url.path.rpartition("/")[2]
        search = ended(made.get(number))
        assert search.found is not None
        assert search.found.model == search.text, "the process got the very words"
        page = place.client.get(f"/find/{number}")
        assert page.status_code == 200
        assert SCRIPT not in page.text
        assert "49" not in page.text.partition("<h1>")[2].partition("</h1>")[0]
        assert not answer.url.query, "words stand in no address"


def test_an_unknown_slug_and_a_search_that_is_gone_are_told(place: Served, own_home: Path) -> None:
    told = 'import json; print(json.dumps({"error": "no-such-slug", "params": {}}))'
    made = Searches(own_home, command=[sys.executable, "-c", told])
    place.app.state.desk.kept["sought"] = made
    search = ended(made.start("hat"))
    assert UsageError("find-broke").message("en") in place.client.get(f"/find/{search.number}").text
    assert place.client.get("/find/nothing").status_code == 404
    assert place.client.get(f"/find/{search.number}/state").headers["hx-refresh"] == "true"
    assert place.client.post(f"/find/{search.number}/dismiss").url.path == "/sessions"
    assert place.client.get(f"/find/{search.number}").status_code == 404


def test_a_stage_that_is_not_there_any_more_is_left_out(place: Served, own_home: Path) -> None:
    made = Searches(own_home, command=[sys.executable, "-c", ANSWERS])  # it names a session that never was
    place.app.state.desk.kept["sought"] = made
    search = ended(made.start("hat"))
    page = place.client.get(f"/find/{search.number}").text
    assert '<ol class="tiles">' in page
    assert '<li class="tile">' not in page


def test_strangers_and_other_pages_get_nothing(place: Served) -> None:
    with place.stranger() as stranger:
        assert stranger.post("/find", data={"words": "hat"}).status_code == 403
    other = place.client.post("/find", data={"words": "hat"}, headers={"origin": "https://evil.example"})
    assert other.status_code == 403


LIGHT = """
import sys
import desk.web.routes.sought as room
import desk.web.routes.timeline
from desk import deep_room
from sakigake import settings
deep_room.lacking(settings.load())
heavy = {"torch", "open_clip", "torchvision", "cv2"} & set(sys.modules)
assert not heavy, heavy
print("light")
"""


def test_the_page_loads_nothing_heavy_to_know_what_is_missing(own_home: Path, tmp_path: Path) -> None:
    weights = tmp_path / WEIGHTS
    weights.write_bytes(parcels.weights())
    shelf.take_in(own_home, tiny.model(weights), {WEIGHTS: weights}, pin=False)
    ran = subprocess.run(
        [sys.executable, "-c", LIGHT],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "SAKIGAKE_HOME": str(own_home)},
    )
    assert ran.stdout.strip() == "light", ran.stderr[-2000:]
