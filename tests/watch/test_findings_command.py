"""`sakigake findings` as a person types it: what strangers wrote, and accounts."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.watch.commands import home, sakigake
from tests.watch.store.conformance import a_finding, a_post, settled, with_feed
from watch.store.records import PostState
from watch.store.sqlite import SqliteWatchStore

__all__ = ["home"]

HOSTILE = "\x1b[2J\x9b31m\u202e"


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_that_strangers_wrote_reaches_the_terminal_as_it_is(home: Path, lang: str) -> None:
    long = "https://example.com/" + "a" * 300_000
    store = SqliteWatchStore(home / "watch.db")
    post = dataclasses.replace(
        a_post(1), url=f"{long}{HOSTILE}", author_name=f"name{HOSTILE}", author_id=f"id{HOSTILE}"
    )
    with_feed(store, post)
    settled(store, 1, PostState.FOUND, a_finding())
    store.close()
    sakigake("findings", "review", "1", "--as", "confirmed", "--note", f"note{HOSTILE}")
    for words in (("findings", "show", "1", "--names"), ("findings", "accounts"), ("findings", "list")):
        ran = sakigake(*words, lang=lang)
        assert not set(ran.stdout + ran.stderr) & set(HOSTILE.replace("[2J", "").replace("31m", "")), words
        assert len(ran.stdout) < 10_000
    assert sakigake("findings", "show", "1", "--names", "--json").stdout.isascii()
    assert sakigake("watch", "list", "--json").stdout.isascii()
    refused = sakigake("watch", "add", "folder", f"path={home}", "--name", f"a{HOSTILE}", code=2, lang=lang)
    assert not set(refused.stderr) & {"\x1b", "\x9b", "\u202e"}


def test_accounts_count_confirmed_findings_only(home: Path) -> None:
    store = SqliteWatchStore(home / "watch.db")
    with_feed(store, *(a_post(number, author="did:plc:x") for number in range(3)))
    for number in range(3):
        settled(store, number, PostState.FOUND, a_finding(str(number) * 64))
    store.close()
    assert "No account" in sakigake("findings", "accounts").stdout
    sakigake("findings", "review", "1", "--as", "confirmed")
    sakigake("findings", "review", "2", "--as", "dismissed")
    told = json.loads(sakigake("findings", "accounts", "--own", "bluesky:did:plc:me", "--json").stdout)
    assert told["own"] == [{"platform": "bluesky", "author_id": "did:plc:me"}]
    (account,) = told["accounts"]
    assert (account["author_id"], account["works"], account["posts"], account["dismissed"]) == (
        "did:plc:x",
        1,
        1,
        1,
    )
    sakigake("findings", "accounts", "--not-own", "bluesky:did:plc:me")
    sakigake("findings", "accounts", "--not-own", "bluesky:did:plc:me", code=4)
    sakigake("findings", "accounts", "--own", "odd", code=2)
