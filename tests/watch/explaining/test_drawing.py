"""Sheets of any picture, words in any of them, and the line of time with whatever is known of it."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakigake import words
from sakigake.errors import UsageError
from sakigake.fingerprint.placed import Window
from sakigake.fingerprint.vector import V1, fingerprint_v1, fingerprint_v2, unpack
from sakigake.model import Interval
from tests.watch.studio import Pixels, drawing, framed, redrawn
from watch.explaining import alignment, axis, letters, maps, registered, seen, superset, thumbnails
from watch.explaining.alignment import WHOLE
from watch.explaining.figure import Box, Ring
from watch.explaining.letters import Letters
from watch.explaining.sheet import png
from watch.sanitise import decode

FONT = letters.shipped()
NAMES = ("post", "stage", "both", "lines")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 1), (2, 3), (33, 700)])
@pytest.mark.parametrize("other", [(1, 1), (480, 640)])
def test_pictures_of_any_shape_are_laid_out(size: tuple[int, int], other: tuple[int, int]) -> None:
    post, stage = noise(*size), noise(*other)
    placed = alignment.of(
        (size[1], size[0]),
        (other[1], other[0]),
        (0.0, 0.0, float(size[1]), float(size[0])),
        mirrored=True,
        matched=WHOLE,
        refined=Window(0.1, 0.1, 0.5, 0.7),
    )
    one, two = alignment.apply(placed, post, stage)
    drawn = [
        registered.sheet(one, two, NAMES, FONT),
        thumbnails.sheet([thumbnails.Pair("pair", ("post", "stage"), (one, two))], FONT),
        superset.sheet(
            placed,
            (post, stage),
            [("1", post)],
            dict.fromkeys(("whole", "detail-stage", "detail-post", "earlier"), "words"),
            FONT,
        ),
    ]
    for page in drawn:
        assert page.dtype == np.uint8
        assert max(page.shape) < 3000


@pytest.mark.parametrize("kind", ["16 bit", "alpha", "grey", "grey 16 bit"])
def test_files_of_other_kinds_come_out_like_their_plain_twin(kind: str) -> None:
    """Posts are decoded before they are explained; whatever the file held, what is drawn is 8 bit BGR."""
    plain = drawing(11, 6)
    grey = np.asarray(cv2.cvtColor(plain, cv2.COLOR_BGR2GRAY))
    given_ = {
        "16 bit": plain.astype(np.uint16) * 257,
        "alpha": np.dstack([plain, np.full(plain.shape[:2], 255, np.uint8)]),
        "grey": grey,
        "grey 16 bit": grey.astype(np.uint16) * 257,
    }[kind]
    expected = np.dstack([grey] * 3) if "grey" in kind else plain
    got = decode(cv2.imencode(".png", given_)[1].tobytes(), "post.png")
    assert np.abs(got.astype(int) - expected).max() <= 1
    small = thumbnails.thumbnail(got, 16)
    assert np.abs(small.astype(int) - thumbnails.thumbnail(np.asarray(expected, np.uint8), 16)).max() <= 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("frame", [False, True])
def test_the_seen_part_of_a_post_is_told_in_its_own_pixels(mirrored: bool, frame: bool) -> None:
    source = drawing(11, 7)
    post = framed(source) if frame else source
    view = ("frame" if frame else "full") if not mirrored else ("frame-mirror" if frame else "mirror")
    found = seen.of(post, view, None, unpack(fingerprint_v2(source)).version)
    left, top, right, bottom = (int(each) for each in found.box)
    part = post[top:bottom, left:right]
    assert np.array_equal(found.pixels, part[:, ::-1] if mirrored else part)
    expected = (27, 47, 27 + 640, 47 + 480) if frame else (0, 0, 640, 480)
    assert max(abs(a - b) for a, b in zip((left, top, right, bottom), expected, strict=True)) <= 6


def test_an_older_fingerprint_has_maps_as_well() -> None:
    stage = unpack(fingerprint_v1(drawing(11, 6)))
    found = seen.of(redrawn(drawing(11, 7)), "full", None, V1)
    titles = dict.fromkeys(("post", "stage", "agree", "edges", "colours", "layout"), "x")
    two = maps.sheet(maps.both(found, stage), (480, 640), titles, FONT)
    new = unpack(fingerprint_v2(drawing(11, 6)))
    three = maps.sheet(
        maps.both(seen.of(redrawn(drawing(11, 7)), "full", None, new.version), new), (480, 640), titles, FONT
    )
    assert three.shape[0] > two.shape[0] * 1.3  # the learned map makes a third row


def test_colours_are_what_the_picture_has() -> None:
    stage = drawing(11, 7)
    drawn = maps.colours(maps.fields_of(unpack(fingerprint_v2(stage))), (160, 160))
    cells = cv2.resize(stage, (16, 16), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(drawn[5::10, 5::10].astype(int) - cells).mean() < 8


def test_lines_run_the_way_they_are_drawn() -> None:
    """A horizontal line of the picture is a horizontal stroke of the map."""
    page = np.full((128, 128, 3), 255, np.uint8)
    page[60:68] = 0
    drawn = maps.strokes(maps.fields_of(unpack(fingerprint_v2(page))), (240, 240))
    dark = drawn[..., 0] < 128
    assert dark.any(axis=1).sum() < 60
    assert dark.any(axis=0).sum() > 200


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60), st.integers(60, 600))
@settings(max_examples=60, deadline=None)
def test_no_line_is_wider_than_its_strip_and_no_letter_is_lost(text: str, width: int) -> None:
    lines = FONT.wrapped(text, 15, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(FONT.width(line, 15) <= width for line in lines if " " in line)


def test_japanese_breaks_anywhere_but_before_a_full_stop() -> None:
    text = words.text("pictures.claim", "ja")
    lines = FONT.wrapped(text, 15, 90)
    assert "".join(lines) == text
    assert len(lines) > 3
    assert not [line for line in lines if line[0] in "。、」)"]


def test_a_letter_that_the_font_lacks_is_an_error_and_no_empty_box() -> None:
    with pytest.raises(UsageError) as caught:
        FONT.strip("𠮷野家", 15, 200)
    assert caught.value.code == "picture-letter-missing"
    assert caught.value.params["point"] == "U+20BB7"


def test_the_font_has_every_letter_that_may_be_drawn() -> None:
    for lang in words.LANGUAGES:
        drawn = [
            text
            for key, text in words.table(lang).items()
            if key.startswith(("pictures.", "finding.", "report."))
        ]
        FONT.require("".join(drawn).replace("\n", ""))


def ordered(one: datetime | None, other: datetime | None) -> tuple[datetime | None, datetime | None]:
    return (other, one) if one and other and other < one else (one, other)


moments = st.none() | st.integers(0, 40_000_000).map(lambda second: NOW + timedelta(seconds=second))
rows = st.lists(
    st.tuples(moments, moments, moments).map(
        lambda ends: axis.Row("row", Interval(*ordered(ends[0], ends[1])), ends[2], post=True)
    ),
    min_size=1,
    max_size=6,
)
SAID = axis.Said("title", "order", "clocks", "claim", "unknown", "en")


@given(rows)
@settings(max_examples=80, deadline=None)
def test_whatever_is_known_is_drawn_inside_the_page_and_in_order(given_: list[axis.Row]) -> None:
    drawn = axis.figure(given_, SAID, FONT)
    ET.fromstring(drawn.svg())  # noqa: S314 - our own
    width, height = drawn.size
    for part in drawn.parts:
        if isinstance(part, Box):
            assert 0 <= part.at[0] < part.at[2] <= width
            assert 0 <= part.at[1] < part.at[3] <= height
    scale = axis.Scale.of(given_)
    known = sorted(
        each
        for row in given_
        for each in (row.interval.not_before, row.interval.not_after, row.claimed)
        if each
    )
    places = [scale.x(moment) for moment in known]
    assert places == sorted(places)
    assert all(0 < place < width for place in places)


def test_a_post_days_later_leaves_the_recording_room() -> None:
    """The empty days are cut out of the line, or ten minutes of drawing would be a hair."""
    stage = axis.Row("stage", Interval(NOW, NOW + timedelta(minutes=10)))
    post = axis.Row(
        "post", Interval(NOW + timedelta(days=30), NOW + timedelta(days=30, seconds=1)), post=True
    )
    scale = axis.Scale.of([stage, post])
    assert len(scale.stretches) == 2
    assert scale.x(NOW + timedelta(minutes=10)) - scale.x(NOW) > 250


def test_a_claim_never_touches_a_bar() -> None:
    rows_ = [axis.Row("stage", Interval(NOW, NOW + timedelta(minutes=1)), NOW + timedelta(seconds=30))]
    parts = axis.figure(rows_, SAID, FONT).parts
    bar = next(part for part in parts if isinstance(part, Box))
    ring = next(part for part in parts if isinstance(part, Ring))
    assert ring.middle[1] - ring.radius > bar.at[3]


def test_named_stages_are_always_drawn() -> None:
    chosen = axis.chosen(list(range(1, 6001)), [17, 4000, 4001])
    assert {17, 4000, 4001} <= set(chosen)
    assert len(chosen) == axis.MOST
    assert axis.chosen([1, 2], [2, 9]) == [1, 2]


def test_words_are_readable_in_the_png() -> None:
    """The two languages give different pictures, neither empty."""
    pages = [
        png(Letters(FONT.source).strip(words.text("report.limits", lang), 16, 400))
        for lang in words.LANGUAGES
    ]
    assert pages[0] != pages[1]
    assert all((decode(page, "x.png") < 100).mean() > 0.01 for page in pages)
