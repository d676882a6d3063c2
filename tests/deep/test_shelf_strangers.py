"""What a stranger tries with models: names that lead elsewhere, links, other kinds of files, endless lists, two at once."""

import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from desk.cli import cli
from sakigake.errors import ConfigError, NotFoundError, SakigakeError, UsageError, VerificationError
from tests.deep import parcels, tiny
from tests.peers.web import serving
from watch.deep import download, manifest, shelf, weights
from watch.deep.download import Ways
from watch.deep.manifest import RECORD, WEIGHTS
from watch.fetch.guard import Guard

DATA = parcels.weights()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "published" / WEIGHTS
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


@pytest.fixture
def here(own_home: Path, source: Path) -> shelf.Installed:
    return shelf.take_in(own_home, tiny.model(source), {WEIGHTS: source}, pin=False)


def tree(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*")}


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "../precious",
        "../../precious",
        ".incoming",
        "tiny/..",
        "/",
        "a/b",
        "tiny\x00",
        "Tiny",
        "тiny",
        "..\\x",
    ],
)
def test_no_name_leads_out_of_the_models(own_home: Path, here: shelf.Installed, name: str) -> None:
    """`models remove ..` once would have removed the records."""
    precious = own_home / "precious"
    precious.mkdir()
    (precious / "sakigake.db").write_bytes(b"the records")
    (precious / RECORD).write_bytes((here.folder / RECORD).read_bytes())
    (own_home / "sakigake.db").write_bytes(b"the records")
    before = tree(own_home)
    for call in (shelf.remove, shelf.get, shelf.folder_of, shelf.incoming):
        with pytest.raises(NotFoundError) as refused:
            call(own_home, name)
        assert refused.value.code == "deep-model-absent"
    if name:
        for command in ("remove", "verify"):
            ran = CliRunner().invoke(cli, ["models", command, "--", name])
            assert ran.exit_code != 0
            assert isinstance(ran.exception, NotFoundError | SystemExit)
    assert tree(own_home) - {shelf.LOCK} == before - {shelf.LOCK}


@given(st.text(max_size=80))
def test_only_a_plain_name_is_put_into_a_path(name: str) -> None:
    home = Path("/nowhere")
    try:
        place = shelf.folder_of(home, name)
    except NotFoundError:
        return
    assert place.parent == home / "models"
    assert Path(os.path.normpath(place)) == place


def test_of_a_linked_model_the_link_goes_and_not_what_it_leads_to(
    own_home: Path, here: shelf.Installed
) -> None:
    elsewhere = here.folder.rename(own_home / "other-disk")
    here.folder.symlink_to(elsewhere)
    shelf.verify(shelf.get(own_home, "tiny"))
    assert shelf.remove(own_home, "tiny")
    assert not here.folder.is_symlink()
    assert (elsewhere / WEIGHTS).read_bytes() == DATA
    here.folder.symlink_to(own_home / "gone")  # a link that leads nowhere
    assert shelf.installed(own_home) == {}
    assert shelf.remove(own_home, "tiny")
    assert not here.folder.is_symlink()


def test_a_link_among_the_files_is_held_against_the_digest_like_any_other(
    own_home: Path, here: shelf.Installed, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(parcels.weights(seed=5))
    (here.folder / WEIGHTS).unlink()
    (here.folder / WEIGHTS).symlink_to(other)
    with pytest.raises(VerificationError):
        shelf.verify(shelf.get(own_home, "tiny"))


def _record(**change: Any) -> bytes:
    row = {
        "title": "t",
        "licence": "MIT",
        "languages": ["en"],
        "digests": {WEIGHTS: "0" * 64, "open_clip_config.json": "0" * 64},
        "size": 1,
        "pinned_by": "import",
    }
    return json.dumps({**row, **change}).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"title": "' + b"x" * shelf.MOST_RECORD + b'"}',
        _record(digests={"../../sakigake.db": "0" * 64}),
        _record(digests={"/etc/passwd": "0" * 64}),
        _record(digests=["a"]),
        _record(languages=3),
        _record(size="much"),
    ],
)
def test_a_record_that_is_odd_is_no_model(own_home: Path, here: shelf.Installed, raw: bytes) -> None:
    (here.folder / RECORD).write_bytes(raw)
    assert shelf.installed(own_home) == {}
    with pytest.raises(VerificationError):
        shelf.get(own_home, "tiny")
    assert CliRunner().invoke(cli, ["models", "list"]).exit_code == 0
    assert shelf.remove(own_home, "tiny"), "it can still be removed"


