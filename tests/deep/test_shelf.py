"""Models on the shelf, on the command line: listed, taken in, checked, removed; the list of models itself."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from desk.cli import cli
from sakigake.errors import ConfigError, NotFoundError, SakigakeError, UsageError, VerificationError
from tests.deep import parcels, tiny
from tests.peers.web import serving
from watch.deep import manifest, shelf
from watch.deep.manifest import CONFIG, WEIGHTS
from watch.deep.weights import digest_of

DATA = parcels.weights()


def run(*arguments: str) -> Result:
    ran = CliRunner().invoke(cli, list(arguments))
    if ran.exception and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "fetched" / WEIGHTS
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


def configure(home: Path, listing: str, more: str = "", watch: str = "") -> None:
    (home / "models.toml").write_text(listing, encoding="utf-8")
    text = f'[deep]\nmanifest = "{(home / "models.toml").as_posix()}"\n{more}\n{watch}\n'
    (home / "sakigake.toml").write_text(text, encoding="utf-8")


def test_the_list_that_ships_is_sound_and_says_what_is_not_known() -> None:
    known = manifest.load()
    assert set(known) == {"vit-b-32-laion2b", "pe-core-t-16-384", "vit-b-32-siglip2-256"}
    for model in known.values():
        assert model.licence in {"MIT", "Apache-2.0"}
        assert not model.pinned, "no digest was seen by us"
        assert all(url.startswith("https://") for each in model.files for url in each.urls)
        assert json.loads(model.config)["preprocess_cfg"]["resize_mode"]
    with pytest.raises(UsageError) as refused:
        run("models", "get", "vit-b-32-laion2b")
    assert refused.value.code == "deep-digest-unknown"
    assert "models import" in refused.value.hint("en")


@pytest.mark.deep
def test_the_list_that_ships_agrees_with_open_clip() -> None:
    """Configuration and preprocessing are written down by us: they must be those that the library trains and tests with."""
    import open_clip

    tags = {
        "vit-b-32-laion2b": ("ViT-B-32", "laion2b_s34b_b79k"),
        "pe-core-t-16-384": ("PE-Core-T-16-384", "meta"),
        "vit-b-32-siglip2-256": ("ViT-B-32-SigLIP2-256", "webli"),
    }
    for key, model in manifest.load().items():
        name, tag = tags[key]
        ours = json.loads(model.config)
        theirs = open_clip.get_model_config(name)
        theirs["vision_cfg"] = {k: v for k, v in theirs["vision_cfg"].items() if v is not None}
        assert ours["model_cfg"] == theirs
        said = open_clip.pretrained.get_pretrained_cfg(name, tag)
        for part, value in ours["preprocess_cfg"].items():
            assert list(said[part]) == value if part in {"mean", "std"} else said[part] == value
        assert said["hf_hub"].strip("/") in model.files[0].urls[0]


def test_a_model_is_fetched_listed_verified_and_removed(own_home: Path, published: Path) -> None:
    with serving({"/w": parcels.ranged(DATA)}) as site:
        configure(
            own_home,
            tiny.entry(published, (site.url("/w"),)),
            watch=f'[watch]\ntrusted_hosts = ["{site.place}"]',
        )
        assert "can be fetched" in run("models", "list").output
        ran = run("models", "get", "tiny")
        assert ran.exit_code == 0, ran.output
        assert "licence MIT" in ran.output
    assert (
        "tiny: A tiny model; licence MIT; languages en, ja; on this computer" in run("models", "list").output
    )
    row = json.loads(run("models", "list", "--json").output)["models"][0]
    assert row["here"]
    assert row["key"].startswith("tiny@")
    assert run("models", "verify").exit_code == 0
    raw = bytearray((shelf.folder_of(own_home, "tiny") / WEIGHTS).read_bytes())
    raw[100] ^= 1
    (shelf.folder_of(own_home, "tiny") / WEIGHTS).write_bytes(raw)
    with pytest.raises(VerificationError) as changed:
        run("models", "verify", "tiny")
    assert changed.value.exit_code == 6
    assert run("models", "remove", "tiny").exit_code == 0
    assert not shelf.folder_of(own_home, "tiny").exists()
    with pytest.raises(NotFoundError):
        run("models", "remove", "tiny")


def test_a_file_brought_by_hand_has_the_same_checks(own_home: Path, published: Path, tmp_path: Path) -> None:
    configure(own_home, tiny.entry(published), more="offline = true")
    renamed = tmp_path / "open_clip_model(1).safetensors"
    for wrong, code in (
        (DATA[:-100], "deep-cut-short"),
        (DATA[: len(DATA) // 2], "deep-cut-short"),
        (b"<html>sign in</html>", "deep-not-a-model"),
        (b"", "deep-not-a-model"),
        (parcels.weights(seed=3), "deep-other-digest"),
        (DATA + b"more", "deep-cut-short"),
    ):
        renamed.write_bytes(wrong)
        with pytest.raises(UsageError) as refused:
            run("models", "import", "tiny", str(renamed))
        assert refused.value.code == code
        assert shelf.installed(own_home) == {}
        assert not list((own_home / "models").rglob("*.safetensors"))
    with pytest.raises(NotFoundError):
        run("models", "import", "tiny", str(tmp_path / "not-there"))
    renamed.write_bytes(DATA)
    assert run("models", "import", "tiny", str(renamed)).exit_code == 0
    assert renamed.is_file(), "the file stays where it is"
    assert run("models", "import", "tiny", str(published.parent)).exit_code == 0, "a folder, and once more"
    assert (shelf.folder_of(own_home, "tiny") / CONFIG).read_text() == tiny.model(published).config


def test_an_unknown_digest_is_pinned_only_by_word(own_home: Path, published: Path) -> None:
    configure(own_home, tiny.entry(published, sha256="", size=0))
    assert "digest not known" in run("models", "list").output
    with pytest.raises(UsageError) as refused:
        run("models", "import", "tiny", str(published))
    assert refused.value.code == "deep-not-pinned"
    assert digest_of(published) in refused.value.message("ja")
    assert run("models", "import", "tiny", str(published), "--pin").exit_code == 0
    there = shelf.get(own_home, "tiny")
    assert there.pinned_by == shelf.BY_HAND
    shelf.verify(there)
    (there.folder / WEIGHTS).write_bytes(parcels.weights(seed=2))
    with pytest.raises(VerificationError):
        shelf.verify(there)


def test_the_key_follows_every_digest(own_home: Path, published: Path, tmp_path: Path) -> None:
    config = {**tiny.CONFIG, "preprocess_cfg": {**tiny.PREPARED, "resize_mode": "shortest"}}
    keys = []
    other = tmp_path / "other" / WEIGHTS
    other.parent.mkdir()
    other.write_bytes(parcels.weights(seed=4))
    for path, cfg in (
        (published, tiny.CONFIG),
        (published, config),
        (other, tiny.CONFIG),
        (published, tiny.CONFIG),
    ):
        keys.append(shelf.take_in(own_home, tiny.model(path, config=cfg), {WEIGHTS: path}, pin=False).key)
    assert len(set(keys)) == 3
    assert keys[0] == keys[3]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'name = "{WEIGHTS}"', 'name = "../escape.safetensors"'),
        (f'name = "{WEIGHTS}"', 'name = "weights.bin"'),
        (f'name = "{WEIGHTS}"', 'name = "other.safetensors"'),
        ('title = "A tiny model"', ""),
        ('sha256 = "', 'sha256 = "zz'),
        ("size = ", "size = -"),
        ("model_cfg = {", "modelcfg = {"),
        ('resize_mode = "squash"', 'resize = "squash"'),
        ("vision_cfg = { ", "vision_cfg = { timm_model_pretrained = true, "),
        ("text_cfg = { ", 'text_cfg = { hf_model_name = "xlm-roberta-base", '),
        ("[tiny]", "[tiny"),
        ("[tiny]", "['../up']"),
    ],
)
def test_a_list_with_a_fault_is_refused_whole(own_home: Path, published: Path, old: str, new: str) -> None:
    """Also one that would let the library fetch weights of its own, or unpickle some."""
    text = tiny.entry(published)
    assert old in text
    configure(own_home, text.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        run("models", "list")
    assert refused.value.code == "deep-manifest"


def test_a_list_that_is_not_there_is_told(own_home: Path) -> None:
    (own_home / "sakigake.toml").write_text('[deep]\nmanifest = "nowhere.toml"\n')
    with pytest.raises(ConfigError, match="nowhere"):
        run("models", "list")


def test_without_a_model_finding_by_words_names_the_next_step(own_home: Path) -> None:
    from tests.deep.studio import Studio, drawing

    studio = Studio(own_home)
    studio.draw(studio.session(), drawing(2))
    for arguments in (("timeline", "find", "赤い帽子"), ("deep", "run", "--once"), ("deep", "status")):
        with pytest.raises(NotFoundError) as refused:
            run(*arguments)
        assert refused.value.code == "deep-no-model"
        assert refused.value.exit_code == 4
        assert "sakigake models list" in refused.value.hint("ja")


def test_of_several_models_one_must_be_named(own_home: Path, published: Path) -> None:
    from desk import deep_room
    from sakigake import settings

    for name in ("one", "two"):
        shelf.take_in(own_home, tiny.model(published, name=name), {WEIGHTS: published}, pin=False)
    with pytest.raises(ConfigError, match="one, two"):
        deep_room.chosen(settings.load())
    (own_home / "sakigake.toml").write_text('[deep]\nmodel = "two"\n')
    assert deep_room.chosen(settings.load()).id == "two"
    shutil.rmtree(shelf.folder_of(own_home, "two"))
    with pytest.raises(NotFoundError):
        deep_room.chosen(settings.load())


def test_a_kill_while_a_model_is_replaced_leaves_no_second_one(own_home: Path, published: Path) -> None:
    there = shelf.take_in(own_home, tiny.model(published), {WEIGHTS: published}, pin=False)
    there.folder.rename(own_home / "models" / shelf.OLD)
    assert shelf.installed(own_home) == {}
    again = shelf.take_in(own_home, tiny.model(published), {WEIGHTS: published}, pin=False)
    assert list(shelf.installed(own_home)) == ["tiny"]
    shelf.verify(again)
    assert not (own_home / "models" / shelf.OLD).exists()


def test_a_record_that_cannot_be_read_is_no_model(own_home: Path, published: Path) -> None:
    there = shelf.take_in(own_home, tiny.model(published), {WEIGHTS: published}, pin=False)
    (there.folder / manifest.RECORD).write_text("{")
    assert shelf.installed(own_home) == {}
    with pytest.raises(SakigakeError):
        shelf.get(own_home, "tiny")
