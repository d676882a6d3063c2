"""The story of a recorded session: what is drawn, and what happens around it, as `bench.draw_session` plays it."""

import time
from collections.abc import Callable, Sequence

from bench.draw_desk import Desk, ellipse, line

PRIVATE = 'for i in $(seq 30); do echo "Alice: secret message $i, card 4111 1111"; sleep .2; done; sleep 60'


def tell(desk: Desk) -> None:
    """Play rough, lines, colours and finish; the episodes between them come in the seed's order."""
    with desk.action("idle_blank", "idle", 0, "fit"):
        time.sleep(4)
    rough(desk)
    first = [zoomed, mirrored, rotated, canvas_only, dialog, menu]
    desk.random.shuffle(first)
    _play(desk, first)
    ink(desk)
    fills(desk)
    second = [other_window, hidden_layer, minimised, moved, zoomed_out]
    desk.random.shuffle(second)
    _play(desk, second)
    finish(desk)
    with desk.action("idle_end", "idle", 0, "fit"):
        time.sleep(5)


def _play(desk: Desk, episodes: Sequence[Callable[[Desk], None]]) -> None:
    for episode in episodes:
        episode(desk)


def _view(desk: Desk, verb: str, view: str, seconds: float = 3.0) -> bool:
    if verb not in desk.program.verbs:
        return False
    with desk.action(verb, "view", 0, view):
        desk.do(verb)
        time.sleep(seconds)
    return True


def _tool(desk: Desk, verb: str, colour: int | None = None) -> None:
    with desk.action(f"select_{verb}", "ui", 0, "fit"):
        if colour is not None:
            colours = desk.program.colours
            desk.steps(colours[colour % len(colours)])
        desk.do(*(["brush"] if verb != "bucket" else []), verb)
        time.sleep(0.5)


def rough(desk: Desk) -> None:
    """Sketch head, body and hair; hover; undo and redo; save."""
    r = desk.random
    tilt = r.uniform(-0.03, 0.03)
    _tool(desk, "pencil", 0)
    with desk.action("rough_head", "stroke", 1, "fit"):
        for _ in range(3):
            desk.stroke(ellipse(desk, (0.5 + tilt, 0.36), (0.15, 0.2), (0, 380), 0.006))
        desk.stroke(line(desk, (0.5 + tilt, 0.15), (0.5, 0.58), 0.003))
        desk.stroke(line(desk, (0.34 + tilt, 0.38), (0.66 + tilt, 0.38), 0.003))
    with desk.action("rough_body", "stroke", 1, "fit"):
        for side in (-1, 1):
            desk.stroke(line(desk, (0.5 + side * 0.07, 0.56), (0.5 + side * 0.22, 0.92), 0.006))
        desk.stroke(ellipse(desk, (0.5, 0.73), (0.2, 0.1), (180, 360), 0.006))
    with desk.action("idle", "idle", 0, "fit"):
        time.sleep(4)
    with desk.action("hover_cursor", "cursor", 0, "fit"):
        left, top, right, bottom = desk.program.viewport
        for _ in range(10):
            desk.run(
                "xdotool", "mousemove", r.randint(left + 60, right - 60), r.randint(top + 40, bottom - 40)
            )
            time.sleep(0.5)
    with desk.action("rough_hair", "stroke", 1, "fit"):
        for k in range(6):
            x = 0.37 + 0.05 * k
            desk.stroke(
                line(desk, (x, 0.19 + 0.02 * abs(k - 2.5)), (x + r.uniform(-0.03, 0.03), 0.34), 0.004)
            )
    with desk.action("undo", "undo", 1, "fit"):
        desk.do("undo", "undo", "undo")
        time.sleep(2.5)
    with desk.action("redo", "undo", 1, "fit"):
        desk.do("redo", "redo", "redo")
        time.sleep(2.5)
    save(desk)


def save(desk: Desk) -> None:
    """Save, with whatever dialog the program shows."""
    if "save" in desk.program.verbs:
        with desk.action("save", "dialog", 0, "fit"):
            desk.do("save")


