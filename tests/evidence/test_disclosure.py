"""What of a session is shown: any stages, pictures or fingerprints alone, and nothing of the rest but its number."""

from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

from sakigake.anchor.trust import Trust
from sakigake.evidence import layout, verify
from sakigake.model import Verdict
from sakigake.timeline.entry import parse_fingerprint
from tests.evidence.conftest import Recorder


def members(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_stage_can_show_its_fingerprint_without_its_picture(record: Recorder, tmp_path: Path) -> None:
    recorded = record(stages=4)
    hidden, shown = recorded.stages[1], recorded.stages[2]
    recorded.export(tmp_path / "pack.zip", chosen=[shown], without_picture=[hidden])
    files = members(tmp_path / "pack.zip")
    assert {name for name in files if name.startswith(f"stages/{hidden:06d}")} == {
        layout.stage(hidden, kind) for kind in ("entry.json", "proof.txt", "fp.json", "fp.bin")
    }
    _, digest = parse_fingerprint(files[layout.stage(hidden, "fp.json")], "fp")
    assert sha256(files[layout.stage(hidden, "fp.bin")]).hexdigest() == digest
    report = verify.verify(tmp_path / "pack.zip", Trust())
    assert report.verdict is Verdict.INTEGRITY_ONLY
    assert [(stage.seq, stage.picture) for stage in report.stages] == [(hidden, False), (shown, True)]


def test_nothing_of_a_picture_that_is_not_shown_is_in_the_package(record: Recorder, tmp_path: Path) -> None:
    recorded = record(stages=3)
    hidden = recorded.stages[0]
    recorded.export(tmp_path / "pack.zip", chosen=[recorded.stages[2]], without_picture=[hidden])
    stored = next(each for each in recorded.store.entries(recorded.session.id) if each.seq == hidden)
    assert stored.opening
    everything = b"".join(members(tmp_path / "pack.zip").values())
    assert stored.opening not in everything
    picture = next(path for path in recorded.pictures.glob("*/*.png") if path.stem.encode() in stored.opening)
    assert picture.read_bytes() not in everything
    assert picture.stem.encode() not in everything


def test_without_a_comparison_no_fingerprints_are_sent_along(record: Recorder, tmp_path: Path) -> None:
    recorded = record(stages=3)
    recorded.export(tmp_path / "pack.zip")
    assert not [name for name in members(tmp_path / "pack.zip") if ".fp." in name]


def test_a_stage_can_show_nothing_but_its_entry(record: Recorder, tmp_path: Path) -> None:
    recorded = record(stages=3)
    bare, shown = recorded.stages[0], recorded.stages[1]
    done = recorded.export(tmp_path / "pack.zip", chosen=[bare, shown], entry_only=[bare])
    assert done.fingerprints == ()
    names = set(members(tmp_path / "pack.zip"))
    assert {name for name in names if name.startswith(f"stages/{bare:06d}")} == {
        layout.stage(bare, kind) for kind in ("entry.json", "proof.txt")
    }
    report = verify.verify(tmp_path / "pack.zip", Trust())
    assert report.verdict is Verdict.INTEGRITY_ONLY
    assert [(stage.seq, stage.picture) for stage in report.stages] == [(bare, False), (shown, True)]
