"""Attacks on a whole real package, each judged by both verifiers: nothing may pass, and they must agree.

    python -m bench.attack --mutations 50000 --json attack.json

Mutations (flip, insert, delete, truncate, duplicate, swap) go over every byte in three ways: `archive` changes the ZIP
as it lies there; `content` changes a file and packs anew, with all headers right; `holder` changes a file, lists and
signs all files anew as only the key's holder can. Left out of `holder` are files that are the holder's own
statements and whose bytes no rule binds: the page, READ-ME-FIRST.txt, verify.py, report.pdf, custody.csv, forms/, trust/
and compare/; and of a proof the height that it states. What was kept of the post is bound and stays in.
Structured attacks are in `bench.attack_cases`. A twentieth as many packages, which the key's holder may rightly make, are
asked about for agreement alone. `openssl ts -verify` must take exactly the tokens that are counted.
Ends 1 when anything was accepted, raised or disagreed about.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from bench import attack_agree, attack_cases, attack_scene
from bench.attack_scene import Contents, Scene
from sakigake.anchor import ots, rfc3161
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import layout
from sakigake.evidence.standalone import stamps, whole
from sakigake.evidence.standalone.certificates import Root
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.verify import verify

OPERATORS = ("flip", "insert", "delete", "truncate", "duplicate", "swap")
TARGETS = ("archive", "content", "holder")
KEPT_DETAILS = 50


@dataclass
class Tally:
    """What came out. `notes` describes the first cases that were accepted, raised or disagreed about."""

    tried: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    structured: int = 0
    structured_accepted: int = 0
    uncaught: int = 0
    disagreements: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a description, as long as there are few."""
        if len(self.notes) < KEPT_DETAILS:
            self.notes.append(text)


Answer = tuple[str, tuple[Any, ...]]


class Judge:
    """Both verifiers, asked about the same bytes with the same pinned roots.

    The standalone is asked twice where a case was thought up by somebody: as it is, and as it is without rfc3161-client.
    """

    def __init__(self, folder: Path, tally: Tally) -> None:
        self._path = folder / "judged.zip"
        self._tally = tally

    def file(self, raw: bytes) -> Path:
        """Write an archive where both can read it."""
        self._path.write_bytes(raw)
        return self._path

    def verdict(self, path: Path, trust: Trust, name: str, *, lonely: bool = False) -> str:
        """Return the verdict of both; counts what raised and where they differ. `lonely`: also without a second opinion."""
        roots = [Root(each.name, each.roots, each.between) for each in trust.authorities]
        asks: dict[str, Callable[[], Answer]] = {
            "project": lambda: _project(path, trust),
            "standalone": lambda: _alone(path, roots),
        }
        if lonely:
            asks["standalone without a second opinion"] = lambda: _lonely(path, roots)
        answers = []
        for which, ask in asks.items():
            try:
                answers.append(ask())
            except Exception as error:  # noqa: BLE001 - that none escapes is what is counted
                self._tally.uncaught += 1
                self._tally.note(f"uncaught: {name}: {which}: {error!r}")
                answers.append(("UNCAUGHT", ()))
        for other in answers[1:]:
            if answers[0] != other:
                self._tally.disagreements += 1
                self._tally.note(f"disagreement: {name}: {answers[0]} / {other}")
        return next((each for each, _ in answers if each != "FAILED"), "FAILED")


def _project(path: Path, trust: Trust) -> Answer:
    try:
        report = verify(path, trust, easiest=attack_scene.EASIEST)
    except VerificationError:
        return "FAILED", ()
    times = [
        (stage.seq, stage.interval.not_before, stage.interval.not_after, stage.picture_after)
        for stage in report.stages
    ]
    told = (
        len(report.blocks),
        report.closed,
        report.gaps,
        report.withheld,
        report.order,
        report.continues,
        {"not_after": report.sealed} if report.sealed else None,
        report.compared.named() if report.compared else None,
        report.compared.likeness.value if report.compared else None,
        (
            report.post_kept.listed,
            report.post_kept.shown,
            report.post_kept.not_after,
            report.post_kept.holds_post,
            report.post_kept.older_than_post,
        )
        if report.post_kept
        else None,
    )
    return report.verdict.value, (report.reasons, *times, *told)