def zoomed(desk: Desk) -> None:
    """Zoom in, draw eyes, pan, draw a mouth, fit again."""
    if not _view(desk, "zoom_in", "zoom"):
        return
    left, top, right, bottom = desk.program.viewport
    x, y = (left + right) / 2, (top + bottom) / 2
    _tool(desk, "pencil")
    with desk.action("zoom_eyes", "stroke", 1, "zoom"):
        for side in (-1, 1):
            desk.drag(ellipse(desk, (x + side * 150, y), (60, 32), (0, 370), 1.5))
            desk.drag(ellipse(desk, (x + side * 150, y), (24, 26), (0, 370), 1))
    _view(desk, "pan", "zoom+pan", 2.0)
    with desk.action("zoom_mouth", "stroke", 1, "zoom+pan"):
        desk.drag(ellipse(desk, (x, y + 60), (70, 26), (20, 160), 1))
        desk.drag(ellipse(desk, (x, y + 50), (60, 12), (10, 170), 1))
        time.sleep(1)
    _view(desk, "fit", "fit")


def mirrored(desk: Desk) -> None:
    """Mirror the view, draw, mirror back."""
    if not _view(desk, "mirror", "mirror"):
        return
    with desk.action("mirror_stroke", "stroke", 1, "mirror"):
        desk.stroke(ellipse(desk, (0.3, 0.3), (0.05, 0.08), (0, 300), 0.002))
        desk.stroke(line(desk, (0.22, 0.7), (0.3, 0.9), 0.003))
        time.sleep(1)
    _view(desk, "unmirror", "fit", 2.0)


def rotated(desk: Desk) -> None:
    """Rotate the view, hatch, rotate back."""
    if not _view(desk, "rotate", "rot"):
        return
    left, top, right, bottom = desk.program.viewport
    with desk.action("rot_stroke", "stroke", 1, "rot"):
        for k in range(4):
            x = left + (right - left) * (0.4 + 0.04 * k)
            desk.drag(line(desk, (x, top + (bottom - top) * 0.3), (x + 25, top + (bottom - top) * 0.65), 2))
        time.sleep(1)
    _view(desk, "unrotate", "fit")


def canvas_only(desk: Desk) -> None:
    """Hide the tools, draw in the larger view, show them again."""
    if not _view(desk, "canvas_only", "canvasonly"):
        return
    width, height = desk.program.screen
    with desk.action("canvas_only_stroke", "stroke", 1, "canvasonly"):
        for k in range(3):
            desk.drag(
                line(desk, (width * 0.4 + 30 * k, height * 0.5), (width * 0.5 + 20 * k, height * 0.62), 2)
            )
        time.sleep(1)
    _view(desk, "canvas_only_off", "fit")


def dialog(desk: Desk) -> None:
    """Open a dialog of the program over the canvas and leave it without a change."""
    if "dialog" in desk.program.verbs:
        with desk.action("dialog", "dialog", 0, "fit"):
            desk.do("dialog")
            time.sleep(5)
            desk.do("dialog_off")
            time.sleep(2)


def menu(desk: Desk) -> None:
    """Open a menu over the canvas."""
    if "menu" in desk.program.verbs:
        with desk.action("menu", "ui", 0, "fit"):
            desk.do("menu")
            time.sleep(2)


def ink(desk: Desk) -> None:
    """Draw clean lines over the rough."""
    _tool(desk, "ink", 0)
    with desk.action("line_face", "stroke", 1, "fit"):
        desk.stroke(ellipse(desk, (0.5, 0.36), (0.155, 0.205)))
        for side in (-1, 1):
            desk.stroke(ellipse(desk, (0.5 + side * 0.07, 0.38), (0.03, 0.03)))
        desk.stroke(ellipse(desk, (0.5, 0.47), (0.04, 0.02), (20, 160)))
    with desk.action("line_body", "stroke", 1, "fit"):
        for side in (-1, 1):
            desk.stroke(line(desk, (0.5 + side * 0.06, 0.57), (0.5 + side * 0.21, 0.94)))
        desk.stroke(line(desk, (0.29, 0.94), (0.71, 0.94)))
        desk.stroke(line(desk, (0.44, 0.57), (0.56, 0.57)))
    with desk.action("idle", "idle", 0, "fit"):
        time.sleep(4)
    save(desk)


