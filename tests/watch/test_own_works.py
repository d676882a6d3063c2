"""Own works beside the cohort: left out exactly, kept without a picture, never lowering a level, never hiding a likeness."""

import base64
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from sakigake.errors import ConfigError, NotFoundError
from sakigake.fingerprint.vector import VERSION, Descriptors, fingerprint_v1, fingerprint_v2, unpack
from sakigake.model import Interval, Likeness
from sakigake.store.sqlite import SqliteStore
from tests.watch.studio import START, drawing, framed, pictures, record, redrawn, saved
from watch import calibrating
from watch.check import check_picture
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.compare import engine, own
from watch.compare.calibration import Kind, combine
from watch.compare.leaveout import leave_one_out, left_out
from watch.compare.measures import prepared, rows_of

ROOT = Path(__file__).parents[2]
LATER = Interval(START + timedelta(hours=2), START + timedelta(hours=3))
SHIPPED, KNOWN = cohorts.load(), calibrations.load()
# Only whole stages: a part is compared with few candidates, and which these are hangs on what else is there.
WHOLE = replace(KNOWN, views={view: KNOWN.views[view] for view in engine.VIEWS})


def views_of(seed: int, *, bars: bool = False) -> dict[str, Descriptors]:
    pixels = drawing(seed, 7)
    return engine.comparable(engine.post_views(framed(pixels) if bars else pixels))[0]


def test_each_work_is_left_out_as_if_it_had_never_been_there() -> None:
    """Held against the engine itself, with a cohort made for each pair."""
    works = [views_of(seed, bars=seed == 302) for seed in range(300, 305)]
    stages = [unpack(fingerprint_v2(drawing(400, stage))) for stage in (3, 5, 7)]
    used = np.array([True, True, True, False, True])
    found = leave_one_out(works, stages, used, SHIPPED, WHOLE)
    plain = [views[engine.FULL] for views in works]
    for one in (0, 2, 3):
        rest = [work for n, work in enumerate(plain) if used[n] and n != one]
        cohort = cohorts.extended(SHIPPED, rest)
        expected = engine.match(works[one], engine.gallery(stages, cohort), cohort, WHOLE).surprise
        assert np.allclose(found.stages[one], expected, atol=2e-3)
        assert found.works[one, one] == -np.inf
        for other in {0, 1, 3} - {one}:
            rest = [work for n, work in enumerate(plain) if used[n] and n not in {one, other}]
            cohort = cohorts.extended(SHIPPED, rest)
            expected = engine.match(
                works[one], engine.gallery([plain[other]], cohort), cohort, WHOLE
            ).surprise
            assert found.works[one, other] == pytest.approx(float(expected[0]), abs=2e-3)


def test_works_are_looked_for_in_parts_of_others_but_not_of_themselves() -> None:
    whole = drawing(300, 7)
    part = np.ascontiguousarray(whole[60:420, 80:560])
    works = [engine.comparable(engine.post_views(each))[0] for each in (part, whole, drawing(302, 7))]
    stages = [unpack(fingerprint_v2(each)) for each in (whole, drawing(400, 7))]
    used = np.ones(len(works), np.bool_)
    plain, found = (leave_one_out(works, stages, used, SHIPPED, known) for known in (WHOLE, KNOWN))
    canvases = engine.gallery(stages, SHIPPED).canvases
    parts = engine.parts_of(works[0], canvases)
    values = [combine(KNOWN.views[view], each.normalised, Kind.PLAIN) for view, each in parts.items()]
    assert np.allclose(found.stages[0], np.maximum(plain.stages[0], np.max(values, axis=0)), atol=1e-3)
    assert found.stages[0, 0] >= KNOWN.some > plain.stages[0, 0]
    assert found.works[0, 1] >= KNOWN.some
    assert (np.diagonal(found.works) == -np.inf).all()
    assert found.works[2].max() < KNOWN.some


def test_leaving_out_is_the_plain_mean_of_what_remains() -> None:
    scores = np.random.default_rng(3).normal(size=(6, 140)).astype(np.float32)
    scores[:, 125] = 9  # always among the closest
    scores[:, 126] = -np.inf
    found = left_out(scores, 120, 0.01)
    for column in range(120, 140):
        expected = cohorts.top(np.delete(scores, column, axis=1), 0.01)
        assert np.allclose(found.mean[:, column - 120], expected.mean, atol=1e-5)
        assert np.allclose(found.spread[:, column - 120], expected.spread, atol=1e-5)