def _alone(path: Path, roots: list[Root]) -> Answer:
    try:
        found = whole.check(path, roots, attack_scene.EASIEST)
    except RefusedError:
        return "FAILED", ()
    keys = ("seq", "not_before", "not_after", "picture_not_before")
    times = [tuple(stage[key] for key in keys) for stage in found["stages"]]
    told = (
        len(found["blocks"]),
        found["ledger_closed"],
        found["gaps"],
        found["withheld"],
        found["order"],
        found["continues"],
        found["sealed"],
        found["order_stages"],
        found["likeness_stated"],
        tuple(
            found["post_kept"][key]
            for key in ("files", "shown", "not_after", "holds_post", "older_than_post")
        )
        if found["post_kept"]
        else None,
    )
    return found["verdict"], (tuple(found["reasons"]), *times, *told)


def _lonely(path: Path, roots: list[Root]) -> Answer:
    """Ask the standalone as it is where rfc3161-client is not installed."""
    had = stamps.SECOND_OPINION
    stamps.SECOND_OPINION = False
    try:
        return _alone(path, roots)
    finally:
        stamps.SECOND_OPINION = had


def mutate(rng: random.Random, raw: bytes, operator: str, at: int) -> bytes:
    """Return `raw` changed at byte `at`."""
    size = rng.choice((1, 1, 2, 3, 8, 33))
    match operator:
        case "flip":
            return raw[:at] + bytes((raw[at] ^ 1 << rng.randrange(8),)) + raw[at + 1 :]
        case "insert":
            return raw[:at] + rng.randbytes(size) + raw[at:]
        case "delete":
            return raw[:at] + raw[at + size :]
        case "truncate":
            return raw[:at]
        case "duplicate":
            return raw[: at + size] + raw[at : at + size] + raw[at + size :]
    other = rng.randrange(len(raw))
    low, high = sorted((at, other))
    size = max(1, min(size, high - low, len(raw) - high))
    one, two = raw[low : low + size], raw[high : high + size]
    return raw[:low] + two + raw[low + size : high] + one + raw[high + size :]


def only_height(proof: bytes, changed: bytes) -> bool:
    """Say whether two proofs differ in nothing but the height they state, on which nothing rests."""
    try:
        (before, (one,)), (after, (other,)) = ots.read_file(proof), ots.read_file(changed)
    except (VerificationError, ValueError):
        return False
    return before == after and one.steps == other.steps and one.end.kind is other.end.kind


