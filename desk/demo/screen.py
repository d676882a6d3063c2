"""A screen of our own: Xvfb on a free display, so that a demonstration never draws on, or sees, a person's screen."""

import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sakigake.errors import NotFoundError, SakigakeError

START_S = 15.0


def missing_programs(names: tuple[str, ...]) -> list[str]:
    """Return which of the programs `names` this machine does not have."""
    return [name for name in names if shutil.which(name) is None]


@contextmanager
def virtual_screen(width: int, height: int, scratch: Path) -> Iterator[Mapping[str, str]]:
    """Start Xvfb and yield the environment for programs that shall use it; end it afterwards.

    `scratch` becomes their home, so that no paint program reads or changes the user's own settings. Raises
    NotFoundError when Xvfb is not installed and SakigakeError when it does not start.
    """
    if missing_programs(("Xvfb",)):
        raise NotFoundError("demo-program-missing", programs="Xvfb")
    scratch.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    with (scratch / "xvfb.log").open("wb") as log:
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"],
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(writing)
    try:
        number = _display_number(reading)
        if not number:
            raise SakigakeError("demo-screen-failed", program="Xvfb", log=scratch / "xvfb.log")
        yield {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("WAYLAND_", "XAUTH"))
            },
            "DISPLAY": f":{number}",
            "HOME": str(scratch),
            "XDG_CONFIG_HOME": str(scratch),
            "LANG": "C",
            "LC_ALL": "C",
        }
    finally:
        os.close(reading)
        end(server)


def _display_number(pipe: int) -> str:
    """Read the display's number that Xvfb writes once it accepts programs; empty when it never does."""
    text, deadline = b"", time.monotonic() + START_S
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(pipe, 32) if ready else b""
        if not chunk:
            return ""
        text += chunk
    return text.decode("ascii").strip()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program we started; ask first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
