"""Two packages side by side: one ledger told in two ways fails, two ledgers of one key at once are pointed out."""

import time
from copy import copy
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import attack_keys
from bench.attack_scene import KEY, Hand, ask, pack
from desk.demo import authority as demo
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence.against import Compared, Relation, compare
from sakigake.evidence.verify import verify
from sakigake.model import EntryType
from sakigake.timeline import rotation
from tests.evidence.test_tokens import NOBODY

OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(5, 37)))
NOON = 1_800_000_000_000
HOUR = 3_600_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority")
    demo.create(folder)
    return folder


def written(folder: Path, name: str, made: Hand) -> Path:
    path = folder / name
    path.write_bytes(pack(made.contents()))
    return path


def ledger(key: Ed25519PrivateKey = KEY, *, at: int = NOON) -> Hand:
    """A ledger of a minute at `at` by the computer's clock, without tokens."""
    made = Hand(key)
    made.add(EntryType.HEARTBEAT, wall=at)
    made.stage(5, {"wall": at + 30_000})
    made.seal()
    return made


def forked(made: Hand, entries: int) -> Hand:
    """The same ledger as it was, gone on with in another way."""
    other = copy(made)
    other.raws, other.notes, other.files = list(made.raws), list(made.notes), dict(made.files)
    for _ in range(entries):
        other.add(EntryType.HEARTBEAT)
    other.seal()
    return other


def held(first: Path, *others: Path, trust: Trust = NOBODY) -> tuple[Compared, ...]:
    return compare(first, verify(first, trust), others, trust)


def test_one_ledger_at_two_lengths_agrees(tmp_path: Path) -> None:
    short = ledger()
    long = forked(short, 3)
    one, two = written(tmp_path, "short.zip", short), written(tmp_path, "long.zip", long)
    for first, other in ((one, two), (two, one), (one, one)):
        (found,) = held(first, other)
        assert (found.relation, found.shared) == (Relation.SAME, 3)


@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 4), (5, 2)])
def test_one_ledger_told_in_two_ways_fails(tmp_path: Path, left: int, right: int) -> None:
    start = ledger()
    one = written(tmp_path, "one.zip", forked(start, left))
    two = written(tmp_path, "two.zip", forked(start, right))
    assert verify(one, NOBODY).ledger == verify(two, NOBODY).ledger
    with pytest.raises(VerificationError) as caught:
        held(one, two)
    assert caught.value.code == "ledgers-disagree"
    assert caught.value.params["seq"] == 3
    # The two that disagree need not be the first: a short one agrees with both.
    with pytest.raises(VerificationError):
        held(written(tmp_path, "start.zip", start), one, two)


def test_a_package_that_does_not_hold_is_named(tmp_path: Path) -> None:
    one = written(tmp_path, "one.zip", ledger())
    (tmp_path / "bad.zip").write_bytes(one.read_bytes()[:-9])
    with pytest.raises(VerificationError) as caught:
        held(one, tmp_path / "bad.zip")
    assert caught.value.code == "against-fails"
    assert "bad.zip" in caught.value.message("en")


@pytest.mark.parametrize(
    ("at", "key", "relation"),
    [
        (NOON, KEY, Relation.PERHAPS),
        (NOON + 10 * HOUR, KEY, Relation.CLAIMED),
        (NOON, OTHER, Relation.OTHER_KEY),
    ],
)
def test_without_tokens_the_claims_of_the_clock_are_all_there_is(
    tmp_path: Path, at: int, key: Ed25519PrivateKey, relation: Relation
) -> None:
    # Entry 0 is claimed at NOON in each; only the rest moves, so the second one is built at its own hour.
    second = Hand(key)
    second.raws.clear()
    second.add(
        EntryType.SESSION_START,
        wall=at,
        info={"key": key.public_key().public_bytes_raw().hex(), "n": "second"},
    )
    second.stage(5, {"wall": at + 20_000})
    second.seal()
    (found,) = held(written(tmp_path, "one.zip", ledger()), written(tmp_path, "two.zip", second))
    assert found.relation is relation


def test_a_key_and_the_one_it_continues_count_as_one(tmp_path: Path) -> None:
    made = Hand()
    info = rotation.sign(made.leaves[0].hex()[:32], attack_keys.OLD, KEY, "routine")
    made.add(EntryType.KEY_ROTATE, info=info)
    made.stage(5)
    made.seal()
    before = ledger(attack_keys.OLD)
    (found,) = held(written(tmp_path, "new.zip", made), written(tmp_path, "old.zip", before))
    assert (found.relation, found.linked) == (Relation.PERHAPS, True)


