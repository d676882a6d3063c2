"""Messages: what they say, to whom they go, and that they come at least once."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sakigake import words
from sakigake.errors import ConfigError, NetworkError
from sakigake.settings import load
from tests.house.test_words import FORBIDDEN
from tests.peers.web import redirect
from tests.watch.pipeline import scene
from tests.watch.store.conformance import a_finding, a_post, settled, with_feed
from watch.alerts import message, sender
from watch.alerts.apprised import Apprised
from watch.alerts.desktop import Desktop
from watch.alerts.receivers import configured, ids, require_known, short_name
from watch.alerts.sender import Sender
from watch.store.records import PostState
from watch.store.sqlite import SqliteWatchStore

# What apprise imports is not all of this year.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")


@pytest.fixture
def world() -> Iterator[scene.World]:
    with scene.world() as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteWatchStore]:
    opened = SqliteWatchStore(tmp_path / "watch.db")
    yield opened
    opened.close()


def receiver(world: scene.World) -> Apprised:
    return Apprised(world.hook, short_name(world.hook))


def with_finding(store: SqliteWatchStore, *receivers: Apprised) -> None:
    with_feed(store, a_post(1))
    settled(store, 1, PostState.FOUND, a_finding())
    store._db.execute("DELETE FROM outbox")
    for each in receivers:
        store._db.execute(
            "INSERT INTO outbox (idempotency, receiver, made_us) VALUES (?, ?, 0)", ("f" * 64, each.id)
        )


def saying(said: list[str]) -> sender.Say:
    return lambda key, **_values: said.append(key)


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_a_message_names_nobody_and_accuses_nobody(
    store: SqliteWatchStore, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAKIGAKE_LANG", lang)
    with_finding(store)
    told = message.about(store.finding(1), names=False)
    for secret in ("Name", "did:1", "example.com", "post-1", "strong"):
        assert secret not in told.title + told.text
    assert not FORBIDDEN[lang].search(told.title + told.text)
    assert not any(sign in told.text for sign in "%%")
    named = message.about(store.finding(1), names=True)
    assert "https://example.com/1" in named.text
    if lang == "ja":
        assert told.text.splitlines()[0] == "似た構図の投稿があります。ご確認ください。"


def test_a_message_is_sent_with_its_key_and_marked(store: SqliteWatchStore, world: scene.World) -> None:
    to = receiver(world)
    with_finding(store, to)
    assert Sender(store, [to], saying([])).send_due() == 1
    assert world.receiver.keys == ["f" * 64]
    assert world.receiver.got[0]["finding"] == "1"
    assert store.unsent() == 0


def test_a_receiver_that_is_down_gets_it_later_under_the_same_key(
    store: SqliteWatchStore, world: scene.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "FIRST_WAIT_S", 0.0)
    world.receiver.answers = ["500 No", "503 No", "200 OK"]
    to, said = receiver(world), list[str]()
    with_finding(store, to)
    outgoing = Sender(store, [to], saying(said))
    assert outgoing.send_due() == 1
    assert world.receiver.keys == ["f" * 64]
    assert len(world.site.asked) == 3
    assert {each.header("idempotency-key") for each in world.site.asked} == {"f" * 64}
    assert said == ["watch.alert-waits", "watch.alerts-again"]
    assert outgoing.trouble == ""


def test_one_receiver_that_is_down_does_not_hold_up_another(
    store: SqliteWatchStore, world: scene.World
) -> None:
    dead = Apprised("json://127.0.0.1:9/hook", "json:dead")
    to = receiver(world)
    with_finding(store, dead, to)
    assert Sender(store, [dead, to], saying([])).send_due() == 1
    assert len(world.receiver.got) == 1
    assert store.unsent() == 1


def test_a_receiver_cannot_send_the_message_on(store: SqliteWatchStore, world: scene.World) -> None:
    world.site.pages[scene.HOOK] = redirect(world.site.url("/elsewhere"), "307 Temporary Redirect")
    to = receiver(world)
    with_finding(store, to)
    assert Sender(store, [to], saying([])).send_due() == 0
    assert [each.path for each in world.site.asked] == [scene.HOOK]


def test_messages_to_whom_is_no_longer_named_are_dropped(store: SqliteWatchStore, world: scene.World) -> None:
    to = receiver(world)
    with_finding(store, to)
    assert Sender(store, [], saying([])).send_due() == 0
    assert store.unsent() == 0
    assert world.receiver.got == []


def test_the_thread_sends_what_is_new_and_ends(store: SqliteWatchStore, world: scene.World) -> None:
    to = receiver(world)
    with_finding(store)
    outgoing = Sender(store, [to], saying([]))
    outgoing.start()
    store._db.execute(
        "INSERT INTO outbox (idempotency, receiver, made_us) VALUES (?, ?, 0)", ("f" * 64, to.id)
    )
    outgoing.wake()
    assert world.receiver.begun.wait(60)
    assert outgoing.stop(60)
    assert store.unsent() == 0


HOSTILE = "Evil\x1b[31m\n\n@everyone **bold** [see](https://evil.example) <!channel> \u202e" + "x" * 300


def test_a_name_in_a_message_is_one_short_line_that_calls_nobody() -> None:
    told = message.inert(HOSTILE)
    assert len(told) <= 60
    assert told.isprintable() or "\ufffd" in told
    assert not set(told) & set("@*[]()<>`_~|\\#\x1b\n\u202e:/")
    assert "＠everyone" in told
    assert message.inert("絵師 さん") == "絵師 さん"


def test_an_address_in_a_message_is_no_markup_and_still_the_address() -> None:
    plain_one = "https://example.com/users/a?b=c&d=%20#e"
    assert message.inert_address(plain_one) == plain_one
    told = message.inert_address("https://example.com/@everyone/](x)*`<b>\n\x1b ")
    assert not set(told) & set("@*[]()<>`|~\\\n\x1b ")
    assert told.startswith("https://example.com/%40everyone/")
    assert message.inert_address("https://example.com/" + "a" * 600) == ""


def test_the_environment_and_netrc_have_no_part_in_a_message(
    store: SqliteWatchStore, world: scene.World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")  # nobody answers there
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    to = receiver(world)
    with_finding(store, to)
    assert Sender(store, [to], saying([])).send_due() == 1
    (asked,) = world.site.asked
    assert asked.path == scene.HOOK, "not the whole address, as a proxy would be asked"
    assert asked.header("authorization") == ""


def configure(home: Path, alerts: str) -> None:
    (home / "sakigake.toml").write_text(f"[watch]\nalerts = {alerts}\n", encoding="utf-8")


def test_receivers_are_those_of_the_settings_and_no_secret_is_in_their_names(own_home: Path) -> None:
    configure(own_home, '["desktop", "json://user:hunter2@127.0.0.1:1/hook", "desktop"]')
    found = configured(load())
    assert [each.shown for each in found] == ["desktop", "json://…"]
    assert not any("hunter2" in name for name in ids(found))
    configure(own_home, "[]")
    assert configured(load()) == ()


@pytest.mark.parametrize("odd", ['["mail"]', "[1]", '["json:// x"]'])
def test_an_odd_receiver_is_refused(own_home: Path, odd: str) -> None:
    configure(own_home, odd)
    with pytest.raises(ConfigError):
        configured(load())


def test_an_address_that_apprise_does_not_know_is_told_without_it() -> None:
    with pytest.raises(ConfigError) as caught:
        Apprised("nosuch://secret", "nosuch:1").send(message.trial())
    assert "secret" not in str(caught.value)


def test_a_receiver_that_apprise_does_not_know_is_refused_before_anything_is_sent(own_home: Path) -> None:
    configure(own_home, '["json://127.0.0.1:9/h", "nosuch://secret"]')
    with pytest.raises(ConfigError) as caught:
        require_known(configured(load()))
    assert caught.value.code == "watch-alert-odd"
    assert "secret" not in str(caught.value)
    configure(own_home, '["json://127.0.0.1:9/h", "desktop", "ntfy://topic"]')
    require_known(configured(load()))


def test_importing_the_receivers_does_not_import_apprise() -> None:
    import subprocess

    probe = "import sys, watch.alerts.sender, watch.alerts.apprised; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


@pytest.mark.skipif(
    sys.platform != "linux", reason="the program that shows messages is another one elsewhere"
)
class TestDesktop:
    """A program in the place of notify-send that writes down what it was given."""

    @pytest.fixture
    def shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        program = tmp_path / "bin" / "notify-send"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/shown"\nexit ${{CODE:-0}}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        return tmp_path / "shown"

    def test_the_text_is_an_argument_and_no_option(self, shown: Path) -> None:
        Desktop().send(message.Message(1, "", "--title", "$(touch x)\n-u critical"))
        assert shown.read_text().splitlines() == [
            "--app-name=sakigake", "--", "--title", "$(touch x)", "-u critical",
        ]  # fmt: skip

    def test_a_failure_counts_as_not_sent(self, shown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not shown.exists()
        monkeypatch.setenv("CODE", "1")
        with pytest.raises(NetworkError):
            Desktop().send(message.trial())

    def test_without_the_program_it_says_which(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        with pytest.raises(NetworkError) as caught:
            Desktop().send(message.trial())
        assert "notify-send" in caught.value.message()
