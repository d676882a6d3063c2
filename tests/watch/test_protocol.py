"""The evaluation protocol on a tiny corpus drawn here: who counts as what, and that the figures are the counts."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import match
from bench.ladder import RUNGS, SIDE
from bench.ladder import redrawn as rung_of
from bench.protocol import ATTACKS, attacked, lay_out, read, related, source_of
from tests.watch.studio import drawing, redrawn

HEADS = {
    "pairs": [
        "id",
        "input",
        "output",
        "source",
        "method",
        "strength",
        "kind",
        "category",
        "source_group",
        "licence",
        "notes",
    ],
    "timelines": ["artwork_id", "stage_index", "stage_name", "file", "type", "source", "licence"],
    "negatives": ["file", "group", "self_similar_group", "source", "licence"],
    "families": ["file", "family"],
}


def write(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, HEADS[name], restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    def put(name: str, pixels: np.ndarray) -> str:
        cv2.imwrite(str(tmp_path / name), pixels)
        return name

    pairs, negatives, families = [], [], []
    for number in range(6):
        source = drawing(300 + number, 7, (240, 320))
        before, after = put(f"in{number}.png", source), put(f"out{number}.png", redrawn(source, number))
        category = "semantic-only" if number == 5 else ("low", "high")[number % 2]
        pairs.append(
            {
                "input": before,
                "output": after,
                "category": category,
                "kind": "anime",
                "method": "SD img2img (SDEdit)" if number < 2 else "ControlNet canny",
                "strength": ("0.8 (30 steps)", "t=500/1000 (README)", "30 steps", "", "1/4", "0.3")[number],
                "source_group": f"s{number % 2}",
            }
        )
        families += [{"file": before, "family": str(number)}, {"file": after, "family": str(number)}]
    for number in range(40):
        name = put(f"neg{number}.png", drawing(400 + number, 7, (240, 320)))
        group = "alike" if number < 10 else "other"
        negatives.append(
            {
                "file": name,
                "group": group,
                "self_similar_group": "yes" if number < 10 else "no",
                "source": "a/b:c",
            }
        )
    stage = put("stage.png", drawing(300, 3, (240, 320)))
    families.append({"file": stage, "family": "0"})
    write(tmp_path, "pairs", pairs)
    write(tmp_path, "timelines", [{"file": stage}])
    write(tmp_path, "negatives", negatives)
    write(tmp_path, "families", families)
    return tmp_path


def test_layout_keeps_families_and_groups_apart(small: Path) -> None:
    corpus = read(small)
    layout = lay_out(corpus)
    assert len(layout.pairs) == 5
    assert layout.stages[:6] == ("in0.png", "in1.png", "in2.png", "in3.png", "in4.png", "stage.png")
    files = {negative.file for negative in corpus.negatives}
    drafts, posts = set(layout.stages[6:]), {post.file for post in layout.unrelated}
    assert not drafts & posts
    assert drafts | posts == files
    swapped = lay_out(corpus, half=1)
    assert {post.file for post in swapped.unrelated} == drafts
    rows = {post: row for row, post in enumerate(layout.posts)}
    assert layout.ignored[0, :6].tolist() == [True, False, False, False, False, True]
    alike = {negative.file for negative in corpus.negatives if negative.self_similar}
    for post in posts:
        marked = {stage for stage, out in zip(layout.stages, layout.ignored[rows[post]], strict=True) if out}
        assert marked == (drafts & alike if post in alike else set())
    assert not lay_out(corpus, loose=True).ignored[len(layout.pairs) :].any()


@pytest.mark.slow
def test_figures_are_the_counts(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "figures.json"
    seen = tmp_path / "sheets"
    monkeypatch.setattr(
        "sys.argv", ["match", "--corpus", str(small), "--json", str(target), "--sheets", str(seen)]
    )
    assert match.main() == 0
    assert all(cv2.imread(str(seen / name)) is not None for name in ("misses.png", "alarms.png"))
    figures = json.loads(target.read_text(encoding="utf-8"))
    assert (figures["positives"], figures["gallery"]) == (
        5,
        figures["per_post"]["some"]["gallery"],
    )
    ours = figures
    assert ours["per_post"]["some"]["found"] == 5
    assert ours["per_post"]["strong"]["false_posts"] == 0
    assert ours["pair"]["r1"] == 1
    assert ours["pair"]["uap"] > 0.9
    assert set(ours["attacks"]) == set(ATTACKS)
    assert set(ours["ladder"]) == {f"{strength:.1f}" for strength in RUNGS}
    assert ours["ladder"]["0.2"] == {"posts": 5, "tpr_some": 1, "tpr_strong": 1}
    assert ours["per_post"]["some"]["by_strength"] == {
        "": {"pairs": 3, "tpr": 1},
        "0.5": {"pairs": 1, "tpr": 1},
        "0.8": {"pairs": 1, "tpr": 1},
    }
    assert ours["per_post"]["some"]["by_method"]["img2img"] == {"pairs": 2, "tpr": 1}
    assert ours["attacks"]["mirror"]["r1"] == 1
    for method in (figures, *figures["peers"].values()):
        for level in ("some", "strong"):
            row = method["per_post"][level]
            assert row["by_category"]["low"]["pairs"] == 3
            assert row["false_by_group"].keys() == {"alike", "other"}
            assert {"posts", "false_posts", "gallery", "tpr", "tpr_ci", "by_kind", "by_source"} <= row.keys()
        assert {"r1", "uap", "tpr_1e3", "tpr_1e4"} <= method["pair"].keys()
        assert all({"r1", "tpr_some", "tpr_strong"} <= row.keys() for row in method["attacks"].values())
    assert {"pdq", "phash"} <= figures["peers"].keys()
    assert figures["cost"]["weights_bytes"] < 2_000_000
    assert figures["cost"]["fingerprint_bytes"] == 5456


def test_attacks_are_the_same_each_time_and_do_what_they_say() -> None:
    pixels = drawing(5, 7, (240, 320))
    for attack in ATTACKS:
        assert np.array_equal(attacked(pixels, attack, "a"), attacked(pixels, attack, "a"))
    assert np.array_equal(attacked(pixels, "mirror", "a"), pixels[:, ::-1])
    crop = attacked(pixels, "crop", "a")
    assert 0.69 * 240 <= crop.shape[0] < 0.93 * 240
    assert attacked(pixels, "ui", "a").shape[0] > 240
    assert attacked(pixels, "recompress", "a").shape[0] < 240


def test_average_precision_and_intervals() -> None:
    good, bad = np.array([3.0, 2.0], np.float32), np.array([1.0, 0.0], np.float32)
    assert match.average_precision(good, bad) == 1
    assert match.average_precision(bad, good) == pytest.approx((1 / 3 + 2 / 4) / 2)
    hits = np.array([True] * 50 + [False] * 50)
    low, high = match.interval(hits, ["a"] * 50 + ["b"] * 50)
    assert (low, high) == (0, 1)  # two sources that disagree say next to nothing
    low, high = match.interval(hits, [str(number) for number in range(100)])
    assert 0.35 < low < 0.45
    assert 0.55 < high < 0.65


def test_sources() -> None:
    assert source_of("debian:openclipart-png:openclipart/png/a.png") == "debian:openclipart-png"
    assert source_of("owner/name:img/a.png (git history)") == "owner/name"


@pytest.mark.corpus
@pytest.mark.slow
def test_figures_on_the_development_corpus(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "figures.json"
    monkeypatch.setattr("sys.argv", ["match", "--corpus", str(corpus), "--json", str(target)])
    match.main()
    ours = json.loads(target.read_text(encoding="utf-8"))
    some, strong = ours["per_post"]["some"], ours["per_post"]["strong"]
    assert some["false_posts"] <= 0.01 * some["posts"]
    assert strong["false_posts"] <= 0.002 * strong["posts"]
    assert some["tpr"] >= 0.82
    assert strong["tpr"] >= 0.63
    assert ours["pair"]["r1"] >= 0.98
    assert ours["attacks"]["mirror"]["tpr_some"] >= 0.76


def test_a_higher_rung_of_the_ladder_keeps_less() -> None:
    pixels, donor = drawing(5, 7, (240, 320)), drawing(6, 7, (240, 320))
    made = [rung_of(pixels, donor, strength, "a") for strength in RUNGS]
    assert all(each.shape == (SIDE, SIDE, 3) for each in made)
    assert np.array_equal(made[3], rung_of(pixels, donor, RUNGS[3], "a"))
    first = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(float)
    away = [np.abs(each - first).mean() for each in made]
    assert away[0] < away[3] < away[-1]


def test_pictures_named_as_related_join_their_families() -> None:
    families = {"a": "1", "b": "1", "c": "2", "d": "3"}
    rows = [{"file": "b", "other": "c"}, {"file": "e", "other": "f"}]
    joined = related(families, rows)
    assert joined["a"] == joined["b"] == joined["c"] != joined["d"]
    assert joined["e"] == joined["f"] not in {joined["a"], joined["d"]}
    assert families["c"] == "2"
