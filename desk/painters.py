"""Names of drawing programs as window systems tell them, so that they stand first where one is to be chosen."""

from fnmatch import fnmatchcase

# Lower case, `*` and `?` allowed: of the executable, the window's class or the application, per system.
PAINT = (
    "clipstudiopaint*",
    "clip studio paint*",
    "csp*",
    "sai",
    "sai2",
    "painttool sai*",
    "photoshop*",
    "adobe photoshop*",
    "affinity*",
    "krita*",
    "gimp*",
    "mypaint*",
    "mtpaint*",
    "medibang*",
    "firealpaca*",
    "ibispaint*",
    "aseprite*",
    "pixelorama*",
    "drawpile*",
    "inkscape*",
    "illustrator*",
    "corelpainter*",
    "painter20*",
    "rebelle*",
    "artrage*",
    "sketchbook*",
    "opencanvas*",
    "azpainter*",
    "procreate*",
    "blender*",
    "mspaint*",
    "kolourpaint*",
    "pinta*",
    "tuxpaint*",
    "paint.net*",
    "paintdotnet*",
    "livebrush*",
    "storyboard pro*",
    "toonboom*",
    "opentoonz*",
)


def paints(names: tuple[str, ...]) -> bool:
    """Say whether a program's names (lower case) are those of a drawing program."""
    return any(fnmatchcase(name, pattern) for name in names for pattern in PAINT)
