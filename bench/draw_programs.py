"""How each real drawing program is started and driven: where its tools lie on the screen, which keys it listens to.

Coordinates are of the maximised window on a screen of the stated size, under openbox with its own theme.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Verbs = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Program:
    """One program. `viewport` is left, top, right, bottom of its canvas view; `verbs` are lists of steps.

    A step is `key K`, `click X Y [button]`, `drag X0 Y0 X1 Y1`, `sleep S`, or another xdotool command. `files`
    are written below the home folder before it starts.
    """

    name: str
    command: tuple[str, ...]
    title: str
    screen: tuple[int, int]
    page: tuple[int, int]
    viewport: tuple[int, int, int, int]
    verbs: Verbs
    colours: tuple[tuple[str, ...], ...]
    settle_s: float = 8.0
    pause_s: float = 0.006
    files: Mapping[str, str] = field(default_factory=dict)


def _krita_wheel(hue_x: int, hue_y: int, shade_x: int, shade_y: int) -> tuple[str, ...]:
    return (f"click {hue_x} {hue_y}", f"click {shade_x} {shade_y}")


_KRITA: dict[str, tuple[str, ...]] = {
    "prepare": ("click 535 430 2",),
    "fit": ("mousemove 535 430", "key 2"),
    "undo": ("key ctrl+z",),
    "redo": ("key ctrl+shift+z",),
    "zoom_in": ("mousemove 535 400", *("key ctrl+plus",) * 4),
    "pan": ("mousemove 535 600", "keydown space", "drag 535 600 500 380", "keyup space"),
    "mirror": ("key m",),
    "unmirror": ("key m",),
    "rotate": ("key 6", "key 6"),
    "unrotate": ("key 5", "sleep 1", "key 2"),
    "canvas_only": ("mousemove 535 430", "key Tab"),
    "canvas_only_off": ("key Tab", "sleep 1", "key 2"),
    "dialog": ("key ctrl+u",),
    "dialog_off": ("key Escape",),
    "save": ("key ctrl+s", "sleep 2.2", "key Return", "sleep 1.5"),
    "pencil": ("click 11 159", "click 1049 716", "mousemove 500 400"),
    "ink": ("click 11 159", "click 1110 658", "key bracketleft", "key bracketleft"),
    "wide": ("click 11 159", "click 1049 658", "key bracketright", "key bracketright"),
    "bucket": ("click 11 387",),
    "hide": ("click 1031 391",),
    "show": ("click 1031 391",),
}

_MTPAINT: Verbs = {
    "prepare": ("sleep 1", "search --name Settings windowclose", "sleep 1"),
    "fit": ("mousemove 600 400", "key 4"),
    "undo": ("key ctrl+z",),
    "redo": ("key ctrl+r",),
    "zoom_in": ("mousemove 640 420", "key 5"),
    "pan": ("drag 1271 440 1271 470",),
    "zoom_out": ("mousemove 640 420", "key 3"),
    "dialog": ("click 45 112", "sleep 1"),
    "dialog_off": ("key Escape",),
    "menu": ("key alt+e", "sleep 3", "key Escape"),
    "save": ("key ctrl+s", "sleep 1.5"),
    "pencil": ("click 437 63", "click 70 105", "sleep 0.5", "click 62 90"),
    "ink": ("click 437 63", "click 70 105", "sleep 0.5", "click 165 128"),
    "wide": ("click 437 63", "click 70 105", "sleep 0.5", "click 310 128"),
    "bucket": ("click 502 63",),
}

_MYPAINT: Verbs = {
    "prepare": ("click 851 61",),
    "fit": ("key F12", "sleep 0.5", "click 851 61", "mousemove 620 400"),
    "undo": ("key ctrl+z",),
    "redo": ("key ctrl+y",),
    "zoom_in": ("mousemove 620 400", *("key period",) * 4),
    "pan": ("keydown space", "drag 620 600 660 420", "keyup space"),
    "rotate": ("mousemove 620 400", "key ctrl+Right", "key ctrl+Right"),
    "unrotate": ("key F12", "sleep 0.5", "click 851 61", "mousemove 620 400"),
    "canvas_only": ("key F11",),
    "canvas_only_off": ("key F11",),
    "menu": ("click 105 31", "sleep 3", "key Escape"),
    "pencil": ("key d", "key d", "key d", "key d", "key d", "key d"),
    "ink": ("key d", "key d", "key d", "key d"),
    "wide": (*("key f",) * 9,),
    "brush": ("click 282 61",),
}

_GIMP: Verbs = {
    "prepare": ("mousemove 640 400", "key p"),
    "fit": ("mousemove 640 400", "key shift+ctrl+j"),
    "undo": ("key ctrl+z",),
    "redo": ("key ctrl+y",),
    "zoom_in": ("mousemove 620 400", *("key plus",) * 4),
    "zoom_out": ("mousemove 620 400", *("key minus",) * 3),
    "pan": ("mousemove 620 600", "keydown space", "mousemove 600 560", "mousemove 560 420", "keyup space"),
    "canvas_only": ("key Tab",),
    "canvas_only_off": ("key Tab", "sleep 1", "mousemove 640 400", "key shift+ctrl+j"),
    "dialog": ("click 86 171", "sleep 1"),
    "dialog_off": ("key Escape",),
    "menu": ("mousemove 640 400", "key alt+v", "sleep 3", "key Escape", "key Escape"),
    "pencil": ("mousemove 640 400", "key p", "key backslash", "key --repeat 16 --delay 40 bracketleft"),
    "ink": ("mousemove 640 400", "key n", "key backslash", "key --repeat 12 --delay 40 bracketleft"),
    "wide": ("mousemove 640 400", "key p", "key backslash", "key --repeat 20 --delay 40 bracketright"),
    "bucket": ("mousemove 640 400", "key shift+b"),
    "hide": ("click 1095 532",),
    "show": ("click 1095 532",),
}


def _gimp_colour(code: str) -> tuple[str, ...]:
    # The colour dialog opens in the corner; its field for the HTML notation takes a click and then the keys.
    field = ("click 343 243", "key ctrl+a", f"type {code}", "key Return")
    return (
        "click 86 171",
        "sleep 1.5",
        *field,
        "sleep 0.3",
        "click 384 343",
        "sleep 0.8",
        "mousemove 640 400",
    )


def _palette(*rows: int) -> tuple[tuple[str, ...], ...]:
    return tuple((f"click 39 {152 + 16 * row}",) for row in rows)


PROGRAMS = {
    "krita": Program(
        name="Krita",
        command=("krita", "--nosplash"),
        title="Krita",
        screen=(1280, 800),
        page=(1500, 1050),
        viewport=(72, 109, 998, 754),
        verbs=_KRITA,
        colours=(
            _krita_wheel(1190, 178, 1140, 128),
            _krita_wheel(1185, 200, 1128, 180),
            _krita_wheel(1108, 140, 1150, 180),
            _krita_wheel(1131, 227, 1160, 190),
            _krita_wheel(1190, 178, 1150, 160),
        ),
    ),
    "krita-bright": Program(
        name="Krita, bright theme",
        command=("krita", "--nosplash"),
        title="Krita",
        screen=(1920, 1080),
        page=(1600, 2000),
        viewport=(72, 109, 1638, 1034),
        verbs=_KRITA
        | {
            "prepare": ("click 855 570 2",),
            "fit": ("mousemove 855 570", "key 2"),
            "zoom_in": ("mousemove 855 570", *("key ctrl+plus",) * 4),
            "pan": ("mousemove 855 800", "keydown space", "drag 855 800 800 500", "keyup space"),
            "canvas_only": ("mousemove 855 570", "key Tab"),
            "pencil": ("click 13 164", "click 1689 914", "mousemove 800 500"),
            "ink": ("click 13 164", "click 1689 794"),
            "wide": ("click 13 164", "click 1689 855", "key bracketright", "key bracketright"),
            "bucket": ("click 12 410",),
            "hide": ("click 1671 416",),
            "show": ("click 1671 416",),
        },
        colours=(
            _krita_wheel(1845, 190, 1760, 150),
            _krita_wheel(1813, 245, 1800, 205),
            _krita_wheel(1719, 190, 1790, 195),
            _krita_wheel(1782, 127, 1800, 210),
            _krita_wheel(1751, 245, 1780, 180),
        ),
        files={".config/kritarc": "[theme]\nTheme=Krita bright\n"},
    ),
    "mtpaint": Program(
        name="mtPaint",
        command=("mtpaint",),
        title="mtPaint",
        screen=(1280, 800),
        page=(1000, 760),
        viewport=(92, 83, 1260, 782),
        verbs=_MTPAINT,
        colours=_palette(0, 26, 33, 20, 14),
        settle_s=3.0,
    ),
    "mypaint": Program(
        name="MyPaint",
        command=("mypaint",),
        title="MyPaint",
        screen=(1366, 768),
        page=(1100, 1400),
        viewport=(1, 81, 1365, 730),
        verbs=_MYPAINT,
        # Its colour pop-up swallows the stroke after it, so it draws in one colour and fills nothing.
        colours=((),),
        pause_s=0.012,
    ),
    "gimp": Program(
        name="GIMP",
        command=("gimp", "-n", "-s"),
        title="GIMP",
        screen=(1280, 800),
        page=(1400, 800),
        viewport=(210, 102, 1055, 748),
        verbs=_GIMP,
        colours=tuple(map(_gimp_colour, ("202040", "e8c0a0", "30a0c0", "f0e070", "a03050"))),
        settle_s=12.0,
        pause_s=0.01,
    ),
}
