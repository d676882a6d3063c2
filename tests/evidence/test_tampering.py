"""What enemies do to a package: bytes, files and the archive around them. Nothing may pass, nothing may crash."""

import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sakigake.anchor.trust import Trust
from sakigake.errors import NotFoundError, VerificationError
from sakigake.evidence import layout
from sakigake.evidence.container import open_container
from sakigake.evidence.verify import verify
from tests.evidence.conftest import Recorder

NOBODY = Trust()


def refused(path: Path, trust: Trust = NOBODY) -> str:
    with pytest.raises(VerificationError) as caught:
        verify(path, trust)
    assert caught.value.message("ja")
    assert caught.value.hint("en")
    return caught.value.code


def test_no_changed_byte_of_the_archive_passes(tmp_path: Path, record: Recorder) -> None:
    record(2).export(tmp_path / "pack.zip")
    whole = (tmp_path / "pack.zip").read_bytes()
    rng = random.Random(20261122)
    for position in rng.sample(range(len(whole)), 400):
        changed = bytearray(whole)
        changed[position] ^= rng.randrange(1, 256)
        (tmp_path / "bad.zip").write_bytes(changed)
        refused(tmp_path / "bad.zip")


def test_no_changed_byte_of_a_small_file_passes(tmp_path: Path, record: Recorder) -> None:
    record(1).export(tmp_path / "pack")
    rng = random.Random(7)
    for name in open_container(tmp_path / "pack").names():
        path = tmp_path / "pack" / name
        whole = path.read_bytes()
        for position in rng.sample(range(len(whole)), min(12, len(whole))):
            changed = bytearray(whole)
            changed[position] ^= 1 << rng.randrange(8)
            path.write_bytes(changed)
            refused(tmp_path / "pack")
        path.write_bytes(whole)
    verify(tmp_path / "pack", NOBODY)


@pytest.mark.parametrize("cut", [0, 3, 30, 1000, -1, -22, -300])
def test_truncated_archive(tmp_path: Path, record: Recorder, cut: int) -> None:
    record(1).export(tmp_path / "pack.zip")
    (tmp_path / "bad.zip").write_bytes((tmp_path / "pack.zip").read_bytes()[:cut])
    assert refused(tmp_path / "bad.zip") in {
        "package-cut-off",
        "package-repacked",
        "package-not-zip",
        "package-damaged",
    }


