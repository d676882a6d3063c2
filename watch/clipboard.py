"""What lies in the clipboard: a picture, or the text of a link. Asked through the program that each system has for it."""

import io
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from sakigake import durable
from sakigake.errors import NotFoundError, UsageError
from watch.post import Post
from watch.sanitise import MAX_FILE_BYTES, kind_of

FOLDER = "inbox"

WALL_S = 10.0
MAX_TEXT = 8192
# In this order; the first program that is there and answers decides.
_WAYLAND = (("wl-paste", "--no-newline", "--type", "image/png"), ("wl-paste", "--no-newline"))
_X11 = (
    ("xclip", "-selection", "clipboard", "-target", "image/png", "-out"),
    ("xclip", "-selection", "clipboard", "-target", "UTF8_STRING", "-out"),
)
_MAC = (("pbpaste",),)
_WINDOWS = (("powershell", "-NoProfile", "-NonInteractive", "-Command", "Get-Clipboard -Raw"),)


def read() -> bytes | str:
    """Return a picture's bytes, or text; raises NotFoundError when nothing that is of use lies there."""
    commands = _commands()
    if sys.platform in {"win32", "darwin"} and (picture := _grabbed()):
        return picture
    if not any(shutil.which(command[0]) for command in commands):
        raise UsageError("watch-clipboard-missing", program=commands[0][0])
    for command in commands:
        if not (data := _ask(command)):
            continue
        if kind_of(data):
            return data
        if (text := _text(data)) is not None:
            return text
    raise NotFoundError("watch-clipboard-empty")


def keep(data: bytes, home: Path) -> Path:
    """Put a picture where the watcher finds it; it is removed there once it was looked at. Raises UsageError, OSError."""
    suffix = kind_of(data)
    if not suffix:
        raise UsageError("picture-other-kind", name="clipboard")
    path = home / FOLDER / f"{sha256(data).hexdigest()}{suffix}"
    durable.write(path, data)
    return path


def kept(home: Path) -> list[Path]:
    """Return the pictures that lie there."""
    return sorted((home / FOLDER).glob("*"))


def let_go(post: Post, home: Path) -> None:
    """Remove what `keep` kept for a post, and nothing else."""
    for ref in post.media:
        path = Path(ref.path)
        if ref.path and path.parent == home / FOLDER:
            path.unlink(missing_ok=True)


def _commands() -> tuple[tuple[str, ...], ...]:
    # Each in a branch of its own, so that the type checker reads the one of its platform alone.
    if sys.platform == "darwin":
        return _MAC
    elif sys.platform == "win32":  # noqa: RET505
        return _WINDOWS
    else:
        return (*_WAYLAND, *_X11) if os.environ.get("WAYLAND_DISPLAY") else (*_X11, *_WAYLAND)


def _ask(command: tuple[str, ...]) -> bytes:
    if shutil.which(command[0]) is None:
        return b""
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=WALL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return ran.stdout if ran.returncode == 0 and len(ran.stdout) <= MAX_FILE_BYTES else b""


def _text(data: bytes) -> str | None:
    if len(data) > MAX_TEXT:
        return None
    try:
        return data.decode("utf-8").strip() or None
    except UnicodeDecodeError:
        return None


def _grabbed() -> bytes | None:
    """Return a picture of the clipboard on Windows and macOS, where the system hands it over already decoded."""
    from PIL import Image, ImageGrab  # noqa: PLC0415 - a decoder is loaded only where it is needed

    found = ImageGrab.grabclipboard()
    if not isinstance(found, Image.Image):
        return None
    raw = io.BytesIO()
    found.convert("RGB").save(raw, "PNG")
    return raw.getvalue()
