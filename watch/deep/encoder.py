"""Pictures and words as vectors, by a model that was checked to its last byte a moment ago.

There is one way to an encoder: `load` with a model of the shelf. open_clip would also hand out a network with random
weights, from a name alone, and a bare file of weights with another model's preprocessing; neither call stands here.
"""

import copy
import gc
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakigake.errors import SakigakeError, UsageError, VerificationError
from watch.deep import shelf
from watch.deep.manifest import WEIGHTS, require_extra
from watch.deep.shelf import Installed

Rows = NDArray[np.float32]
Picture = NDArray[np.uint8]
# What a batch may take of the memory that is free, and what one picture takes of it in a network, by its pixels: measured
# with the three models of the manifest (python -m bench.deep), and rounded up.
SHARE, BYTES_PER_PIXEL = 0.25, 400
MOST_ON_GPU, MOST_ON_CPU = 64, 8
# Half precision is used where it changes nothing: a cosine between both answers below this, or no number, and it is not.
SAME = 0.999
# What the library raises when a configuration and weights do not belong together, its own assertions included.
_UNFIT = (RuntimeError, ValueError, TypeError, KeyError, AttributeError, AssertionError, OSError)
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class Encoder:
    """A loaded model. `key` names its results, `device` and `half` say how it computes. Made by `load` only."""

    def __init__(
        self, model: Installed, parts: tuple[Any, Any, Any], device: str, batch: int, languages: Sequence[str]
    ) -> None:
        self.key = model.key
        self.id = model.id
        self.languages = tuple(languages)
        self.device = device
        self.batch = batch
        self.half = False
        self._network, self._prepare, self._cut = parts
        # What a cosine is multiplied by before the softmax that the model was trained with.
        self.scale = min(100.0, float(self._network.logit_scale.detach().exp()))

    def pictures(self, pictures: Sequence[Picture]) -> Rows:
        """Return a unit vector for each picture (BGR), in one batch or, when that is too large, in smaller ones."""
        import torch  # noqa: PLC0415

        if not pictures:
            return np.zeros((0, 0), np.float32)
        rows: list[Rows] = []
        at = 0
        while at < len(pictures):
            try:
                rows.append(self._encode(pictures[at : at + self.batch]))
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                if not _is_memory(error) or self.batch == 1:
                    raise SakigakeError(
                        "deep-no-memory" if _is_memory(error) else "deep-failed", why=error
                    ) from error
                self.batch //= 2
                gc.collect()
                if self.device == "cuda":
                    torch.cuda.empty_cache()
            else:
                at += len(rows[-1])
        return np.concatenate(rows)

    def texts(self, texts: Sequence[str]) -> Rows:
        """Return a unit vector for each line of text."""
        import torch  # noqa: PLC0415

        with torch.inference_mode():
            tokens = self._cut(list(texts)).to(self.device)
            return _unit(self._network.encode_text(tokens))

    def choose_precision(self, samples: Sequence[Picture]) -> None:
        """Compute in half precision from now on when that gives the same answers for some pictures as full precision.

        A network that overflows, or was trained so that small differences matter, stays as it is.
        """
        full = self.pictures(samples)
        whole, self._network = self._network, copy.deepcopy(self._network).half()
        self.half = True
        try:
            halved = self.pictures(samples)
            same = bool(np.isfinite(halved).all() and ((full * halved).sum(axis=1) >= SAME).all())
        except SakigakeError:  # an operation that the device does not have in half precision
            same = False
        if (
            not same
        ):  # what was cut to 16 bits cannot be made whole again: the network before it is taken back
            self._network, self.half = whole, False

    def _encode(self, pictures: Sequence[Picture]) -> Rows:
        import torch  # noqa: PLC0415
        from PIL import Image  # noqa: PLC0415

        prepared = [
            self._prepare(Image.fromarray(np.ascontiguousarray(each[:, :, ::-1]))) for each in pictures
        ]
        stacked = torch.stack(prepared).to(self.device)
        with torch.inference_mode():
            return _unit(self._network.encode_image(stacked.half() if self.half else stacked))


