"""The learned layout map: stored numbers, what changes them, and what must not."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError, VerificationError
from sakigake.fingerprint import layout_map
from sakigake.fingerprint.layout_map import (
    CHANNELS,
    SIDE,
    SIZE,
    assemble,
    layout_map_v1,
    layout_maps_v1,
    load,
    mirror_stem,
    read_map,
    run,
    square_v1,
    stem_v1,
)
from tests.fingerprint.pictures import GOLDEN, Pixels, blocks, face, rings

VECTORS = Path(__file__).parent.parent / "vectors" / "layout-map-v1.json"


def cosine(one: bytes, other: bytes) -> float:
    a, b = (read_map(each).astype(np.float64) for each in (one, other))
    a, b = ((each - each.mean(axis=(1, 2), keepdims=True)).ravel() for each in (a, b))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def mapped(pixels: Pixels) -> bytes:
    return layout_map_v1(pixels, load())


def straight(stems: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what the net makes of stems, cell by cell and in double precision."""
    values = stems.astype(np.float64)
    for layer in load().layers:
        out, _, size, _ = layer.kernel.shape
        padded = np.pad(values, ((0, 0), (0, 0), (size // 2, size // 2), (size // 2, size // 2)))
        side = values.shape[2] // layer.stride
        made = np.zeros((len(values), out, side, side))
        for y in range(side):
            for x in range(side):
                top, left = y * layer.stride, x * layer.stride
                window = padded[:, :, top : top + size, left : left + size]
                made[:, :, y, x] = np.einsum("nchw,ochw->no", window, layer.kernel) + layer.bias
        made = made + values if layer.added else made
        values = np.maximum(made, 0) if layer.rectified else made
    return np.asarray(values - values.mean(axis=(2, 3), keepdims=True))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_maps(name: str) -> None:
    """Versions of OpenCV round differently when they shrink, and sums of floats differ in their last bits."""
    known = base64.b64decode(json.loads(VECTORS.read_text(encoding="utf-8"))[name])
    got = mapped(GOLDEN[name]())
    steps = np.abs(read_map(known).astype(int) - read_map(got).astype(int))
    assert steps.max() <= 3
    assert (steps > 1).mean() < 0.01
    assert cosine(known, got) > 0.9995


def test_shape_and_size() -> None:
    raw = mapped(face(300, 200))
    assert len(raw) == SIZE == 3072
    values = read_map(raw)
    assert values.shape == (CHANNELS, SIDE, SIDE)
    assert values.dtype == np.int8
    assert np.abs(values.astype(int)).max() == 127


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert mapped(rings(333, 222)) == mapped(rings(333, 222).copy())
    turned = rings(400, 300)[:, ::-1]
    assert mapped(turned) == mapped(np.ascontiguousarray(turned))


def test_the_net_is_run_as_it_is_meant() -> None:
    stems = np.stack([stem_v1(square_v1(make(200, 200))) for make in (face, rings)])
    assert stems.shape == (2, 9, 32, 32)
    assert stems.dtype == np.float32
    exact = straight(stems)
    assert np.abs(run(stems, load()) - exact).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (31, 140, 200)])
def test_one_colour_resembles_nothing(colour: tuple[int, int, int]) -> None:
    blank = np.full((90, 160, 3), colour, np.uint8)
    assert mapped(blank) == bytes(SIZE)
    assert layout_maps_v1(blank, load()) == (bytes(SIZE), bytes(SIZE))


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 5), (513, 512), (2000, 40)])
def test_any_size_has_a_map(size: tuple[int, int]) -> None:
    read_map(mapped(blocks(max(size[0], 20), max(size[1], 20))[: size[1], : size[0]]))


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)]
)
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="height x width x 3 uint8"):
        mapped(pixels)


def test_the_mirror_image_comes_along() -> None:
    pixels = blocks(640, 480)
    plain, mirrored = layout_maps_v1(pixels, load())
    assert cosine(plain, mapped(pixels)) > 0.9999
    assert cosine(mirrored, mapped(pixels[:, ::-1])) > 0.999
    assert cosine(plain, mirrored) < 0.6


def test_a_mirrored_stem_is_the_stem_of_the_mirror_image() -> None:
    pixels = blocks(256, 256)
    one, other = mirror_stem(stem_v1(square_v1(pixels))), stem_v1(square_v1(pixels[:, ::-1]))
    assert np.abs(one - other).max() < 0.02


def test_layout_survives_size_stretch_colours_and_light() -> None:
    pixels = blocks(600, 600)
    raw = mapped(pixels)
    assert cosine(raw, mapped(pixels[::2, ::2])) > 0.97
    assert cosine(raw, mapped(np.repeat(pixels, 2, axis=1))) > 0.97
    recoloured = np.ascontiguousarray(255 - pixels[:, :, [1, 2, 0]])
    darker = (pixels * 0.6 + 20).astype(np.uint8)
    stranger = cosine(raw, mapped(blocks(600, 600, seed=77)))
    assert cosine(raw, mapped(recoloured)) > stranger + 0.3
    assert cosine(raw, mapped(darker)) > 0.9


@pytest.mark.parametrize("raw", [b"", bytes(SIZE - 1), bytes(SIZE + 1)])
def test_damaged_maps_are_refused(raw: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        read_map(raw)
    assert caught.value.code == "fingerprint-damaged"


def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resources.read_bytes("layout-net-v1.npz")
    layout_map.load.cache_clear()
    monkeypatch.setattr(resources, "read_bytes", lambda _: whole[:-1])
    with pytest.raises(ConfigError) as caught:
        load()
    assert caught.value.code == "check-data-damaged"


def test_weights_are_small_and_say_how_they_were_made() -> None:
    assert len(resources.read_bytes("layout-net-v1.npz")) < 2_000_000
    about = json.loads(resources.read_text("layout-net-v1.json"))
    assert {"sha256", "recipe", "material", "made_with"} <= set(about)
    count = sum(layer.kernel.size + layer.bias.size for layer in load().layers)
    assert count == about["parameters"]
    assert load().digest == about["sha256"]


def test_a_net_without_a_layer_is_refused() -> None:
    with pytest.raises(KeyError):
        assemble({}, "none")
