"""The program itself: Python, what is installed beside it, what ships with it."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from desk.doctoring.line import Line, State
from sakigake import __version__, resources

PACKAGES = ("capture", "desk", "sakigake", "watch")
_REQUIRED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?")
_EXTRA = re.compile(r"extra == ['\"]([\w-]+)['\"]")
NOT_FOR_USERS = frozenset({"dev"})
# A data file, and where the digest that it must have is written down.
DIGESTS = (
    ("layout-net-v1.npz", "layout-net-v1.json", ("sha256",)),
    ("cohort-v2.npz", "calibration-v2.json", ("cohort", "sha256")),
    ("shortlist-v1.npz", "shortlist-v1.json", ("sha256",)),
)
FOLDERS_OF_FONTS = ("C:/Windows/Fonts", "/System/Library/Fonts", "/Library/Fonts")
JAPANESE = (
    "yugoth",
    "meiryo",
    "msgothic",
    "hiragino",
    "ヒラギノ",
    "noto sans cjk",
    "ipa",
    "takao",
    "vlgothic",
)
ASK_S = 10


def python() -> Iterator[Line]:
    """Return the lines about Python and the system."""
    facts = {
        "version": platform.python_version(),
        "kind": platform.python_implementation(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "sakigake": __version__,
    }
    yield Line("python", State.GOOD, "python", facts)
    encoding = (getattr(sys.stdout, "encoding", "") or "").lower()
    if encoding.replace("-", "") not in {"utf8", "utf8sig"}:
        yield Line("python", State.INFO, "console", {"encoding": encoding or "?"})


def packages() -> Iterator[Line]:
    """Return the lines about what is installed: what is needed, and the extras."""
    needed: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("sakigake") or []:
        extra = _EXTRA.search(line)
        if name := _REQUIRED.match(line):
            needed.setdefault(extra[1] if extra else "", []).append(name[1])
    missing = [name for name in needed.pop("", []) if _version(name) is None]
    if missing:
        yield Line("packages", State.FAIL, "packages-missing", {"names": ", ".join(missing)})
    else:
        shown = ("numpy", "opencv-python", "pillow", "cryptography", "rfc3161-client", "mss", "click")
        told = ", ".join(f"{name} {_version(name)}" for name in shown)
        yield Line("packages", State.GOOD, "packages", {"versions": told})
    extras = {extra: names for extra, names in needed.items() if extra not in NOT_FOR_USERS}
    there = sorted(extra for extra, names in extras.items() if all(map(_version, names)))
    yield Line("extras", State.GOOD if there else State.INFO, "extras", {"names": ", ".join(there) or "–"})
    if lacking := sorted(set(extras) - set(there)):
        yield Line("extras", State.INFO, "extras-missing", {"names": ", ".join(lacking), "first": lacking[0]})


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def collisions() -> Iterator[Line]:
    """Return a line for each other installed distribution that claims one of the four names."""
    owners = importlib.metadata.packages_distributions()
    found = [
        (name, other)
        for name in PACKAGES
        for other in sorted(set(owners.get(name, [])))
        if other.lower() != "sakigake"
    ]
    for name, other in found:
        yield Line("names", State.FAIL, "name-taken", {"name": name, "other": other})
    if not found:
        yield Line("names", State.GOOD, "names", {"names": ", ".join(PACKAGES)})


def shipped() -> Iterator[Line]:
    """Return a line for each data file that has a digest, with that digest."""
    for name, about, path in DIGESTS:
        digest = hashlib.sha256(resources.read_bytes(name)).hexdigest()
        stated = json.loads(resources.read_text(about))
        for key in path:
            stated = stated[key]
        good = digest == stated
        facts = {"name": name, "digest": digest[:16]}
        yield Line("data", State.GOOD if good else State.FAIL, "data" if good else "data-changed", facts)


def codecs() -> Iterator[Line]:
    """Return the lines about what pictures and films can be read and written."""
    from PIL import features  # noqa: PLC0415 - doctor alone asks Pillow

    kinds = [kind for kind in ("jpg", "zlib", "webp", "avif") if features.check(kind)]
    yield Line("codecs", State.GOOD, "codecs", {"kinds": ", ".join(kinds).replace("zlib", "png")})
    try:
        import av  # noqa: PLC0415
    except ImportError:
        yield Line("codecs", State.INFO, "video-missing")
        return
    films = [name for name in ("libvpx-vp9", "h264", "hevc", "av1") if name in av.codecs_available]
    good = "libvpx-vp9" in films
    facts = {"kinds": ", ".join(films), "version": av.__version__}
    yield Line("codecs", State.GOOD if good else State.WARN, "video" if good else "video-no-vp9", facts)


def fonts() -> Iterator[Line]:
    """Return the line about a font for Japanese."""
    found = _fonts()
    yield Line("fonts", State.GOOD if found else State.WARN, "fonts" if found else "fonts-missing")


def _fonts() -> bool:
    if shutil.which("fc-list"):
        done = subprocess.run(
            ["fc-list", ":lang=ja", "family"], capture_output=True, check=False, timeout=ASK_S
        )
        return bool(done.stdout.strip())
    names = (
        file.name.lower()
        for folder in map(Path, FOLDERS_OF_FONTS)
        if folder.is_dir()
        for _, _, files in os.walk(folder)
        for file in map(Path, files)
    )
    return any(name.startswith(JAPANESE) for name in names)