def begun(authority: Path, key: Ed25519PrivateKey = KEY) -> Hand:
    made = Hand(key)
    made.token(ask(authority, made.seal()))
    return made


def ended(made: Hand, authority: Path) -> Hand:
    made.stage(5)
    made.token(ask(authority, made.seal()), name_it=False)
    return made


def test_tokens_show_parallel_ledgers(tmp_path: Path, authority: Path) -> None:
    trust = Trust().with_roots((authority / "root.pem").read_bytes(), "local")
    both = begun(authority), begun(authority)
    time.sleep(2.2)  # a token is a second wide: only then have both surely begun before either ends
    for made in both:
        made.add(EntryType.HEARTBEAT)
        made.token(ask(authority, made.seal()))
        ended(made, authority)
    paths = [written(tmp_path, f"{number}.zip", made) for number, made in enumerate(both)]
    (found,) = held(*paths, trust=trust)
    assert found.relation is Relation.PARALLEL
    # Whoever trusts nobody has the claims alone.
    (unsure,) = held(*paths)
    assert unsure.relation is Relation.PERHAPS


def test_tokens_show_that_one_ledger_came_after_the_other(tmp_path: Path, authority: Path) -> None:
    trust = Trust().with_roots((authority / "root.pem").read_bytes(), "local")
    one = ended(begun(authority), authority)
    time.sleep(2.2)
    two = ended(begun(authority), authority)  # by the computer's clock it is the same minute
    (found,) = held(written(tmp_path, "1.zip", one), written(tmp_path, "2.zip", two), trust=trust)
    assert found.relation is Relation.APART


def test_claims_alone_never_set_ledgers_apart(tmp_path: Path, authority: Path) -> None:
    """Two ledgers written by turns, one with a clock ten minutes on: no token names another, so none shows anything."""
    trust = Trust().with_roots((authority / "root.pem").read_bytes(), "local")
    paths = []
    for number, at in enumerate((NOON, NOON + 600_000)):
        made = Hand()
        made.raws.clear()
        info = {"key": KEY.public_key().public_bytes_raw().hex(), "n": str(number)}
        made.add(EntryType.SESSION_START, wall=at, info=info)
        made.stage(5, {"wall": at + 1_000})
        made.token(ask(authority, made.seal()), name_it=False)
        paths.append(written(tmp_path, f"{number}.zip", made))
    (found,) = held(*paths, trust=trust)
    assert (found.relation, found.linked) == (Relation.CLAIMED, False)


def test_hidden_stages_count_as_well(tmp_path: Path, authority: Path) -> None:
    """One ledger shows a stage from before the other began, and hides the one from after that."""
    trust = Trust().with_roots((authority / "root.pem").read_bytes(), "local")
    one = ended(begun(authority), authority)
    time.sleep(2.2)
    two = ended(begun(authority), authority)
    apart = written(tmp_path, "apart.zip", one), written(tmp_path, "two.zip", two)
    assert held(*apart, trust=trust)[0].relation is Relation.APART
    late = copy(one)
    late.raws, late.notes, late.files = list(one.raws), list(one.notes), dict(one.files)
    hidden = late.stage(9)
    late.token(ask(authority, late.seal()), name_it=False)
    for name in [name for name in late.files if name.startswith(f"stages/{hidden:06d}")]:
        del late.files[name]
    (found,) = held(written(tmp_path, "late.zip", late), apart[1], trust=trust)
    assert found.relation is Relation.PERHAPS


def test_a_place_that_was_signed_twice_is_a_fork(tmp_path: Path) -> None:
    """Both have the same entries, and two signed checkpoints stand behind the same one before."""
    start = ledger()
    one, two = copy(start), copy(start)
    for made in (one, two):
        made.raws, made.notes, made.files = list(start.raws), list(start.notes), dict(start.files)
    one.add(EntryType.HEARTBEAT)
    one.seal()
    two.raws = list(one.raws)
    two.add(EntryType.HEARTBEAT)
    two.seal()
    with pytest.raises(VerificationError) as caught:
        held(written(tmp_path, "one.zip", one), written(tmp_path, "two.zip", two))
    assert caught.value.code == "checkpoints-disagree"
    assert caught.value.params["name"] == "anchors/0001.checkpoint.txt"
