"""A stage that says until when the canvas was as at the stage before: what both verifiers make of it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from bench import attack, attack_scene, attack_still
from bench.attack_scene import Hand, Scene, pack
from sakigake import resources, selftest
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import layout
from sakigake.evidence.standalone.certificates import Root
from sakigake.evidence.standalone.contents import check_still
from sakigake.evidence.standalone.rules import EPOCH, RefusedError
from sakigake.evidence.standalone.stamps import Token
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.verify import verify
from sakigake.model import EntryType
from sakigake.timeline.entry import parse_entry
from tests.peers import forge

SAID = datetime(2026, 1, 2, 3, 4, 15, tzinfo=UTC)
VECTORS = json.loads(resources.read_text(selftest.VECTORS))["token"]["bounds"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return attack_scene.make(tmp_path_factory.mktemp("still"))


def pem(chain: forge.Chain) -> bytes:
    return chain.root.public_bytes(serialization.Encoding.PEM)


def resting(tmp_path: Path, source: str = "screen") -> tuple[Path, Path, Hand]:
    """Return a package whose second stage names the second token as `still`, the root of its authority, and its maker."""
    chain, made = forge.chain(), Hand(source=source)

    def token(second: int) -> None:
        made.seal()
        time = b"20260102030%d%02dZ" % (4, second)
        made.token(forge.forge(forge.Plan(chain, data=made.notes[-1], time=time, serial=second)))

    token(5)
    made.stage(3)
    token(15)
    before = made.after
    made.add(EntryType.HEARTBEAT, info={"looks": 3})
    token(25)
    made.stage(6, {"info": {"still": before}})
    token(35)
    path, root = tmp_path / f"{source}.zip", tmp_path / "root.pem"
    path.write_bytes(pack(made.contents()))
    root.write_bytes(pem(chain))
    return path, root, made


def both(path: Path, root: Path) -> tuple[list[datetime | None], list[datetime | None]]:
    """Return what each verifier says the pictures are not before."""
    trust = Trust().with_roots(root.read_bytes(), "forge")
    roots = [Root(each.name, each.roots, each.between) for each in trust.authorities]
    report, alone = verify(path, trust), check_alone(path, roots)
    return [stage.picture_after for stage in report.stages], [
        stage["picture_not_before"] for stage in alone["stages"]
    ]


def test_the_picture_is_not_before_the_token_that_is_named(tmp_path: Path) -> None:
    path, root, _ = resting(tmp_path)
    assert both(path, root) == ([None, SAID], [None, SAID])
    (first, second) = verify(path, Trust().with_roots(root.read_bytes(), "forge")).stages
    assert first.interval.not_before == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert second.interval.not_before == datetime(2026, 1, 2, 3, 4, 25, tzinfo=UTC), (
        "the record's own is as it was"
    )


def test_a_folder_says_nothing_of_when_its_pictures_came_about(tmp_path: Path) -> None:
    path, root, _ = resting(tmp_path, "folder")
    assert both(path, root) == ([None, None], [None, None])


def test_a_stage_shown_alone_says_it_as_well(tmp_path: Path) -> None:
    _, root, made = resting(tmp_path)
    seqs = sorted({int(name[7:13]) for name in made.files if name.startswith("stages/")})
    made.files = {
        name: body for name, body in made.files.items() if not name.startswith(f"stages/{seqs[0]:06d}")
    }
    path = tmp_path / "alone.zip"
    path.write_bytes(pack(made.contents()))
    assert both(path, root) == ([SAID], [SAID])


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "picture not before 2026-01-02"), ("ja", "画像は 2026-01-02")],
)
def test_both_verifiers_say_it_to_people(tmp_path: Path, lang: str, said: str) -> None:
    path, root, _ = resting(tmp_path)
    for command in (["desk", "verify"], ["sakigake.evidence.standalone.main"]):
        module = ["-m", *command] if command[0] == "desk" else ["-c", ALONE]
        done = subprocess.run(
            [sys.executable, *module, str(path), "--trust", str(root), "--lang", lang],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (line,) = [
            line for line in done.stdout.splitlines() if said in line.replace("its ", "").replace("Its ", "")
        ]
        assert "03:04:15" in line


ALONE = "import sys; from sakigake.evidence.standalone.main import main; sys.exit(main(sys.argv[1:]))"


def test_both_print_it_for_programs(tmp_path: Path) -> None:
    path, root, _ = resting(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "desk", "verify", str(path), "--trust", str(root), "--json"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    told = [stage["picture_not_before"] for stage in json.loads(done.stdout)["stages"]]
    assert told[0] is None
    assert told[1].startswith("2026-01-02T03:04:15")


def test_the_real_package_names_tokens_and_both_agree(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "real.zip"
    path.write_bytes(pack(scene.contents))
    report = verify(path, scene.trust, easiest=attack_scene.EASIEST)
    entries = [parse_entry(scene.contents[layout.stage(stage.seq, "entry.json")]) for stage in report.stages]
    assert ["still" in entry.info for entry in entries] == [False, False, True, True]
    assert [stage.picture_after is not None for stage in report.stages] == [False, False, True, True]
    for stage in report.stages[2:]:
        assert stage.picture_after == stage.interval.not_before


def test_every_case_is_judged_as_it_must_be_by_both(scene: Scene, tmp_path: Path) -> None:
    tally = attack.Tally()
    judge = attack.Judge(tmp_path, tally)
    verdicts = {
        name: (judge.verdict(judge.file(make()), trust, name), right)
        for name, make, right, trust in attack_still.cases(scene)
    }
    assert {name: got for name, (got, right) in verdicts.items() if got not in right} == {}
    assert tally.notes == []
    assert sum(right == ("FAILED",) for _, right in verdicts.values()) >= 20


def test_verify_py_takes_the_vectors_as_the_project_does() -> None:
    def moment(ms: int) -> datetime:
        return EPOCH + (ms * (SAID - SAID.replace(second=14))) / 1000

    tokens = {
        name: Token(size, moment(low), moment(high), "a")
        for name, (size, low, high) in VECTORS["tokens"].items()
    }
    answers = []
    for seq, still, after, wanted in VECTORS["stills"]:
        if after not in tokens:  # refused for that by the rule on `after`
            assert wanted is None
            continue
        try:
            check_still(still, tokens[after], seq, tokens, "vector")
        except RefusedError:
            answers.append(wanted is None)
        else:
            answers.append(tokens[still].low == moment(wanted))
    assert len(answers) >= 8
    assert all(answers)


def test_the_first_stage_cannot_say_it(tmp_path: Path) -> None:
    chain, made = forge.chain(), Hand(source="screen")
    made.seal()
    made.token(forge.forge(forge.Plan(chain, data=made.notes[-1])))
    made.stage(3, {"info": {"still": made.after}})
    made.seal()
    path = tmp_path / "first.zip"
    path.write_bytes(pack(made.contents()))
    trust = Trust().with_roots(pem(chain), "forge")
    with pytest.raises(VerificationError):
        verify(path, trust)
    with pytest.raises(RefusedError):
        check_alone(path, [Root(each.name, each.roots, each.between) for each in trust.authorities])
