"""A model small enough to make in a test: a real open_clip network of a few thousand numbers, in a real file of weights.

Its numbers are drawn at random, which is why no such thing may ever reach a person: here it stands for a trained model.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from watch.deep import manifest, shelf
from watch.deep.manifest import WEIGHTS, Model
from watch.deep.weights import digest_of

MODEL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PREPARED: dict[str, Any] = {
    "mean": [0.1, 0.2, 0.3],
    "std": [0.4, 0.5, 0.6],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}
CONFIG: dict[str, Any] = {"model_cfg": MODEL, "preprocess_cfg": PREPARED}


def network(seed: int = 0, config: dict[str, Any] | None = None) -> Any:
    """Return a network with random weights of the configuration."""
    import open_clip
    import torch

    torch.manual_seed(seed)
    cfg = json.loads(json.dumps((config or CONFIG)["model_cfg"]))
    return open_clip.model.CLIP(**cfg)


def save_weights(path: Path, seed: int = 0, config: dict[str, Any] | None = None) -> Path:
    """Write a file of weights as a publisher of models would."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous() for key, value in network(seed, config).state_dict().items()}
    save_file(state, str(path))
    return path


def entry(
    weights: Path | None,
    urls: tuple[str, ...] = (),
    *,
    name: str = "tiny",
    sha256: str | None = None,
    size: int | None = None,
    config: dict[str, Any] | None = None,
    languages: tuple[str, ...] = ("en", "ja"),
) -> str:
    """Return a manifest with one model."""
    digest = sha256 if sha256 is not None else digest_of(weights) if weights else ""
    length = size if size is not None else weights.stat().st_size if weights else 0
    cfg = config or CONFIG
    text = "\n".join(
        [
            f"[{name}]",
            'title = "A tiny model"',
            'licence = "MIT"',
            f"languages = {json.dumps(list(languages))}",
            f"[[{name}.files]]",
            f'name = "{WEIGHTS}"',
            f'sha256 = "{digest}"',
            f"size = {length}",
            f"urls = {json.dumps(list(urls))}",
            f"[{name}.config]",
            f"model_cfg = {_inline(cfg['model_cfg'])}",
            f"preprocess_cfg = {_inline(cfg['preprocess_cfg'])}",
            "",
        ]
    )
    tomllib.loads(text)
    return text


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def model(weights: Path, **given: Any) -> Model:
    """Return the model that `entry` describes."""
    return next(iter(manifest.parse(entry(weights, **given), "test").values()))


def put_in_place(home: Path, folder: Path, seed: int = 0, **given: Any) -> shelf.Installed:
    """Make a model and take it in."""
    weights = save_weights(folder / WEIGHTS, seed, given.get("config"))
    return shelf.take_in(home, model(weights, **given), {WEIGHTS: weights}, pin=False)
