"""The desk opens for who has its link, in both languages."""

from tests.desk.web.conftest import Served


def test_the_first_page_is_there(desk: Served) -> None:
    page = desk.client.get("/")
    assert page.status_code == 200
    assert "<h1>Today</h1>" in page.text
    assert "It does not establish copying" in page.text


def test_the_language_is_switched_and_stays(desk: Served) -> None:
    page = desk.client.post("/language", data={"lang": "ja", "back": "/"})
    assert page.url.path == "/"
    assert '<html lang="ja">' in page.text
    assert "<h1>今日</h1>" in desk.client.get("/").text


def test_an_address_that_is_none_says_so(desk: Served) -> None:
    page = desk.client.get("/no-such-page")
    assert page.status_code == 404
    assert "There is no such page." in page.text