def test_levels_are_only_raised_and_only_by_a_hundred_works() -> None:
    calm = np.zeros(400, np.float32)
    assert own.raises(calm, KNOWN) == (0, 0)
    assert own.raises(np.full(99, 9, np.float32), KNOWN) == (0, 0)
    four = calm.copy()
    four[:4] = KNOWN.some + 0.4
    assert own.raises(four, KNOWN) == (0, 0)  # one in a hundred is what `some` allows
    four[4] = KNOWN.some + 0.2
    some, strong = own.raises(four, KNOWN)
    assert 0.199 < some < 0.203
    assert (four >= KNOWN.some + some).sum() == 4
    assert strong == 0
    one = calm.copy()
    one[0] = KNOWN.strong + 0.5
    assert own.raises(one, KNOWN)[1] > 0.5


@pytest.fixture
def kept(tmp_path: Path) -> own.Own:
    return own.write(
        tmp_path, [fingerprint_v2(drawing(seed, 7)) for seed in range(500, 530)], (1, 0), (0.25, 0.0)
    )


def test_what_is_kept_is_read_again_and_names_its_calibration(tmp_path: Path, kept: own.Own) -> None:
    again = own.read(tmp_path)
    assert again
    assert (again.mark, again.alarms, again.raised, len(again.works)) == (kept.mark, (1, 0), (0.25, 0), 30)
    assert again.calibration.version == f"{KNOWN.version}+own-{kept.mark}"
    assert again.calibration.some == pytest.approx(KNOWN.some + 0.25)
    assert again.calibration.strong == KNOWN.strong
    assert own.read(tmp_path / "elsewhere") is None
    assert [path.name for path in tmp_path.iterdir()] == [own.NAME]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fingerprint", "sakigake-fp/3-00000000"),
        ("calibration", "calibration/2"),
        ("cohort", "00"),
        ("v", 2),
        ("raised", [-1, 0]),
        ("raised", [0]),
        ("raised", [True, 0]),
        ("alarms", [99, 0]),
        ("works", []),
        ("works", ["!"]),
        ("works", 7),
        ("works", [base64.b64encode(fingerprint_v1(drawing(1, 7))).decode()]),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, kept: own.Own, key: str, value: object) -> None:
    path = tmp_path / own.NAME
    record = json.loads(path.read_bytes())
    assert len(record["works"]) == len(kept.works)
    path.write_text(json.dumps({**record, key: value}), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        own.read(tmp_path)
    assert caught.value.code == "own-works-unfit"


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_damage_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / own.NAME).write_bytes(raw)
    with pytest.raises(ConfigError):
        own.read(tmp_path)


def test_a_work_that_is_the_drawing_itself_does_not_hide_a_likeness(tmp_path: Path, kept: own.Own) -> None:
    """The finished drawing among the own works would make its own stages look common."""
    studio = record(SqliteStore(tmp_path / "sakigake.db"), pictures())
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    same = [fingerprint_v2(drawing(11, 7)), fingerprint_v2(redrawn(drawing(11, 7)))]
    fingerprints = [fingerprint_v2(drawing(seed, 7)) for seed in range(500, 530)] + same
    beside = own.write(tmp_path, fingerprints, (0, 0), (0.0, 0.0))
    seen = engine.post_views(redrawn(drawing(11, 7)))
    stages = [unpack(fingerprint_v2(each)) for each in pictures()[2:]]
    size = len(SHIPPED.rows["edge_layout_v1"])
    assert len(beside.cohort(seen, stages).rows["edge_layout_v1"]) == size + len(kept.works)
    finding = check_picture(studio.store, [studio.session], post, LATER, beside)
    assert finding.likeness is Likeness.STRONG
    assert finding.counts
    assert finding.counts.version == beside.calibration.version
    assert finding.fingerprint_version == VERSION


