"""The codes: the same bits on every machine, and alike for alike maps."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint.layout_map import SIZE
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from tests.watch.studio import drawing, redrawn
from watch.index import coding

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "shortlist-v1.json"


def maps(count: int, seed: int = 1) -> NDArray[np.int8]:
    """Return maps as a net might make them: smooth, the largest value at 127."""
    rng = np.random.default_rng(seed)
    rows = np.cumsum(rng.normal(size=(count, SIZE)), axis=1)
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(np.rint(rows * (127 / np.abs(rows).max(axis=1, keepdims=True))), np.int8)


def test_codes_are_those_of_the_golden_vectors() -> None:
    golden = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert golden["version"] == coding.VERSION
    for each in golden["maps"]:
        row = maps(1, each["seed"])
        values = coding.describe(row)
        assert coding.codes(values).tobytes().hex() == each["code"]
        assert coding.quantised(values)[0, :16].tolist() == each["fine_begins"]


def test_sums_are_exact_whatever_the_order_and_the_batch() -> None:
    """Bits must not hang on how a machine adds: in a batch, alone, and in whole numbers of 64 bits all is the same."""
    rows, turn = maps(40), coding.load()
    together = coding.describe(rows)
    kernel = turn.kernel.astype(np.int64)
    for at, row in enumerate(rows):
        assert np.array_equal(coding.describe(row[None])[0], together[at])
        cells = row.reshape(12, 256).astype(np.int64)
        turned = np.einsum("cx,cxk->k", cells, kernel).astype(np.float64)
        turned -= cells.sum(axis=1) / 256 @ kernel.sum(axis=1)
        length = np.sqrt(float((cells**2).sum()) - float((cells.sum(axis=1) ** 2).sum()) / 256)
        values = turned - length * turn.middle
        assert np.array_equal(values > 0, together[at] > 0)


def test_an_empty_map_is_like_nothing() -> None:
    rows = np.concatenate([np.zeros((1, SIZE), np.int8), maps(3)])
    values = coding.describe(rows)
    assert not values[0].any()
    fine = coding.quantised(values)
    assert not fine[0].any()
    assert np.allclose(coding.cosines(values, fine)[0], 0)


def test_the_channels_level_does_not_matter() -> None:
    """Maps are compared by their channel-centred values, so a whole channel a step higher is the same map."""
    row = np.clip(maps(1), -100, 100)
    higher = row.reshape(12, 256).copy()
    higher[3] += 5
    one, other = coding.describe(row), coding.describe(higher.reshape(1, -1))
    assert float((one * other).sum()) > 0.999999


def test_quantised_rows_keep_their_direction() -> None:
    values = coding.describe(maps(20))
    assert np.allclose(np.diag(coding.cosines(values, coding.quantised(values))), 1, atol=2e-4)


def test_a_redrawn_picture_is_nearer_than_other_drawings() -> None:
    stages = coding.describe(np.stack([unpack(fingerprint_v2(drawing(seed, 7))).layout for seed in range(6)]))
    post = coding.describe(unpack(fingerprint_v2(redrawn(drawing(3, 7)))).layout[None])
    apart = [int(np.unpackbits(each ^ coding.codes(post)[0]).sum()) for each in coding.codes(stages)]
    assert int(np.argmin(apart)) == 3
    assert min(apart) < 90 < sorted(apart)[1]


def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resources.read_bytes(f"{coding.NAME}.npz")
    coding.load.cache_clear()
    monkeypatch.setattr(resources, "read_bytes", lambda _: whole[:-1] + b"\1")
    with pytest.raises(ConfigError):
        coding.load()
    coding.load.cache_clear()
