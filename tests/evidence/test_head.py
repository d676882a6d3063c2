"""Heads that others kept: a package must be the ledger they saw, and reach as far. Both verifiers say the same."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.anchor.trust import Trust
from sakigake.errors import UsageError, VerificationError
from sakigake.evidence import head
from sakigake.evidence.standalone import joined
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.standalone.seen import read_head
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.verify import verify
from sakigake.model import StoredCheckpoint
from sakigake.timeline import merkle, note
from sakigake.witness.code import Head, head_of, head_of_note
from tests.evidence.conftest import Recorded, Recorder

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))


@pytest.fixture
def recorded(record: Recorder) -> Recorded:
    return record(4)


@pytest.fixture
def pack(recorded: Recorded, tmp_path: Path) -> Path:
    recorded.export(tmp_path / "pack.zip")
    return tmp_path / "pack.zip"


def leaves(recorded: Recorded) -> list[bytes]:
    return recorded.store.leaves(recorded.session.id)


def at(recorded: Recorded, size: int) -> Head:
    return head_of(recorded.session.ledger, size, merkle.root(leaves(recorded)[:size]))


def both(pack: Path, *values: str) -> tuple[str, tuple[int, ...]]:
    """Return what both verifiers say of a package and heads: "" or the code of the project's refusal, and sizes."""
    refused, alone = "", False
    sizes: tuple[int, ...] = ()
    own_sizes: list[int] = []
    try:
        sizes = verify(pack, Trust(), [head.read(value) for value in values]).heads
    except VerificationError as error:
        refused = error.code
    seen = [read_head(value) for value in values]
    assert all(seen)
    try:
        own_sizes = check_alone(pack, [], seen=[each for each in seen if each])["heads_seen"]
    except RefusedError:
        alone = True
    assert alone is bool(refused)
    assert tuple(own_sizes) == tuple(sizes)
    return refused, tuple(sizes)


def test_heads_of_this_ledger_are_seen(recorded: Recorded, pack: Path) -> None:
    count = len(leaves(recorded))
    values = [at(recorded, size).code for size in range(1, count + 1)]
    assert both(pack, *values) == ("", tuple(range(1, count + 1)))
    assert both(pack) == ("", ())


def test_checkpoints_are_seen(recorded: Recorded, pack: Path, tmp_path: Path) -> None:
    for kept in recorded.store.checkpoints(recorded.session.id):
        (tmp_path / "seen.txt").write_bytes(kept.note)
        assert both(pack, str(tmp_path / "seen.txt")) == ("", (kept.size,))
        assert head_of_note(kept.note) == at(recorded, kept.size)


@pytest.mark.parametrize("form", ["{}", "{}\n", "\ufeff{}\r\n", "  \n{}\n\n"])
def test_a_file_may_hold_a_code(recorded: Recorded, pack: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "code.txt").write_text(form.format(at(recorded, 3).code), encoding="utf-8")
    assert both(pack, str(tmp_path / "code.txt")) == ("", (3,))


def test_a_hidden_tail_is_refused(recorded: Recorded, pack: Path, tmp_path: Path) -> None:
    """The very attack: the ledger goes on, the package ends before; somebody has a later code or checkpoint."""
    count = len(leaves(recorded))
    later = Head(recorded.session.ledger[:8], count + 1, bytes(32))
    assert both(pack, at(recorded, 1).code, later.code) == ("head-beyond", ())
    stated = note.Checkpoint(recorded.session.ledger, count + 1, bytes(32), None, None, 1)
    (tmp_path / "seen.txt").write_bytes(note.sign(stated, recorded.key))
    assert both(pack, str(tmp_path / "seen.txt")) == ("head-beyond", ())


