"""The cache file: whole or not there, and not believed when anything in it is odd."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakigake import durable
from watch.index import cache

CODE, FINE = 32, 256


def table(*rows: int) -> cache.Table:
    made = np.zeros(len(rows), cache.SESSION)
    for at, count in enumerate(rows):
        made[at] = (f"20260101-00000{at}-abcd", 5 + at, 0, count, count + 3, 0)
    counts = made["rows"].astype(np.int64)
    made["first"] = np.cumsum(counts) - counts
    return made


def written(path: Path, *rows: int, version: str = "v") -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (sum(rows), CODE)).astype(np.uint8)
    fine = rng.integers(-127, 128, (sum(rows), FINE)).astype(np.int8)
    half = sum(rows) // 2
    cache.write(path, version, table(*rows), [codes[:half], codes[half:]], [fine[:half], fine[half:]])
    return codes, fine


@pytest.mark.parametrize("rows", [(), (0,), (3,), (2, 0, 5)])
def test_what_was_written_is_read(tmp_path: Path, rows: tuple[int, ...]) -> None:
    codes, fine = written(tmp_path / "c", *rows)
    kept = cache.read(tmp_path / "c", "v", CODE, FINE)
    assert kept
    assert np.array_equal(kept.sessions, table(*rows))
    assert np.array_equal(kept.codes, codes)
    assert np.array_equal(kept.fine.run(0, len(fine)), fine)
    some = np.array([row for row in (0, 2, len(fine) - 1) if 0 <= row < len(fine)], np.int64)
    assert np.array_equal(kept.fine.take(some), fine[some])
    with pytest.raises(IndexError):
        kept.fine.take(np.array([len(fine)]))
    kept.fine.close()
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("cache") / "c"
    written(path, 2, 3)
    return path.read_bytes()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_is_not_read(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "c"
    at = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["cut", "bit", "more"]))
    if kind == "cut":
        path.write_bytes(whole[:at])
    elif kind == "more":
        path.write_bytes(whole + b"\0")
    else:
        raw = bytearray(whole)
        raw[at] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(bytes(raw))
    found = cache.read(path, "v", CODE, FINE)
    if found is not None:
        found.fine.close()  # a flipped bit in the padding of the header changes nothing that is read
        assert kind == "bit"
        assert at < cache.HEADER
        assert np.array_equal(
            found.codes,
            np.frombuffer(whole, np.uint8, offset=cache.HEADER + 2 * cache.SESSION.itemsize)[
                : 5 * CODE
            ].reshape(5, CODE),
        )


def test_rows_that_are_shared_out_wrongly_are_not_read(tmp_path: Path) -> None:
    wrong = table(2, 3)
    wrong["first"][1] = 1
    cache.write(tmp_path / "c", "v", wrong, [np.zeros((5, CODE), np.uint8)], [np.zeros((5, FINE), np.int8)])
    assert cache.read(tmp_path / "c", "v", CODE, FINE) is None


def test_a_file_of_other_codes_is_not_read(tmp_path: Path) -> None:
    written(tmp_path / "c", 2, version="older")
    assert cache.read(tmp_path / "c", "v", CODE, FINE) is None


def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "c", 2)
    before = (tmp_path / "c").read_bytes()

    def fail(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(durable, "replace", fail)
    with pytest.raises(OSError, match="full"):
        written(tmp_path / "c", 4)
    assert (tmp_path / "c").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
