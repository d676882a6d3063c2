"""Train the layout net: `python -m bench.train_layout --out config [--steps 600] [--pairs 9000] [--threads 1]`.

Needs torch, which the program itself never does. Training material is drawn (bench/layout_pictures.py) and redrawn
(bench/layout_redraw.py) from one seed. Of each pair the net must find the post among the posts and drafts of a whole
batch by the cosine of the two maps (InfoNCE: van den Oord et al. 2018). Half of a batch is of one genre, so that one
portrait must be told from another. Written are the weights (float16) and a recipe: seed, counts, versions, a digest of
all training pictures.
"""

import argparse
import hashlib
import importlib
import io
import json
import math
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.layout_pictures import Pool, pool
from bench.layout_redraw import Redrawn, pair
from sakigake.fingerprint.layout_map import (
    CHANNELS,
    NAME,
    PLAN,
    STEM_CHANNELS,
    VERSION,
    mirror_stem,
    stem_v1,
)

WIDTH = 32
EPSILON = 1e-5  # of batch normalisation
MOMENTUM = 0.05
LEARNING_RATE = 3e-3
DECAY = 1e-3
WARM_UP = 50
FIRST_TEMPERATURE = 3.0  # its logarithm is learned
SAME_GENRE = 0.5
BLOCK = 250

Half = NDArray[np.float16]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the weights depend on, apart from the versions of the programs."""

    seed: int = 20262
    drawings: int = 3000
    pairs: int = 9000
    steps: int = 600
    batch: int = 96
    width: int = WIDTH


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Stems of drafts and posts (n x 9 x 32 x 32 float16), the genre of each pair, a digest of their pictures."""

    drafts: Half
    posts: Half
    genres: tuple[str, ...]
    digest: str


def shapes(width: int) -> dict[str, tuple[int, int, int]]:
    """Return outputs, inputs and kernel size of each layer."""
    return {
        "first": (width, STEM_CHANNELS, 3),
        "down": (2 * width, width, 3),
        "third": (2 * width, 2 * width, 3),
        "fourth": (2 * width, 2 * width, 3),
        "out": (CHANNELS, 2 * width, 1),
    }


@cache
def _pool(seed: int, count: int) -> Pool:
    return pool(seed, count)


def _block(recipe: Recipe, start: int) -> list[Redrawn]:
    """Return pairs from `start` on; each depends on its number only."""
    cv2.setNumThreads(1)
    drawings = _pool(recipe.seed, recipe.drawings)
    stop = min(start + BLOCK, recipe.pairs)
    return [pair(np.random.default_rng([recipe.seed, 1, n]), drawings) for n in range(start, stop)]


def material(recipe: Recipe, workers: int) -> Material:
    """Draw all pairs; more workers do not change what is drawn."""
    _pool(recipe.seed, recipe.drawings)  # before the workers are forked, where they are forked
    starts = range(0, recipe.pairs, BLOCK)
    shape = (recipe.pairs, STEM_CHANNELS, 32, 32)
    drafts, posts = np.empty(shape, np.float16), np.empty(shape, np.float16)
    genres: list[str] = []
    digest = hashlib.sha256()
    for made in _blocks(recipe, starts, workers):
        for each in made:
            drafts[len(genres)], posts[len(genres)] = stem_v1(each.draft), stem_v1(each.post)
            genres.append(each.genre)
            digest.update(each.draft.tobytes() + each.post.tobytes())
    return Material(drafts, posts, tuple(genres), digest.hexdigest())


def _blocks(recipe: Recipe, starts: range, workers: int) -> Iterator[list[Redrawn]]:
    if workers == 1:
        yield from map(partial(_block, recipe), starts)
        return
    with ProcessPoolExecutor(max_workers=workers) as executor:
        yield from executor.map(partial(_block, recipe), starts)


