"""Make the pictures of the guides: `python -m bench.screenshots [--language ja|en] [--out docs/img/desk]`.

A cat is drawn in a real paint program on a screen of its own, set up through the first steps, recorded by the real
recorder and stamped by a time authority on this machine; a repainted copy of a stage is checked, kept and exported.
Each page that a guide marks (`bench.picture_marks`) is pictured on the way, in both languages. Takes three to four
minutes on a quiet machine, most of it the drawing.

Needs Xvfb, xdotool, mtpaint, openssl, Debian's chromium, and a font with Japanese (Debian: fonts-noto-cjk).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench import picture_marks, screen_pages, screen_room
from desk.demo import drawing, paint, screen
from desk.demo.authority import local_authority

Result = TypeVar("Result")
PROGRAMS = ("Xvfb", "xdotool", "mtpaint", "openssl", "chromium", "fc-list")


def missing() -> list[str]:
    """Return what this machine lacks for it."""
    lacks = screen.missing_programs(PROGRAMS)
    if "fc-list" not in lacks:
        fonts = subprocess.run(["fc-list", ":lang=ja"], capture_output=True, check=True).stdout
        lacks += [] if fonts.strip() else ["fonts-noto-cjk"]
    return lacks


def timed(name: str, work: Callable[[], Result]) -> Result:
    """Do one part and say how long it took."""
    began = time.monotonic()
    result = work()
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return result


def tell(scratch: Path, out: Path, languages: list[str]) -> dict[str, dict[str, str]]:
    """Play the whole story once; return the titles of the pages that were pictured, by language and name."""
    titles: dict[str, dict[str, str]] = {}
    picture = drawing.draw(screen_pages.SEED)
    (scratch / "Documents").mkdir(parents=True)
    homes = {name: scratch / name for name in ("first", "sakigake")}
    for home in homes.values():
        home.mkdir()
    with (
        screen.virtual_screen(*paint.SCREEN, scratch) as env,
        paint.Painter(picture, env, scratch) as painter,
        local_authority(scratch / "authority") as authority,
        screen_room.browsed() as browser,
    ):
        for phase in picture.phases[: screen_pages.FIRST]:
            painter.draw(phase)
        display = env["DISPLAY"]
        begun = screen_room.environment(homes["first"], scratch, display)
        with screen_room.opened(browser, languages, begun, out, titles) as room:
            timed("first steps", lambda: screen_pages.first_steps(room, painter))
        region = ",".join(map(str, painter.region))
        settings = f'[desk]\nsource = "window:mtpaint"\ncanvas = "{region}"\n{authority.settings()}\n'
        (homes["sakigake"] / "sakigake.toml").write_text(settings, encoding="utf-8")
        running = screen_room.environment(homes["sakigake"], scratch, display, SAKIGAKE_OTS="off")
        with screen_room.opened(browser, languages, running, out, titles) as room:
            phases = timed("recording", lambda: screen_pages.recorded(room, painter, picture, browser))
            stages = timed("timeline", lambda: screen_pages.timeline(room, phases))
            timed("check", lambda: screen_pages.checked(room, screen_pages.found_picture(room, stages)))
            timed("handing over", lambda: screen_pages.handed_over(room))
            timed("watch", lambda: screen_pages.watched(room))
    return titles


def main() -> int:
    """Make every picture and put those that are missing into the guides; ends 1 when a mark has none."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--language", choices=("ja", "en"))
    parser.add_argument("--out", type=Path, default=picture_marks.FOLDER)
    given = parser.parse_args()
    if lacks := missing():
        print("needs:", ", ".join(lacks), file=sys.stderr)
        return 1
    languages = [given.language] if given.language else ["ja", "en"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        made = scratch / "made"
        titles = tell(scratch, made, languages)
        marked = {each for each in picture_marks.wanted() if each[1] in languages}
        given.out.mkdir(parents=True, exist_ok=True)
        for name, lang in sorted(marked):
            file = made / picture_marks.file_name(name, lang)
            if file.is_file():
                shutil.copyfile(file, given.out / file.name)
                print(f"{file.name}: {file.stat().st_size}")
        lost = sorted(each for each in marked if each[0] not in titles.get(each[1], {}))
    for page in picture_marks.guides():
        if (lang := picture_marks.language(page)) in languages:
            text = page.read_text(encoding="utf-8")
            page.write_text(picture_marks.filled(text, lang, titles[lang]), encoding="utf-8")
    print("\n".join(f"no picture for the mark {name} ({lang})" for name, lang in lost))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
