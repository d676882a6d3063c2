"""Where the pictures of the demonstration come from: a real paint program, a real screen, or recorded frames."""

import time
from enum import StrEnum
from pathlib import Path

from desk.demo import drawing, paint, screen
from desk.demo.console import Console, Running
from sakigake import words
from sakigake.clock import parse_duration
from sakigake.errors import NotFoundError, SakigakeError

FRAMES = Path(__file__).parent / "frames"
INTERVAL_S = 1.0
REST_S = 3.0  # a stage is kept when the canvas rests: long enough for two looks at it
READY_S = 30.0
END_S = 120.0
PAINT_TROUBLE = ("demo-program-missing", "demo-screen-failed")


class Input(StrEnum):
    """What is recorded."""

    PAINT = "paint"
    SCREEN = "screen"
    REPLAY = "replay"


def record(console: Console, wanted: Input, seed: int, region: str = "", seconds: str = "") -> Input:
    """Record one session with the real recorder; return what was recorded in the end.

    When the paint program cannot be had or driven, the reason is shown and the recorded frames take its place.
    """
    if wanted is Input.SCREEN:
        console.say(words.text("demo.record-screen", region=region, seconds=seconds))
        longest_s = parse_duration(seconds) + END_S
        arguments = ("--region", region, "--interval", f"{INTERVAL_S:g}s", "--for", seconds)
        _ended(console.start("record", "start", *arguments), longest_s)
        return wanted
    if wanted is Input.PAINT:
        try:
            _record_paint(console, seed)
        except SakigakeError as error:
            if error.code not in PAINT_TROUBLE:
                raise  # a recorder that fails is no reason to show recorded frames instead
            console.say(words.text("demo.paint-failed", why=error.message(), next=error.hint()))
        else:
            return wanted
    require_frames()
    console.say(words.text("demo.record-replay"))
    arguments = ("record", "start", "--source", f"folder:{FRAMES}", "--once", "--new")
    _ended(console.start(*arguments))
    return Input.REPLAY


def _record_paint(console: Console, seed: int) -> None:
    picture = drawing.draw(seed)
    scratch = console.folder / "scratch"
    with (
        screen.virtual_screen(*paint.SCREEN, scratch) as env,
        paint.Painter(picture, env, scratch) as painter,
    ):
        console.say(words.text("demo.record-paint"))
        region = ",".join(map(str, painter.region))
        recorder = console.start(
            "record", "start", "--region", region, "--interval", f"{INTERVAL_S:g}s", env=env
        )
        try:
            _wait_until_recording(console, recorder)
            time.sleep(REST_S)
            for phase in picture.phases:
                console.say(f"    {words.text('demo.drawing', stage=words.text(f'demo.phase.{phase.name}'))}")
                painter.draw(phase)
                time.sleep(REST_S)
        finally:
            if recorder.goes_on():
                console.run("record", "stop")
            _ended(recorder)


def _wait_until_recording(console: Console, recorder: Running) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and recorder.goes_on():
        if console.ask("record", "status").get("state") == "recording":
            return
        time.sleep(0.3)
    raise SakigakeError("demo-recorder-silent")


def _ended(recorder: Running, longest_s: float = END_S) -> None:
    if recorder.wait(longest_s):
        raise SakigakeError("demo-recorder-failed")


def require_frames() -> None:
    """Raise NotFoundError when the recorded frames are not in this installation."""
    if not any(FRAMES.glob("*.png")):
        raise NotFoundError("demo-frames-missing", path=FRAMES)