def batches(recipe: Recipe, genres: tuple[str, ...], rng: Rng) -> Iterator[NDArray[np.intp]]:
    """Yield numbers of pairs: half of any genre, half of one, the genres as often as they were drawn."""
    names = np.array(genres)
    share = int(recipe.batch * SAME_GENRE)
    for _ in range(recipe.steps):
        alike = np.flatnonzero(names == names[rng.integers(len(names))])
        same = rng.choice(alike, min(share, len(alike)), replace=False)
        rest = np.setdiff1d(np.arange(len(names)), same)
        yield np.concatenate([same, rng.choice(rest, recipe.batch - len(same), replace=False)])


def augmented(stems: Half, rng: Rng) -> NDArray[np.float32]:
    """Return stems with weaker or stronger edges and colours, some grey, some inverted."""
    made = stems.astype(np.float32)
    count = len(made)

    def each(low: float, high: float) -> NDArray[np.float32]:
        return rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32)

    made[:, :6] *= each(0.8, 1.2)
    made[:, 6:] *= each(0.5, 1.5) * np.where(each(0, 1) < 0.1, np.float32(-1), np.float32(1))
    made[:, 7:] *= (each(0, 1) > 0.2).astype(np.float32)
    return made


def forward(torch: Any, parts: Mapping[str, Any], running: dict[str, Any], stems: Any) -> Any:
    """Return unit vectors of channel-centred maps, as a batch is seen in training."""
    values = stems
    for name, stride, added, rectified in PLAN:
        kernel = parts[f"{name}.kernel"]
        made = torch.nn.functional.conv2d(
            values, kernel, parts.get(f"{name}.bias"), stride, kernel.shape[-1] // 2
        )
        if f"{name}.scale" in parts:
            made = torch.nn.functional.batch_norm(
                made,
                running[f"{name}.mean"],
                running[f"{name}.spread"],
                parts[f"{name}.scale"],
                parts[f"{name}.shift"],
                training=True,
                momentum=MOMENTUM,
                eps=EPSILON,
            )
        if added:
            made = made + values
        values = torch.relu(made) if rectified else made
    centred = values - values.mean((2, 3), keepdim=True)
    return torch.nn.functional.normalize(centred.flatten(1), dim=1)


