"""What chance looks like: pictures that nobody owns, chosen by a rule, put through the same steps as the post."""

import json

import numpy as np
import pytest

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint.vector import VERSION, fingerprint_v2, unpack
from tests.watch.studio import drawing, redrawn
from watch.compare import cohort
from watch.compare.measures import EDGES, rows_of
from watch.explaining import chance

STAGE = unpack(fingerprint_v2(drawing(11, 6)))


def test_the_shipped_pictures_are_whole_and_not_in_the_cohort() -> None:
    about = json.loads(resources.read_text(f"{chance.NAME}.json"))
    assert len(chance.pictures()) == about["pictures"] == 96
    assert max(max(each.shape) for each in chance.pictures()) == 224
    _, described = chance.described(VERSION)
    assert len(described) > 90
    rows = rows_of(list(described))[EDGES]
    nearest = (rows @ cohort.load().rows[EDGES].T).max(axis=1)
    assert nearest.max() < 0.97  # the same picture comes out at .995 and more


def test_the_rule_is_followed() -> None:
    """Valued one by one, the chosen ones are the highest and the middle one."""
    ranked = chance.ranking(STAGE)
    values = [value for _, value in ranked]
    assert values == sorted(values, reverse=True)
    closest, middle = chance.examples(STAGE)
    assert (closest.role, closest.number, closest.rank) == (chance.CLOSEST, ranked[0][0], 1)
    assert (middle.role, middle.number, middle.rank) == (
        chance.MIDDLE,
        ranked[len(ranked) // 2][0],
        len(ranked) // 2 + 1,
    )
    assert closest.among == middle.among == len(ranked)
    assert [each.number for each in chance.examples(STAGE)] == [closest.number, middle.number]


def test_an_example_goes_through_the_same_steps_as_a_post() -> None:
    closest = chance.examples(STAGE)[0]
    valued = chance.value(closest.pixels, STAGE)
    assert valued is not None
    assert (valued.surprise, valued.view, valued.part) == (closest.surprise, closest.view, closest.part)
    real = chance.value(redrawn(drawing(11, 7)), STAGE)
    assert real is not None
    assert real.surprise > closest.surprise + 1
    assert real.counts.reached < closest.counts.reached


def test_a_picture_without_anything_in_it_has_no_value() -> None:
    assert chance.value(np.full((80, 80, 3), 255, np.uint8), STAGE) is None


def test_a_damaged_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = bytearray(resources.read_bytes(f"{chance.NAME}.npz"))
    raw[len(raw) // 2] ^= 1
    monkeypatch.setattr(resources, "read_bytes", lambda _: bytes(raw))
    with pytest.raises(ConfigError) as caught:
        chance.digest.__wrapped__()
    assert caught.value.code == "check-data-damaged"
