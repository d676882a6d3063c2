"""A picture of a page by the user's own Chromium, when it is asked for: with a profile that is thrown away afterwards.

The browser runs the page's programs, unlike everything else here. It asks through our guarded proxy alone; it has no cookies
and is signed in nowhere, so it shows what anybody sees.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sakigake.errors import NetworkError, NotFoundError
from watch.evidence.proxy import proxying
from watch.fetch.guard import Guard

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
_WINDOWS_ROOTS = ("ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA")
_WINDOWS = (
    ("Chromium", "Application", "chrome.exe"),
    ("Google", "Chrome", "Application", "chrome.exe"),
    ("Microsoft", "Edge", "Application", "msedge.exe"),
)
_MAC = ("Chromium", "Google Chrome", "Microsoft Edge")
WALL_S = 40.0
PAGE_S = 8.0  # how long the page's own programs may go on, by the browser's virtual clock
SIZE = (1280, 1800)
MAX_BYTES = 30 * 2**20
_PNG = b"\x89PNG\r\n\x1a\n"
OPTIONS = (
    "--headless=new",
    "--incognito",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--metrics-recording-only",
    # Everything by the proxy, this computer's own addresses included, and no look-up beside it.
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)  # fmt: skip


def find_browser() -> Path:
    """Return the browser that will be used; raises NotFoundError when there is none.

    Those that can be called by name come first, then those that the system's installers put where no name leads.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return Path(found)
    for place in installed(sys.platform, os.environ):
        if place.is_file():
            return place
    raise NotFoundError("evidence-no-browser")


def installed(system: str, environment: Mapping[str, str]) -> list[Path]:
    """Return where installers of Windows and macOS put a browser."""
    if system == "win32":
        roots = [environment[each] for each in _WINDOWS_ROOTS if environment.get(each)]
        return [Path(root, *place) for place in _WINDOWS for root in roots]
    if system == "darwin":
        return [Path("/Applications", f"{name}.app", "Contents", "MacOS", name) for name in _MAC]
    return []


def take(url: str, guard: Guard, *, browser: Path | None = None, options: tuple[str, ...] = ()) -> bytes:
    """Return a PNG of the page at `url`; raises NetworkError, NotFoundError."""
    target = guard.target(url)
    if not guard.trusts(target.host, target.port):
        # A page from outside must not show what only the user trusts.
        guard = replace(guard, trusted=frozenset())
    program = browser or find_browser()
    with tempfile.TemporaryDirectory(prefix="sakigake-page-", ignore_cleanup_errors=True) as folder:
        made = Path(folder) / "page.png"
        with proxying(guard, WALL_S) as proxy:
            command = [
                str(program),
                *OPTIONS,
                *options,
                f"--user-data-dir={folder}/profile",
                f"--proxy-server=http://127.0.0.1:{proxy.port}",
                f"--window-size={SIZE[0]},{SIZE[1]}",
                f"--virtual-time-budget={PAGE_S * 1000:.0f}",
                f"--screenshot={made}",
                target.url,
            ]
            _run(command, Path(folder), target.host)
        try:
            if made.stat().st_size > MAX_BYTES:
                raise NetworkError("evidence-no-screenshot", host=target.host)
            raw = made.read_bytes()
        except OSError as error:
            raise NetworkError("evidence-no-screenshot", host=target.host) from error
    if not raw.startswith(_PNG):
        raise NetworkError("evidence-no-screenshot", host=target.host)
    return raw


def _run(command: list[str], folder: Path, host: str) -> None:
    # The user's own settings, keyrings and sessions stay out of it.
    kept = ("PATH", "SYSTEMROOT", "WINDIR", "LANG", "LC_ALL", "TMP", "TEMP", "LD_LIBRARY_PATH")
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    environment |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=sys.platform != "win32",
        )
    except OSError as error:
        raise NotFoundError("evidence-no-browser") from error
    try:
        process.wait(WALL_S)
    except subprocess.TimeoutExpired as error:
        raise NetworkError("evidence-no-screenshot", host=host) from error
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the browser and every process it started."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            import signal  # noqa: PLC0415 - with the system's own call

            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
