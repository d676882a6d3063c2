"""Opening a picture that came from outside: decoded by Pillow alone, in a child process that can do little harm.

The child gets no environment beyond what Python needs, a limit on memory, CPU and wall time, and answers with raw
pixels over a pipe. Whatever a hostile file does to it, this process sees a short read and says one sentence.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakigake.errors import NotFoundError, SakigakeError, UsageError
from watch import decoder

MAX_FILE_BYTES = 100 * 2**20
WALL_SECONDS = 30.0
_SIGNATURES = ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"))
_RIFF_HEADER = 12
# Without these Windows cannot start Python at all; PATH finds the libraries beside it.
KEPT_VARIABLES = ("SYSTEMROOT", "WINDIR", "PATH") if sys.platform == "win32" else ()


def load_picture(path: Path) -> tuple[NDArray[np.uint8], str]:
    """Return the picture in `path` as a BGR array and the SHA-256 of the file, 64 hex digits.

    Raises UsageError or NotFoundError with what is wrong with the file; the file itself is only read.
    """
    data = read_file(path)
    return decode(data, path.name), hashlib.sha256(data).hexdigest()


def read_file(path: Path) -> bytes:
    """Return a file that may be a picture; raises UsageError or NotFoundError when it cannot be one."""
    try:
        if path.is_dir():
            raise UsageError("picture-is-folder", path=path)
        if path.exists() and not path.is_file():  # a pipe or a device could keep us waiting for ever
            raise UsageError("picture-other-kind", name=path.name)
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UsageError("picture-too-large", name=path.name)
        # Read at most what was announced: a named pipe or a growing file must not fill the memory.
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError("picture-missing", path=path) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise UsageError("picture-unreadable", path=path, why=error) from error
    if not data:
        raise UsageError("picture-empty", name=path.name)
    if len(data) > MAX_FILE_BYTES:
        raise UsageError("picture-too-large", name=path.name)
    return data


def extension_of(path: Path) -> str:
    """Return `.png`, `.jpg`, `.webp` or `.gif` by what the file holds, whatever it is called; raises UsageError."""
    data = read_file(path)
    if suffix := kind_of(data):
        return suffix
    raise UsageError("picture-other-kind", name=path.name)


def kind_of(data: bytes) -> str:
    """Return the usual ending of a picture with these first bytes, empty when it is none of the four kinds."""
    if len(data) > _RIFF_HEADER and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for magic, suffix in _SIGNATURES if data.startswith(magic)), "")


def decode(data: bytes, name: str, wall_seconds: float = WALL_SECONDS) -> NDArray[np.uint8]:
    """Return the pixels of an untrusted picture in BGR; `name` is used in messages only. Raises UsageError."""
    if not kind_of(data):
        raise UsageError("picture-other-kind", name=name)
    answer = _run_child(data, name, wall_seconds)
    start = 1 + decoder.SIZE.size
    if answer[:1] == decoder.REFUSED:
        slug = answer[1:].decode("ascii", "replace")
        raise UsageError(slug if slug in decoder.REASONS else "picture-damaged", name=name)
    if answer[:1] != decoder.PIXELS or len(answer) < start:
        raise UsageError("picture-damaged", name=name)
    width, height = decoder.SIZE.unpack_from(answer, 1)
    if not (0 < width * height <= decoder.MAX_PIXELS and len(answer) == start + 3 * width * height):
        raise UsageError("picture-damaged", name=name)
    return np.frombuffer(answer, np.uint8, offset=start).reshape(height, width, 3)


def start_child(*options: str) -> "subprocess.Popen[bytes]":
    """Start the process that decodes, with pipes to and from it; raises SakigakeError."""
    # -I: neither the current folder nor PYTHON* variables nor the user's site-packages reach the child.
    command = [sys.executable, "-I", "-B", str(Path(decoder.__file__).resolve()), *options]
    environment = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=sys.platform != "win32",
        )
    except OSError as error:
        raise SakigakeError("picture-decoder-gone", why=error) from error


def _run_child(data: bytes, name: str, wall_seconds: float) -> bytes:
    with start_child() as process:
        try:
            answer, _ = process.communicate(data, wall_seconds)
        except subprocess.TimeoutExpired as error:
            raise UsageError("picture-too-slow", name=name) from error
        except OSError as error:
            raise SakigakeError("picture-decoder-gone", why=error) from error
        finally:
            process.kill()
    if process.returncode:
        # Killed by a limit: out of memory or CPU.
        raise UsageError("picture-too-large" if process.returncode < 0 else "picture-damaged", name=name)
    return answer