def test_a_tail_really_cut_off_is_refused(record: Recorder, tmp_path: Path) -> None:
    """A package made before the end is sound by itself, and not beside the code of the end."""
    recorded = record(4)
    recorded.export(tmp_path / "whole.zip")
    newest = head_of_note(recorded.store.checkpoints(recorded.session.id)[-1].note)

    class Shorter:
        """The same store as it was one checkpoint ago."""

        def __getattr__(self, name: str) -> object:
            return getattr(recorded.store, name)

        def checkpoints(self, session: str) -> list[StoredCheckpoint]:
            return recorded.store.checkpoints(session)[:-1]

    cut = Recorded(Shorter(), recorded.session, recorded.key, recorded.pictures, recorded.stages)  # type: ignore[arg-type]
    cut.export(tmp_path / "cut.zip")
    assert both(tmp_path / "cut.zip") == ("", ())
    assert both(tmp_path / "cut.zip", newest.code) == ("head-beyond", ())
    assert both(tmp_path / "whole.zip", newest.code) == ("", (newest.size,))


def test_a_fork_is_refused(recorded: Recorded, pack: Path, tmp_path: Path) -> None:
    told = leaves(recorded)
    forked = [*told[:3], bytes(32), *told[4:]]
    head_of_fork = head_of(recorded.session.ledger, 5, merkle.root(forked[:5]))
    assert both(pack, head_of_fork.code) == ("head-contradicts", ())
    stated = note.Checkpoint(recorded.session.ledger, 5, merkle.root(forked[:5]), None, None, 1)
    (tmp_path / "seen.txt").write_bytes(note.sign(stated, recorded.key))
    assert both(pack, str(tmp_path / "seen.txt")) == ("head-contradicts", ())


def test_another_ledger_is_refused(recorded: Recorded, pack: Path, tmp_path: Path) -> None:
    other = "0" * 32
    assert both(pack, Head(other[:8], 2, bytes(32)).code) == ("head-other-ledger", ())
    stated = note.Checkpoint(other, 2, bytes(32), None, None, 1)
    (tmp_path / "seen.txt").write_bytes(note.sign(stated, recorded.key))
    assert both(pack, str(tmp_path / "seen.txt")) == ("head-other-ledger", ())


def test_a_checkpoint_counts_only_with_the_key_of_the_package(
    recorded: Recorded, pack: Path, tmp_path: Path
) -> None:
    stated = note.verify(recorded.store.checkpoints(recorded.session.id)[1].note, recorded.key.public_key())
    (tmp_path / "seen.txt").write_bytes(note.sign(stated, OTHER_KEY))
    assert both(pack, str(tmp_path / "seen.txt")) == ("head-not-signed", ())


@pytest.mark.slow
def test_every_flipped_bit_of_a_checkpoint_is_refused(recorded: Recorded, pack: Path, tmp_path: Path) -> None:
    from sakigake.evidence.standalone import files, listing, seen

    whole = recorded.store.checkpoints(recorded.session.id)[2].note
    public = recorded.key.public_key()
    known = leaves(recorded)
    package = files.Files(pack)
    raw_key, key = listing.check_list(package)
    for place in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        (tmp_path / "seen.txt").write_bytes(damaged)
        value = str(tmp_path / "seen.txt")
        alone = read_head(value)
        try:
            given = head.read(value)
        except UsageError:
            assert alone is None
            continue
        with pytest.raises(VerificationError):
            head.check([given], known, public)
        assert alone is not None
        with pytest.raises(RefusedError):
            seen.check_heads([alone], known, raw_key, key)


@pytest.mark.parametrize(
    "marked",
    [
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: raw[:-1],
        lambda raw: raw + b"\n \n",
        lambda raw: b"\xef\xbb\xbf\r\n" + raw.replace(b"\n", b"\r\n") + b"\t",
    ],
)
def test_marks_of_mail_and_editors_change_no_checkpoint(
    recorded: Recorded, pack: Path, tmp_path: Path, marked: Callable[[bytes], bytes]
) -> None:
    kept = recorded.store.checkpoints(recorded.session.id)[1]
    (tmp_path / "seen.txt").write_bytes(marked(kept.note))
    assert both(pack, str(tmp_path / "seen.txt")) == ("", (kept.size,))