def _fill(desk: Desk, u: float, v: float) -> None:
    x, y, width, height = desk.page
    desk.run("xdotool", "mousemove", round(x + u * width), round(y + v * height), "sleep", 0.3, "click", 1)
    time.sleep(2)


def fills(desk: Desk) -> None:
    """Fill the face, the body and the whole background."""
    if "bucket" not in desk.program.verbs:
        return
    for name, colour, place in (
        ("fill_face", 1, (0.5, 0.25)),
        ("fill_body", 2, (0.5, 0.85)),
        ("fill_background", 3, (0.06, 0.08)),
    ):
        _tool(desk, "bucket", colour)
        with desk.action(name, "fill", 1, "fit"):
            _fill(desk, *place)


def other_window(desk: Desk) -> None:
    """Let another program's window cover part of the canvas, then all of it, then go."""
    title = "Private chat - Alice"
    at = f"60x20+{desk.random.randint(150, 450)}+{desk.random.randint(150, 350)}"
    with desk.action("window_partial", "occlusion", 0, "fit"):
        window = desk.spawn("xterm", "-T", title, "-geometry", at, "-e", "bash", "-c", PRIVATE)
        time.sleep(6)
    with desk.action("window_full", "occlusion", 0, "none"):
        desk.run("wmctrl", "-r", title, "-b", "add,maximized_vert,maximized_horz")
        time.sleep(6)
    with desk.action("window_close", "occlusion", 0, "fit"):
        window.terminate()
        window.wait()
        time.sleep(3)


def hidden_layer(desk: Desk) -> None:
    """Hide the only layer for a while."""
    if "hide" not in desk.program.verbs:
        return
    for verb in ("hide", "show"):
        with desk.action(f"{verb}_layer", "layer", 0, "fit"):
            desk.do(verb)
            time.sleep(4)


def minimised(desk: Desk) -> None:
    """Put the program away and take it back."""
    with desk.action("minimise", "occlusion", 0, "none"):
        desk.run("xdotool", "getactivewindow", "windowminimize")
        time.sleep(5)
    with desk.action("restore", "occlusion", 0, "fit"):
        desk.run("wmctrl", "-a", desk.program.title)
        time.sleep(3)


def moved(desk: Desk) -> None:
    """Make the window smaller and move it, then maximise it again."""
    states = "maximized_vert,maximized_horz"
    title = desk.program.title
    with desk.action("unmaximise_move", "view", 0, "moved"):
        desk.run("wmctrl", "-r", title, "-b", f"remove,{states}")
        time.sleep(1)
        desk.run("wmctrl", "-r", title, "-e", "0,60,40,1100,700")
        time.sleep(4)
    with desk.action("maximise", "view", 0, "fit"):
        desk.run("wmctrl", "-r", title, "-b", f"add,{states}")
        time.sleep(1)
        desk.do("fit")
        time.sleep(3)


def zoomed_out(desk: Desk) -> None:
    """Look at the page from afar and come back."""
    if _view(desk, "zoom_out", "zoomout"):
        _view(desk, "fit", "fit")


def finish(desk: Desk) -> None:
    """Shade with a wide brush, take one stroke back, set highlights, save."""
    _tool(desk, "wide", 4)
    with desk.action("shade", "stroke", 1, "fit"):
        for k in range(5):
            desk.stroke(line(desk, (0.55 + 0.02 * k, 0.7), (0.58 + 0.015 * k, 0.9), 0.003))
        time.sleep(1)
    with desk.action("undo_shade", "undo", 1, "fit"):
        desk.do("undo")
        time.sleep(2.5)
    zoomed(desk)
    _tool(desk, "pencil", 3)
    with desk.action("highlights", "stroke", 1, "fit"):
        for k in range(4):
            desk.stroke(line(desk, (0.42 + 0.03 * k, 0.2), (0.4 + 0.03 * k, 0.27), 0.003))
    save(desk)
