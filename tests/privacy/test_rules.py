from typing import Any

import pytest

from capture.frame import Region
from capture.privacy import Blocked, Clear, Gate, Rules, key_of
from capture.windows.model import Desktop, Stir, Window
from capture.windows.settling import STALE
from sakigake import settings, words
from sakigake.clock import Clock
from sakigake.errors import ConfigError

PLACE = Region(0, 0, 100, 100)


class Script:
    """Desktops as a test writes them down, one per look; the last one stays."""

    def __init__(self, *desktops: Desktop) -> None:
        self.desktops = list(desktops)
        self.demanded: list[Region] = []
        self.painted = True

    def look(self, region: Region, window: int | None = None) -> Desktop:
        assert region.width
        assert window is None or window
        return self.desktops.pop(0) if len(self.desktops) > 1 else self.desktops[0]

    def demand(self, areas: Any, windows: Any) -> None:
        assert list(windows)
        self.demanded.extend(areas)

    def repainted(self) -> bool:
        return self.painted

    def caveats(self) -> tuple[str, ...]:
        return ("shell-draws",)

    def close(self) -> None:
        self.desktops = [Desktop((), None)]


def window(number: int, process: int, title: str | None = "x", **more: Any) -> Window:
    fields: dict[str, Any] = {"area": PLACE, "solid": (PLACE,), "names": (f"program{process}",), **more}
    fields.setdefault("kin", frozenset({("process", process)}))
    return Window(id=number, outer=number, title=title, **fields)


PAINT, MAIL = window(1, 11), window(2, 22)
DRAWING = Desktop((PAINT, MAIL), PAINT)


def gate(*desktops: Desktop, rules: Rules | None = None, opened: bool = True) -> Gate:
    made = Gate(rules or Rules(settle_s=0.0), Script(*desktops))
    if opened:
        made.open(PLACE)
    return made


def verdict(made: Gate) -> str:
    found = made.check(PLACE)
    return found.reason if isinstance(found, Blocked) else "clear"


def test_the_program_in_the_middle_is_the_allowed_one() -> None:
    made = gate(DRAWING)
    assert verdict(made) == "clear"
    assert made.program == "program11"


def test_without_a_start_nothing_is_allowed() -> None:
    assert verdict(gate(DRAWING, opened=False)) == "privacy-covered"


@pytest.mark.parametrize(
    ("desktop", "expected"),
    [
        (Desktop((MAIL, PAINT), PAINT), "privacy-covered"),
        (Desktop((PAINT, MAIL), MAIL), "privacy-other-in-front"),
        (Desktop((PAINT,), None), "privacy-no-front"),
        (Desktop((PAINT,), PAINT, locked=True), "privacy-locked"),
        (Desktop((window(1, 11, None),), window(1, 11, None)), "privacy-no-title"),
        (Desktop((), None), "privacy-absent"),
        (Desktop((window(1, 11, solid=()), MAIL), PAINT), "privacy-covered"),
        (Desktop((window(3, 11, popup=True, title=None), PAINT), PAINT), "clear"),
        (Desktop((window(3, 22, popup=True, title=None), PAINT), PAINT), "privacy-covered"),
        (Desktop((PAINT,), None, fronted=False), "clear"),
    ],
)
def test_what_is_not_plainly_allowed_blocks(desktop: Desktop, expected: str) -> None:
    assert verdict(gate(DRAWING, desktop)) == expected


def test_bare_screen_stays_bare() -> None:
    nothing = Desktop((), None)
    made = gate(nothing, nothing, Desktop((MAIL,), MAIL))
    assert made.program == ""
    assert [verdict(made), verdict(made)] == ["clear", "privacy-covered"]


def test_programs_are_named_by_pattern_and_menus_follow_their_program() -> None:
    menu = window(5, 22, None, names=(), popup=True)
    rules = Rules(programs=("program2*",), settle_s=0.0)
    assert verdict(gate(Desktop((menu, MAIL, PAINT), MAIL), rules=rules)) == "clear"
    assert verdict(gate(DRAWING, rules=rules)) == "privacy-covered"
    assert verdict(gate(DRAWING, rules=Rules(programs=("*",), settle_s=0.0))) == "clear"


def test_titles_are_asked_of_every_window_that_shows() -> None:
    rules = Rules(titles=("*.kra*",), settle_s=0.0)
    good, other = window(1, 11, "Cat.KRA [changed]"), window(3, 11, "passwords", area=Region(0, 0, 9, 9))
    assert verdict(gate(Desktop((good,), good), rules=rules)) == "clear"
    assert verdict(gate(Desktop((other, good), good), rules=rules)) == "privacy-other-title"
    assert verdict(gate(Desktop((good,), window(1, 11, "passwords")), rules=rules)) == "privacy-other-title"


def test_two_marks_differ_when_anything_happened_between() -> None:
    for after in (
        Desktop((PAINT, MAIL), PAINT, changes=1),
        Desktop((PAINT, MAIL), window(1, 11, "another title")),
        Desktop((window(1, 11, area=Region(0, 0, 101, 100), solid=(Region(0, 0, 101, 100),)), MAIL), PAINT),
    ):
        made = gate(DRAWING, DRAWING, after)
        one, two = made.check(PLACE), made.check(PLACE)
        assert isinstance(one, Clear)
        assert isinstance(two, Clear)
        assert one != two