@pytest.mark.parametrize(
    "damaged",
    [
        lambda raw: raw[:100],
        lambda raw: raw[:9] + b" is nice\n",
        lambda raw: raw.replace(b"\n", b"\n\n"),
        lambda raw: raw + raw,
        lambda raw: raw.replace(b"=\nevents", b"\nevents"),
        lambda raw: raw.decode().encode("utf-16"),
        lambda raw: raw.decode().encode("cp932", "replace"),
        lambda raw: raw + b"\n" * 4000,
    ],
)
def test_a_damaged_checkpoint_is_no_verdict_on_the_package(
    recorded: Recorded, tmp_path: Path, damaged: Callable[[bytes], bytes]
) -> None:
    raw = damaged(recorded.store.checkpoints(recorded.session.id)[1].note)
    (tmp_path / "seen.txt").write_bytes(raw)
    with pytest.raises(UsageError) as caught:
        head.read(str(tmp_path / "seen.txt"))
    assert caught.value.code == "head-unreadable"
    assert read_head(str(tmp_path / "seen.txt")) is None


def test_what_is_no_head_is_no_verdict(recorded: Recorded, tmp_path: Path) -> None:
    code = at(recorded, 2).code
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "two.txt").write_text(f"{code}\n{code}\n", encoding="utf-8")
    (tmp_path / "long.txt").write_bytes(code.encode() + b" " * 4000)
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    values = [code[:-1], code + "=", code.replace("SKG1", "SKG2"), "", "nowhere.txt", "a\0b", str(tmp_path)]
    values += [str(path) for path in tmp_path.glob("*.txt")]
    for value in values:
        with pytest.raises(UsageError):
            head.read(value)
        assert read_head(value) is None, value


def run(command: list[str | Path], env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=env)


@pytest.mark.slow
def test_as_people_type_it(recorded: Recorded, pack: Path, tmp_path: Path) -> None:
    tool = tmp_path / "verify.py"
    tool.write_bytes(joined.joined())
    beyond = Head(recorded.session.ledger[:8], 4000, bytes(32)).code
    env = {"SAKIGAKE_HOME": str(tmp_path / "none"), "PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"}
    root = Path(__file__).parents[2]
    programs: list[list[str | Path]] = [
        [sys.executable, "-m", "desk", "verify"],
        [sys.executable, "-I", tool],
    ]
    for program in programs:
        for lang, yes in (("en", "Head seen: yes, 3 entries"), ("ja", "外で見られたコード: あり、3 項目")):
            ask = [*program, pack, "--lang", lang, "--head"]
            whole = {**env, "PYTHONPATH": str(root)}
            found = run([*ask, at(recorded, 3).code], whole)
            assert found.returncode == 7
            assert yes in found.stdout
            # A code that fits says no more than that: anybody with the package can draw one.
            assert {
                "en": "decided by who kept the code, and since when",
                "ja": "だれがいつから持っていたコードか",
            }[lang] in found.stdout
            assert "shown elsewhere" not in found.stdout
            missed = run([*ask, beyond], whole)
            assert missed.returncode == 6
            # A code has no signature: it accuses nobody.
            assert {"en": "somebody else drew that code", "ja": "ほかの人がそのコードを描いた"}[
                lang
            ] in missed.stdout
            assert "left out" not in missed.stdout
            assert "省かれ" not in missed.stdout
            odd = run([*ask, beyond[:-1]], whole)
            assert odd.returncode == 2
            assert not odd.stdout
            assert "Traceback" not in odd.stderr
        told = run(
            [*program, pack, "--json", "--head", at(recorded, 2).code], {**env, "PYTHONPATH": str(root)}
        )
        assert json.loads(told.stdout)["heads_seen"] == [2]


def test_looking_loads_no_image_library() -> None:
    code = (
        "import sys; import sakigake.evidence.verify;"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'cv2', 'numpy', 'PIL', 'segno', 'zxingcpp'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
