"""What a stranger writes into the address of any page that takes a name or a number: it is answered, and leads nowhere."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from starlette.routing import Route

from sakigake import settings, words
from tests.desk.web.conftest import Served, served
from tests.desk.web.studio import home_with_a_session

PARAMETER = re.compile(r"\{[^}]*\}")
SCRIPT = "<script>alert(1)</script>{{7*7}}"
HOSTILE = (
    "../desk-keys.json",
    "../../../../../../etc/passwd",
    "..\\..\\desk-keys.json",
    "desk-keys.json\0.jpg",
    "-1",
    "9" * 5000,
    "１",  # a digit to Python, and none of an address
    "CON",
    "\u202egnp.exe",
    "\ud7ff\uffff",
    SCRIPT,
    "';--",
    "last\r\nX-Evil: 1",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = home_with_a_session(tmp_path_factory.mktemp("hostile") / "home")
    (home / "sakigake.toml").write_text(
        "[anchor]\nenabled = false\n[ots]\nenabled = false\n", encoding="utf-8"
    )
    with served(settings.load(home)) as running:
        running.app.state.desk.entrance.key("dock")  # so that there is a file of keys
        yield running


def asked(place: Served) -> list[tuple[str, str]]:
    """Return every method and path that takes a parameter."""
    return [
        (method, route.path)
        for route in place.app.routes
        if isinstance(route, Route) and PARAMETER.search(route.path)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def test_there_are_such_pages(place: Served) -> None:
    paths = {path.split("/")[1] for _, path in asked(place)}
    assert {"sessions", "check", "findings", "export", "start", "do", "static", "watch"} <= paths


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_in_an_address_leads_anywhere(place: Served, value: str) -> None:
    secret = place.app.state.desk.entrance.secret
    keys = (place.home / "desk-keys.json").read_text(encoding="utf-8")
    for method, path in asked(place):
        where = PARAMETER.sub(quote(value, safe="").replace("\\", "\\\\"), path)
        answer = place.client.request(method, where, follow_redirects=False)
        assert words.text("desk.trouble.defect") not in answer.text, (method, path)
        assert answer.status_code < 500 or path.startswith("/start/"), (
            method,
            path,
        )  # there is no screen here
        assert answer.status_code not in {200, 201} or path.startswith("/watch/add/"), (method, path)
        assert "content-security-policy" in answer.headers, path
        assert "x-evil" not in answer.headers, path
        for leaked in (secret, keys, "root:x:", "Traceback", SCRIPT, "script&gt;49"):
            assert leaked not in answer.text, (method, path, leaked)
