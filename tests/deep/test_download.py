"""Fetching a model from servers that stall, change, lie or go away: a clear sentence each time, and nothing half in place.

Real sockets on loopback. The files are whole in their form, but no network: none is loaded here, so no torch is needed.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sakigake.errors import ConfigError, NetworkError, UsageError
from tests.deep import parcels, tiny
from tests.peers import web
from tests.peers.web import Handler, Site, answer, redirect, serving
from watch.deep import download, shelf
from watch.deep.download import Ways
from watch.deep.manifest import RECORD, WEIGHTS, Model
from watch.fetch.guard import Guard

DATA = parcels.weights()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "published" / WEIGHTS
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


def named(source: Path, *urls: str, size: int | None = None, sha256: str | None = None) -> Model:
    return tiny.model(source, urls=urls, size=size, sha256=sha256)


def fetched(home: Path, model: Model, *sites: Site, stall_s: float = 5.0) -> shelf.Installed:
    return download.get(home, model, Ways(Guard.of([site.place for site in sites]), stall_s))


def in_place(home: Path) -> list[str]:
    """Return the models that could be loaded."""
    return list(shelf.installed(home))


def test_a_model_comes_whole_and_is_not_asked_for_again(own_home: Path, source: Path) -> None:
    with serving({"/w": parcels.ranged(DATA)}) as site:
        model = named(source, site.url("/w"))
        there = fetched(own_home, model, site)
        assert (there.folder / WEIGHTS).read_bytes() == DATA
        assert there.pinned_by == shelf.BY_MANIFEST
        shelf.verify(there)
        assert sorted(each.name for each in there.folder.iterdir()) == sorted([*there.digests, RECORD])
        again = fetched(own_home, model, site)
        assert again.key == there.key
        assert len(site.asked) == 1
    # Neither does it need the server any more.
    assert download.get(own_home, model, Ways(Guard()), offline=True).key == there.key


def test_a_redirect_is_followed(own_home: Path, source: Path) -> None:
    with serving({"/w": parcels.ranged(DATA)}) as other, serving({}) as site:
        site.pages["/here"] = redirect(other.url("/w"))
        assert fetched(own_home, named(source, site.url("/here")), site, other).id == "tiny"


def test_a_broken_off_download_goes_on_where_it_stopped(own_home: Path, source: Path) -> None:
    with serving({"/w": parcels.in_turn(parcels.ranged(DATA, upto=100_000), parcels.ranged(DATA))}) as site:
        model = named(source, site.url("/w"))
        with pytest.raises(NetworkError, match="could not be fetched"):
            fetched(own_home, model, site)
        assert in_place(own_home) == []
        part = shelf.incoming(own_home, model.id) / f"{WEIGHTS}.part"
        assert part.stat().st_size > 50_000
        held = part.stat().st_size
        there = fetched(own_home, model, site)
        assert site.asked[-1].header("range") == f"bytes={held}-"
        assert site.asked[-1].header("if-range") == '"one"'
    assert (there.folder / WEIGHTS).read_bytes() == DATA


def test_a_file_that_changed_meanwhile_begins_anew(own_home: Path, source: Path) -> None:
    old = parcels.weights(seed=9)
    turns = parcels.in_turn(parcels.ranged(old, '"old"', upto=120_000), parcels.ranged(DATA, '"new"'))
    with serving({"/w": turns}) as site:
        model = named(source, site.url("/w"))
        with pytest.raises(NetworkError):
            fetched(own_home, model, site)
        there = fetched(own_home, model, site)
    assert (there.folder / WEIGHTS).read_bytes() == DATA


def test_a_server_that_mixes_two_versions_is_found_out(own_home: Path, source: Path) -> None:
    """It answers a range of the new file although the old one was named: only the digest can tell."""
    old = parcels.weights(seed=9)
    turns = parcels.in_turn(
        parcels.ranged(old, '"old"', upto=120_000),
        parcels.ranged(DATA, '"new"', obeys=False),
        parcels.ranged(DATA, '"new"'),
    )
    with serving({"/w": turns}) as site:
        model = named(source, site.url("/w"))
        for wanted in ("end is missing|broke|cut", "another file than expected"):
            with pytest.raises(NetworkError, match=wanted):
                fetched(own_home, model, site)
            assert in_place(own_home) == []
        assert not (shelf.incoming(own_home, model.id) / f"{WEIGHTS}.part").exists()
        assert (
            fetched(own_home, model, site).id == "tiny"
        )  # the mixture was thrown away, so the next try is whole


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (answer(b"<!DOCTYPE html><html>Sign in" + b" " * 4000), "web page"),
        (answer(b"<html>not found</html>", "404 Not Found"), "404"),
        (answer(b"", "429 Too Many Requests", ("Retry-After: 60",)), "429"),
        (answer(DATA[:-1000], keep=False), "300"),
        (parcels.ranged(DATA + b"x"), "bytes"),
        (parcels.ranged(parcels.weights(seed=5)), "another file than expected"),
        (parcels.ranged(DATA, upto=5), "."),
        (answer(b""), "."),
        (web.raw(b"garbage\r\n\r\n"), "."),
        (answer(DATA, headers=("Content-Encoding: gzip",)), "."),
        (
            web.raw(
                b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nabcde"
            ),
            "206",
        ),
    ],
)
def test_whatever_else_a_server_sends_ends_in_a_sentence(
    own_home: Path, source: Path, page: Handler, said: str
) -> None:
    with serving({"/w": page}) as site:
        model = named(source, site.url("/w"))
        with pytest.raises(NetworkError) as failed:
            fetched(own_home, model, site)
        assert failed.value.code == "deep-no-mirror"
        assert said in failed.value.message("en")
        assert failed.value.hint("ja")
        assert in_place(own_home) == []
        assert not (shelf.folder_of(own_home, model.id)).exists()
        site.pages["/w"] = parcels.ranged(DATA)
        assert fetched(own_home, model, site).id == "tiny"  # and nothing of it stands in the way


@pytest.mark.parametrize("bad", ["stalling", "dripping"])
def test_a_server_that_stands_still_is_left_for_the_next_mirror(
    own_home: Path, source: Path, bad: str
) -> None:
    slow = parcels.stalling(DATA, 1000, 20) if bad == "stalling" else parcels.dripping(DATA, 0.1)
    told: list[str] = []
    with serving({"/w": slow}) as site, serving({"/w": parcels.ranged(DATA)}) as mirror:
        model = named(source, site.url("/w"), mirror.url("/w"))
        began = time.monotonic()
        ways = Ways(
            Guard.of([site.place, mirror.place]), 0.6, failed=lambda _, error: told.append(error.code)
        )
        assert download.get(own_home, model, ways).id == "tiny"
        assert time.monotonic() - began < 10
    assert told == ["fetch-stalled"]


def test_without_a_network_each_mirror_is_named_and_nothing_is_left(own_home: Path, source: Path) -> None:
    with serving({}) as site:
        gone = site.url("/w")
        place = site.place
    told: list[str] = []
    model = named(source, gone, "http://127.0.0.1:1/w")
    ways = Ways(Guard.of([place, "127.0.0.1:1"]), 1.0, failed=lambda url, _: told.append(url))
    with pytest.raises(NetworkError) as failed:
        download.get(own_home, model, ways)
    assert failed.value.code == "deep-no-mirror"
    assert told == [gone, "http://127.0.0.1:1/w"]
    assert in_place(own_home) == []


def test_an_address_at_home_is_not_asked(own_home: Path, source: Path) -> None:
    """A list of models may come from anybody, like a post: the guard is the same."""
    with serving({"/w": parcels.ranged(DATA)}) as site:
        with pytest.raises(NetworkError):
            download.get(own_home, named(source, site.url("/w")), Ways(Guard()))
        assert site.asked == []


def test_offline_and_an_unknown_digest_refuse_before_anything_is_asked(own_home: Path, source: Path) -> None:
    with serving({"/w": parcels.ranged(DATA)}) as site:
        ways = Ways(Guard.of([site.place]))
        with pytest.raises(ConfigError) as offline:
            download.get(own_home, named(source, site.url("/w")), ways, offline=True)
        assert offline.value.code == "deep-offline"
        with pytest.raises(UsageError) as unknown:
            download.get(own_home, named(source, site.url("/w"), sha256=""), ways)
        assert unknown.value.code == "deep-digest-unknown"
        assert site.connections == 0


CHILD = """
import sys
from pathlib import Path
from watch.deep import download, manifest
from watch.fetch.guard import Guard
home, listing, place, limit = sys.argv[1:5]
if int(limit):
    import resource
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
model = manifest.load(listing)["tiny"]
from sakigake.errors import SakigakeError
try:
    there = download.get(Path(home), model, download.Ways(Guard.of([place]), 10.0))
    print(there.key)
