"""A real OBS, streaming to a real RTMP server, on a screen of its own and in a network of its own.

OBS listens on every interface, so it runs in a network namespace that has nothing but a loopback. Whoever wants to
talk to it enters that namespace: `with network(): …` moves the calling thread, and the threads and programs that it
starts from there, and moves it back at the end.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from capture.obs.client import Client
from capture.obs.protocol import Address
from capture.obs.wire import library
from sakigake.errors import SakigakeError

# The names of Debian's packages for what has to be there.
PROGRAMS = {
    "obs": "obs-studio",
    "Xvfb": "xvfb",
    "ip": "iproute2",
    "unshare": "util-linux",
    "ffmpeg": "ffmpeg",
}
CLONE_NEWNET = 0x40000000
PORT = 4455
SINK = "rtmp://127.0.0.1:1935/live"
START_S = 60.0
CLOCK_TICKS = 100  # a second, in what Linux shows of processes: proc(5)
PASSWORD = "planted-password"  # noqa: S105 - of a server that lives for seconds
SCENE = "Drawing / 絵 5%"


def missing() -> str:
    """Return why OBS cannot be driven here, in one sentence; empty when it can."""
    packages = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if packages:
        return f"OBS cannot be driven here: please install {', '.join(packages)}."
    try:
        library()
    except SakigakeError as error:
        return str(error)
    try:
        with network():
            return ""
    except (OSError, RuntimeError) as error:
        return f"OBS cannot be driven here: making a network namespace needs root ({error})."


@contextmanager
def network() -> Iterator[None]:
    """Enter a new network that holds nothing but a loopback. It is gone when its last process is, even after a crash."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with holder, ExitStack() as stack:
        if holder.stdout is None or holder.stdout.readline() != b"up\n":
            raise RuntimeError("unshare --net")
        stack.callback(_enter, _open(stack, "self"))
        _enter(_open(stack, str(holder.pid)))
        yield


def _open(stack: ExitStack, process: str) -> int:
    thread = "thread-self" if process == "self" else process
    handle = os.open(f"/proc/{thread}/ns/net", os.O_RDONLY)
    stack.callback(os.close, handle)
    return handle


