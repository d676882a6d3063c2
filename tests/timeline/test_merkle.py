"""The tree against RFC 9162's own definition, written here a second time as plainly as the RFC does."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.timeline import merkle

leaves_of = st.integers(0, 70).map(lambda n: [hashlib.sha256(bytes([n, i])).digest() for i in range(n)])


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


@given(leaves_of)
def test_root_is_the_rfc_s(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == mth(leaves)


@given(leaves_of.filter(bool), st.data())
def test_proof_leads_to_the_root_and_no_other_leaf_does(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.inclusion_proof(index, leaves)
    root = merkle.root(leaves)
    assert merkle.root_from_proof(index, len(leaves), leaves[index], path) == root
    assert merkle.root_from_proof(index, len(leaves), b"\x00" * 32, path) != root
    assert merkle.root_from_proof(index, len(leaves), leaves[index], (*path, b"\x00" * 32)) is None
    if path:
        assert merkle.root_from_proof(index, len(leaves), leaves[index], path[:-1]) is None


def test_known_answer_of_certificate_transparency() -> None:
    # The eight leaves and the root of the reference implementation of RFC 6962.
    inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    leaves = [merkle.leaf_hash(bytes.fromhex(value)) for value in inputs]
    assert merkle.root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_index_outside_the_tree() -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_proof(1, [b"\x00" * 32])
    assert merkle.root_from_proof(1, 1, b"\x00" * 32, ()) is None
