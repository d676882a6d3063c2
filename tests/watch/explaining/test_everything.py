"""All the pictures of one comparison: there, the same each time, bare of anything but pixels, and made again from the record."""

import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from PIL import Image

from desk import explaining
from sakigake import words
from sakigake.model import Interval
from tests.watch.explaining.case import cut, material, recorded, usual
from tests.watch.explaining.test_registration import redone
from tests.watch.studio import Pixels, drawing, redrawn, saved
from watch.check import check_picture
from watch.explaining import letters
from watch.explaining.everything import explain_all
from watch.explaining.gathering import Disclosed, gather
from watch.explaining.material import Explained
from watch.sanitise import load_picture

ALONE = {"maps.png", "method.json"} | {
    f"timeline-{lang}.{end}" for lang in words.LANGUAGES for end in ("svg", "png")
}
WITH_PICTURE = {
    "aligned-post.png",
    "aligned-stage.png",
    "aligned.png",
    "blink.gif",
    "chance-closest.png",
    "chance-median.png",
    "overlay.png",
    "superset.png",
    "thumbnails.png",
}


@pytest.fixture(scope="module")
def made() -> Explained:
    return explain_all(usual(), letters.shipped())


def opened(raw: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(raw))
    picture.load()
    return picture


def pixels_of(raw: bytes) -> Pixels:
    return np.asarray(opened(raw).convert("RGB"), np.uint8)[..., ::-1]


def test_everything_is_there_with_a_caption_in_both_languages(made: Explained) -> None:
    assert set(made.files) == ALONE | WITH_PICTURE
    assert set(made.captions) == set(made.files) - {made.method}
    for caption in made.captions.values():
        for lang in words.LANGUAGES:
            assert caption.text(lang)
            assert "{" not in caption.text(lang)


def test_the_same_comparison_gives_the_same_bytes(made: Explained) -> None:
    again = explain_all(usual(), letters.shipped())
    assert dict(again.files) == dict(made.files)


def test_pictures_hold_nothing_but_pixels(made: Explained) -> None:
    for name, raw in made.files.items():
        if name.endswith(".png"):
            assert not opened(raw).info, name
            assert not opened(raw).getexif(), name
        if name.endswith(".gif"):
            assert set(opened(raw).info) <= {
                "version",
                "background",
                "duration",
                "loop",
                "transparency",
                "extension",
            }
            assert b"Comment" not in raw


def test_a_stranger_can_lay_the_pictures_over_each_other_again(made: Explained) -> None:
    """From the two pictures and method.json, with Pillow, to the last bit of the overlay."""
    record = json.loads(made.files["method.json"])
    post, stage = redone(record["alignment"], usual().post, usual().stage)  # type: ignore[arg-type]
    assert np.array_equal(post, pixels_of(made.files["aligned-post.png"]))
    assert np.array_equal(stage, pixels_of(made.files["aligned-stage.png"]))
    overlay = (post.astype(np.uint16) + stage + 1) // 2
    assert np.array_equal(overlay, pixels_of(made.files["overlay.png"]))


def test_the_record_says_what_it_rests_on(made: Explained) -> None:
    record = json.loads(made.files["method.json"])
    assert record["inputs"]["post_file_sha256"] == usual().finding.post_digest
    assert record["value"] > max(each["value"] for each in record["chance"]["examples"]) + 1
    assert [each["role"] for each in record["chance"]["examples"]] == ["closest", "median"]
    assert set(record["files"]) == set(made.files) - {"method.json"}
    made.files["method.json"].decode("ascii")


def test_without_the_stages_picture_there_are_its_maps_and_times() -> None:
    found = explain_all(material(redrawn(drawing(11, 7)), drawing(11, 6), kept=False), letters.shipped())
    assert set(found.files) == ALONE
    assert found.captions["maps.png"].key == "pictures.caption.maps-alone"
    record = json.loads(found.files["method.json"])
    assert record["inputs"]["stage_pixels"] is None
    assert "alignment" not in record


