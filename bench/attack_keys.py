"""Attacks of `bench.attack` on the change of a signing key: who continues whom, told wrongly by the key's holder."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.attack_scene import KEY, Hand, Scene, ask, pack
from sakigake.model import EntryType
from sakigake.timeline import rotation

OLD = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
THIRD = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
IDENTITY = (1).to_bytes(32, "little").hex()  # of small order: a signature of zeros fits any text
SOUND = ("VERIFIED",)


def rotated(
    scene: Scene, change: Mapping[str, Any] | None = None, *, place: int = 1, twice: bool = False
) -> Hand:
    """Return a ledger whose entry `place` says which key it continues, with values changed."""
    made = Hand()
    for _ in range(place - 1):
        made.add(EntryType.HEARTBEAT)
    info = rotation.sign(made.leaves[0].hex()[:32], OLD, KEY, "routine")
    info = {key: value for key, value in (info | dict(change or {})).items() if value is not None}
    for _ in range(1 + twice):
        made.add(EntryType.KEY_ROTATE, info=info)
    made.stage()
    made.token(ask(scene.honest, made.seal()), name_it=False)
    return made


def cases(scene: Scene) -> Iterator[tuple[Any, ...]]:
    """Yield (name, how the package is made, the verdicts that are right if not FAILED)."""
    other = rotation.sign("0" * 32, OLD, KEY, "routine")
    third = rotation.sign("0" * 32, THIRD, KEY, "routine")
    public = THIRD.public_key().public_bytes_raw().hex()
    changes: dict[str, dict[str, Any]] = {
        "signatures made for another ledger": {key: other[key] for key in ("by_old", "by_new")},
        "the old key's signature made for another ledger": {"by_old": other["by_old"]},
        "the new key's signature made for another ledger": {"by_new": other["by_new"]},
        "the old key is somebody else's": {"old": public},
        "the old key signed nothing": {"by_old": third["by_new"]},
        "signatures in each other's place": {"by_old": other["by_new"], "by_new": other["by_old"]},
        "the new key is not the ledger's": {"new": public},
        "the key continues itself": {"old": KEY.public_key().public_bytes_raw().hex()},
        "an old key of small order": {"old": IDENTITY, "by_old": IDENTITY + "00" * 32},
        "another reason than was signed": {"reason": "copied"},
        "no reason": {"reason": None},
        "a reason that is no word": {"reason": "Routine"},
        "a value more": {"note": "x"},
        "a number for a key": {"old": 1},
        "no old key": {"old": None},
        "no signature of the old key": {"by_old": None},
        "a key too short": {"old": "ab"},
        "a key in capitals": {"old": OLD.public_key().public_bytes_raw().hex().upper()},
        "a signature too short": {"by_old": "ab" * 63},
    }
    for name, change in changes.items():
        yield f"rotation: {name}", lambda change=change: pack(rotated(scene, change).contents())
    yield "rotation: entry 2", lambda: pack(rotated(scene, place=2).contents())
    yield "rotation: twice", lambda: pack(rotated(scene, twice=True).contents())
    yield "rotation: without values", lambda: pack(_bare(scene).contents())
    yield "rotation: as it must be", lambda: pack(rotated(scene).contents()), SOUND


def _bare(scene: Scene) -> Hand:
    made = Hand()
    made.add(EntryType.KEY_ROTATE)
    made.stage()
    made.token(ask(scene.honest, made.seal()), name_it=False)
    return made
