"""Addresses and names that must not be asked: a resolver that answers as told and a dialler that must never be used."""

import socket
from collections.abc import Callable, Sequence
from itertools import cycle

import pytest

from sakigake import words
from sakigake.errors import ConfigError, NetworkError
from tests.peers import web
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard
from watch.fetch.records import Limits

PUBLIC = "93.184.215.14"
REFUSED = "fetch-address-refused"


class Dialler:
    """Writes down every connect; there must be none."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []

    def __call__(self, address: str, port: int, _: float) -> socket.socket:
        self.dialled.append((address, port))
        raise ConnectionRefusedError


def resolving(**names: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """Return a resolver that knows these names, `_` for every other, with dots written as `__`."""
    known = {name.replace("__", "."): addresses for name, addresses in names.items()}

    def look_up(host: str, _: int) -> Sequence[str]:
        return known.get(host, known.get("_", ()))

    return look_up


# What a stranger may write, and the sentence that answers it. Every name that is not listed leads to a public address.
SPELLINGS = {
    # this computer, in all its spellings
    "http://127.0.0.1/": REFUSED,
    "http://127.0.0.1:80/": REFUSED,
    "https://127.0.0.1/": REFUSED,
    "http://127.255.255.254/": REFUSED,
    "http://127.1/": "fetch-url-odd",
    "http://127.0.1/": "fetch-url-odd",
    "http://2130706433/": "fetch-url-odd",
    "http://017700000001/": "fetch-url-odd",
    "http://0x7f000001/": "fetch-url-odd",
    "http://0x7f.1/": "fetch-url-odd",
    "http://0x7f.0x0.0x0.0x1/": "fetch-url-odd",
    "http://0X7F.0.0.1/": "fetch-url-odd",
    "http://0177.0.0.1/": "fetch-url-odd",
    "http://127.0.0.01/": "fetch-url-odd",
    "http://0/": "fetch-url-odd",
    "http://0.0.0.0/": REFUSED,
    "http://1.2.3.4.5/": "fetch-url-odd",
    "http://127.0.0.1./": REFUSED,
    "http://4294967297/": "fetch-url-odd",
    "http://256.0.0.1/": "fetch-url-odd",
    "http://0x/": "fetch-url-odd",
    "http://example.0x7f/": "fetch-url-odd",
    "http://127。0。0。1/": REFUSED,
    "http://１２７.０.０.１/": REFUSED,
    "http://①②⑦.⓪.⓪.①/": REFUSED,
    "http://127%2e0%2e0%2e1/": "fetch-url-odd",
    "http://%31%32%37.0.0.1/": "fetch-url-odd",
    "http://localhost/": REFUSED,
    "http://LOCALHOST/": REFUSED,
    "http://localhost./": REFUSED,
    "http://ｌｏｃａｌｈｏｓｔ/": REFUSED,
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/": REFUSED,
    "http://a.localhost/": REFUSED,
    "http://localhost.localdomain/": REFUSED,
    # at home and at a provider's
    "http://10.0.0.1/": REFUSED,
    "http://172.31.0.1/": REFUSED,
    "http://192.168.0.1/": REFUSED,
    "http://100.64.0.1/": REFUSED,
    "http://192.0.0.8/": REFUSED,
    "http://198.18.0.1/": REFUSED,
    "http://224.0.0.1/": REFUSED,
    "http://255.255.255.255/": REFUSED,
    "http://169.254.169.254/latest/meta-data/": REFUSED,
    "http://metadata.google.internal/": REFUSED,
    "http://router/": REFUSED,
    "http://printer.local/": REFUSED,
    "http://nas.lan/": REFUSED,
    "http://hidden.onion/": REFUSED,
    "http://fritz.home.arpa/": REFUSED,
    # IPv6
    "http://[::1]/": REFUSED,
    "http://[::]/": REFUSED,
    "http://[0:0:0:0:0:0:0:1]/": REFUSED,
    "http://[::ffff:127.0.0.1]/": REFUSED,
    "http://[::ffff:7f00:1]/": REFUSED,
    "http://[::ffff:93.184.215.14]/": REFUSED,
    "http://[::127.0.0.1]/": REFUSED,
    "http://[64:ff9b::7f00:1]/": REFUSED,
    "http://[64:ff9b:1::1]/": REFUSED,
    "http://[2002:7f00:1::]/": REFUSED,
    "http://[2001:0:4136:e378::1]/": REFUSED,
    "http://[fd00:ec2::254]/": REFUSED,
    "http://[fe80::1]/": REFUSED,
    "http://[fe80::1%25eth0]/": "fetch-url-odd",
    "http://[fe80::1%eth0]/": "fetch-url-odd",
    "http://[ff02::1]/": REFUSED,
    "http://[::1/": "fetch-url-odd",
    "http://[::1]x/": "fetch-url-odd",
    "http://[v1.::1]/": "fetch-url-odd",
    "http://[127.0.0.1]/": "fetch-url-odd",
    "http://::1/": "fetch-url-odd",
    # who stands where in an address
    "http://user@pictures.net/": "fetch-userinfo",
    "http://user:word@pictures.net/": "fetch-userinfo",
    "http://pictures.net@127.0.0.1/": "fetch-userinfo",
    "http://pictures.net:80@127.0.0.1/": "fetch-userinfo",
    "http://@127.0.0.1/": "fetch-userinfo",
    "http://pictures.net\\@127.0.0.1/": "fetch-url-odd",
    "http://127.0.0.1\\.pictures.net/": "fetch-url-odd",
    "http:\\\\127.0.0.1/": "fetch-url-odd",
    "http:/127.0.0.1/": "fetch-url-odd",
    "http:127.0.0.1/": "fetch-url-odd",
    "http:///127.0.0.1/": "fetch-url-odd",
    "//127.0.0.1/": "fetch-url-odd",
    "127.0.0.1": "fetch-url-odd",
    "": "fetch-url-odd",
    "http://": "fetch-url-odd",
    "http://.pictures.net/": "fetch-url-odd",
    "http://pictures..net/": "fetch-url-odd",
    "http://-pictures.net/": "fetch-url-odd",
    "http://pictures.net,127.0.0.1/": "fetch-url-odd",
    "http://pic tures.net/": "fetch-url-odd",
    " http://pictures.net/": "fetch-url-odd",
    "http://pictures.net/\r\nHost: 127.0.0.1": "fetch-url-odd",
    "http://pictures.net/%0d%0a\r\nX: y": "fetch-url-odd",
    "http://pictures.net/\tx": "fetch-url-odd",
    "http://pictures.net/\x00": "fetch-url-odd",
    "http://pictures.net\ufeff/": "fetch-url-odd",
    "http://xn--/": "fetch-url-odd",
    "http://a℀b.net/": "fetch-url-odd",
    "http://pictures.net／@127.0.0.1/": "fetch-url-odd",
    f"http://pictures.net/{'a' * 5000}": "fetch-url-odd",
    f"http://{'a.' * 200}net/": "fetch-url-odd",
    f"http://{'a' * 64}.net/": "fetch-url-odd",
    # ports and schemes
    "http://pictures.net:22/": "fetch-port",
    "http://pictures.net:8080/": "fetch-port",
    "https://pictures.net:6379/": "fetch-port",
    "http://pictures.net:0/": "fetch-url-odd",
    "http://pictures.net:65616/": "fetch-url-odd",
    "http://pictures.net:-80/": "fetch-url-odd",
    "http://pictures.net:８０/": "fetch-url-odd",
    "http://pictures.net:80:22/": "fetch-url-odd",
    "file:///etc/passwd": "fetch-scheme",
    "FILE:///etc/passwd": "fetch-scheme",
    "ftp://pictures.net/": "fetch-scheme",
    "gopher://127.0.0.1:6379/_x": "fetch-scheme",
    "data:image/png;base64,AAAA": "fetch-scheme",
    "javascript:alert(1)": "fetch-scheme",
    "dict://127.0.0.1:11211/": "fetch-scheme",
    "ws://pictures.net/": "fetch-scheme",
    "unix:///run/docker.sock": "fetch-scheme",
    "view-source:http://127.0.0.1/": "fetch-scheme",
}  # fmt: skip


def asked(url: str, **names: Sequence[str]) -> tuple[str, list[tuple[str, int]]]:
    """Return the slug a get ends with, and what was dialled."""
    dialler = Dialler()
    guard = Guard(resolver=resolving(**{"_": (PUBLIC,), **names}), dial=dialler)
    with Fetcher(guard) as fetcher, pytest.raises(NetworkError) as caught:
        fetcher.get(url)
    for language in words.LANGUAGES:
        assert caught.value.message(language)
        assert caught.value.hint(language)
    return caught.value.code, dialler.dialled


@pytest.mark.parametrize("url", SPELLINGS)
def test_is_refused_without_a_connect(url: str) -> None:
    assert asked(url) == (SPELLINGS[url], [])


def test_there_are_enough_spellings() -> None:
    assert len(SPELLINGS) >= 60


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        (PUBLIC, "127.0.0.1"),
        ("10.0.0.1", PUBLIC),
        (PUBLIC, "::1"),
        (PUBLIC, "fe80::1%eth0"),
        ("64:ff9b::7f00:1",),
        ("0x7f000001",),
        ("not an address",),
    ],
)
def test_a_name_is_refused_when_one_of_its_addresses_is_not_public(addresses: tuple[str, ...]) -> None:
    assert asked("https://pictures.net/a.png", pictures__net=addresses) == (REFUSED, [])


def test_a_name_without_an_address_is_unknown() -> None:
    assert asked("https://pictures.net/a.png", pictures__net=()) == ("fetch-name-unknown", [])


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("http://pictures.net/", (PUBLIC, 80)),
        ("https://pictures.net/", (PUBLIC, 443)),
        ("https://pictures.net:80/", (PUBLIC, 80)),
        ("HTTPS://PICTURES.NET/あ?い#う", (PUBLIC, 443)),
        ("http://絵.net/", (PUBLIC, 80)),
        ("http://xn--3b7a.net/", (PUBLIC, 80)),
        ("http://93.184.215.14/", (PUBLIC, 80)),
        ("http://[2606:4700:4700::1111]/", ("2606:4700:4700::1111", 80)),
        ("http://pictures.net./", (PUBLIC, 80)),
        ("http://pictures.net", (PUBLIC, 80)),
        ("http://pictures.net?x", (PUBLIC, 80)),
        ("http://my_pictures.net/", (PUBLIC, 80)),
    ],
)
def test_what_is_public_is_asked(url: str, dialled: tuple[str, int]) -> None:
    assert asked(url) == ("fetch-unreachable", [dialled])


def test_a_name_that_answers_differently_the_second_time_gains_nothing() -> None:
    """Rebinding: what was checked is what is connected to, and the next connection checks anew."""
    answers = cycle([(PUBLIC,), ("127.0.0.1",)])
    dialler = Dialler()
    guard = Guard(resolver=lambda *_: next(answers), dial=dialler)
    codes = []
    with Fetcher(guard) as fetcher:
        for _ in range(4):
            with pytest.raises(NetworkError) as caught:
                fetcher.get("http://pictures.net/")
            codes.append(caught.value.code)
    assert codes == ["fetch-unreachable", REFUSED] * 2
    assert dialler.dialled == [(PUBLIC, 80)] * 2


def test_every_address_is_tried_and_none_twice() -> None:
    addresses = ("2606:4700:4700::1111", PUBLIC, "1.1.1.1")
    code, dialled = asked("http://pictures.net/", pictures__net=addresses)
    assert code == "fetch-unreachable"
    assert dialled == [(address, 80) for address in addresses]


LEADS = {
    "http://127.0.0.1/": REFUSED,
    "http://169.254.169.254/latest": REFUSED,
    "http://[::1]/": REFUSED,
    "//127.0.0.1/": REFUSED,
    "http://inside.net/": REFUSED,
    "http://localhost/": REFUSED,
    "http://2130706433/": "fetch-url-odd",
    "http://pictures.net:6379/": "fetch-port",
    "file:///etc/passwd": "fetch-scheme",
    "ftp://pictures.net/": "fetch-scheme",
    "data:text/html,x": "fetch-scheme",
    "http://a@pictures.net/": "fetch-userinfo",
    "/\\127.0.0.1/": "fetch-url-odd",
}


@pytest.mark.parametrize("location", LEADS)
@pytest.mark.parametrize("steps", [1, 3])
def test_a_redirect_is_checked_like_a_first_address(location: str, steps: int) -> None:
    """A public page, played by a loopback server that the dialler leads to, sends on to where it should not."""
    pages = {f"/{step}": web.redirect(f"/{step + 1}") for step in range(1, steps)}
    pages[f"/{steps}"] = web.redirect(location)
    with web.serving(pages) as site:
        dialled = []

        def dial(address: str, port: int, seconds: float) -> socket.socket:
            dialled.append((address, port))
            return socket.create_connection(("127.0.0.1", site.port), seconds)

        guard = Guard(resolver=resolving(_=(PUBLIC,), inside__net=("192.168.0.1",)), dial=dial)
        with Fetcher(guard) as fetcher, pytest.raises(NetworkError) as caught:
            fetcher.get("http://pictures.net/1")
    assert caught.value.code == LEADS[location]
    assert set(dialled) == {(PUBLIC, 80)}
    assert len(site.asked) == steps


def test_a_page_from_outside_does_not_lead_to_what_only_the_user_trusts() -> None:
    with (
        web.serving({"/secret": web.answer(b"secret")}) as home,
        web.serving({"/": web.redirect(home.url("/secret"))}) as site,
    ):

        def dial(address: str, port: int, seconds: float) -> socket.socket:
            there = site.port if address == PUBLIC else port
            return socket.create_connection(("127.0.0.1", there), seconds)

        guard = Guard(frozenset({home.place}), resolving(_=(PUBLIC,)), dial)
        with Fetcher(guard) as fetcher:
            assert fetcher.get(home.url("/secret")).body == b"secret"
            with pytest.raises(NetworkError) as caught:
                fetcher.get("http://pictures.net/")
    assert caught.value.code == REFUSED
    assert len(home.asked) == 1


def test_only_the_very_place_is_trusted() -> None:
    dialler = Dialler()
    guard = Guard.of(["127.0.0.1:8080", "[::1]:9000", "NAS.local:3000"])
    guard = Guard(guard.trusted, resolving(nas__local=("192.168.0.9",)), dialler)
    with Fetcher(guard) as fetcher:
        for url, code in (
            ("http://127.0.0.1:8081/", "fetch-port"),
            ("http://127.0.0.2:8080/", "fetch-port"),
            ("http://127.0.0.1/", REFUSED),
            ("http://127.0.0.1:8080/", "fetch-unreachable"),
            ("http://[::1]:9000/", "fetch-unreachable"),
            ("http://nas.local:3000/", "fetch-unreachable"),
        ):
            with pytest.raises(NetworkError) as caught:
                fetcher.get(url)
            assert caught.value.code == code, url
    assert dialler.dialled == [("127.0.0.1", 8080), ("::1", 9000), ("192.168.0.9", 3000)]


@pytest.mark.parametrize(
    "entry", ["", "127.0.0.1", "http://127.0.0.1:80", "host:0", "host:99999", "a b:80", ":80"]
)
def test_a_setting_that_names_no_place_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Guard.of([entry])
    assert caught.value.code == "fetch-trusted-odd"


def test_sockets_for_other_protocols_go_the_same_way() -> None:
    dialler = Dialler()
    with Fetcher(
        Guard(resolver=resolving(_=(PUBLIC,), inside__net=(PUBLIC, "10.0.0.1")), dial=dialler)
    ) as fetcher:
        for host, port, code in (
            ("127.0.0.1", 443, REFUSED),
            ("::1", 443, REFUSED),
            ("localhost", 443, REFUSED),
            ("inside.net", 443, REFUSED),
            ("pictures.net", 6379, "fetch-port"),
            ("0x7f.1", 443, "fetch-url-odd"),
        ):
            with pytest.raises(NetworkError) as caught:
                fetcher.open_socket(host, port, tls=False)
            assert caught.value.code == code, host
    assert not dialler.dialled


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    import threading

    release = threading.Event()

    def hang(*_: object) -> Sequence[str]:
        release.wait(20)
        return ()

    with (
        Fetcher(Guard(resolver=hang), Limits(connect_s=0.2)) as fetcher,
        pytest.raises(NetworkError) as caught,
    ):
        fetcher.get("http://pictures.net/")
    release.set()
    assert caught.value.code == "fetch-too-slow"


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with web.serving({}) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url("/"))
        assert asked("http://pictures.net/") == ("fetch-unreachable", [(PUBLIC, 80)])
        assert not proxy.asked
