"""Export and verify: what goes out, what a stranger can check, and that the same records give the same bytes."""

import json
import re
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import attack_scene
from desk.demo import authority as demo
from sakigake.anchor.trust import Trust
from sakigake.errors import ConfigError, NotFoundError, UsageError
from sakigake.evidence import layout, package
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.verify import verify
from sakigake.model import EntryType, Finding, Interval, Likeness, Order, StoredToken, Verdict
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Ledger
from tests.evidence.conftest import Recorder

NOBODY = Trust()


@pytest.mark.parametrize("name", ["pack.zip", "pack"])
def test_package_without_tokens_is_integrity_only(tmp_path: Path, record: Recorder, name: str) -> None:
    recorded = record()
    done = recorded.export(tmp_path / name)
    assert (done.stages, done.tokens, done.unsealed) == (4, 0, 0)
    report = verify(tmp_path / name, NOBODY)
    assert report.verdict is Verdict.INTEGRITY_ONLY
    assert report.reasons == ("no-token",)
    assert [stage.seq for stage in report.stages] == recorded.stages
    assert (report.closed, report.gaps, report.withheld) == (True, 1, 0)


def test_same_records_give_the_same_bytes(tmp_path: Path, record: Recorder) -> None:
    recorded = record()
    recorded.export(tmp_path / "a.zip")
    recorded.export(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_chosen_stages_only(tmp_path: Path, record: Recorder) -> None:
    recorded = record(5)
    recorded.export(tmp_path / "pack.zip", chosen=[recorded.stages[1]])
    report = verify(tmp_path / "pack.zip", NOBODY)
    assert [stage.seq for stage in report.stages] == [recorded.stages[1]]
    assert report.withheld == 4
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        content = b"".join(archive.read(name) for name in archive.namelist() if name != layout.LEAVES)
    hidden = recorded.store.entry(recorded.session.id, recorded.stages[0])
    assert hidden
    assert json.loads(hidden.raw)["salt"].encode() not in content


def test_ledger_without_an_end_is_not_closed(tmp_path: Path, record: Recorder) -> None:
    record(close=False).export(tmp_path / "pack.zip")
    assert verify(tmp_path / "pack.zip", NOBODY).closed is False


def test_entries_without_a_checkpoint_stay_out(tmp_path: Path, record: Recorder) -> None:
    recorded = record(close=False)
    Ledger.resume(recorded.store, recorded.session, recorded.key).append(EntryType.HEARTBEAT)
    assert recorded.export(tmp_path / "pack.zip").unsealed == 1
    verify(tmp_path / "pack.zip", NOBODY)


@pytest.mark.parametrize("name", ["pack.zip", "pack"])
def test_of_two_exports_at_once_the_second_is_refused(tmp_path: Path, record: Recorder, name: str) -> None:
    """The other one ends while this one waits for its token, after the place was looked at."""
    recorded = record()
    out = tmp_path / name

    def stamp(_: bytes) -> None:
        assert recorded.export(out, chosen=recorded.stages[:1]).stages == 1

    with pytest.raises(UsageError) as caught:
        recorded.export(out, stamp=stamp)
    assert caught.value.code == "export-exists"
    assert len(verify(out, NOBODY).stages) == 1
    assert not list(tmp_path.glob(".*.part"))


def test_a_name_in_capitals_is_a_zip_too(tmp_path: Path, record: Recorder) -> None:
    record().export(tmp_path / "PACK.ZIP")
    assert zipfile.is_zipfile(tmp_path / "PACK.ZIP")
    verify(tmp_path / "PACK.ZIP", NOBODY)


def test_more_checkpoints_than_a_package_can_number_are_refused(
    tmp_path: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = record()  # six checkpoints
    assert layout.CHECKPOINT_FILE.fullmatch(layout.checkpoint(layout.MAX_CHECKPOINTS - 1))
    assert not layout.CHECKPOINT_FILE.fullmatch(layout.checkpoint(layout.MAX_CHECKPOINTS))
    monkeypatch.setattr(layout, "MAX_CHECKPOINTS", 6)
    recorded.export(tmp_path / "six.zip")
    monkeypatch.setattr(layout, "MAX_CHECKPOINTS", 5)
    with pytest.raises(UsageError) as caught:
        recorded.export(tmp_path / "five.zip")
    assert caught.value.code == "export-checkpoints"
    assert not (tmp_path / "five.zip").exists()


def test_answers_of_the_unknown_are_counted_apart(tmp_path: Path, record: Recorder) -> None:
    demo.create(tmp_path / "one")
    demo.create(tmp_path / "evil")
    roots = (tmp_path / "one" / "root.pem").read_bytes()

    def seal(store: SqliteStore, session: str) -> None:
        newest = store.checkpoints(session)[-1]
        for name, folder, trusted in (("one (unknown)", "evil", False), ("one", "one", True)):
            raw = attack_scene.ask(tmp_path / folder, newest.note)
            now = datetime.now(UTC)
            token = StoredToken(newest.number, name, raw, sha256(raw).digest(), now, now, trusted)
            if newest.number < 2 or trusted:
                store.add_token(session, token)

    recorded = record(seal=seal)
    trust = Trust().with_roots(roots, "one")
    done = recorded.export(tmp_path / "pack.zip", trust)
    assert (done.tokens, done.untrusted, done.timed) == (6, 2, 4)
    report = verify(tmp_path / "pack.zip", trust)
    assert report.untrusted_tokens == 2


def test_every_command_of_read_me_first_runs(tmp_path: Path, record: Recorder) -> None:
    record().export(tmp_path / "pack")
    text = (tmp_path / "pack" / layout.README).read_text(encoding="utf-8")
    english = text[text.index("How to check") :]
    commands = re.findall(r"^   (\S.*)$", english, re.MULTILINE)
    assert 0 < len(commands) <= 6
    answers = [
        subprocess.run(
            ["bash", "-c", command], cwd=tmp_path / "pack", capture_output=True, text=True, check=True
        ).stdout
        for command in commands
    ]
    files, signature, entry, leaf, root = answers
    *intact, one, two = files.splitlines()
    assert all(line.endswith(": OK") for line in intact)
    assert [one.split(), two.split()] == [["1", layout.MANIFEST], ["1", layout.SIGNATURE]]
    assert "Signature Verified Successfully" in signature
    assert is_own_key(signature)
    picture, opening = (line.split()[0] for line in entry.splitlines()[:2])
    assert f'"file":"{picture}"' in entry
    assert f'"commit":"{opening}"' in entry
    computed, listed = leaf.splitlines()
    assert computed.split()[0] == listed
    computed, stated, signed = root.splitlines()
    assert computed == stated
    assert signed == "Signature Verified Successfully"


def is_own_key(printed: str) -> bool:
    """Say whether what the second step prints ties the key of the list to the ledger, as a reader would see it."""
    _, key, entry, leaf, listed = printed.splitlines()
    return json.loads(entry)["info"]["key"] == key and leaf.split()[0] == listed


def test_by_hand_another_key_over_the_same_files_is_noticed(tmp_path: Path, record: Recorder) -> None:
    """Whoever has a package can sign its list anew; the ledger's first entry still names the key that made it."""
    record().export(tmp_path / "pack")
    text = (tmp_path / "pack" / layout.README).read_text(encoding="utf-8")
    second = re.findall(r"^   (\S.*)$", text, re.MULTILINE)[1]
    contents = {
        path.relative_to(tmp_path / "pack").as_posix(): path.read_bytes()
        for path in (tmp_path / "pack").rglob("*")
        if path.is_file()
    }
    other = Ed25519PrivateKey.generate()
    public = other.public_key()
    contents[layout.PUBLIC] = f"{public.public_bytes_raw().hex()}\n".encode()
    contents[layout.PUBLIC_PEM] = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for name, body in attack_scene.sealed(contents, other).items():
        (tmp_path / "pack" / name).write_bytes(body)
    done = subprocess.run(
        ["bash", "-c", second], cwd=tmp_path / "pack", capture_output=True, text=True, check=True
    ).stdout
    assert "Signature Verified Successfully" in done
    assert not is_own_key(done)


def finding(post: Path, order: Order, **more: object) -> Finding:
    fields: dict[str, object] = {
        "session": "x",
        "order": order,
        "order_reason": "no-trusted-draft-time",
        "likeness": Likeness.STRONG,
        "likeness_reason": "",
        "post": Interval(),
        "draft": Interval(),
        "claimed": None,
        "stage": 2,
        "first_stage": 1,
        "last_stage": 3,
        "view": "full",
        "compared": 4,
        "post_digest": sha256(post.read_bytes()).hexdigest(),
    }
    return Finding(**{**fields, **more})  # type: ignore[arg-type]


def test_post_and_finding_are_bound_together(tmp_path: Path, record: Recorder) -> None:
    recorded = record()
    entry = recorded.store.entry(recorded.session.id, 2)
    assert entry
    assert entry.opening
    picture = json.loads(entry.opening)["file"]
    post = recorded.pictures / picture[:2] / f"{picture}.png"
    found = finding(post, Order.UNCLEAR)
    recorded.export(tmp_path / "pack.zip", post=package.Post(post, "png", found))
    report = verify(tmp_path / "pack.zip", NOBODY)
    assert report.order is Order.UNCLEAR
    page = zipfile.ZipFile(tmp_path / "pack.zip").read(layout.PAGE).decode()
    assert "前後は判定できません" in page
    assert "This shows likeness and order in time. It does not establish" in page
    assert "<script" not in page


def test_order_that_tokens_do_not_carry_lowers_the_verdict(tmp_path: Path, record: Recorder) -> None:
    recorded = record()
    post = next(recorded.pictures.rglob("*.png"))
    found = finding(post, Order.DRAFT_FIRST)
    recorded.export(tmp_path / "pack.zip", post=package.Post(post, "png", found))
    report = verify(tmp_path / "pack.zip", NOBODY)
    assert report.verdict is Verdict.INTEGRITY_ONLY
    assert "order-not-confirmed" in report.reasons


def test_what_cannot_be_exported_is_said(tmp_path: Path, record: Recorder) -> None:
    recorded = record()
    with pytest.raises(UsageError, match="not a stage"):
        recorded.export(tmp_path / "pack.zip", chosen=[0])
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="already"):
        recorded.export(tmp_path / "there")
    stranger = replace(recorded, key=Ed25519PrivateKey.generate())
    with pytest.raises(ConfigError, match="another key"):
        stranger.export(tmp_path / "x.zip")
    next(recorded.pictures.rglob("*.png")).unlink()
    with pytest.raises(NotFoundError, match="not at"):
        recorded.export(tmp_path / "pack.zip")
    assert not list(tmp_path.glob("*.zip")) + list(tmp_path.glob(".*part"))


def test_an_order_may_rest_only_on_stages_that_are_shown(tmp_path: Path, record: Recorder) -> None:
    recorded = record(3)
    first, second, _ = recorded.stages
    path = tmp_path / "post.png"
    path.write_bytes(b"picture")
    found = finding(path, Order.UNCLEAR, stage=first, first_stage=first, last_stage=second)
    post = package.Post(path, "png", found)
    with pytest.raises(UsageError) as caught:
        recorded.export(tmp_path / "pack.zip", chosen=[first], post=post)
    assert caught.value.code == "export-finding-hidden"
    assert f"{first},{second}" in caught.value.message("en")
    assert not (tmp_path / "pack.zip").exists()
    recorded.export(tmp_path / "pack.zip", chosen=[first, second], post=post)
    assert verify(tmp_path / "pack.zip", NOBODY).order is Order.UNCLEAR


def test_ledger_that_begins_to_count_later_says_that_gaps_may_be_missing_until_then(tmp_path: Path) -> None:
    """Ledgers begun by an earlier version go on; one that counts may not stop."""
    for counts, counted in (([None, None], False), ([None, 1], True)):
        made = attack_scene.Hand()
        made.seal(events=counts[0])
        made.stage()
        made.seal(events=counts[1])
        path = tmp_path / "pack.zip"
        path.write_bytes(attack_scene.pack(made.contents()))
        assert verify(path, NOBODY).gaps_counted is counted
        assert check_alone(path, [])["gaps_counted"] is counted
