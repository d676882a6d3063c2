"""A package from a finding of the watcher: evidence with its own time, nobody named unless that is asked for."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from desk.demo.authority import LocalAuthority, local_authority
from sakigake import words
from sakigake.evidence.standalone.certificates import read_root
from sakigake.evidence.standalone.whole import check
from tests.watch import studio
from tests.watch.commands import sakigake
from tests.watch.pipeline import scene


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with local_authority(tmp_path_factory.mktemp("tsa")) as made:
        yield made


@pytest.fixture
def home(own_home: Path, authority: LocalAuthority, tmp_path: Path) -> Path:
    own_home.mkdir(parents=True, exist_ok=True)
    (own_home / "sakigake.toml").write_text(
        f"[watch]\nalerts = []\n{authority.settings()}\n", encoding="utf-8"
    )
    drawn = tmp_path / "canaryfolderqz"
    drawn.mkdir()
    for number, pixels in enumerate(studio.pictures()):
        assert cv2.imwrite(str(drawn / f"{number:02}.png"), pixels)
    sakigake("record", "start", "--source", f"folder:{drawn}", "--once")
    picture = tmp_path / "canaryfileqz.jpg"
    picture.write_bytes(scene.derived())
    sakigake("watch", "inbox", str(picture))
    sakigake("watch", "run", "--once")
    return own_home


@pytest.mark.slow
def test_a_finding_becomes_a_package_that_both_verifiers_take(
    home: Path, authority: LocalAuthority, tmp_path: Path
) -> None:
    pack = tmp_path / "pack"
    said = sakigake("export", "--finding", "1", "-o", str(pack)).stdout
    assert "the evidence’s files are left out".lower() in said.lower()
    assert not (pack / "post" / "post.json").exists()
    assert (pack / "post" / "ledger.jsonl").is_file()
    ran = sakigake("verify", str(pack), "--json")
    told = json.loads(ran.stdout)
    assert told["post_kept"]["shown"] == 0
    assert told["post_kept"]["not_after"]
    found = check(pack, [read_root(authority.root_pem)])
    assert found["post_kept"]["files"] == told["post_kept"]["files"]
    assert found["post_kept"]["not_after"]

    sakigake(
        "export", "--finding", "1", "--with-account", "--audience", "lawyer", "-o", str(tmp_path / "whole")
    )
    whole = json.loads(sakigake("verify", str(tmp_path / "whole"), "--json").stdout)
    assert whole["post_kept"]["shown"] == whole["post_kept"]["files"] > 0
    for folder in (pack, tmp_path / "whole"):
        everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert b"canaryfileqz" not in everything
        assert b"canaryfolderqz" not in everything
        assert str(home).encode() not in everything


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--audience", "client", "--finding", "1"), "process report"),
        (("--audience", "public", "--with-account"), "never names"),
        (("--report", "order"), "needs a post"),
        (("--post", "x.png", "--finding", "1"), "both name a post"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_is_begun(
    tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    ran = sakigake("export", *options, "-o", str(tmp_path / "pack"), code=2)
    assert code in ran.stdout + ran.stderr
    assert not (tmp_path / "pack").exists()


@pytest.mark.slow
def test_a_post_that_shows_a_part_of_a_stage_goes_into_a_package(
    home: Path, authority: LocalAuthority, tmp_path: Path
) -> None:
    """The export of every such post ended in a bare error once."""
    assert home.is_dir()
    whole = studio.pictures()[-1]
    height, width = whole.shape[:2]
    part = whole[height // 8 : height * 7 // 8, width // 8 : width * 7 // 8]
    post = tmp_path / "part.png"
    assert cv2.imwrite(str(post), cv2.resize(part, None, fx=2, fy=2))
    pack = tmp_path / "pack"
    sakigake("export", "last", "--post", str(post), "--audience", "lawyer", "-o", str(pack))
    stated = json.loads((pack / "compare" / "finding.json").read_bytes())
    assert set(stated["part"]) == {"top", "left", "height", "width"}
    assert all(0 < share < 1000 for share in stated["part"].values())
    assert stated["view"].startswith("crop")
    assert json.loads(sakigake("verify", str(pack), "--json").stdout)["verdict"] == "VERIFIED"
    assert check(pack, [read_root(authority.root_pem)])["verdict"] == "VERIFIED"
    page = (pack / "index.html").read_text(encoding="utf-8")
    for lang in words.LANGUAGES:
        assert words.text(f"finding.view.{stated['view']}", lang) in page
    best = str(stated["stages"]["best"])
    later = ("--post", str(post), "--posted-not-before", "2099-01-01T00:00:00Z", "--without-picture", best)
    said = sakigake("export", "last", *later, "-o", str(tmp_path / "less")).stdout
    assert f"rests on stages {best}, whose pictures you left out" in said
    assert json.loads(sakigake("verify", str(tmp_path / "less"), "--json", code=7).stdout)["reasons"] == [
        "order-not-shown"
    ]
