"""Exact search: whoever does the looking, the same codes are found in the same order."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watch.index import search

BYTES = 32


def counted(codes: search.Codes, query: search.Codes) -> list[int]:
    """Return distances by counting bit after bit."""
    return [
        sum((a ^ b).bit_count() for a, b in zip(row, query.tolist(), strict=True)) for row in codes.tolist()
    ]


@pytest.fixture(params=["numpy", "faiss"])
def looking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "faiss" and importlib.util.find_spec("faiss") is None:
        pytest.skip("needs the extra 'fast'")
    monkeypatch.setattr(search, "engine", lambda: request.param)
    return str(request.param)


@pytest.mark.parametrize("limit", [1, 7, 300])
def test_the_nearest_are_those_with_the_fewest_bits_that_differ(looking: str, limit: int) -> None:
    rng = np.random.default_rng(limit)
    # Few different bytes: many codes are equally far, and the first of them has to win.
    codes = rng.integers(0, 2, (250, BYTES)).astype(np.uint8)
    queries = rng.integers(0, 2, (3, BYTES)).astype(np.uint8)
    positions, distances = search.nearest(codes, queries, limit)
    for row, query in enumerate(queries):
        apart = counted(codes, query)
        expected = sorted(range(len(codes)), key=lambda at: (apart[at], at))[:limit]
        assert positions[row].tolist() == expected, looking
        assert distances[row].tolist() == [apart[at] for at in expected]


def test_nothing_is_found_among_nothing(looking: str) -> None:
    positions, distances = search.nearest(np.zeros((0, BYTES), np.uint8), np.zeros((2, BYTES), np.uint8), 5)
    assert positions.shape == distances.shape == (2, 0), looking


@given(st.binary(min_size=BYTES * 20, max_size=BYTES * 20), st.binary(min_size=BYTES, max_size=BYTES))
@settings(max_examples=30, deadline=None)
def test_bits_are_counted_alike_with_and_without_numpy_2(raw: bytes, query: bytes) -> None:
    codes, one = np.frombuffer(raw, np.uint8).reshape(-1, BYTES), np.frombuffer(query, np.uint8)
    words = codes.view(np.uint16) ^ one.view(np.uint16)
    assert search.differing(codes, one).tolist() == counted(codes, one)
    assert search._table()[words].sum(axis=1).tolist() == counted(codes, one)


def test_more_codes_than_one_block_are_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "engine", lambda: "numpy")
    monkeypatch.setattr(search, "_BLOCK", 16)
    codes = np.full((50, BYTES), 255, np.uint8)
    codes[[3, 17, 49]] = 0
    positions, distances = search.nearest(codes, np.zeros((1, BYTES), np.uint8), 4)
    assert positions[0].tolist() == [3, 17, 49, 0]
    assert distances[0].tolist() == [0, 0, 0, 256]
