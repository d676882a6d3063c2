"""The long run's own arithmetic, and a short long run."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import long_run
from bench.long_run import Sample, forecast_mb, longest_wait_ms, problems, summary, undeclared
from sakigake.model import EntryType
from sakigake.timeline.entry import Entry, Info
from tests.capture.running import ROOT

LIMIT = longest_wait_ms(60, 2)
FIRST = Sample(0.0, 100.0, 9, 20, 1.0, 0.2, 1.0, 0.5, 1, 0, 0, 0, 0)


def entry(seq: int, kind: EntryType, mono: int, info: Info | None = None) -> Entry:
    return Entry(
        seq, kind, 1_700_000_000_000 + mono, mono, "0" * 16, "0" * 64, "1" * 64, None, None, None, info or {}
    )


def samples(count: int, mb_per_sample: float) -> list[Sample]:
    return [
        dataclasses.replace(
            FIRST,
            t=10.0 * number,
            rss_mb=100.0 + number / 10,
            files=20 + number // 50,
            cpu_s=1.0 + 0.1 * number,
            pictures_mb=1.0 + mb_per_sample * number,
        )
        for number in range(count)
    ]


def test_a_heartbeat_may_be_as_late_as_the_rarest_look() -> None:
    assert LIMIT == 80_000


def test_signs_of_life_close_enough_leave_no_hole() -> None:
    kinds = [EntryType.SESSION_START, EntryType.STAGE, EntryType.HEARTBEAT, EntryType.SESSION_END]
    assert undeclared([entry(n, kind, n * LIMIT) for n, kind in enumerate(kinds)], LIMIT) == []


def test_silence_longer_than_a_heartbeat_is_a_hole() -> None:
    entries = [entry(0, EntryType.SESSION_START, 0), entry(1, EntryType.STAGE, LIMIT + 1)]
    assert undeclared(entries, LIMIT) == [long_run.Hole(1, LIMIT + 1)]


def test_an_entry_that_says_nothing_of_the_looks_is_no_sign_of_life() -> None:
    entries = [
        entry(0, EntryType.SESSION_START, 0),
        entry(1, EntryType.ANCHOR_FAIL, LIMIT),
        entry(2, EntryType.HEARTBEAT, 2 * LIMIT),
    ]
    assert [hole.seq for hole in undeclared(entries, LIMIT)] == [2]


def test_a_gap_declares_its_own_length_and_no_more() -> None:
    whole: Info = {"reason": "stall", "ms": 300_000}
    half: Info = {"reason": "stall", "ms": 150_000}
    start = entry(0, EntryType.STAGE, 0)
    assert undeclared([start, entry(1, EntryType.GAP, 300_000, whole)], LIMIT) == []
    assert undeclared([start, entry(1, EntryType.GAP, 300_000, half)], LIMIT) == [long_run.Hole(1, 150_000)]


def test_a_pause_needs_heartbeats_as_well() -> None:
    entries = [
        entry(0, EntryType.STAGE, 0),
        entry(1, EntryType.PAUSE, 1000),
        entry(2, EntryType.HEARTBEAT, 61_000),
        entry(3, EntryType.RESUME, 100_000),
        entry(4, EntryType.PAUSE, 110_000),
        entry(5, EntryType.SESSION_END, 110_001 + LIMIT),
    ]
    assert [hole.seq for hole in undeclared(entries, LIMIT)] == [5]
    assert long_run.paused_ms(entries) == 99_000 + LIMIT + 1


def test_a_stage_that_was_written_after_a_later_note_opens_no_hole() -> None:
    entries = [
        entry(0, EntryType.SESSION_START, 0),
        entry(1, EntryType.HEARTBEAT, 70_000),
        entry(2, EntryType.STAGE, 69_000),
        entry(3, EntryType.HEARTBEAT, 130_000),
    ]
    assert undeclared(entries, LIMIT) == []


def test_the_forecast_goes_by_the_first_ten_minutes_only() -> None:
    steady = samples(720, 0.5)
    bursting = steady[:61] + [dataclasses.replace(one, pictures_mb=900.0) for one in steady[61:]]
    assert forecast_mb(bursting, 7200) == pytest.approx(1.2 + 0.5 * 720)
    assert forecast_mb(steady[:1], 7200) == pytest.approx(1.2)


def test_the_summary_tells_growth_from_the_first_to_the_last_tenth() -> None:
    figures = summary(samples(100, 0.5), 1000)
    assert figures["rss_mb_last"] - figures["rss_mb_first"] == pytest.approx(9.0)
    assert figures["files_grown"] == 1
    assert figures["threads_grown"] == 0
    assert figures["cpu_percent"] == pytest.approx(1.0)
    assert figures["mb_per_hour"] == pytest.approx(180.0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("exit_code", 1),
        ("chain", "AssertionError"),
        ("undeclared_holes", 1),
        ("acknowledged_missing", 2),
        ("artist_failure", "OSError"),
    ],
)
def test_whatever_is_not_as_it_is_said_to_be_is_a_problem(key: str, value: int | str) -> None:
    fine = {"exit_code": 0, "said": [], "chain": "whole", "undeclared_holes": 0, "holes": []}
    fine |= {"acknowledged_missing": 0, "artist_failure": ""}
    assert problems(fine) == []
    assert len(problems(fine | {key: value})) == 1


@pytest.mark.slow
@pytest.mark.x11
def test_a_minute_of_a_real_drawing(tmp_path: Path) -> None:
    missing = [name for name in long_run.NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    out = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench.long_run", "--minutes", "1", "--json", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert done.returncode == 0, figures["problems"]
    assert figures["finished"]
    assert figures["chain"] == "whole"
    assert figures["stages"] >= 2
    assert len(figures["samples"]) >= 6
