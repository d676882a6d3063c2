from hypothesis import given
from hypothesis import strategies as st

from capture.frame import Region
from capture.windows.model import (
    Desktop,
    Window,
    bears,
    choose,
    hull,
    overlap,
    own_processes,
    process_id,
    without,
)

SIDES = st.integers(1, 12)
PLACES = st.integers(-6, 18)
RECTANGLES = st.builds(Region, PLACES, PLACES, SIDES, SIDES)


def cells(areas: list[Region]) -> list[tuple[int, int]]:
    return [
        (x, y)
        for area in areas
        for x in range(area.left, area.left + area.width)
        for y in range(area.top, area.top + area.height)
    ]


@given(RECTANGLES, st.lists(RECTANGLES, max_size=5))
def test_what_is_left_is_exactly_what_no_hole_takes(area: Region, holes: list[Region]) -> None:
    left = cells(without([area], holes))
    assert len(left) == len(set(left))
    assert set(left) == set(cells([area])) - set(cells(holes))


@given(RECTANGLES, RECTANGLES)
def test_an_overlap_is_what_both_have(one: Region, other: Region) -> None:
    shared = overlap(one, other)
    assert set(cells([shared] if shared else [])) == set(cells([one])) & set(cells([other]))


@given(st.lists(RECTANGLES, min_size=1, max_size=4))
def test_a_hull_holds_them_all(areas: list[Region]) -> None:
    assert set(cells(areas)) <= set(cells([hull(areas)]))


def window(number: int, area: Region, *, process: int = 1, solid: bool = True, **more: object) -> Window:
    settings: dict[str, object] = {
        "outer": number,
        "names": ("paint",),
        "solid": (area,) if solid else (),
        "title": "a drawing",
        **more,
    }
    return Window(id=number, kin=frozenset({("process", process)}), area=area, **settings)  # type: ignore[arg-type]


def test_a_window_below_shows_only_where_nothing_solid_is_above() -> None:
    top, below = window(2, Region(0, 0, 10, 10)), window(1, Region(5, 5, 10, 10), process=2)
    seen = Desktop((top, below), None).seen_in(Region(0, 0, 20, 20))
    assert [(one.id, sum(part.width * part.height for part in parts)) for one, parts in seen] == [
        (2, 100),
        (1, 75),
    ]


def test_a_window_that_is_quite_covered_does_not_show() -> None:
    top, below = window(2, Region(0, 0, 20, 20)), window(1, Region(5, 5, 10, 10), process=2)
    assert [one.id for one, _ in Desktop((top, below), None).seen_in(Region(6, 6, 4, 4))] == [2]


def test_a_window_shines_through_one_that_is_not_solid() -> None:
    top, below = window(2, Region(0, 0, 20, 20), solid=False), window(1, Region(5, 5, 10, 10), process=2)
    assert [one.id for one, _ in Desktop((top, below), None).seen_in(Region(6, 6, 4, 4))] == [2, 1]


def test_a_title_shows_in_no_repr() -> None:
    assert "letter" not in repr(window(1, Region(0, 0, 9, 9), title="letter"))


def test_a_window_is_named_by_program_title_or_id() -> None:
    small = window(1, Region(0, 0, 10, 10), title="tools")
    large = window(2, Region(0, 0, 90, 90), title="cat.kra")
    mail = window(3, Region(0, 0, 50, 50), process=2, names=("mail",), title="About paint")
    tip = window(4, Region(0, 0, 99, 99), popup=True)
    everything = (tip, small, large, mail)
    assert choose(everything, "Paint") == [large, small]
    assert choose(everything, "pai*") == [large, small]
    assert choose(everything, "*.kra") == [large]
    assert choose(everything, "about") == [mail]
    assert choose(everything, "0x3") == [mail]
    assert choose(everything, "nothing of it") == []


def test_an_unreadable_title_is_no_title() -> None:
    assert not bears(None, "*")
    assert bears("", "*")


def test_our_own_processes_are_known_by_more_than_a_number() -> None:
    import os

    assert ("process", process_id(os.getpid())) in own_processes()
    assert process_id(os.getpid()) != os.getpid()
