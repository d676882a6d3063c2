"""A check from end to end on real sessions: likeness, attribution, order, and everything that must not be claimed."""

from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from sakigake import words
from sakigake.errors import NotFoundError, UsageError
from sakigake.fingerprint.vector import V1, VERSION, fingerprint_v1, fingerprint_v2
from sakigake.model import EntryType, Interval, Likeness, Order
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Ledger
from sakigake.timeline.reading import entry_bounds
from tests.watch.studio import (
    STAGES,
    START,
    Pixels,
    Studio,
    Ticking,
    drawing,
    framed,
    pictures,
    record,
    redrawn,
    saved,
)
from watch.check import check_picture
from watch.finding import to_json, to_text

FOUND = {Likeness.SOME, Likeness.STRONG}
LATER = Interval(START + timedelta(hours=2), START + timedelta(hours=3))
EARLIER = Interval(START - timedelta(hours=3), START - timedelta(hours=2))


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "sakigake.db")


@pytest.fixture
def studio(store: SqliteStore) -> Studio:
    return record(store, pictures())


@pytest.mark.parametrize("stage", [2, 4, 7])
def test_a_redrawn_stage_is_recognised_at_its_stage(tmp_path: Path, studio: Studio, stage: int) -> None:
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, stage)))
    finding = check_picture(studio.store, [studio.session], post, LATER)
    assert finding.likeness in FOUND
    assert finding.first_stage is not None
    assert finding.last_stage is not None
    assert finding.first_stage <= studio.seqs[stage] <= finding.last_stage
    assert finding.last_stage - finding.first_stage <= 5
    assert finding.order is Order.DRAFT_FIRST
    assert finding.draft.not_after
    assert LATER.not_before
    assert finding.draft.not_after < LATER.not_before
    assert finding.view in {"full", "trim"}
    assert finding.counts
    assert finding.counts.reached <= finding.counts.pairs // 1000
    assert finding.compared == STAGES


def test_mirrored_and_framed_posts_are_recognised(tmp_path: Path, studio: Studio) -> None:
    source = redrawn(drawing(11, 7))
    for name, pixels, view in (
        ("mirror", source[:, ::-1], "mirror"),
        ("frame", framed(source), "frame"),
        ("both", framed(np.ascontiguousarray(source[:, ::-1])), "frame-mirror"),
    ):
        post = saved(tmp_path / f"{name}.png", np.ascontiguousarray(pixels))
        finding = check_picture(studio.store, [studio.session], post, LATER)
        assert finding.likeness in FOUND, name
        assert finding.view == view


@pytest.mark.parametrize("seed", range(100, 112))
def test_other_drawings_are_not_recognised_and_not_ordered(tmp_path: Path, studio: Studio, seed: int) -> None:
    post = saved(tmp_path / "post.jpg", redrawn(drawing(seed, 7), seed))
    finding = check_picture(studio.store, [studio.session], post, LATER)
    assert finding.likeness is Likeness.NONE
    assert finding.order is Order.UNCLEAR
    assert finding.order_reason == "no-likeness"
    assert (finding.stage, finding.first_stage, finding.draft) == (None, None, Interval())


def test_a_post_made_before_the_draft_is_said_in_the_same_form(tmp_path: Path, studio: Studio) -> None:
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    before, after = (
        check_picture(studio.store, [studio.session], post, posted) for posted in (EARLIER, LATER)
    )
    assert before.order is Order.POST_FIRST
    for lang in words.LANGUAGES:
        texts = [to_text(finding, lang).splitlines() for finding in (before, after)]
        assert len(texts[0]) == len(texts[1])
        sentences = [words.text(f"finding.order.{order}", lang) for order in ("post_first", "draft_first")]
        changed = texts[0][0].replace(sentences[0], sentences[1])
        assert changed == texts[1][0]