def test_what_an_export_withholds_is_in_no_picture(own_home: Path, tmp_path: Path) -> None:
    """Stages that were not chosen, those shown without a picture, and the one that nothing may be shown of."""
    store, session = recorded(own_home, [drawing(11, stage) for stage in range(3, 8)])
    post = saved(tmp_path / "post.png", redrawn(drawing(11, 7)))
    told = check_picture(store, [session], post, Interval())
    best = told.stage
    assert best is not None
    pixels, folder = load_picture(post)[0], own_home / "pictures"
    every = gather(store, folder, pixels, told)
    numbers = [each.number for each in every.moments]
    assert len(numbers) == 5
    assert [number for number, _ in every.earlier] == [number for number in numbers if number <= best]
    few = gather(store, folder, pixels, told, Disclosed(chosen=[*numbers[:2], best], hidden=[numbers[1]]))
    assert few.stage is not None
    assert [each.number for each in few.moments] == sorted({*numbers[:2], best})
    assert [number for number, _ in few.earlier] == sorted({numbers[0], best})
    hidden = explaining.of_post(store, folder, post, told, Disclosed(hidden=[best]))
    assert hidden is not None
    assert set(hidden.files) == ALONE
    assert explaining.of_post(store, folder, post, told, Disclosed(bare=[best])) is None
    assert explaining.of_post(store, folder, post, told, Disclosed(chosen=numbers[:1])) is None
    store.close()


def test_a_cropped_and_mirrored_post_is_explained_where_it_lies() -> None:
    post = cut(redrawn(drawing(11, 7)), 0.08, 0.1, 0.9, 0.88)
    found = explain_all(material(np.ascontiguousarray(post[:, ::-1]), drawing(11, 6)), letters.shipped())
    record = json.loads(found.files["method.json"])
    placed = record["alignment"]
    assert placed["mirrored"]
    assert placed["offset"] == pytest.approx([0.1, 0.08], abs=0.02)
    assert found.captions["superset.png"].params["covered"] == f"{100 * placed['covered_part_of_stage']:.0f}"


def test_the_overlay_is_sharp_only_for_the_real_pair(made: Explained) -> None:
    """What the eye is to see: two registered pictures agree in their lines, a chance pair does not."""
    record = json.loads(made.files["method.json"])
    real = record["alignment"]["correlation_of_lines"]["refined"]
    for example in record["chance"]["examples"]:
        assert example["alignment"]["correlation_of_lines"]["refined"] < real - 0.15


def test_the_timeline_says_the_order_in_words_and_marks_the_claim(made: Explained) -> None:
    for lang in words.LANGUAGES:
        root = ET.fromstring(made.files[f"timeline-{lang}.svg"])  # noqa: S314 - our own
        text = " ".join(each.text or "" for each in root.iter() if each.tag.endswith(("text", "desc")))
        assert words.text("finding.order.draft_first", lang) in text
        circles = [each for each in root.iter() if each.tag.endswith("circle")]
        assert len(circles) == 8 + 1  # a claim for each stage, and the one that explains them
        assert not [each for each in root.iter() if each.tag.endswith(("script", "style", "image"))]
        assert pixels_of(made.files[f"timeline-{lang}.png"]).shape[1] == int(root.attrib["width"])


@pytest.mark.corpus
def test_real_pairs_are_explained_and_found(corpus: object) -> None:
    import csv

    folder = Path(str(corpus))
    with (folder / "pairs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["category"] == "low"]
    for row in rows[::12]:
        post, stage = (
            np.asarray(cv2.imread(str(folder / row[side])), np.uint8) for side in ("output", "input")
        )
        found = explain_all(material(post, stage), letters.shipped())
        record = json.loads(found.files["method.json"])
        assert record["alignment"]["covered_part_of_stage"] > 0.5
