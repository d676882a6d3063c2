"""Only a checked file of weights makes an encoder: every other way ends in a sentence."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sakigake.errors import SakigakeError, VerificationError
from tests.deep import tiny
from watch.deep import encoder as encoders
from watch.deep import shelf
from watch.deep.encoder import Encoder, Picture, batch_size, load
from watch.deep.manifest import CONFIG, RECORD, WEIGHTS

pytestmark = pytest.mark.deep


@pytest.fixture
def here(own_home: Path, tmp_path: Path) -> shelf.Installed:
    return tiny.put_in_place(own_home, tmp_path)


def picture(seed: int, height: int = 90, width: int = 160) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_vectors_are_those_of_the_network_with_its_own_preprocessing(here: shelf.Installed) -> None:
    """The oracle prepares the picture by hand: squashed to 64 x 64, RGB, by the manifest's mean and deviation."""
    import torch
    from PIL import Image

    made = load(here).pictures([picture(1)])
    assert made.shape == (1, 32)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    small = Image.fromarray(picture(1)[:, :, ::-1].copy()).resize((64, 64), Image.Resampling.BILINEAR)
    values = torch.tensor(np.asarray(small)).permute(2, 0, 1).float() / 255
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    prepared = ((values - mean[:, None, None]) / std[:, None, None])[None]
    network = tiny.network(0).eval()
    with torch.inference_mode():
        wanted = network.encode_image(prepared, normalize=True).numpy()
    assert float((made * wanted).sum()) > 0.9999
    wrong = network.encode_image((values[None] - 0.5) / 0.5, normalize=True).detach().numpy()
    assert float((made * wrong).sum()) < 0.9999, "another preprocessing would be seen"


def test_texts_and_pictures_lie_in_one_space_and_the_same_twice(here: shelf.Installed) -> None:
    one, other = load(here), load(here)
    assert one.texts(["赤い帽子", "red hat"]).shape == (2, 32)
    assert np.array_equal(one.texts(["red hat"]), other.texts(["red hat"]))
    assert np.array_equal(one.pictures([picture(3)]), other.pictures([picture(3)]))
    assert one.key == other.key


def test_batches_of_any_size_give_the_same(here: shelf.Installed) -> None:
    made = load(here)
    pictures = [picture(n) for n in range(5)]
    whole = made.pictures(pictures)
    made.batch = 2
    assert np.allclose(whole, made.pictures(pictures), atol=1e-5)
    assert made.pictures([]).size == 0