def test_the_pc_clock_alone_orders_nothing(tmp_path: Path, store: SqliteStore) -> None:
    studio = record(store, pictures(), tokens=False)
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    finding = check_picture(store, [studio.session], post, LATER)
    assert finding.likeness in FOUND
    assert finding.order is Order.UNCLEAR
    assert finding.order_reason == "no-trusted-draft-time"
    assert finding.claimed == START + timedelta(minutes=STAGES)
    assert "自己申告" in to_text(finding, "ja")


def test_a_pc_clock_set_back_by_a_year_changes_no_answer(tmp_path: Path, store: SqliteStore) -> None:
    studio = record(store, pictures(), claim=timedelta(days=-365))
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    finding = check_picture(store, [studio.session], post, EARLIER)
    assert finding.order is Order.POST_FIRST
    assert finding.claimed
    assert finding.claimed < START - timedelta(days=300)


def test_order_needs_disjoint_intervals(tmp_path: Path, studio: Studio) -> None:
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    known = check_picture(studio.store, [studio.session], post, LATER).draft
    assert known.not_after
    cases = {
        Interval(): "post-time-not-given",
        Interval(known.not_after, None): "intervals-overlap",
        Interval(None, known.not_after): "intervals-overlap",
        Interval(START - timedelta(hours=1), START + timedelta(hours=1)): "intervals-overlap",
    }
    for posted, reason in cases.items():
        finding = check_picture(studio.store, [studio.session], post, posted)
        assert (finding.order, finding.order_reason) == (Order.UNCLEAR, reason)
    just_after = Interval(known.not_after + timedelta(milliseconds=1), None)
    assert check_picture(studio.store, [studio.session], post, just_after).order is Order.DRAFT_FIRST


def test_the_draft_interval_covers_the_whole_range(tmp_path: Path, store: SqliteStore) -> None:
    """Eight recordings of nearly the same canvas: the claim rests on the last of them, not on the first."""
    same = [drawing(11, 7) for _ in range(STAGES)]
    for number, pixels in enumerate(same):
        pixels[:8, : 8 * (number + 1)] = 0
    studio = record(store, same)
    post = saved(tmp_path / "post.jpg", redrawn(same[2]))
    between = START + timedelta(minutes=5)
    finding = check_picture(store, [studio.session], post, Interval(between, between + timedelta(seconds=5)))
    assert (finding.first_stage, finding.last_stage) == (studio.seqs[0], studio.seqs[-1])
    assert finding.order is Order.UNCLEAR
    assert finding.order_reason == "intervals-overlap"


def test_all_sessions_the_best_one_is_named(tmp_path: Path, store: SqliteStore) -> None:
    sessions = [
        record(store, pictures(seed), start=START + timedelta(days=seed)).session for seed in (11, 12, 13)
    ]
    post = saved(tmp_path / "post.jpg", redrawn(drawing(12, 7)))
    finding = check_picture(store, sessions, post, Interval())
    assert finding.session == sessions[1].id
    assert finding.compared == 3 * STAGES


def test_a_picture_that_carries_too_little_is_not_comparable(tmp_path: Path, studio: Studio) -> None:
    blank = np.full((400, 400, 3), 255, np.uint8)
    stroke = blank.copy()
    stroke[200:204, 60:340] = 0
    dot = blank[:1, :1]
    for pixels, reason in ((blank, "blank"), (stroke, "too-little"), (dot, "too-small")):
        finding = check_picture(studio.store, [studio.session], saved(tmp_path / "post.png", pixels), LATER)
        assert finding.likeness is Likeness.NOT_COMPARABLE
        assert finding.likeness_reason == reason
        assert finding.order is Order.UNCLEAR
        for lang in words.LANGUAGES:
            assert words.text(f"finding.likeness-reason.{reason}", lang) in to_text(finding, lang)


def test_blank_stages_are_passed_over(tmp_path: Path, store: SqliteStore) -> None:
    blank = np.full((400, 400, 3), 255, np.uint8)
    studio = record(store, [blank, blank, *pictures()])
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    assert check_picture(store, [studio.session], post, LATER).compared == STAGES
    only_blank = record(store, [blank], start=START + timedelta(days=1))
    finding = check_picture(store, [only_blank.session], post, LATER)
    assert finding.likeness is Likeness.NOT_COMPARABLE
    assert finding.likeness_reason == "stages-carry-too-little"