def load(model: Installed, *, threads: int | None = None, device: str | None = None) -> Encoder:
    """Check a model and load it, on a GPU when there is one that takes it; `threads` limits what it takes of the processor.

    A GPU that is full, of a stream for example, or whose driver does not fit, is left alone: the processor does it then.
    Raises UsageError (`deep-missing`) without the extra, VerificationError when a byte is not what it was, SakigakeError
    when the network and its weights do not belong together. Opens no socket.
    """
    require_extra()
    shelf.verify(model)
    os.environ.update(_OFFLINE)
    import torch  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415

    if threads:
        torch.set_num_threads(threads)
    if device is None and torch.cuda.is_available():
        with suppress(*_UNFIT, SakigakeError, SafetensorError):
            return _loaded(model, "cuda")
        gc.collect()
    return _loaded(model, device or "cpu")


def _loaded(model: Installed, device: str) -> Encoder:
    import open_clip  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415

    name = f"local-dir:{model.folder}"
    try:
        # This call insists on weights, takes every tensor of the network from them (strict), and unpickles nothing.
        network, prepare = open_clip.create_model_from_pretrained(name, device=device, weights_only=True)
        cut = open_clip.get_tokenizer(name)
    except ImportError as error:
        raise UsageError("deep-part-missing", name=model.id, part=error.name or error) from error
    except (*_UNFIT, SafetensorError) as error:
        raise SakigakeError("deep-not-loaded", name=model.id, why=_first_line(error)) from error
    _require_all(network, model.folder / WEIGHTS, model.id)
    network.eval()
    size = network.visual.image_size
    side = int(size[0] if isinstance(size, tuple | list) else size)
    batch = batch_size(free_bytes(device), side, MOST_ON_GPU if device == "cuda" else MOST_ON_CPU)
    return Encoder(model, (network, prepare, cut), device, batch, model.languages)


def batch_size(free: int, side: int, most: int) -> int:
    """Return how many pictures of side x side pixels go into a share of the free bytes: 1 to `most`, a power of two."""
    fits = max(1, int(free * SHARE / (BYTES_PER_PIXEL * side * side)))
    return min(most, 1 << (fits.bit_length() - 1))


def free_bytes(device: str) -> int:
    """Return the free memory of a device; of a computer that does not say, 1 GB."""
    if device == "cuda":
        import torch  # noqa: PLC0415

        return int(torch.cuda.mem_get_info()[0])
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 10**9


def _require_all(network: Any, weights: Path, name: str) -> None:
    """Hold the network against the file once more: every number it learned must come from there.

    The library is trusted to do so (strict loading). This notices a release that would be less strict: a network of the
    same size in which one tensor is as it was drawn at random has another sum.
    """
    from safetensors import safe_open  # noqa: PLC0415

    with safe_open(str(weights), framework="pt") as held:
        known = {key: held.get_tensor(key) for key in held.keys()}  # noqa: SIM118 - not a dict
    loaded = dict(network.named_parameters())
    missing = [key for key in loaded if key not in known and not _renamed(key, known)]
    other = [
        key
        for key, value in loaded.items()
        if key in known
        and value.shape == known[key].shape
        and not bool((value.detach().cpu() == known[key].to(value.dtype)).all())
    ]
    if missing or other:
        raise VerificationError("deep-not-from-file", name=name, count=len(missing) + len(other))


def _renamed(key: str, known: dict[str, Any]) -> bool:
    """Say whether a tensor has its older name in the file: the text tower had no prefix once."""
    return key.removeprefix("text.") in known


def _unit(values: Any) -> Rows:
    rows = np.asarray(values.float().cpu().numpy(), np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def _is_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or "out of memory" in str(error).lower()
        or "can't allocate" in str(error)
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


Load = Callable[[Installed], Encoder]
