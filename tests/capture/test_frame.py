import pytest

from capture.frame import Region
from sakigake.errors import UsageError


def test_a_rectangle_is_read_and_written_the_same_way() -> None:
    assert str(Region.parse("-100, 20,1280,720")) == "-100,20,1280,720"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "0,0,0,100",
        "0,0,100,-5",
        "0,0,31,100",
        "0,0,99999999,100",
        "1.5,0,64,64",
    ],
)
def test_what_is_no_rectangle_is_refused(value: str) -> None:
    with pytest.raises(UsageError) as refused:
        Region.parse(value)
    assert refused.value.code == "region-unreadable"


SCREEN = Region(0, 0, 800, 600)


@pytest.mark.parametrize(
    ("region", "part"),
    [
        (Region(10, 20, 100, 100), Region(10, 20, 100, 100)),
        (Region(-50, -50, 200, 200), Region(0, 0, 150, 150)),
        (Region(700, 500, 200, 200), Region(700, 500, 100, 100)),
        (Region(900, 0, 100, 100), None),
        (Region(790, 0, 100, 100), None),  # ten columns are no canvas
    ],
)
def test_a_rectangle_is_cut_to_the_screen(region: Region, part: Region | None) -> None:
    assert region.clip(SCREEN) == part