def test_no_stage_and_no_picture(tmp_path: Path, store: SqliteStore) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    empty = Ledger.start(store, Ed25519PrivateKey.generate(), "screen", Ticking().clock())
    empty.append(EntryType.HEARTBEAT)
    post = saved(tmp_path / "post.jpg", drawing(11, 7))
    with pytest.raises(NotFoundError) as caught:
        check_picture(store, [empty.session], post, LATER)
    assert caught.value.code == "check-no-stage"
    text = tmp_path / "text.png"
    text.write_text("no picture", encoding="utf-8")
    with pytest.raises(UsageError):
        check_picture(store, [empty.session], text, LATER)


def test_fingerprints_of_another_version_are_refused(tmp_path: Path, store: SqliteStore) -> None:
    def newer(pixels: Pixels) -> bytes:
        raw = fingerprint_v2(pixels)
        return raw[:5] + b"\x07" + raw[6:]

    studio = record(store, pictures(), fingerprint=newer)
    with pytest.raises(UsageError) as caught:
        check_picture(store, [studio.session], saved(tmp_path / "post.jpg", drawing(11, 7)), LATER)
    assert caught.value.code == "fingerprint-other-version"


def test_stages_of_version_one_are_still_compared(tmp_path: Path, store: SqliteStore) -> None:
    """What was recorded before the fingerprint changed is compared as it was then, with the calibration of then."""
    old = record(store, pictures(), fingerprint=fingerprint_v1)
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    finding = check_picture(store, [old.session], post, LATER)
    assert finding.fingerprint_version == V1
    assert finding.order is Order.DRAFT_FIRST
    assert {score.name for score in finding.scores} == {
        "edge_layout_v1",
        "gradient_v1",
        "oklab_thumb_8_v1",
    }
    assert finding.counts
    assert finding.counts.version == "calibration/1"


def test_a_session_of_two_versions_is_one_timeline(tmp_path: Path, store: SqliteStore) -> None:
    """An update in the middle of a session: stages 0-3 of version 1, the others of version 2."""
    made = iter([fingerprint_v1] * 4 + [fingerprint_v2] * (STAGES - 4))
    studio = record(store, pictures(), fingerprint=lambda pixels: next(made)(pixels))  # noqa: PLW0108 - another one each time
    for stage, version in ((2, V1), (6, VERSION)):
        post = saved(tmp_path / f"{stage}.png", drawing(11, stage))
        finding = check_picture(store, [studio.session], post, LATER)
        assert (finding.first_stage, finding.stage, finding.last_stage) == (studio.seqs[stage],) * 3
        assert finding.fingerprint_version == version
        assert finding.compared == STAGES
    redone = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    finding = check_picture(store, [studio.session], redone, LATER)
    assert finding.earliest is not None
    assert finding.earliest <= studio.seqs[3]


def test_words_are_two_answers_with_counts_and_no_per_cent(tmp_path: Path, studio: Studio) -> None:
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    finding = check_picture(studio.store, [studio.session], post, LATER)
    for lang in words.LANGUAGES:
        text = to_text(finding, lang)
        assert words.text(f"finding.order.{finding.order.value}", lang) in text
        assert words.text(f"finding.likeness.{finding.likeness.value}", lang) in text
        assert f"{finding.counts.pairs:,}" in text if finding.counts else False
        assert words.text("report.other-explanations", lang) in text
        assert text.endswith(words.text("report.limits", lang))
        assert not {"%", "％", "パーセント"} & set(text)


def test_json_is_plain_and_complete(tmp_path: Path, studio: Studio) -> None:
    import json

    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    record_ = json.loads(json.dumps(to_json(check_picture(studio.store, [studio.session], post, LATER))))
    assert record_["schema_version"] == 1
    assert record_["order"] == "draft_first"
    assert record_["likeness"] in {"some", "strong"}
    assert record_["stage_range"][0] <= record_["stage"] <= record_["stage_range"][1]
    assert set(record_["scores"]) == {
        "layout_on_stage_v2",
        "layout_on_post_v2",
        "edge_layout_v1",
        "oklab_thumb_8_v1",
    }
    assert record_["draft"]["not_after"].endswith("Z")
    assert len(record_["post_sha256"]) == 64


