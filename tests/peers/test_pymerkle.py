"""The tree against pymerkle, another author's: every size up to 300, and any size up to 10,000.

It runs in an environment and a process of its own, since its licence (GPL) must not come near ours.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakigake.timeline import merkle
from tests.peers.elsewhere import program

pytestmark = pytest.mark.slow

RELEASE = "pymerkle==7.0.0"
EVERY, MOST = 300, 10_000
ORACLE = f"""
import json, sys
from pymerkle import InmemoryTree
tree = InmemoryTree(algorithm="sha256")
for number in range({MOST}):
    tree.append_entry(b"entry %d" % number)
for line in sys.stdin:
    size, index = json.loads(line)
    path = tree.prove_inclusion(index + 1, size).path
    print(json.dumps([tree.get_root(size).hex(), [node.hex() for node in path]]), flush=True)
"""
LEAVES = [merkle.leaf_hash(b"entry %d" % number) for number in range(MOST)]


class Oracle:
    """Answers roots and audit paths of the first `size` leaves."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, size: int, index: int) -> tuple[bytes, list[bytes]]:
        """Return the root, and the path of leaf `index`, which begins with the leaf itself."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([size, index]) + "\n")
        self._process.stdin.flush()
        answer: list[Any] = json.loads(self._process.stdout.readline())
        return bytes.fromhex(answer[0]), [bytes.fromhex(node) for node in answer[1]]


@pytest.fixture(scope="module")
def oracle(pytestconfig: pytest.Config) -> Iterator[Oracle]:
    python = program(pytestconfig.cache.mkdir("pymerkle"), RELEASE, "python")
    with subprocess.Popen(
        [str(python), "-W", "ignore", "-c", ORACLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Oracle(process)
        process.kill()


def agrees(oracle: Oracle, size: int, index: int) -> None:
    root, path = oracle.ask(size, index)
    ours = merkle.inclusion_proof(index, LEAVES[:size])
    assert merkle.root(LEAVES[:size]) == root
    assert [LEAVES[index], *ours] == path
    assert merkle.root_from_proof(index, size, LEAVES[index], tuple(path[1:])) == root


def test_every_size_up_to_300(oracle: Oracle) -> None:
    for size in range(1, EVERY + 1):
        for index in {0, size // 2, size - 1, size * 2 // 3}:
            agrees(oracle, size, index)


@given(st.integers(1, MOST), st.data())
@settings(max_examples=60, deadline=None)
def test_any_size_up_to_10_000(oracle: Oracle, size: int, data: st.DataObject) -> None:
    agrees(oracle, size, data.draw(st.integers(0, size - 1)))


def test_a_leaf_more_or_another_leaf_is_noticed(oracle: Oracle) -> None:
    root, path = oracle.ask(200, 77)
    assert merkle.root(LEAVES[:201]) != root
    assert merkle.root_from_proof(77, 200, LEAVES[78], tuple(path[1:])) != root