def test_repacked_archive_says_to_unpack_it(tmp_path: Path, record: Recorder) -> None:
    record(1).export(tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    verify(tmp_path / "unpacked", NOBODY)
    repacked = shutil.make_archive(str(tmp_path / "again"), "zip", tmp_path / "unpacked")
    assert refused(Path(repacked)) == "package-repacked"


def add(name: str, content: bytes = b"x") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def edit(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        assert old in raw
        (folder / name).write_bytes(raw.replace(old, new))

    return change


def swap(one: str, other: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        (folder / one).write_bytes(second)
        (folder / other).write_bytes(first)

    return change


def link(folder: Path) -> None:
    (folder / layout.LEAVES).rename(folder.parent / "elsewhere")
    (folder / layout.LEAVES).symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    "attack",
    [
        add("extra.txt"),
        add("stages/000099.entry.json"),
        add("Ａ.txt"),
        add("con.txt"),
        remove("SHA256SUMS.sig"),
        remove("leaves.txt"),
        remove("stages/000001.png"),
        remove("stages/000001.open.json"),
        remove("anchors/0001.checkpoint.txt"),
        remove("index.html"),
        swap("stages/000001.png", "stages/000002.png"),
        swap("anchors/0001.checkpoint.txt", "anchors/0002.checkpoint.txt"),
        edit("SHA256SUMS", b"\n", b"\r\n"),
        edit("SHA256SUMS", b"  ", b" *"),
        edit("artist.pub", b"\n", b""),
        edit("leaves.txt", b"\n", b"\n\n"),
        link,
    ],
)
def test_changed_folder(tmp_path: Path, record: Recorder, attack: Callable[[Path], None]) -> None:
    record(2).export(tmp_path / "pack")
    attack(tmp_path / "pack")
    refused(tmp_path / "pack")


def test_litter_of_file_managers_is_no_reason_to_fail(tmp_path: Path, record: Recorder) -> None:
    record(1).export(tmp_path / "pack")
    for name in (".DS_Store", "Thumbs.db", "stages/desktop.ini"):
        (tmp_path / "pack" / name).write_bytes(b"x")
    verify(tmp_path / "pack", NOBODY)


def resigned(recorded_key: object, folder: Path) -> None:
    """List and sign the folder anew, as the key's own holder could."""
    from hashlib import sha256

    names = [name for name in open_container(folder).names() if name not in layout.UNLISTED]
    raw = "".join(f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names).encode()
    (folder / layout.MANIFEST).write_bytes(raw)
    (folder / layout.SIGNATURE).write_bytes(recorded_key.sign(raw))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (swap("stages/000001.png", "stages/000002.png"), "commitment-wrong"),
        (swap("stages/000001.open.json", "stages/000002.open.json"), "commitment-wrong"),
        (swap("stages/000001.entry.json", "stages/000002.entry.json"), "evidence-malformed"),
        (swap("stages/000001.proof.txt", "stages/000002.proof.txt"), "evidence-malformed"),
        (remove("stages/000001.proof.txt"), "package-file-missing"),
        (remove("anchors/0001.checkpoint.txt"), "checkpoints-broken"),
        (swap("anchors/0001.checkpoint.txt", "anchors/0002.checkpoint.txt"), "checkpoints-broken"),
        (edit("events.jsonl", b'"reason":"sleep"', b'"reason":"crash"'), "entry-not-in-ledger"),
        (edit("events.jsonl", b"\n", b"\n\n"), "evidence-not-canonical"),
        (edit("events.jsonl", b'"seq":0', b'"seq":0,"seq":0'), "evidence-not-canonical"),
        (add("post/picture.png"), "package-file-missing"),
        (add("trust/evil.exe"), "package-file-extra"),
        (add("stages/000001.tsr"), "package-file-extra"),
        (add("anchors/0001.tsr", b"not a token"), None),
        (add("anchors/9999.tsr", b"not a token"), "package-file-extra"),
    ],
)
def test_holder_of_the_key_cannot_change_it_either(
    tmp_path: Path, record: Recorder, attack: Callable[[Path], None], code: str | None
) -> None:
    recorded = record(2)
    recorded.export(tmp_path / "pack")
    attack(tmp_path / "pack")
    resigned(recorded.key, tmp_path / "pack")
    got = refused(tmp_path / "pack")
    assert code is None or got == code


def test_cut_tail_is_refused_inside_a_checkpoint(tmp_path: Path, record: Recorder) -> None:
    recorded = record(2)
    recorded.export(tmp_path / "pack")
    leaves = (tmp_path / "pack" / layout.LEAVES).read_text().splitlines(keepends=True)
    (tmp_path / "pack" / layout.LEAVES).write_text("".join(leaves[:-1]))
    resigned(recorded.key, tmp_path / "pack")
    assert refused(tmp_path / "pack") == "checkpoints-broken"


def zip_with(path: Path, **changes: object) -> None:
    """Write a one-file archive with a header that a package never has."""
    with zipfile.ZipFile(path, "w", int(str(changes.get("compression", 0)))) as archive:
        info = zipfile.ZipInfo(str(changes.get("name", "a.txt")), (1980, 1, 1, 0, 0, 0))
        info.create_system = 3
        info.external_attr = int(str(changes.get("mode", 0o100644))) << 16
        info.compress_type = int(str(changes.get("compression", 0)))
        archive.writestr(info, b"x" * 100)
        archive.comment = str(changes.get("comment", "")).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../a.txt"},
        {"name": "/a.txt"},
        {"name": "a\\b.txt"},
        {"name": "C:a.txt"},
        {"name": "あ.txt"},
        {"name": "nul.txt"},
        {"mode": 0o120777},
        {"compression": zipfile.ZIP_DEFLATED},
        {"comment": "hello"},
    ],
)
def test_archives_that_are_none_of_ours(tmp_path: Path, changes: dict[str, object]) -> None:
    zip_with(tmp_path / "bad.zip", **changes)
    refused(tmp_path / "bad.zip")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"hello", bytes(100)])
def test_files_that_are_no_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.zip").write_bytes(content)
    refused(tmp_path / "bad.zip")


def test_missing_package(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        verify(tmp_path / "nowhere.zip", NOBODY)