def _safetensors(header: Any, body: bytes = b"x" * 8) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + body


def _zipped() -> bytes:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # what torch.save writes
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": 1}))
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        pickle.dumps({"weight": bytes(1000)}),
        pickle.dumps({"weight": bytes(1000)}, protocol=0),
        _zipped(),
        b"\x89HDF\r\n\x1a\n" + bytes(1000),
        b"GGUF" + bytes(1000),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
        _safetensors(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        _safetensors({"t": {"data_offsets": [0, 1e400]}}),
        _safetensors({"t": {"data_offsets": [0, 8.0]}}),
        _safetensors({"t": {"data_offsets": [5, 8]}}),
        _safetensors({"t": {"data_offsets": [-1, 8]}}),
        _safetensors({"t": {"data_offsets": "08"}}),
        _safetensors({"t": {"data_offsets": [0, 8]}, "u": {"data_offsets": [0, 8]}}),
        _safetensors({"t": {"data_offsets": [0, 4]}, "u": {"data_offsets": [6, 8]}}),
        _safetensors({"t": None}),
        _safetensors([1]),
        _safetensors({}),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 0) + b"{",
    ],
)
def test_other_kinds_of_files_and_odd_heads_are_refused_before_anything_reads_them(
    own_home: Path, tmp_path: Path, raw: bytes
) -> None:
    """A person pins them, so that no digest stands in the way: pickles above all must not come so far."""
    path = tmp_path / WEIGHTS
    path.write_bytes(raw)
    with pytest.raises(UsageError) as refused:
        shelf.take_in(own_home, tiny.model(path, sha256="", size=0), {WEIGHTS: path}, pin=True)
    assert refused.value.code in {"deep-not-a-model", "deep-cut-short"}
    assert shelf.installed(own_home) == {}
    assert not list((own_home / "models").rglob("*.safetensors"))