def test_a_mark_does_not_hold_the_title() -> None:
    made = gate(Desktop((window(1, 11, "letter to a friend"),), window(1, 11, "letter to a friend")))
    assert "letter" not in repr(made.check(PLACE))


def test_a_moved_pointer_is_no_change() -> None:
    made = gate(
        DRAWING,
        Desktop(DRAWING.windows, PAINT, pointer=(1, 1)),
        Desktop(DRAWING.windows, PAINT, pointer=(2, 2)),
    )
    assert made.check(PLACE) == made.check(PLACE)


def clocked(now: list[float]) -> Clock:
    return Clock(mono_ns=lambda: int(now[0] * 1_000_000_000))


def test_after_another_window_some_time_must_pass() -> None:
    now = [100.0]
    made = Gate(Rules(settle_s=1.0), Script(DRAWING), clocked(now))
    made.open(PLACE)
    assert verdict(made) == "privacy-settling"
    now[0] += 1.0
    assert verdict(made) == "clear"


def test_what_only_passed_by_between_two_looks_counts_too() -> None:
    now = [100.0]
    passed = Desktop(
        DRAWING.windows, PAINT, composited=False, changes=1, stirs=(Stir(MAIL.kin, Region(5, 5, 9, 9)),)
    )
    script = Script(DRAWING, DRAWING, passed, DRAWING)
    made = Gate(Rules(settle_s=1.0), script, clocked(now))
    made.open(PLACE)
    now[0] += 1.0
    assert [verdict(made), verdict(made)] == ["clear", "privacy-settling"]
    assert script.demanded == [Region(5, 5, 9, 9)]
    now[0] += 1.0
    assert verdict(made) == "clear"


def test_a_menu_of_the_program_passes_by_unasked() -> None:
    passed = Desktop(DRAWING.windows, PAINT, changes=1, stirs=(Stir(PAINT.kin, PLACE, popup=True),))
    now = [100.0]
    made = Gate(Rules(settle_s=1.0), Script(DRAWING, DRAWING, passed), clocked(now))
    made.open(PLACE)
    now[0] += 1.0
    assert [verdict(made), verdict(made)] == ["clear", "clear"]


def test_a_wait_that_goes_on_is_told_by_its_cause() -> None:
    now = [100.0]
    script = Script(DRAWING, Desktop((PAINT,), PAINT, composited=False))
    script.painted = False
    made = Gate(Rules(settle_s=1.0), script, clocked(now))
    made.open(PLACE)
    assert verdict(made) == "privacy-settling"
    now[0] += 6.0
    assert verdict(made) == "privacy-stale"
    script.painted = True
    assert verdict(made) == "clear"


def test_one_window_is_judged_by_itself() -> None:
    covered = Desktop((MAIL, PAINT), MAIL)
    made = Gate(Rules(settle_s=0.0), Script(covered), target=lambda: 1)
    found = made.check(PLACE)
    assert isinstance(found, Clear)
    assert not found.own_window
    untitled = Gate(Rules(settle_s=0.0), Script(Desktop((window(1, 11, None),), None)), target=lambda: 1)
    assert untitled.check(PLACE) == Blocked("privacy-no-title")
    locked = Gate(Rules(settle_s=0.0), Script(Desktop((PAINT,), PAINT, locked=True)), target=lambda: 1)
    assert locked.check(PLACE) == Blocked("privacy-locked")


def test_the_sentences_at_the_start_say_what_may_be_seen() -> None:
    assert gate(DRAWING).greeting() == [
        ("privacy.program", {"program": "program11"}),
        ("privacy.shell-draws", {}),
    ]
    assert gate(Desktop((), None)).greeting()[0] == ("privacy.nothing-there", {})
    listed = gate(DRAWING, rules=Rules(programs=("krita", "csp*")))
    assert listed.greeting() == [("privacy.listed", {"programs": "krita, csp*"})]


def test_every_reason_has_a_sentence() -> None:
    import capture.privacy as room

    reasons = [value for name, value in vars(room).items() if name.isupper() and isinstance(value, str)]
    assert len(reasons) >= 10
    for reason in (*reasons, STALE):
        for lang in words.LANGUAGES:
            assert words.text(key_of(reason), lang)


def test_the_settings_that_come_with_it_are_the_defaults() -> None:
    assert Rules.of(settings.load().section("privacy")) == Rules()
    assert Rules.of({}) == Rules()


def test_settings_are_read_in_any_case() -> None:
    assert Rules.of({"programs": [" Krita "], "titles": ["*.KRA"], "settle_s": 2}) == Rules(
        ("krita",), ("*.kra",), 2.0
    )


@pytest.mark.parametrize(
    "table",
    [
        {"programs": "krita"},
        {"programs": [""]},
        {"titles": [1]},
        {"settle_s": -1},
        {"settle_s": True},
        {"settle_s": "1"},
    ],
)
def test_settings_that_cannot_be_meant_are_told(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Rules.of(table)
    assert caught.value.message("ja")
    assert caught.value.hint("en")


def test_the_terminal_it_was_started_from_is_taken_only_where_nothing_else_is() -> None:
    from capture.windows.model import own_processes

    terminal = window(9, 99, kin=own_processes())
    assert gate(Desktop((terminal, PAINT), PAINT)).program == "program11"
    assert gate(Desktop((terminal,), terminal)).program == "program99"
