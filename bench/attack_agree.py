"""Packages of which no verdict is the only right one, for `bench.attack`: both verifiers must still say the same.

The key's holder puts odd values into the finding, into entries and checkpoints of a ledger made by hand, and changes
the bytes of files that are statements of his own.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

from bench.attack_scene import Hand, Scene, is_free, pack, restated, sealed
from sakigake.evidence import layout
from sakigake.model import EntryType

VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 5, 8, 10, 1 << 31, 1 << 47, (1 << 47) - 1, (1 << 53) - 1, 253_402_300_799_999),
    *("", "x", "0" * 64, "f" * 64, "1", "strong", "post_first", "order_unclear", "session_end", "stage"),
    *("é", "先駆け"),
    *({}, {"a": 1}, {"not_before": 1}, {"first": 1, "last": 2}, {"best": 2}),
)


def cases(scene: Scene, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (description, archive)."""
    rng = random.Random(seed)
    for number in range(count):
        match number % 3:
            case 0:
                yield _finding(scene, rng)
            case 1:
                yield _statement(scene, rng)
            case _:
                yield f"ledger {number}", pack(_ledger(rng).contents())


def _finding(scene: Scene, rng: random.Random) -> tuple[str, bytes]:
    """Change one value, or one end of an interval, in the finding."""
    finding = json.loads(scene.contents[layout.FINDING])
    key = rng.choice([*finding, "new"])
    value = rng.choice(VALUES)
    inner = finding.get(key)
    if isinstance(inner, dict) and inner and rng.random() < 0.7:
        within = rng.choice([*inner, "best", "not_after"])
        near = inner.get(within, 0)
        nudged = near + rng.choice((-1, 1, 1000, -(10**7))) if isinstance(near, int) else value
        value = {**inner, within: abs(nudged) if isinstance(nudged, int) and rng.random() < 0.7 else value}
    return f"finding {key}: {value}", pack(restated(scene.bare(), **{key: value}))


def _statement(scene: Scene, rng: random.Random) -> tuple[str, bytes]:
    """Change a byte of a file that no rule binds to others."""
    bare = scene.bare()
    name = rng.choice(sorted(filter(is_free, bare)))
    at = rng.randrange(len(bare[name]))
    body = bytearray(bare[name])
    body[at] ^= 1 << rng.randrange(8)
    return f"statement {name} at {at}", pack(sealed({**bare, name: bytes(body)}))


def _ledger(rng: random.Random) -> Hand:
    """Make a ledger with an odd value in one entry and perhaps in a checkpoint."""
    made = Hand()
    made.seal()
    for _ in range(rng.randrange(1, 4)):
        field = rng.choice(
            ("wall", "mono", "boot", "after", "commit", "fp", "info", "type", "v", "seq", "salt", "new")
        )
        change = {field: rng.choice(VALUES)} if rng.random() < 0.5 else None
        if rng.random() < 0.1:
            change = {"info": {"still": rng.choice(VALUES)}}
        if rng.random() < 0.6:
            made.stage(rng.randrange(1, 9), change)
        else:
            kind = rng.choice([each for each in EntryType if each is not EntryType.STAGE])
            made.add(kind, change, info={"ms": 1})
    numbers = {
        "size": (1, 2, 9),
        "events": (None, 1, 2, 7),
        "prev": (None, "0" * 64),
        "after": (None, "1" * 64),
    }
    field = rng.choice([*numbers, "", "", ""])
    made.seal(**({field: rng.choice(numbers[field])} if field else {}))
    return made