def test_own_works_never_raise_a_value(
    tmp_path: Path, kept: own.Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts of a finding were made with the shipped cohort; beside the opposite of a drawing any would stand out."""
    studio = record(SqliteStore(tmp_path / "sakigake.db"), pictures())
    pixels = drawing(812, 7)
    post = saved(tmp_path / "post.png", pixels)
    stages = [unpack(fingerprint_v2(each)) for each in pictures()[2:]]
    rows = {part: -np.repeat(values, 40, axis=0) for part, values in rows_of(stages).items()}
    odd = replace(SHIPPED, rows=rows, ready=prepared(rows))
    alone = engine.match(engine.post_views(pixels), engine.gallery(stages, odd), odd, KNOWN)
    assert float(alone.surprise.max()) > KNOWN.strong
    monkeypatch.setattr(own.Own, "cohort", lambda *_: odd)
    plain = check_picture(studio.store, [studio.session], post, LATER)
    beside = check_picture(studio.store, [studio.session], post, LATER, kept)
    assert plain.likeness is beside.likeness is Likeness.NONE
    assert plain.counts
    assert beside.counts
    assert beside.counts.post_alarms >= plain.counts.post_alarms


def test_stages_of_an_older_version_do_without(tmp_path: Path, kept: own.Own) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    studio = record(store, pictures(), fingerprint=fingerprint_v1)
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    finding = check_picture(store, [studio.session], post, LATER, kept)
    assert finding.counts
    assert finding.counts.version == "calibration/1"


def works_in(folder: Path, seeds: range) -> Path:
    (folder / "sub").mkdir(parents=True)
    for seed in seeds:
        saved(folder / f"{seed}.png", drawing(seed, 7))
    return folder


def test_files_are_gathered_by_name(tmp_path: Path) -> None:
    folder = works_in(tmp_path / "works", range(3))
    saved(folder / "sub" / "again.png", drawing(0, 7))
    saved(folder / ".hidden.png", drawing(9, 7))
    saved(folder / "blank.png", np.full((64, 64, 3), 255, np.uint8))
    (folder / "notes.txt").write_text("nothing", encoding="utf-8")
    found = calibrating.gather([folder], ["1.png"], [])
    assert [work.name for work in found.works] == ["0.png", "2.png"]
    assert (found.unreadable, found.too_little, found.twice) == (
        ("notes.txt",),
        ("blank.png",),
        ("sub/again.png",),
    )
    with pytest.raises(NotFoundError) as caught:
        calibrating.gather([folder], ["7.png"], [])
    assert caught.value.code == "own-works-name"


def test_only_what_somebody_looked_at_is_counted(tmp_path: Path) -> None:
    folder = works_in(tmp_path / "works", range(600, 606))
    saved(folder / "mine.png", drawing(11, 7))
    saved(folder / "sub" / "line.png", drawing(603, 4))
    store = SqliteStore(tmp_path / "sakigake.db")
    studio = record(store, pictures())
    found = calibrating.gather([folder], [], [])
    outcome = calibrating.count(found.works, store, [])
    near = {each.name: each for each in outcome.near}
    assert near["mine.png"].session == studio.session.id
    assert set(near) == {"mine.png", "603.png", "sub/line.png"}
    assert near["603.png"].other == "sub/line.png"
    assert outcome.stages == 8
    rest = calibrating.gather([folder], ["mine.png", "sub/line.png"], [])
    clean = calibrating.count(rest.works, store, [])
    assert (clean.near, clean.works, clean.strong) == ((), 6, 0)
    assert clean.bound(0) == pytest.approx(-np.log(0.05) / 6)
    confirmed = calibrating.count(found.works, store, ["mine.png", "603.png"])
    assert not confirmed.near
    assert confirmed.strong == 3


def run(home: Path, *arguments: str, lang: str = "en") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "desk", *arguments],
        env={**os.environ, "SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": lang, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )


def test_the_command_from_counting_to_forgetting(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = works_in(tmp_path / "works", range(600, 604))
    saved(folder / "mine.png", drawing(11, 7))
    home.mkdir()
    store = SqliteStore(home / "sakigake.db")
    record(store, pictures())
    store.close()
    first = run(home, "calibrate", str(folder), "--json")
    assert first.returncode == 2
    said = json.loads(first.stdout)
    assert (said["kept"], [each["name"] for each in said["to_confirm"]]) == (False, ["mine.png"])
    assert not (home / own.NAME).exists()
    done = run(home, "calibrate", str(folder), "--leave-out", "mine.png", lang="ja")
    assert done.returncode == 0, done.stderr
    assert "作品 4 点" in done.stdout
    assert "判定の基準はそのままです" in done.stdout
    raw = (home / own.NAME).read_bytes()
    assert b"60" not in raw[: raw.index(b'"works"')].split(b'"cohort"')[0]  # no names
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    checked = run(home, "check", str(post), "--json")
    version = json.loads(checked.stdout)["counts"]["calibration"]
    assert version in checked.stderr
    assert version.startswith(f"{KNOWN.version}+own-")
    (home / own.NAME).write_bytes(raw.replace(b"calibration/", b"calibration/9"))
    without = run(home, "check", str(post), "--json")
    assert json.loads(without.stdout)["counts"]["calibration"] == KNOWN.version
    assert len(without.stderr.strip().splitlines()) == 1
    assert run(home, "calibrate", "--forget").returncode == 0
    assert not (home / own.NAME).exists()
    assert run(home, "check", str(post)).stderr == ""


@pytest.mark.parametrize("words", [(), ("--forget", "x"), ("nowhere",)])
def test_what_cannot_be_meant_gets_one_sentence_and_a_hint(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path, "calibrate", *words)
    assert done.returncode in {2, 4}
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 2