except SakigakeError as error:
    print(error.code, error.message("en"))
    sys.exit(3)
"""


def _child(home: Path, listing: Path, place: str, limit: int = 0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(home), str(listing), place, str(limit)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_full_disk_ends_in_a_sentence_and_the_next_try_goes_on(
    own_home: Path, source: Path, tmp_path: Path
) -> None:
    with serving({"/w": parcels.ranged(DATA)}) as site:
        listing = tmp_path / "models.toml"
        listing.write_text(tiny.entry(source, (site.url("/w"),)))
        full = _child(own_home, listing, site.place, limit=131_072)
        told = full.communicate(timeout=60)[0]
        assert full.returncode == 3
        assert told.startswith("deep-no-room")
        assert in_place(own_home) == []
        roomy = _child(own_home, listing, site.place)
        assert roomy.communicate(timeout=60)[0].startswith("tiny@")
        assert site.asked[-1].header("range") == "bytes=131072-"


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_killed_download_leaves_nothing_loadable_and_goes_on(
    own_home: Path, source: Path, tmp_path: Path
) -> None:
    with serving(
        {"/w": parcels.in_turn(parcels.stalling(DATA, 90_000, 30), parcels.ranged(DATA, '"s"'))}
    ) as site:
        listing = tmp_path / "models.toml"
        listing.write_text(tiny.entry(source, (site.url("/w"),)))
        child = _child(own_home, listing, site.place)
        assert child.stdout
        part = shelf.incoming(own_home, "tiny") / f"{WEIGHTS}.part"
        until = time.monotonic() + 60
        while not (part.is_file() and part.stat().st_size >= 65_536) and time.monotonic() < until:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait(20)
        child.stdout.close()
        assert in_place(own_home) == []
        there = fetched(own_home, tiny.model(source, urls=(site.url("/w"),)), site)
        assert site.asked[-1].header("range").startswith("bytes=")
    assert (there.folder / WEIGHTS).read_bytes() == DATA


def test_progress_is_told(own_home: Path, source: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with serving({"/w": parcels.ranged(DATA)}) as site:
        ways = Ways(Guard.of([site.place]), progress=lambda *each: told.append(each))
        download.get(own_home, named(source, site.url("/w")), ways)
    assert told[-1] == (WEIGHTS, len(DATA), len(DATA))
    assert [came for _, came, _ in told] == sorted(came for _, came, _ in told)