def mutations(scene: Scene, count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield (target, description, archive). The places are spread evenly: over the archive, and over every file."""
    rng = random.Random(seed)
    whole, bare = attack_scene.pack(scene.contents), scene.bare()
    bound = [name for name in bare if not attack_scene.is_free(name) and name not in layout.UNLISTED]
    files: dict[str, list[str]] = {"content": sorted(scene.contents), "holder": sorted(bound)}
    for number in range(count):
        target, operator = TARGETS[number % 3], OPERATORS[number // 3 % len(OPERATORS)]
        step = number // 18
        share = step / max(1, count // 18)
        if target == "archive":
            at = int(share * (len(whole) - 1))
            changed, same = mutate(rng, whole, operator, at), whole
            yield operator, f"archive {operator} at {at}", changed if changed != same else b""
            continue
        names = files[target]
        name = names[step % len(names)]
        body = scene.contents[name]
        at = rng.randrange(len(body))
        changed = mutate(rng, body, operator, at)
        if changed == body:
            yield operator, "", b""
            continue
        if target == "holder" and only_height(body, changed):
            yield operator, "", b""  # the one thing in a proof that is the holder's own statement
            continue
        contents: Contents = {**(scene.contents if target == "content" else bare), name: changed}
        contents = contents if target == "content" else attack_scene.sealed(contents)
        yield (
            operator,
            f"{target} {operator} {name} at {at}: {changed[:40].hex()}",
            attack_scene.pack(contents),
        )


def run_mutations(scene: Scene, judge: Judge, tally: Tally, count: int, seed: int) -> None:
    """Judge every mutation; one that leaves the package as it was is made again elsewhere by the next round."""
    trusts = (scene.trust, Trust())
    done, turn = 0, 0
    while done < count:
        for operator, description, raw in mutations(scene, count - done, seed + turn):
            if not raw:
                continue
            done += 1
            # Every seventh is asked with no authority pinned: what is not counted must hold as well.
            trust = trusts[done % 7 == 0]
            kind = f"{description.split(' ', maxsplit=1)[0]} {operator}"
            tally.tried[kind] += 1
            if judge.verdict(judge.file(raw), trust, description) not in {"FAILED", "UNCAUGHT"}:
                tally.accepted[kind] += 1
                tally.note(f"accepted: {description}")
        turn += 1


def run_structured(scene: Scene, judge: Judge, tally: Tally, step: int = 1) -> dict[str, str]:
    """Judge every structured attack, or each `step`-th; returns the verdicts by name."""
    verdicts = {}
    for case in islice(attack_cases.cases(scene), 0, None, step):
        made = case.make()
        path = made if isinstance(made, Path) else judge.file(made)
        verdict = judge.verdict(path, case.trust or scene.trust, case.name, lonely=True)
        verdicts[case.name] = verdict
        tally.structured += 1
        if verdict not in case.right and verdict != "UNCAUGHT":
            tally.structured_accepted += 1
            tally.note(f"accepted: {case.name}: {verdict}, right would be {' or '.join(case.right)}")
    return verdicts


def run_agreement(scene: Scene, judge: Judge, count: int, seed: int) -> Counter[str]:
    """Judge packages that may pass or not; only disagreements and escaped errors count. Returns the verdicts."""
    return Counter(
        judge.verdict(judge.file(raw), scene.trust, description, lonely=True)
        for description, raw in attack_agree.cases(scene, count, seed)
    )


def openssl_agrees(scene: Scene) -> bool:
    """Say whether `openssl ts -verify` takes exactly the tokens that are counted."""
    agreed = []
    for name, raw in scene.contents.items():
        match = layout.TOKEN_FILE.fullmatch(name)
        if not match:
            continue
        data = scene.contents[layout.checkpoint(int(match["number"]))]
        reading = rfc3161.read_token(raw, data, scene.trust, open_chain=True)
        (scene.folder / "t.tsr").write_bytes(raw)
        (scene.folder / "t.txt").write_bytes(data)
        at = str(int(reading.gen_time.timestamp()))
        command = ["openssl", "ts", "-verify", "-attime", at, "-data", "t.txt", "-in", "t.tsr", "-CAfile"]
        done = subprocess.run(
            [*command, str(scene.honest / "root.pem")], cwd=scene.folder, capture_output=True, check=False
        )
        agreed.append((done.returncode == 0) == (reading.authority is not None))
    return bool(agreed) and all(agreed)


def honest(scene: Scene, judge: Judge) -> None:
    """Check that the packages before any attack are accepted: else nothing that follows means anything."""
    for contents in (scene.contents, scene.bare()):
        assert judge.verdict(judge.file(attack_scene.pack(contents)), scene.trust, "honest") == "VERIFIED"
    lone = judge.verdict(judge.file(attack_scene.pack(scene.contents)), Trust(), "nobody pinned")
    assert lone == "INTEGRITY ONLY"


def timed(step: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a step gives and how many seconds it took."""
    begun = time.perf_counter()
    return step(), round(time.perf_counter() - begun, 2)


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    tally = Tally()
    memory = Path("/dev/shm")  # noqa: S108 - memory where there is such a place: a disk would be the slow part
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        scene = attack_scene.make(Path(folder))
        judge = Judge(Path(folder), tally)
        honest(scene, judge)
        agrees = openssl_agrees(scene)
        verdicts, structured_s = timed(lambda: run_structured(scene, judge, tally))
        either, _ = timed(lambda: run_agreement(scene, judge, max(60, given.mutations // 20), given.seed))
        _, mutations_s = timed(lambda: run_mutations(scene, judge, tally, given.mutations, given.seed))
        size = (scene.folder / "pack.zip").stat().st_size
    record = {
        "mutations": sum(tally.tried.values()),
        "mutations_accepted": sum(tally.accepted.values()),
        "structured": tally.structured,
        "structured_accepted": tally.structured_accepted,
        "uncaught": tally.uncaught,
        "disagreements": tally.disagreements,
        "openssl_agrees": agrees,
        "agreement_only": dict(either),
        "operators": {
            kind: {"tried": n, "accepted": tally.accepted[kind]} for kind, n in sorted(tally.tried.items())
        },
        "package_bytes": size,
        "seed": given.seed,
        "structured_seconds": structured_s,
        "mutation_seconds": mutations_s,
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "verdicts": verdicts,
        "notes": tally.notes,
    }
    if given.json:
        given.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for key in (
        "mutations",
        "mutations_accepted",
        "structured",
        "structured_accepted",
        "uncaught",
        "disagreements",
    ):
        print(f"{key}: {record[key]}")
    print(f"of either verdict, for agreement alone: {dict(either)}")
    print(f"openssl agrees: {agrees}; {structured_s} s + {mutations_s} s, {size} bytes")
    print("\n".join(tally.notes))
    wrong = (
        tally.accepted.total(),
        tally.structured_accepted,
        tally.uncaught,
        tally.disagreements,
        not agrees,
    )
    return 1 if any(wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
