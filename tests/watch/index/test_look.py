"""What the first look is held against: the shipped cohort, ready made, and no other."""

import numpy as np
import pytest

from sakigake import resources
from sakigake.errors import ConfigError
from watch.compare import cohort
from watch.compare.measures import LAYOUT
from watch.index import coding, look


def test_the_cohort_that_ships_ready_is_the_cohort() -> None:
    rows = cohort.load().rows[LAYOUT]
    steps = np.rint(rows * (127 / np.abs(rows).max(axis=1, keepdims=True))).astype(np.int8)
    assert float((coding.describe(steps) * look._cohort()).sum(axis=1).min()) > 0.9995


@pytest.mark.parametrize("damage", ["rows", "other cohort"])
def test_another_or_a_damaged_one_is_refused(monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    raw, text = resources.read_bytes, resources.read_text
    look._cohort.cache_clear()
    if damage == "rows":
        monkeypatch.setattr(resources, "read_bytes", lambda name: raw(name)[:-1] + b"\1")
    else:
        monkeypatch.setattr(
            resources, "read_text", lambda name: text(name).replace('"sha256": "', '"sha256": "0')
        )
    with pytest.raises(ConfigError):
        look._cohort()
    look._cohort.cache_clear()
