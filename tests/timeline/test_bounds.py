"""Bounds: from tokens alone, monotone, never interpolated."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sakigake.model import Interval
from sakigake.timeline.bounds import TokenTime, bounds, picture_after

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return T0 + timedelta(seconds=seconds)


def test_without_tokens_nothing_is_known() -> None:
    assert bounds([(0, None), (1, None)], {}, [0, 1]) == {0: Interval(), 1: Interval()}


def test_entry_lies_between_the_token_it_names_and_the_next_over_it() -> None:
    tokens = {"a": TokenTime(1, at(0), at(1)), "b": TokenTime(3, at(60), at(61))}
    got = bounds([(0, None), (1, "a"), (2, "a")], tokens, [0, 1, 2])
    assert got[0] == Interval(None, at(1))
    assert got[1] == got[2] == Interval(at(0), at(61))


def test_late_anchor_widens_and_does_not_interpolate() -> None:
    tokens = {"a": TokenTime(1, at(0), at(1)), "late": TokenTime(5, at(28_800), at(28_801))}
    assert bounds([(1, "a")], tokens, [1])[1] == Interval(at(0), at(28_801))


def test_undisclosed_entry_inherits_from_the_chain_before_it() -> None:
    tokens = {"a": TokenTime(1, at(0), at(1)), "b": TokenTime(9, at(60), at(61))}
    assert bounds([(2, "a")], tokens, [5])[5] == Interval(at(0), at(61))


def test_token_nobody_trusts_counts_on_neither_side() -> None:
    assert bounds([(1, "unknown")], {}, [1])[1] == Interval()


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 500)), min_size=1, max_size=12))
def test_bounds_never_run_backwards(drawn: list[tuple[int, int]]) -> None:
    sizes, times = sorted(size for size, _ in drawn), sorted(time for _, time in drawn)
    tokens = {
        str(i): TokenTime(size, at(t), at(t + 1))
        for i, (size, t) in enumerate(zip(sizes, times, strict=True))
    }
    afters = [
        (seq, next((name for name, token in reversed(tokens.items()) if token.size <= seq), None))
        for seq in range(41)
    ]
    got = bounds(afters, tokens, range(41))
    known = [got[seq] for seq in range(41)]
    lows = [interval.not_before for interval in known if interval.not_before]
    highs = [interval.not_after for interval in known if interval.not_after]
    assert lows == sorted(lows)
    assert highs == sorted(highs)
    assert all(i.not_before <= i.not_after for i in known if i.not_before and i.not_after)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.tuples(st.integers(1, 9), st.integers(0, 4000)), max_size=5),
    st.integers(0, 9),
    st.sampled_from("abcdef"),
    st.sampled_from(["a", "b", "c", "d", "e", "f", None]),
)
def test_a_picture_is_after_a_token_that_was_there_before_the_newest(
    drawn: dict[str, tuple[int, int]], seq: int, still: str, after: str | None
) -> None:
    tokens = {
        name: TokenTime(size, T0 + timedelta(microseconds=low), at(9)) for name, (size, low) in drawn.items()
    }
    may_be = (
        still in drawn
        and after in drawn
        and drawn[still][0] <= seq
        and drawn[still][1] // 1000 <= drawn[after][1] // 1000
    )
    assert picture_after(seq, still, after, tokens) == (tokens[still].low if may_be else None)
