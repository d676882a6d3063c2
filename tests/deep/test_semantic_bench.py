"""The harness that decides whether a model earns its place, on a corpus drawn here and with a model made here."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import match, semantic
from tests.deep import tiny
from tests.watch.studio import drawing, redrawn
from tests.watch.test_protocol import write


def test_content_may_raise_a_score_and_never_lowers_one() -> None:
    rng = np.random.default_rng(3)
    layout = rng.normal(0, 1, (4, 200)).astype(np.float32)
    content = semantic.normalised(rng.normal(0.2, 0.05, (4, 200)).astype(np.float32))
    assert (semantic.joined(layout, content, 0.5) >= layout).all()
    assert np.array_equal(semantic.joined(layout, content, 0.0), layout)
    assert abs(float(np.sort(content, axis=1)[:, -100:].mean())) < 1e-4


@pytest.mark.deep
@pytest.mark.slow
def test_a_model_is_judged_beside_layout(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.put_in_place(own_home, tmp_path / "model")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rows: dict[str, list[dict[str, str]]] = {"pairs": [], "timelines": [], "negatives": [], "families": []}
    for number in range(4):
        source = drawing(300 + number, 7, (240, 320))
        for name, pixels in ((f"in{number}.png", source), (f"out{number}.png", redrawn(source, number))):
            cv2.imwrite(str(corpus / name), pixels)
        rows["pairs"].append(
            {
                "input": f"in{number}.png",
                "output": f"out{number}.png",
                "category": "high",
                "kind": "anime",
                "source_group": f"g{number}",
            }
        )
    for number in range(24):
        cv2.imwrite(str(corpus / f"no{number}.png"), drawing(900 + number, 6, (240, 320)))
        rows["negatives"].append(
            {
                "file": f"no{number}.png",
                "group": "hard-a",
                "self_similar_group": "no",
                "source": f"o/r{number}:x",
            }
        )
    for name, found in rows.items():
        write(corpus, name, found)
    out = tmp_path / "out.json"
    arguments = ["match", "--corpus", str(corpus), "--json", str(out), "--jobs", "1", "--deep", "tiny"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert match.main() == 0
    deep = json.loads(out.read_text())["deep"]
    assert deep["model"].startswith("tiny@")
    assert set(deep) == {"model", "layout", "semantic", *(f"joined_{weight}" for weight in semantic.WEIGHTS)}
    for name, row in deep.items():
        if name != "model":
            assert row["per_post"]["some"]["positives"] == 4
            assert 0 <= row["pair"]["r1"] <= 1
