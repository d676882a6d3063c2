"""What is known of each model: its files and their digests, its licence, its configuration and its preprocessing.

The configuration is ours and not the server's: it says how a picture is prepared before the network sees it, and a model
that is loaded from its file alone gets another preparation without a word (open_clip, issue 1068).
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakigake import resources
from sakigake.errors import ConfigError, NotFoundError, UsageError

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"
RECORD = "sakigake-model.json"
MOST_BYTES = 4 << 20  # of a list of models; each takes 1 kB
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# What may stand under a name of a configuration, and how large: beyond that no model that is known lies, and a network of
# such a size would take all memory before its weights are looked at.
_PART = re.compile(r"[a-z][a-z0-9_]{0,63}")
MOST_NUMBER, MOST_LETTERS, MOST_PARTS, MOST_DEPTH, MOST_LAYERS = 1_000_000, 200, 200, 5, 200
# Parts of a configuration that would make the library ask a hub for weights, or run without the ones we checked.
_FETCHING = ("hf_model_name", "hf_model_pretrained", "timm_model_pretrained")
# A network of timm by its plain name: with "hf-hub:" or "local-dir:" before it, its make would come from elsewhere.
_TIMM = re.compile(r"[a-z0-9_.]+")
# What the library hands on to whatever cuts words up. Others of its options would run a program that came with the words.
_CUTTING = frozenset({"clean", "strip_sep_token", "language", "tokenizer_mode"})


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: `sha256` is 64 hex digits or empty when unknown, `size` bytes or 0, `urls` its mirrors in order."""

    name: str
    sha256: str
    size: int
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One entry. `config` is the text of `open_clip_config.json`, the same bytes for the same entry."""

    id: str
    title: str
    licence: str
    page: str
    languages: tuple[str, ...]
    files: tuple[ModelFile, ...]
    config: str

    @property
    def pinned(self) -> bool:
        """Say whether the digest of every file is known, so that it may be downloaded."""
        return all(each.sha256 for each in self.files)

    @property
    def size(self) -> int:
        """Return the bytes of all files together, 0 when that is not known."""
        return sum(each.size for each in self.files) if all(each.size for each in self.files) else 0

    @property
    def image_size(self) -> int:
        """Return the side of the square that the network sees, in pixels."""
        size = json.loads(self.config)["model_cfg"]["vision_cfg"].get("image_size", 224)
        return int(size[0] if isinstance(size, list) else size)


def load(own: str = "") -> dict[str, Model]:
    """Return the models by id: those of the file `own` first, then those that ship.

    Raises ConfigError when `own` cannot be read or has a fault.
    """
    found: dict[str, Model] = {}
    if own:
        try:
            with Path(own).expanduser().open("rb") as stream:
                raw = stream.read(MOST_BYTES + 1)
            text = raw.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("deep-manifest", path=own, why=error) from error
        if len(raw) > MOST_BYTES:
            raise ConfigError("deep-manifest", path=own, why=f"> {MOST_BYTES:,} B")
        found |= parse(text, own)
    for key, model in parse(resources.read_text("models.toml"), "models.toml").items():
        found.setdefault(key, model)
    return found


def find(models: Mapping[str, Model], wanted: str) -> Model:
    """Return the model whose id is, or uniquely begins with, `wanted`; raises NotFoundError."""
    exact = [model for key, model in models.items() if key == wanted]
    near = exact or [model for key, model in models.items() if wanted and key.startswith(wanted)]
    if len(near) != 1:
        raise NotFoundError("deep-model-unknown", name=wanted, known=", ".join(models))
    return near[0]


def parse(text: str, name: str) -> dict[str, Model]:
    """Read a manifest; raises ConfigError with what is wrong in it."""
    try:
        return {key: _model(key, row) for key, row in tomllib.loads(text).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError("deep-manifest", path=name, why=error) from error


def _model(key: str, row: Mapping[str, Any]) -> Model:
    if not _ID.fullmatch(key):
        raise ValueError(f"{key}: an id has lower-case letters, digits, dots and dashes")
    files = tuple(_file(each) for each in row["files"])
    names = [each.name for each in files]
    if WEIGHTS not in names or len(set(names)) != len(names):
        raise ValueError(f"{key}: one file must be {WEIGHTS}, and none may come twice")
    return Model(
        id=key,
        title=str(row["title"]),
        licence=str(row["licence"]),
        page=str(row.get("page", "")),
        languages=tuple(str(each) for each in row.get("languages", ("en",))),
        files=files,
        config=_config(key, row["config"]),
    )


def _file(row: Mapping[str, Any]) -> ModelFile:
    name, sha256 = str(row["name"]), str(row.get("sha256", ""))
    if not _NAME.fullmatch(name) or name in {CONFIG, RECORD} or name.endswith(".part"):
        raise ValueError(f"{name}: not a name that a file of a model may have")
    # Another kind of weights would be unpickled, and that runs whatever is written in it.
    if not name.endswith((".safetensors", ".json", ".model", ".txt")) or (
        name.endswith(".safetensors") and name != WEIGHTS
    ):
        raise ValueError(f"{name}: weights must be {WEIGHTS}")
    if sha256 and not _DIGEST.fullmatch(sha256):
        raise ValueError(f"{name}: a SHA-256 has 64 hex digits")
    size = row.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{name}: a size is a number of bytes")
    return ModelFile(name, sha256, size, tuple(str(each) for each in row.get("urls", ())))


def _config(key: str, row: Mapping[str, Any]) -> str:
    model, shown = row["model_cfg"], row["preprocess_cfg"]
    for part in ("embed_dim", "vision_cfg", "text_cfg"):
        if part not in model:
            raise ValueError(f"{key}: model_cfg.{part} is missing")
    for part in ("mean", "std", "interpolation", "resize_mode"):
        if part not in shown:
            raise ValueError(f"{key}: preprocess_cfg.{part} is missing")
    _check_size(key, {"model_cfg": model, "preprocess_cfg": shown})
    for tower in ("vision_cfg", "text_cfg"):
        _check_tower(f"{key}: {tower}", model[tower])
    cutting = set(model["text_cfg"].get("tokenizer_kwargs", {}))
    if other := sorted(cutting - _CUTTING):
        raise ValueError(f"{key}: text_cfg.tokenizer_kwargs.{other[0]} may not be set")
    return json.dumps({"model_cfg": model, "preprocess_cfg": shown}, sort_keys=True, indent=1) + "\n"


def _check_tower(where: str, tower: Mapping[str, Any]) -> None:
    """Refuse a tower that would come from elsewhere or fetch weights of its own; raises TypeError for one that is no table."""
    for part in _FETCHING:
        if tower.get(part):
            raise ValueError(f"{where}.{part} would fetch weights of its own")
    if not _TIMM.fullmatch(str(tower.get("timm_model_name", "none"))):
        raise ValueError(f"{where}.timm_model_name is not a plain name")
    if not 0 <= int(tower.get("layers", 1)) <= MOST_LAYERS:
        raise ValueError(f"{where}.layers is beyond every model that is known")


def _check_size(key: str, value: object, depth: int = 0) -> None:
    """Refuse what no configuration holds: numbers, words, lists and nestings beyond every model that is known."""
    if isinstance(value, Mapping):
        odd = next((name for name in value if not _PART.fullmatch(str(name))), None)
        if odd is not None:
            raise ValueError(f"{key}: {str(odd)[:MOST_LETTERS]!r} is not the name of a part")
        parts = list(value.values())
    else:
        parts = list(value) if isinstance(value, list) else []
    too_large = (isinstance(value, int | float) and not abs(value) <= MOST_NUMBER) or (
        isinstance(value, str) and len(value) > MOST_LETTERS
    )
    if too_large or depth > MOST_DEPTH or len(parts) > MOST_PARTS:
        raise ValueError(f"{key}: a part of its configuration is larger than in any model that is known")
    for each in parts:
        _check_size(key, each, depth + 1)


def is_id(name: str) -> bool:
    """Say whether a model may be called so: only such a name is ever put into a path."""
    return _ID.fullmatch(name) is not None


def is_file_name(name: str) -> bool:
    """Say whether a file of a model may be called so."""
    return _NAME.fullmatch(name) is not None


def require_extra() -> None:
    """Raise UsageError (`deep-missing`) unless the extra `deep` is installed; nothing of it is imported."""
    import importlib.util  # noqa: PLC0415 - asked for rarely

    for module in ("torch", "open_clip"):
        if importlib.util.find_spec(module) is None:
            raise UsageError("deep-missing", part=module)