@given(st.binary(max_size=300))
def test_no_bytes_get_past_the_head_by_an_error_of_another_kind(tmp_path_factory: Any, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "head.safetensors"
    for data in (raw, _safetensors(raw), struct.pack("<Q", len(raw)) + b"{" + raw):
        path.write_bytes(data)
        with suppress(UsageError):
            weights.check(path, WEIGHTS)


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_no_file_is_not_waited_for(own_home: Path, source: Path, tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    if kind == "folder":
        path.mkdir()
    with pytest.raises(NotFoundError):
        shelf.take_in(own_home, tiny.model(source), {WEIGHTS: path}, pin=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"image_size": 64', '"image_size": 1000000000'),
        ('"layers": 2', '"layers": 100000'),
        ('"embed_dim": 32', '"embed_dim": 1e99'),
        ('"embed_dim": 32', '"embed_dim": [[[[[[[[1]]]]]]]]'),
        ('"vision_cfg": {', '"vision_cfg": {"timm_model_name": "hf-hub:somebody/else", '),
        ('"vision_cfg": {', '"vision_cfg": {"timm_model_name": "local-dir:/home", '),
        ('"vision_cfg": {', '"vision_cfg": {"hf_model_name": "somebody/else", '),
        ('"text_cfg": {', '"text_cfg": {"hf_model_pretrained": true, '),
        ('"text_cfg": {', '"text_cfg": {"tokenizer_kwargs": {"trust_remote_code": true}, '),
        ('"text_cfg": {', '"text_cfg": {"tokenizer_kwargs": {"cache_dir": "/tmp"}, '),
        ('"text_cfg": {', '"text_cfg": {"' + "k" * 100 + '": 1, '),
        ('"text_cfg": {', '"text_cfg": {"note": "' + "x" * 1000 + '", '),
    ],
)
def test_a_configuration_beyond_measure_or_from_elsewhere_is_refused(
    source: Path, old: str, new: str
) -> None:
    text = json.dumps(tiny.CONFIG)
    assert old in text
    config = json.loads(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        tiny.model(source, config=config)
    assert refused.value.code == "deep-manifest"


def test_an_endless_list_of_models_is_not_read_to_its_end(own_home: Path) -> None:
    endless = own_home / "models.toml"
    endless.write_bytes(b"# " + b"x" * manifest.MOST_BYTES)
    for path in (endless, Path("/dev/zero")):
        with pytest.raises(ConfigError) as refused:
            manifest.load(str(path))
        assert refused.value.code == "deep-manifest"
    endless.write_bytes(b"a = " + b"[" * 100_000)
    with pytest.raises(ConfigError):
        manifest.load(str(endless))


def test_two_fetches_at_once_bring_it_once(own_home: Path, source: Path) -> None:
    """One waits a moment for the other; if that takes longer it says so. Neither writes into the other's part."""
    found: list[object] = []
    slow = parcels.in_turn(parcels.stalling(DATA, 90_000, 3.0), parcels.ranged(DATA))
    with serving({"/w": slow}) as site:
        model = tiny.model(source, urls=(site.url("/w"), site.url("/w")))

        def fetch() -> None:
            try:
                found.append(download.get(own_home, model, Ways(Guard.of([site.place]), 20.0)).key)
            except SakigakeError as error:
                found.append(error.code)

        threads = [threading.Thread(target=fetch) for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        asked = len(site.asked)
    assert sorted(map(str, found)) == ["deep-busy", "deep-busy", shelf.get(own_home, "tiny").key]
    assert asked == 2, "the first broke off and went on; nobody else asked"
    shelf.verify(shelf.get(own_home, "tiny"))


CHILD = """
import os, signal, sys
from pathlib import Path
from tests.deep import tiny
from watch.deep import shelf, weights
from watch.deep.manifest import WEIGHTS
home, path, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "copy":
    weights.sync = die
elif where == "place":
    shelf.durable.sync_folder = lambda folder: die() if folder.name == "models" else None
elif where == "record":
    shelf.durable.write = die
shelf.take_in(home, tiny.model(path), {WEIGHTS: path}, pin=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
@pytest.mark.parametrize("where", ["copy", "record", "place"])
def test_an_import_that_is_killed_leaves_nothing_half(own_home: Path, source: Path, where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(own_home), str(source), where], cwd=ROOT, check=False
    )
    assert done.returncode == -9
    for each in shelf.installed(
        own_home
    ).values():  # after the last step it is whole, before it there is none
        shelf.verify(each)
    assert bool(shelf.installed(own_home)) == (where == "place")
    shelf.verify(shelf.take_in(own_home, tiny.model(source), {WEIGHTS: source}, pin=False))
    assert not list((own_home / "models" / shelf.INCOMING).iterdir()), "and nothing is left lying about"


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (131072, 131072))
from pathlib import Path
from tests.deep import tiny
from sakigake.errors import SakigakeError
from watch.deep import shelf
from watch.deep.manifest import WEIGHTS
path = Path(sys.argv[2])
try:
    shelf.take_in(Path(sys.argv[1]), tiny.model(path), {WEIGHTS: path}, pin=False)
except SakigakeError as error:
    print(error.code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_full_disk_while_taking_in_ends_in_a_sentence_and_leaves_nothing(
    own_home: Path, source: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(own_home), str(source)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.strip() == "deep-no-room"
    assert shelf.installed(own_home) == {}
    assert not list((own_home / "models").rglob("*.part"))


def test_what_lies_among_incoming_files_does_not_stay(own_home: Path, source: Path) -> None:
    place = shelf.incoming(own_home, "tiny")
    (place / "folder" / "in").mkdir(parents=True)
    (place / "evil.py").write_text("raise SystemExit")
    (place / "link").symlink_to(source.parent)
    there = shelf.take_in(own_home, tiny.model(source), {WEIGHTS: source}, pin=False)
    shelf.verify(there)
    assert source.read_bytes() == DATA
