"""Which authorities are believed: the shipped ones, those of the settings, those given when verifying."""

import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sakigake import resources
from sakigake.anchor.trust import Trust, load
from sakigake.errors import ConfigError
from tests.peers import forge


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "ルート.pem"
    path.write_bytes(forge.chain().root.public_bytes(Encoding.PEM))
    return path


def tables(pem: Path, **more: object) -> dict[str, object]:
    row = {"name": "mine", "url": "https://tsa.example/", "root": str(pem), **more}
    return {"anchor": {"authority": [row]}}


def refusal(settings: dict[str, object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(settings)
    assert caught.value.message("en")
    assert caught.value.hint("ja")
    return caught.value


def test_the_shipped_authorities() -> None:
    trust = load()
    assert trust == load({})
    assert trust.asked == ("digicert", "sectigo", "identrust")
    owners = {authority.name for authority in trust.authorities}
    assert owners == {"digicert", "sectigo", "identrust", "sigstore"}
    for authority in trust.authorities:
        assert authority.roots
        assert authority.provenance
        assert authority.url.startswith("http")


def test_the_shipped_roots_are_those_their_notes_name() -> None:
    """The README lists the SHA-256 of every certificate, so that anybody can compare it with the authority's own."""
    listed = resources.read_text("trust/README.md")
    rows = tomllib.loads(resources.read_text("authorities.toml"))["authority"]
    for row in rows:
        for certificate in Trust().with_roots(resources.read_bytes(f"trust/{row['root']}")).certificates():
            assert sha256(certificate.public_bytes(Encoding.DER)).hexdigest() in listed
        assert all(pin in listed for pin in row["pins"])


def test_an_authority_of_the_settings_is_added_and_asked(root: Path) -> None:
    trust = load(tables(root, pins=["AB" * 32]))
    mine = trust.get("mine")
    assert mine is not None
    assert mine.pins == ("ab" * 32,)
    assert trust.asked == ("digicert", "sectigo", "identrust", "mine")
    assert load({"anchor": {**tables(root)["anchor"], "use": ["mine", "mine"]}}).asked == ("mine",)  # type: ignore[dict-item]
    assert load({"anchor": {"use": []}}).asked == ()


def test_one_of_the_same_name_takes_the_place_of_the_shipped(root: Path) -> None:
    trust = load(tables(root, name="sectigo"))
    mine = trust.get("sectigo")
    assert mine is not None
    assert mine.url == "https://tsa.example/"
    assert mine.roots == Trust().with_roots(root.read_bytes()).certificates()
    assert len(trust.authorities) == 4


def test_an_authority_without_url_is_only_read(root: Path) -> None:
    settings = tables(root, url="")
    assert "mine" not in load(settings).asked
    settings["anchor"]["use"] = ["mine"]  # type: ignore[index]
    assert refusal(settings).code == "anchor-authority-unknown"


@pytest.mark.parametrize(
    ("slug", "more"),
    [
        ("anchor-authority-incomplete", {"name": ""}),
        ("anchor-authority-incomplete", {"name": 3}),
        ("anchor-authority-incomplete", {"url": 3}),
        ("anchor-authority-incomplete", {"root": ""}),
        ("anchor-authority-incomplete", {"pins": "ab"}),
        ("anchor-authority-incomplete", {"pins": ["ab"]}),
        ("anchor-authority-incomplete", {"pins": [7]}),
        ("anchor-authority-incomplete", {"pins": ["zz" * 32]}),
        ("anchor-root-unreadable", {"root": "/nowhere/root.pem"}),
        ("anchor-address", {"url": "file:///etc/passwd"}),
        ("anchor-address", {"url": "http://me:secret@tsa.example/"}),
    ],
)
def test_settings_that_cannot_be_used(root: Path, slug: str, more: dict[str, object]) -> None:
    assert refusal(tables(root, **more)).code == slug


@pytest.mark.parametrize(
    "settings", [{"anchor": {"use": ["nobody"]}}, {"anchor": {"use": [["digicert"], 3]}}]
)
def test_names_nobody_has(settings: dict[str, object]) -> None:
    assert refusal(settings).code == "anchor-authority-unknown"


def test_one_name_may_stand_alone() -> None:
    assert load({"anchor": {"use": "sectigo"}}).asked == ("sectigo",)


@pytest.mark.parametrize(
    "settings", [{"anchor": {"authority": {"name": "x"}}}, {"anchor": {"authority": ["x"]}}, {"anchor": 3}]
)
def test_tables_of_another_shape(settings: dict[str, object]) -> None:
    assert refusal(settings).code == "anchor-authority-incomplete"


def test_roots_may_be_pem_or_der_and_must_be_roots(root: Path) -> None:
    pem = root.read_bytes()
    chain = forge.chain()
    assert Trust().with_roots(forge.der(chain.root)).certificates() == (chain.root,)
    named = Trust().with_roots(b"# a comment\n" + pem + pem, "twice").get("twice")
    assert named is not None
    assert len(named.roots) == 1
    for wrong in (b"", b"hello", pem[:-60], forge.der(chain.leaf), pem.replace(b"MII", b"AAA")):
        with pytest.raises(ConfigError) as caught:
            Trust().with_roots(wrong)
        assert caught.value.code == "anchor-root-not-pem"


def test_only_narrows_to_one(root: Path) -> None:
    trust = load(tables(root))
    assert [each.name for each in trust.only("mine").authorities] == ["mine"]
    assert trust.only("nobody").authorities == ()
