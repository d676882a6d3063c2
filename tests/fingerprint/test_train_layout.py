"""The training script: the same material whoever draws it, and a net that numpy runs as torch does."""

import importlib
import importlib.util
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.layout_pictures import Z, pool, scene
from bench.train_layout import Recipe, batches, material, packed, train
from sakigake.fingerprint.layout_map import PLAN, assemble, run

SMALL = Recipe(seed=5, drawings=12, pairs=16, steps=2, batch=8, width=8)


def test_material_depends_on_the_recipe_only() -> None:
    one, again = material(SMALL, 1), material(SMALL, 1)
    assert one.digest == again.digest
    assert one.drafts.shape == one.posts.shape == (16, 9, 32, 32)
    assert np.isfinite(one.drafts).all()
    assert np.array_equal(one.posts, again.posts)
    assert one.digest != material(replace(SMALL, seed=6), 1).digest


def test_scenes_are_pictures() -> None:
    drawings = pool(3, 12)
    for number in range(12):
        made = scene(np.random.default_rng(number), drawings)
        assert made.picture.shape == (Z, Z, 3)
        assert made.picture.min() >= -1e-6
        assert made.picture.max() <= 1 + 1e-6
        assert made.mask is None or made.mask.shape == (Z, Z)


def test_half_of_a_batch_is_of_one_genre() -> None:
    genres = ("portrait",) * 30 + ("thing",) * 30 + ("photo",) * 2
    for chosen in batches(replace(SMALL, steps=20), genres, np.random.default_rng(1)):
        assert len(set(chosen.tolist())) == 8
        assert len({genres[number] for number in chosen[: 4 if genres[chosen[0]] != "photo" else 2]}) == 1


def test_packed_weights_depend_on_the_values_only() -> None:
    arrays = {"b": np.ones(3, np.float16), "a": np.zeros((2, 2), np.float16)}
    raw = packed(arrays)
    assert raw == packed(dict(reversed(arrays.items())))
    with np.load(io.BytesIO(raw), allow_pickle=False) as read:
        assert np.array_equal(read["b"], arrays["b"])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
def test_two_steps_give_a_net_that_numpy_runs_as_torch_does() -> None:
    torch: Any = importlib.import_module("torch")
    drawn = material(SMALL, 1)
    arrays, right = train(SMALL, drawn, 1)
    assert packed(arrays) == packed(train(SMALL, drawn, 1)[0])
    assert 0 <= right <= 1
    stems = drawn.drafts[:4].astype(np.float32)
    values = torch.from_numpy(stems)
    for name, stride, added, rectified in PLAN:
        kernel, bias = (
            torch.from_numpy(arrays[f"{name}.{part}"].astype(np.float32)) for part in ("kernel", "bias")
        )
        made = torch.nn.functional.conv2d(values, kernel, bias, stride, kernel.shape[-1] // 2)
        made = made + values if added else made
        values = torch.relu(made) if rectified else made
    exact = (values - values.mean((2, 3), keepdim=True)).numpy()
    assert np.abs(run(stems, assemble(arrays, "test")) - exact).max() < 1e-4 * np.abs(exact).max()
