"""Record the frames anew that the demonstration replays where no paint program can be had.

python -m bench.demo_frames            # draws with mtpaint, writes desk/demo/frames/
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import mss
import numpy as np
from PIL import Image

from desk.demo import drawing, paint, screen
from desk.demo.recording import FRAMES, REST_S

EVERY_S = 2.0
COLOURS = 256
SEED = 7


def main() -> int:
    """Draw, look every two seconds, keep what changed and the one look after it."""
    picture = drawing.draw(SEED)
    looks: list[np.ndarray] = []
    over = threading.Event()
    with (
        tempfile.TemporaryDirectory() as scratch,
        screen.virtual_screen(*paint.SCREEN, Path(scratch)) as env,
        paint.Painter(picture, env, Path(scratch)) as painter,
    ):
        left, top, width, height = painter.region

        def look() -> None:
            with mss.MSS(display=env["DISPLAY"]) as eyes:
                while not over.wait(EVERY_S):
                    shot = eyes.grab({"left": left, "top": top, "width": width, "height": height})
                    looks.append(np.asarray(shot)[:, :, 2::-1].copy())

        looking = threading.Thread(target=look)
        looking.start()
        for phase in picture.phases:
            painter.draw(phase)
            time.sleep(REST_S)
        over.set()
        looking.join()
    for old in FRAMES.glob("*.png"):
        old.unlink()
    FRAMES.mkdir(exist_ok=True)
    kept = total = 0
    for i, shot in enumerate(looks):
        # Two equal looks in a row say that the hand rests; more say nothing new.
        if i > 1 and np.array_equal(shot, looks[i - 1]) and np.array_equal(shot, looks[i - 2]):
            continue
        kept += 1
        path = FRAMES / f"{kept:03d}.png"
        exact = Image.fromarray(shot).quantize(COLOURS, dither=Image.Dither.NONE)
        if not np.array_equal(np.asarray(exact.convert("RGB")), shot):
            exact = Image.fromarray(shot)
        exact.save(path, optimize=True)
        total += path.stat().st_size
    print(f"{kept} frames, {total} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
