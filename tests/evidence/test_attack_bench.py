"""The attack bench: every structured attack is refused by both verifiers, and its report can be red."""

import random
from pathlib import Path

import pytest

from bench import attack, attack_cases, attack_scene
from bench.attack_scene import Scene
from sakigake.evidence import layout
from sakigake.evidence.standalone import whole


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return attack_scene.make(tmp_path_factory.mktemp("attack"))


def clean(tally: attack.Tally) -> bool:
    return not (tally.accepted.total() or tally.structured_accepted or tally.uncaught or tally.disagreements)


def test_each_seventh_structured_attack_is_refused(tmp_path: Path, scene: Scene) -> None:
    tally = attack.Tally()
    attack.run_structured(scene, attack.Judge(tmp_path, tally), tally, step=7)
    assert clean(tally), tally.notes
    assert tally.structured >= 40


def test_no_package_of_either_verdict_is_read_differently(tmp_path: Path, scene: Scene) -> None:
    tally = attack.Tally()
    verdicts = attack.run_agreement(scene, attack.Judge(tmp_path, tally), 60, seed=2)
    assert clean(tally), tally.notes
    assert verdicts["VERIFIED"] + verdicts["INTEGRITY ONLY"] > 5
    assert verdicts["FAILED"] > 5


@pytest.mark.slow
def test_every_structured_attack_is_refused(tmp_path: Path, scene: Scene) -> None:
    tally = attack.Tally()
    verdicts = attack.run_structured(scene, attack.Judge(tmp_path, tally), tally)
    assert clean(tally), tally.notes
    assert tally.structured == len(verdicts) >= 300
    # The sound ones among them show that the others fail for their attack and not for how they are made.
    assert sum(verdict == "VERIFIED" for verdict in verdicts.values()) >= 4


def test_some_mutations_of_each_kind_are_refused(tmp_path: Path, scene: Scene) -> None:
    tally = attack.Tally()
    judge = attack.Judge(tmp_path, tally)
    attack.honest(scene, judge)
    attack.run_mutations(scene, judge, tally, 180, seed=3)
    assert clean(tally), tally.notes
    assert len(tally.tried) == 18
    assert attack.openssl_agrees(scene)


def test_the_bench_notices_what_passes(tmp_path: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = attack.Tally()
    case = attack_cases.Case("nothing changed", lambda: attack_scene.pack(scene.contents))
    monkeypatch.setattr(attack_cases, "cases", lambda _scene: [case])
    attack.run_structured(scene, attack.Judge(tmp_path, tally), tally)
    assert tally.structured_accepted == 1


def test_the_bench_notices_errors_and_disagreements(
    tmp_path: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_path: Path, _roots: object) -> dict[str, object]:
        raise ZeroDivisionError

    monkeypatch.setattr(whole, "check", broken)
    tally = attack.Tally()
    judge = attack.Judge(tmp_path, tally)
    judge.verdict(judge.file(attack_scene.pack(scene.contents)), scene.trust, "x")
    assert (tally.uncaught, tally.disagreements) == (1, 1)


def test_operators_change_what_they_say() -> None:
    rng = random.Random(1)
    raw = bytes(range(200))
    for operator in attack.OPERATORS:
        changed = [attack.mutate(rng, raw, operator, at) for at in range(0, 200, 7)]
        assert sum(each != raw for each in changed) >= len(changed) - 1
    assert len(attack.mutate(rng, raw, "truncate", 9)) == 9


def test_packing_by_hand_is_the_exporters_form(scene: Scene) -> None:
    assert attack_scene.pack(scene.contents) == (scene.folder / "pack.zip").read_bytes()
    assert layout.VERIFIER in scene.contents
