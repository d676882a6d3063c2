"""The names that the default store keeps, and the rules for them."""

import sqlite3
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import UsageError
from sakigake.labels import ESTIMATE, MOST_LABEL, PERSON, STEPS, StageLabel, read_label, read_title, shown
from sakigake.store.protocol import Store
from sakigake.store.sqlite import SqliteStore
from tests.store.conformance import AT, LabelConformance, a_session


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = SqliteStore(tmp_path / "sakigake.db")
    yield opened
    opened.close()


@pytest.fixture
def reopened(tmp_path: Path, store: Store) -> Iterator[Store]:  # noqa: ARG001 - beside the first one
    opened = SqliteStore(tmp_path / "sakigake.db")
    yield opened
    opened.close()


class TestSqliteLabels(LabelConformance):
    """The suite over SQLite."""


def test_a_store_of_the_version_before_is_brought_up_and_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "sakigake.db"
    store = SqliteStore(path)
    session, _, seqs = a_session(store)
    store.close()
    with sqlite3.connect(path) as db:  # what the three migrations before this one made
        for statement in (
            "DROP TRIGGER entries_forget_labels",
            "DROP TABLE labels",
            "DROP TABLE joined",
            "DROP TABLE titles",
        ):
            db.execute(statement)
        db.execute("PRAGMA user_version = 3")
    db.close()
    store = SqliteStore(path)
    assert [each.seq for each in store.entries(session.id)][-3:] == seqs
    store.put_labels(session.id, [StageLabel(seqs[0], "rough", PERSON, AT)])
    assert len(store.labels(session.id)) == 1
    store.close()


def test_of_two_estimates_the_later_is_shown() -> None:
    old = StageLabel(4, "rough", ESTIMATE, AT, 0.9, "a")
    new = StageLabel(4, "sketch", "other", AT + timedelta(seconds=1), 0.2, "b")
    assert shown([old, new])[4] == shown([new, old])[4] == new


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("rough", "rough"),
        ("Color Rough", "color_rough"),
        ("  顔の  下描き\n", "顔の 下描き"),
        ("\u202eevil\u202c", "evil"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("か\u3099", "が"),
        ("\u200d", ""),
        ("", ""),
    ],
)
def test_a_label_as_typed_and_as_kept(typed: str, kept: str) -> None:
    assert read_label(typed) == kept


def test_a_label_or_title_that_is_too_long_is_refused() -> None:
    assert read_label("字" * MOST_LABEL) == "字" * MOST_LABEL
    for read, length in ((read_label, MOST_LABEL + 1), (read_label, 10_000), (read_title, 10_000_000)):
        with pytest.raises(UsageError) as refused:
            read("字" * length)
        assert refused.value.hint("ja")


@given(st.text(max_size=80))
def test_what_is_kept_is_one_line_that_reads_as_written(typed: str) -> None:
    try:
        kept = read_label(typed)
    except UsageError:
        return
    assert len(kept) <= MOST_LABEL
    assert kept == kept.strip()
    bad = {"Cc", "Cs", "Zl", "Zp"}
    assert not [
        each for each in kept if unicodedata.category(each) in bad or each in "\u202a\u202e\u2066\u200b"
    ]
    assert kept in STEPS or read_label(kept) == kept
