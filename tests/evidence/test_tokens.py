"""Packages with tokens of a real authority on loopback: times, by hand with openssl, and what cannot be moved."""

import json
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from desk.demo.authority import LocalAuthority, local_authority
from sakigake.anchor import client, rfc3161, trust
from sakigake.anchor.trust import Trust
from sakigake.errors import UsageError, VerificationError
from sakigake.evidence import layout, package
from sakigake.evidence.standalone import whole
from sakigake.evidence.standalone.certificates import Root
from sakigake.evidence.verify import verify
from sakigake.model import Finding, Interval, Likeness, Order, StoredToken, Verdict
from sakigake.store.sqlite import SqliteStore
from tests.evidence.conftest import Recorded, Recorder
from tests.evidence.test_tampering import resigned

NOBODY = Trust()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with local_authority(tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture(scope="module")
def trusted(authority: LocalAuthority) -> Trust:
    row = {"name": "local", "url": authority.url, "root": str(authority.root_pem)}
    return trust.load({"anchor": {"authority": [row], "use": ["local"]}})


@pytest.fixture
def anchored(record: Recorder, trusted: Trust) -> Recorded:
    def seal(store: SqliteStore, session: str) -> None:
        checkpoint = store.checkpoints(session)[-1]
        local = trusted.get("local")
        assert local
        raw = client.request_token(local, checkpoint.note, 5)
        reading = rfc3161.read_token(raw, checkpoint.note, trusted)
        store.add_token(
            session,
            StoredToken(
                checkpoint.number, "local", raw, sha256(raw).digest(), reading.low, reading.high, trusted=True
            ),
        )

    return record(3, seal)


def stamp(trusted: Trust, manifest: bytes) -> bytes:
    local = trusted.get("local")
    assert local
    return client.request_token(local, manifest, 5)


def test_verified_with_both_bounds(tmp_path: Path, anchored: Recorded, trusted: Trust) -> None:
    anchored.export(tmp_path / "pack.zip", trusted, stamp=lambda raw: stamp(trusted, raw))
    report = verify(tmp_path / "pack.zip", trusted)
    now = datetime.now(UTC)
    assert report.verdict is Verdict.VERIFIED
    assert report.authorities == ("local",)
    assert report.sealed
    assert report.sealed >= max(
        stage.interval.not_before for stage in report.stages if stage.interval.not_before
    )
    for stage in report.stages:
        assert stage.interval.not_before
        assert stage.interval.not_after
        assert stage.interval.not_before <= now
        assert stage.interval.not_after - stage.interval.not_before <= timedelta(seconds=10)
        assert not stage.flags


def test_authority_that_the_verifier_does_not_pin_is_not_counted(
    tmp_path: Path, anchored: Recorded, trusted: Trust
) -> None:
    anchored.export(tmp_path / "pack.zip", trusted, stamp=lambda raw: stamp(trusted, raw))
    report = verify(tmp_path / "pack.zip", NOBODY)
    assert report.verdict is Verdict.INTEGRITY_ONLY
    assert report.reasons == ("no-trusted-token",)
    assert all(stage.interval == Interval() for stage in report.stages)
    assert report.sealed is None


def test_openssl_accepts_the_stored_tokens_by_hand(
    tmp_path: Path, anchored: Recorded, trusted: Trust
) -> None:
    anchored.export(tmp_path / "pack", trusted)
    text = (tmp_path / "pack" / layout.README).read_text(encoding="utf-8")
    commands = re.findall(r"^   (\S.*)$", text[text.index("How to check") :], re.MULTILINE)
    assert len(commands) == 6
    done = subprocess.run(
        ["bash", "-c", commands[-1]], cwd=tmp_path / "pack", capture_output=True, text=True, check=True
    )
    assert "Verification: OK" in done.stdout
    assert "Time stamp: " in done.stdout


def test_no_changed_byte_of_a_stamped_package_passes(
    tmp_path: Path, anchored: Recorded, trusted: Trust
) -> None:
    _changes(tmp_path, anchored, trusted, 250)


@pytest.mark.slow
def test_no_changed_byte_of_a_stamped_package_passes_2000_times(
    tmp_path: Path, anchored: Recorded, trusted: Trust
) -> None:
    _changes(tmp_path, anchored, trusted, 2000)


def _changes(tmp_path: Path, anchored: Recorded, trusted: Trust, count: int) -> None:
    anchored.export(tmp_path / "pack.zip", trusted, stamp=lambda raw: stamp(trusted, raw))
    whole = (tmp_path / "pack.zip").read_bytes()
    rng = random.Random(count)
    for number in range(count):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= rng.randrange(1, 256)
        (tmp_path / "bad.zip").write_bytes(changed)
        with pytest.raises(VerificationError):
            # The honest verifier's pins and a stranger's none must both refuse.
            verify(tmp_path / "bad.zip", trusted if number % 2 else NOBODY)


def test_every_byte_of_the_token_over_the_package_counts(
    tmp_path: Path, anchored: Recorded, trusted: Trust
) -> None:
    anchored.export(tmp_path / "pack", trusted, stamp=lambda raw: stamp(trusted, raw))
    path = tmp_path / "pack" / layout.STAMP
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        with pytest.raises(VerificationError):
            verify(tmp_path / "pack", trusted if position % 2 else NOBODY)


def test_token_moved_to_another_checkpoint(tmp_path: Path, anchored: Recorded, trusted: Trust) -> None:
    anchored.export(tmp_path / "pack", trusted)
    anchors = tmp_path / "pack" / "anchors"
    first, second = (anchors / "0001.tsr").read_bytes(), (anchors / "0002.tsr").read_bytes()
    (anchors / "0001.tsr").write_bytes(second)
    (anchors / "0002.tsr").write_bytes(first)
    resigned(anchored.key, tmp_path / "pack")
    with pytest.raises(VerificationError, match="token"):
        verify(tmp_path / "pack", trusted)


def test_removed_token_that_later_entries_name(tmp_path: Path, anchored: Recorded, trusted: Trust) -> None:
    anchored.export(tmp_path / "pack", trusted)
    (tmp_path / "pack" / "anchors" / "0001.tsr").unlink()
    resigned(anchored.key, tmp_path / "pack")
    with pytest.raises(VerificationError) as caught:
        verify(tmp_path / "pack", trusted)
    assert caught.value.code == "token-missing"


def finding(recorded: Recorded, post: Path, order: Order, posted: Interval) -> Finding:
    return Finding(
        session=recorded.session.id,
        order=order,
        order_reason="",
        likeness=Likeness.STRONG,
        likeness_reason="",
        post=posted,
        draft=Interval(),
        claimed=None,
        stage=recorded.stages[1],
        first_stage=recorded.stages[0],
        last_stage=recorded.stages[1],
        view="full",
        compared=3,
        post_digest=sha256(post.read_bytes()).hexdigest(),
    )


@pytest.mark.parametrize(
    ("posted_after_s", "stated", "verdict"),
    [
        (3600, Order.DRAFT_FIRST, Verdict.VERIFIED),
        (-3600, Order.POST_FIRST, Verdict.VERIFIED),
        (0, Order.UNCLEAR, Verdict.VERIFIED),
        (0, Order.DRAFT_FIRST, Verdict.INTEGRITY_ONLY),
        (3600, Order.POST_FIRST, None),
        (-3600, Order.DRAFT_FIRST, None),
    ],
)
def test_order_is_worked_out_again(  # noqa: PLR0917 - fixtures and cases
    tmp_path: Path,
    anchored: Recorded,
    trusted: Trust,
    posted_after_s: int,
    stated: Order,
    verdict: Verdict | None,
) -> None:
    when = datetime.now(UTC) + timedelta(seconds=posted_after_s)
    entry = anchored.store.entry(anchored.session.id, anchored.stages[1])
    assert entry
    assert entry.opening
    name = json.loads(entry.opening)["file"]
    post = anchored.pictures / name[:2] / f"{name}.png"
    posted = Interval(when - timedelta(seconds=60), when + timedelta(seconds=60))
    found = finding(anchored, post, stated, posted)
    anchored.export(tmp_path / "pack.zip", trusted, post=package.Post(post, "png", found))
    if verdict is None:
        with pytest.raises(VerificationError) as caught:
            verify(tmp_path / "pack.zip", trusted)
        assert caught.value.code == "order-contradicts"
    else:
        report = verify(tmp_path / "pack.zip", trusted)
        assert report.verdict is verdict
        assert report.order is (stated if verdict is Verdict.VERIFIED else Order.UNCLEAR)


@pytest.mark.parametrize("option", ["without_picture", "entry_only"])
def test_an_order_that_rests_on_a_picture_nobody_sees_is_not_verified(
    tmp_path: Path, anchored: Recorded, trusted: Trust, option: str
) -> None:
    """An earlier draft would be stated, and there would be nothing to look at."""
    when = datetime.now(UTC) + timedelta(hours=1)
    post = next(anchored.pictures.rglob("*.png"))
    posted = Interval(when - timedelta(seconds=60), when + timedelta(seconds=60))
    found = finding(anchored, post, Order.DRAFT_FIRST, posted)
    less: dict[str, Any] = {option: [anchored.stages[0]]}
    out = tmp_path / "pack"
    if option == "entry_only":
        with pytest.raises(UsageError, match="more than their entry"):
            anchored.export(out, trusted, post=package.Post(post, "png", found), **less)
        assert not out.exists()
        less = {"without_picture": [anchored.stages[0]]}
    made = anchored.export(out, trusted, post=package.Post(post, "png", found), **less)
    assert made.unseen == (anchored.stages[0],), "whoever exports it is told"
    report = verify(out, trusted)
    assert report.verdict is Verdict.INTEGRITY_ONLY
    assert report.reasons == ("order-not-shown",)
    local = trusted.get("local")
    assert local
    alone = whole.check(out, [Root(local.name, local.roots, local.between)])
    assert alone["reasons"] == ["order-not-shown"]


def test_a_post_that_shows_a_part_of_a_stage_can_be_exported(
    tmp_path: Path, anchored: Recorded, trusted: Trust
) -> None:
    when = datetime.now(UTC) + timedelta(hours=1)
    post = next(anchored.pictures.rglob("*.png"))
    posted = Interval(when - timedelta(seconds=60), when + timedelta(seconds=60))
    found = replace(
        finding(anchored, post, Order.DRAFT_FIRST, posted), view="crop", part=(0.125, 0.0625, 0.75, 0.8125)
    )
    made = anchored.export(tmp_path / "pack", trusted, post=package.Post(post, "png", found))
    assert made.unseen == ()
    stated = json.loads((tmp_path / "pack" / layout.FINDING).read_bytes())
    assert stated["part"] == {"top": 125, "left": 62, "height": 750, "width": 812}
    assert verify(tmp_path / "pack", trusted).verdict is Verdict.VERIFIED
