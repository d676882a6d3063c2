"""Packages of a key that continues another, and the verifier that lies inside: what both verifiers say of them."""

from pathlib import Path

import pytest

from bench import attack_keys
from bench.attack_scene import KEY, Hand, pack
from sakigake.errors import VerificationError
from sakigake.evidence import layout
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.verify import verify
from sakigake.model import EntryType
from sakigake.timeline import rotation
from tests.evidence.conftest import Recorder
from tests.evidence.test_tampering import resigned
from tests.evidence.test_tokens import NOBODY

OLD = attack_keys.OLD.public_key().public_bytes_raw().hex()


def written(folder: Path, made: Hand) -> Path:
    path = folder / "made.zip"
    path.write_bytes(pack(made.contents()))
    return path


def rotated(**change: int | str) -> Hand:
    made = Hand()
    info = rotation.sign(made.leaves[0].hex()[:32], attack_keys.OLD, KEY, "routine")
    made.add(EntryType.KEY_ROTATE, info=info | change)
    made.stage()
    made.seal()
    return made


def test_both_verifiers_name_the_key_before(tmp_path: Path) -> None:
    path = written(tmp_path, rotated())
    assert verify(path, NOBODY).continues == check_alone(path, [])["continues"] == OLD


def test_a_ledger_without_rotation_continues_nothing(tmp_path: Path, record: Recorder) -> None:
    record(1).export(tmp_path / "pack.zip")
    assert verify(tmp_path / "pack.zip", NOBODY).continues is None
    assert check_alone(tmp_path / "pack.zip", [])["continues"] is None


def test_a_wrong_rotation_fails_for_that_reason_in_both(tmp_path: Path) -> None:
    path = written(tmp_path, rotated(reason="copied"))
    with pytest.raises(VerificationError) as caught:
        verify(path, NOBODY)
    assert caught.value.code == "rotation-wrong"
    with pytest.raises(RefusedError) as alone:
        check_alone(path, [])
    assert alone.value.code == "rotation"


@pytest.mark.parametrize(
    ("content", "said"), [(None, "same"), (b"print('VERIFIED')\n", "other"), (b"", "other")]
)
def test_another_verifier_inside_is_told_and_is_no_fault(
    tmp_path: Path, record: Recorder, content: bytes | None, said: str
) -> None:
    recorded = record(1)
    recorded.export(tmp_path / "pack")
    if content is not None:
        (tmp_path / "pack" / layout.VERIFIER).write_bytes(content)
        resigned(recorded.key, tmp_path / "pack")
    report = verify(tmp_path / "pack", NOBODY)
    assert (report.verify_py, report.reasons) == (said, ("no-token",))


def test_no_verifier_inside_is_told_as_such(tmp_path: Path, record: Recorder) -> None:
    recorded = record(1)
    recorded.export(tmp_path / "pack")
    (tmp_path / "pack" / layout.VERIFIER).unlink()
    resigned(recorded.key, tmp_path / "pack")
    assert verify(tmp_path / "pack", NOBODY).verify_py == "absent"
