"""Bitcoin blocks as witnesses in a package: a proof and a header beside a checkpoint, checked without any network.

Nobody has to be trusted for this one: the header shows by its own work that it could not be made cheaply. It bounds
from above like a token over the same checkpoint; no entry can name it, so it never bounds from below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sakigake.anchor import bitcoin, ots
from sakigake.errors import VerificationError
from sakigake.evidence import container, layout
from sakigake.evidence.container import Container
from sakigake.timeline.bounds import TokenTime

NAME = "bitcoin"


@dataclass(frozen=True, slots=True)
class Block:
    """A block that holds the checkpoint of the first `size` entries; `name` is its hash as explorers write it."""

    file: str
    size: int
    name: str
    time: datetime
    low: datetime
    high: datetime


def check(
    package: Container, checkpoints: Sequence[tuple[bytes, int]], *, easiest: int = bitcoin.EASIEST
) -> tuple[Block, ...]:
    """Check every proof against its checkpoint (file, size) and its header; raises VerificationError.

    `easiest` is for tests, which mine blocks of their own.
    """
    names = set(package.names())
    proofs = {match["number"] for name in names if (match := layout.PROOF_FILE.fullmatch(name))}
    found = []
    for digits in sorted(proofs):
        number = int(digits)
        files = layout.proof(number), layout.header(number)
        for name in files:
            if name not in names:
                raise VerificationError("package-file-missing", name=name)
        if number >= len(checkpoints):
            raise VerificationError("package-file-extra", name=files[0])
        data, size = checkpoints[number]
        raw = container.read(package, files[0], ots.MAX_FILE_BYTES)
        header = container.read(package, files[1], bitcoin.HEADER_BYTES)
        block = ots.confirm(raw, sha256(data).digest(), header, easiest=easiest, what=files[0])
        found.append(Block(files[0], size, block.name, block.time, block.low, block.high))
    return tuple(found)


def times(blocks: Sequence[Block]) -> dict[str, TokenTime]:
    """Return the times for `bounds`, under names that no entry's `after` can have."""
    return {block.file: TokenTime(block.size, block.low, block.high) for block in blocks}