def _start(torch: Any, recipe: Recipe) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return fresh parameters and running statistics."""
    rng = np.random.default_rng([recipe.seed, 2])
    parts: dict[str, Any] = {}
    running: dict[str, Any] = {}
    for name, (out, inside, size) in shapes(recipe.width).items():
        spread = math.sqrt(2 / (inside * size * size))
        kernel = rng.normal(0, spread, (out, inside, size, size)).astype(np.float32)
        parts[f"{name}.kernel"] = torch.from_numpy(kernel)
        if name == "out":
            parts[f"{name}.bias"] = torch.zeros(out)
            continue
        parts[f"{name}.scale"], parts[f"{name}.shift"] = torch.ones(out), torch.zeros(out)
        running[f"{name}.mean"], running[f"{name}.spread"] = torch.zeros(out), torch.ones(out)
    parts["temperature"] = torch.tensor(FIRST_TEMPERATURE)
    for part in parts.values():
        part.requires_grad_(requires_grad=True)
    return parts, running


def train(recipe: Recipe, drawn: Material, threads: int) -> tuple[dict[str, NDArray[np.float16]], float]:
    """Return the arrays of the trained net, normalisation folded in, and how often it chose right at the end."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    parts, running = _start(torch, recipe)
    optimiser = torch.optim.AdamW(parts.values(), LEARNING_RATE, weight_decay=DECAY)
    rng = np.random.default_rng([recipe.seed, 3])
    right: list[float] = []
    began = time.monotonic()
    for step, chosen in enumerate(batches(recipe, drawn.genres, rng)):
        rate = LEARNING_RATE * min(1, (step + 1) / WARM_UP)
        optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / recipe.steps)) + 1e-5
        drafts, posts = augmented(drawn.drafts[chosen], rng), augmented(drawn.posts[chosen], rng)
        if rng.random() < 0.5:
            drafts, posts = mirror_stem(drafts), mirror_stem(posts)
        seen = forward(torch, parts, running, torch.from_numpy(np.concatenate([drafts, posts])))
        loss, share = _loss(torch, seen, len(chosen), parts["temperature"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        right.append(share)
        if (step + 1) % 50 == 0:
            print(
                f"step {step + 1}: {time.monotonic() - began:.0f} s, loss {float(loss.detach()):.3f},"
                f" right {np.mean(right[-50:]):.3f}",
                flush=True,
            )
    return folded(parts, running), float(np.mean(right[-50:]))


def _loss(torch: Any, seen: Any, count: int, temperature: Any) -> tuple[Any, float]:
    """Return the contrastive loss of `count` drafts and then their posts, and the share of posts found."""
    drafts, posts = seen[:count], seen[count:]
    scale, same = torch.exp(temperature), 1e4 * torch.eye(count)
    across = drafts @ posts.T * scale
    truth = torch.arange(count)
    entropy = torch.nn.functional.cross_entropy
    loss = entropy(torch.cat([across, drafts @ drafts.T * scale - same], 1), truth) + entropy(
        torch.cat([across.T, posts @ posts.T * scale - same], 1), truth
    )
    return loss, float((across.argmax(1) == truth).float().mean())


def folded(parts: Mapping[str, Any], running: Mapping[str, Any]) -> dict[str, NDArray[np.float16]]:
    """Return kernels and biases with batch normalisation folded in, as float16."""
    arrays: dict[str, NDArray[np.float16]] = {}
    for name, *_ in PLAN:
        kernel = parts[f"{name}.kernel"].detach().numpy()
        if f"{name}.bias" in parts:
            bias = parts[f"{name}.bias"].detach().numpy()
        else:
            gain = parts[f"{name}.scale"].detach().numpy() / np.sqrt(
                running[f"{name}.spread"].numpy() + EPSILON
            )
            bias = parts[f"{name}.shift"].detach().numpy() - running[f"{name}.mean"].numpy() * gain
            kernel = kernel * gain[:, None, None, None]
        arrays[f"{name}.kernel"], arrays[f"{name}.bias"] = kernel.astype(np.float16), bias.astype(np.float16)
    return arrays


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as a .npz whose bytes depend on their values only (numpy would write the time of day)."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in sorted(arrays.items()):
            part = io.BytesIO()
            np.save(part, values, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), part.getvalue(), zipfile.ZIP_DEFLATED)
    return raw.getvalue()


def described(
    recipe: Recipe, drawn: Material, arrays: Mapping[str, NDArray[np.float16]], right: float, threads: int
) -> dict[str, Any]:
    """Return what is written beside the weights: how they came about."""
    return {
        "version": VERSION,
        "sha256": hashlib.sha256(packed(arrays)).hexdigest(),
        "parameters": sum(values.size for values in arrays.values()),
        "recipe": asdict(recipe) | {"torch_threads": threads},
        "material": {
            "drawn_by": ["bench/cohort_*.py", "bench/layout_pictures.py", "bench/layout_redraw.py"],
            "sha256": drawn.digest,
            "genres": dict(sorted(Counter(drawn.genres).items())),
        },
        "right_in_batch": round(right, 3),
        "made_with": {
            name: str(importlib.import_module(name).__version__) for name in ("cv2", "numpy", "torch")
        },
    }


def main() -> int:
    """Draw, train and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--threads", type=int, default=1, help="of torch; other numbers change the last bits")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    options = parser.parse_args()
    recipe = Recipe(**{name: getattr(options, name) for name in asdict(Recipe())})
    began = time.monotonic()
    drawn = material(recipe, options.workers)
    print(
        f"{recipe.pairs} pairs drawn in {time.monotonic() - began:.0f} s: {Counter(drawn.genres)}", flush=True
    )
    began = time.monotonic()
    arrays, right = train(recipe, drawn, options.threads)
    raw = packed(arrays)
    (options.out / f"{NAME}.npz").write_bytes(raw)
    about = described(recipe, drawn, arrays, right, options.threads)
    (options.out / f"{NAME}.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(f"trained in {time.monotonic() - began:.0f} s, {len(raw)} bytes, {about['parameters']} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