def test_too_little_memory_halves_the_batch_and_ends_in_a_sentence(
    here: shelf.Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = load(here)
    made.batch = 8
    whole = Encoder._encode
    sizes = []

    def scarce(self: Encoder, pictures: Any) -> Any:
        sizes.append(len(pictures))
        if len(pictures) > room:
            raise RuntimeError("out of memory: planted")
        return whole(self, pictures)

    monkeypatch.setattr(Encoder, "_encode", scarce)
    room = 2
    assert made.pictures([picture(n) for n in range(5)]).shape == (5, 32)
    assert sizes == [5, 4, 2, 2, 1] or max(sizes[-3:]) <= 2
    room = 0
    with pytest.raises(SakigakeError) as failed:
        made.pictures([picture(0)])
    assert failed.value.code == "deep-no-memory"


@pytest.mark.parametrize(
    ("free", "side", "most", "batch"),
    [(10**12, 224, 64, 64), (10**9, 224, 8, 8), (10**8, 384, 8, 1), (0, 224, 8, 1)],
)
def test_the_batch_follows_the_memory(free: int, side: int, most: int, batch: int) -> None:
    assert batch_size(free, side, most) == batch


def test_half_precision_is_taken_where_it_changes_nothing(here: shelf.Installed) -> None:
    made = load(here)
    full = made.pictures([picture(1), picture(2)])
    made.choose_precision([picture(1), picture(2)])
    assert made.half
    halved = made.pictures([picture(1), picture(2)])
    assert not np.array_equal(full, halved)
    assert float((full * halved).sum(axis=1).min()) > 0.999


def test_half_precision_is_left_where_numbers_overflow(here: shelf.Installed) -> None:
    import torch

    made = load(here)
    with torch.no_grad():
        made._network.visual.proj.mul_(1e7)  # fine in 32 bits, beyond 65,504 in 16
    made.choose_precision([picture(1)])
    assert not made.half
    assert np.isfinite(made.pictures([picture(1)])).all()


def test_without_a_gpu_the_processor_does_it(here: shelf.Installed) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    made = load(here)
    assert made.device == "cpu"
    assert made.batch <= encoders.MOST_ON_CPU
    with pytest.raises(SakigakeError) as refused:
        load(here, device="cuda")  # asked for by name: then it is told
    assert refused.value.code == "deep-not-loaded"


def test_a_gpu_that_cannot_be_used_is_left_alone(
    here: shelf.Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch says there is one, and then it has no driver: what comes of it here is torch's own refusal."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU that can be used")
    wanted = load(here).pictures([picture(4)])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    made = load(here)
    assert made.device == "cpu"
    assert np.array_equal(made.pictures([picture(4)]), wanted)


def test_a_gpu_that_is_full_is_left_alone(here: shelf.Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip
    import torch

    whole, asked = open_clip.create_model_from_pretrained, []

    def full(*given: Any, device: str, **named: Any) -> Any:
        asked.append(device)
        if device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory: planted")
        return whole(*given, device=device, **named)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(open_clip, "create_model_from_pretrained", full)
    assert load(here).device == "cpu"
    assert asked == ["cuda", "cpu"]


def test_on_a_gpu_precision_is_chosen_and_the_batch_follows_its_memory(
    here: shelf.Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way through a GPU with the processor in its place: what is asked of torch, and in which order."""
    import open_clip
    import torch

    whole = open_clip.create_model_from_pretrained
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (64 * 4 * encoders.BYTES_PER_PIXEL * 64 * 64, 0))
    monkeypatch.setattr(
        open_clip,
        "create_model_from_pretrained",
        lambda *given, **named: whole(*given, **{**named, "device": "cpu"}),
    )
    made = load(here)
    assert (made.device, made.batch) == ("cuda", 64)
    made.device = "cpu"  # where its numbers really lie
    full = made.pictures([picture(n) for n in range(3)])
    made.choose_precision([picture(n) for n in range(3)])
    assert made.half
    halved = made.pictures([picture(n) for n in range(3)])
    assert halved.dtype == np.float32
    assert float((full * halved).sum(axis=1).min()) > encoders.SAME


def _without_weights(here: shelf.Installed, _: Path) -> None:
    (here.folder / WEIGHTS).unlink()


def _other_weights(here: shelf.Installed, _: Path) -> None:
    tiny.save_weights(here.folder / WEIGHTS, seed=7)


def _flipped(here: shelf.Installed, _: Path) -> None:
    raw = bytearray((here.folder / WEIGHTS).read_bytes())
    raw[-5] ^= 1
    (here.folder / WEIGHTS).write_bytes(raw)


def _cut(here: shelf.Installed, _: Path) -> None:
    raw = (here.folder / WEIGHTS).read_bytes()
    (here.folder / WEIGHTS).write_bytes(raw[:-64])


def _empty(here: shelf.Installed, _: Path) -> None:
    (here.folder / WEIGHTS).write_bytes(b"")


def _pickled(here: shelf.Installed, _: Path) -> None:
    import torch

    torch.save(tiny.network(3).state_dict(), here.folder / "open_clip_pytorch_model.bin")


def _second_weights(here: shelf.Installed, _: Path) -> None:
    tiny.save_weights(here.folder / "a.safetensors", seed=3)


def _other_config(here: shelf.Installed, _: Path) -> None:
    text = (here.folder / CONFIG).read_text().replace("squash", "shortest")
    (here.folder / CONFIG).write_text(text)


def _without_config(here: shelf.Installed, _: Path) -> None:
    (here.folder / CONFIG).unlink()


def _record_without_weights(here: shelf.Installed, _: Path) -> None:
    (here.folder / WEIGHTS).unlink()
    record = json.loads((here.folder / RECORD).read_text())
    del record["digests"][WEIGHTS]
    (here.folder / RECORD).write_text(json.dumps(record))


def _gone(here: shelf.Installed, _: Path) -> None:
    shutil.rmtree(here.folder)


@pytest.mark.parametrize(
    "damage",
    [
        _without_weights,
        _other_weights,
        _flipped,
        _cut,
        _empty,
        _pickled,
        _second_weights,
        _other_config,
        _without_config,
        _record_without_weights,
        _gone,
    ],
)
def test_nothing_but_the_checked_weights_makes_an_encoder(
    here: shelf.Installed, own_home: Path, tmp_path: Path, damage: Any
) -> None:
    assert load(here).key == here.key
    damage(here, tmp_path)
    with pytest.raises(VerificationError):
        load(here)
    with pytest.raises(SakigakeError):
        load(shelf.get(own_home, here.id))


@pytest.mark.parametrize(
    "change",
    [
        {"embed_dim": 16},
        {"vision_cfg": {"image_size": 64, "layers": 3, "width": 64, "patch_size": 16, "head_width": 32}},
        {"vision_cfg": {"image_size": 64, "layers": 1, "width": 64, "patch_size": 16, "head_width": 32}},
        {"text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1}},
    ],
)
def test_weights_of_another_network_are_refused(
    own_home: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    """The digest fits, since a person brought both: then the tensors do not."""
    weights = tiny.save_weights(tmp_path / WEIGHTS)
    config = {**tiny.CONFIG, "model_cfg": {**tiny.MODEL, **change}}
    there = shelf.take_in(own_home, tiny.model(weights, config=config), {WEIGHTS: weights}, pin=False)
    with pytest.raises(SakigakeError) as refused:
        load(there)
    assert refused.value.code == "deep-not-loaded"
    assert refused.value.hint("ja")


def test_a_library_that_would_be_less_strict_is_noticed(
    here: shelf.Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some release might load what fits and leave the rest as it was drawn: planted here."""
    import open_clip
    import torch

    whole = open_clip.create_model_from_pretrained

    def lax(*given: Any, **named: Any) -> Any:
        network, prepare = whole(*given, **named)
        with torch.no_grad():
            network.visual.transformer.resblocks[1].mlp.c_fc.weight.normal_()
        return network, prepare

    monkeypatch.setattr(open_clip, "create_model_from_pretrained", lax)
    with pytest.raises(VerificationError) as refused:
        load(here)
    assert refused.value.code == "deep-not-from-file"


def test_no_other_call_of_the_library_stands_in_the_program() -> None:
    """open_clip gives random weights for a name without `pretrained`: nothing that ships may call it so."""
    root = Path(encoders.__file__).resolve().parents[2]
    calls = []
    for package in ("sakigake", "capture", "watch", "desk"):
        for path in (root / package).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            calls += [line.strip() for line in lines if "open_clip." in line and "import" not in line]
    made = [line for line in calls if "create_" in line or "get_tokenizer" in line]
    assert len(made) == 2
    assert all("(name" in line for line in made), "by the folder that was checked, and by nothing else"


OFFLINE = """
import sys
opened = []
def watch(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"}:
        opened.append((event, str(args)))
        raise OSError("no sockets here")
sys.addaudithook(watch)
import numpy as np
from pathlib import Path
from watch.deep import shelf
from watch.deep.encoder import load
made = load(shelf.get(Path(sys.argv[1]), "tiny"))
made.pictures([np.zeros((40, 40, 3), np.uint8)])
made.texts(["red hat"])
assert not opened, opened
print("silent")
"""


@pytest.mark.usefixtures("here")
def test_loading_and_using_a_model_opens_no_socket(own_home: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(own_home)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(encoders.__file__).resolve().parents[2],
        env=dict(os.environ),
    )
    assert ran.stdout.strip() == "silent", ran.stderr[-2000:]
    probe = subprocess.run(
        [
            sys.executable,
            "-c",
            OFFLINE.split("import numpy", maxsplit=1)[0]
            + "import socket; socket.create_connection(('127.0.0.1', 9))",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no sockets here" in probe.stderr, "the watch sees a socket"