def test_a_screenshot_is_placed_at_its_stage_exactly(tmp_path: Path, studio: Studio) -> None:
    for stage in (3, 5, 7):
        ok, jpeg = cv2.imencode(".jpg", drawing(11, stage), [cv2.IMWRITE_JPEG_QUALITY, 60])
        assert ok
        post = tmp_path / f"{stage}.jpg"
        post.write_bytes(jpeg.tobytes())
        finding = check_picture(studio.store, [studio.session], post, LATER)
        assert (finding.first_stage, finding.stage, finding.last_stage) == (studio.seqs[stage],) * 3


def test_a_post_between_two_stages_is_not_called_the_first(tmp_path: Path, studio: Studio) -> None:
    """What a stage shows was on the canvas before the stage was taken: somebody else may have taken it sooner."""
    post = saved(tmp_path / "post.png", drawing(11, 6))
    just_before = START + timedelta(
        minutes=6, seconds=12
    )  # stage 5 has its token, stage 6 is taken a minute later
    posted = Interval(just_before - timedelta(seconds=1), just_before + timedelta(seconds=1))
    finding = check_picture(studio.store, [studio.session], post, posted)
    assert finding.stage == studio.seqs[6]
    assert finding.order is Order.UNCLEAR
    before_the_stage_before = Interval(None, START + timedelta(minutes=5))
    assert (
        check_picture(studio.store, [studio.session], post, before_the_stage_before).order is Order.POST_FIRST
    )


def test_a_record_of_what_came_before_is_no_record_of_the_post(tmp_path: Path, store: SqliteStore) -> None:
    """A copier who missed a stage has the one before it, and sooner than the artist has what she drew next."""
    missed = 4
    studio = record(store, [drawing(11, stage) for stage in range(STAGES) if stage != missed])
    before, after = studio.seqs[missed - 1], studio.seqs[missed]
    post = saved(tmp_path / "post.png", drawing(11, missed))
    seen = check_picture(store, [studio.session], post, LATER)
    assert seen.first_stage is not None
    assert seen.last_stage is not None
    assert seen.first_stage <= before < after <= seen.last_stage
    low, high = (entry_bounds(store, studio.session.id, [seq])[seq].not_after for seq in (before, after))
    assert low
    assert high
    between = Interval(low + timedelta(seconds=1), low + timedelta(seconds=2))
    assert between.not_after
    assert between.not_after < high
    assert check_picture(store, [studio.session], post, between).order is Order.UNCLEAR


def test_a_redrawn_post_is_the_first_only_before_anything_alike(tmp_path: Path, studio: Studio) -> None:
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    finding = check_picture(studio.store, [studio.session], post, LATER)
    assert finding.earliest is not None
    assert finding.first_stage is not None
    assert finding.earliest < finding.first_stage
    within = START + timedelta(minutes=5)
    inside = check_picture(studio.store, [studio.session], post, Interval(None, within))
    assert inside.order is Order.UNCLEAR


@pytest.mark.parametrize("source", ["folder", "pictures", "video"])
def test_a_post_is_never_called_earlier_than_pictures_that_were_taken_in(
    tmp_path: Path, store: SqliteStore, source: str
) -> None:
    """Files may be older than their record by any time."""
    studio = record(store, pictures(), source=source)
    post = saved(tmp_path / "post.jpg", redrawn(drawing(11, 7)))
    for posted in (EARLIER, Interval(None, START - timedelta(days=300))):
        finding = check_picture(store, [studio.session], post, posted)
        assert finding.likeness in FOUND
        assert finding.order is Order.UNCLEAR
        assert finding.draft.not_before is None
    assert check_picture(store, [studio.session], post, LATER).order is Order.DRAFT_FIRST