def _enter(handle: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def wait_for(what: str, condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Return as soon as `condition` holds; raises TimeoutError that names `what`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


@contextmanager
def x_server(width: int, height: int, *options: str) -> Iterator[str]:
    """Run an X server and yield its display. It keeps its screen when its last program goes."""
    command = [
        "Xvfb",
        "-displayfd",
        "1",
        "-screen",
        "0",
        f"{width}x{height}x24",
        "-nolisten",
        "tcp",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            number = process.stdout.readline().strip().decode() if process.stdout is not None else ""
            if not number:
                raise RuntimeError("Xvfb does not start")
            yield f":{number}"
        finally:
            process.kill()


class Screen:
    """A screen whose pixels we write straight into the memory of its X server (`-fbdir`, an XWD file)."""

    def __init__(self, display: str, pixels: NDArray[np.uint8]) -> None:
        self.display = display
        self.pixels = pixels


@contextmanager
def screen(folder: Path, width: int = 1280, height: int = 720) -> Iterator[Screen]:
    """Run an X server on which OBS may look and we may draw; `pixels` is height x width x 4, BGR and a spare byte."""
    folder.mkdir()
    with x_server(width, height, "-fbdir", str(folder)) as display:
        file = folder / "Xvfb_screen0"
        head = np.memmap(file, ">u4", "r", shape=25)
        # X11/XWDFile.h: header_size, bytes_per_line and ncolors; each colour of the map takes 12 bytes.
        offset, stride = int(head[0]) + 12 * int(head[19]), int(head[12])
        memory = np.memmap(file, np.uint8, "r+", offset, (height, stride))
        yield Screen(display, memory[:, : width * 4].reshape(height, width, 4))


class Obs:
    """One OBS with one scene. `ask` speaks to it; the rest does to it what happens to an OBS."""

    def __init__(self, home: Path, display: str, width: int = 1280, height: int = 720, fps: int = 5) -> None:
        self.width, self.height = width, height
        self._home = home
        self._display = display
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        settings = home / ".config" / "obs-studio"
        profile = settings / "basic" / "profiles" / "Untitled"
        profile.mkdir(parents=True)
        (settings / "global.ini").write_text(
            "[General]\nFirstRun=true\nEnableAutoUpdates=false\n"
            f"[OBSWebSocket]\nFirstLoad=false\nServerEnabled=true\nServerPort={PORT}\nAlertsEnabled=false\n"
            f"AuthRequired=true\nServerPassword={PASSWORD}\n"
        )
        (profile / "basic.ini").write_text(
            f"[General]\nName=Untitled\n[Video]\nBaseCX={width}\nBaseCY={height}\nOutputCX={width}\n"
            f"OutputCY={height}\nFPSType=1\nFPSInt={fps}\n"
        )

    def __enter__(self) -> Self:
        self.start()
        self.ask("SetSceneName", sceneName="Scene", newSceneName=SCENE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def address(self) -> Address:
        return Address(port=PORT, scene=SCENE)

    def start(self) -> None:
        """Start OBS and wait until it draws."""
        with (self._home / "obs.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["obs", "--multi", "--disable-updater", "--disable-shutdown-check", "--minimize-to-tray"],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self._home),
                    "XDG_RUNTIME_DIR": str(self._home),
                    "DISPLAY": self._display,
                    "QT_QPA_PLATFORM": "xcb",
                    "LIBGL_ALWAYS_SOFTWARE": "1",
                    "DBUS_SESSION_BUS_ADDRESS": "disabled:",
                    "LC_ALL": "C.UTF-8",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for("OBS does not start: see obs.log", self._draws, START_S)

    def _draws(self) -> bool:
        try:
            return int(self.ask("GetStats")["renderTotalFrames"]) > 3
        except SakigakeError:
            return False

    def ask(self, request: str, **data: Any) -> dict[str, Any]:
        if self._client is None or self._client.failure is not None:
            self._client = Client(Address(port=PORT), PASSWORD)
        return self._client.request(request, data)

    def add(self, name: str, kind: str, *, shown: bool = True, scene: str = SCENE, **settings: Any) -> int:
        """Put an input on top of a scene; returns the number of its item."""
        answer = self.ask(
            "CreateInput",
            sceneName=scene,
            inputName=name,
            inputKind=kind,
            inputSettings=settings,
            sceneItemEnabled=shown,
        )
        return int(answer["sceneItemId"])

    def add_colour(self, name: str, bgr: int, width: int, height: int, *, shown: bool = True) -> int:
        return self.add(
            name, "color_source_v3", color=0xFF000000 | bgr, width=width, height=height, shown=shown
        )

    def add_screen(self, name: str, display: str) -> int:
        return self.add(name, "xshm_input", advanced=True, server=display, screen=0, show_cursor=False)

    def show(self, item: int, *, shown: bool, scene: str = SCENE) -> None:
        self.ask("SetSceneItemEnabled", sceneName=scene, sceneItemId=item, sceneItemEnabled=shown)

    def stream(self) -> None:
        """Begin to stream; the server must be there (`sink`)."""
        settings = {"server": SINK, "key": "key"}
        self.ask("SetStreamServiceSettings", streamServiceType="rtmp_custom", streamServiceSettings=settings)
        self.ask("StartStream")

    def freeze(self) -> None:
        if sys.platform != "win32":
            os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if sys.platform != "win32":
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._client is not None:
            self._client.close()
            self._client = None

    def cpu_s(self) -> float:
        """Return the CPU time that OBS has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


@contextmanager
def sink() -> Iterator[subprocess.Popen[bytes]]:
    """Run an RTMP server that takes one stream and throws it away."""
    process = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-listen", "1", "-i", f"{SINK}/key", "-c", "copy", "-f", "null", "-"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for("ffmpeg does not listen", lambda: ":078F " in Path("/proc/thread-self/net/tcp").read_text())
        yield process
    finally:
        process.kill()
        process.wait()
