"""Does every core dependency have a wheel for each system we name? Prints the list, ends 1 when one lacks.

    python -m bench.wheels

Asks the package index that pip is set up for; downloads nothing but metadata where the index offers it apart.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PYTHON = "3.11"
SYSTEMS = {
    "Windows x64": ("win_amd64",),
    "macOS arm64": ("macosx_14_0_arm64",),
    "macOS x86_64": ("macosx_13_0_x86_64",),
    "Linux x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
}


def wheel_for(requirement: str, platforms: tuple[str, ...]) -> str | None:
    """Return the file name of the newest wheel that fits, or None."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:", "--report", "-"]
        command += ["--target", scratch, "--python-version", PYTHON, "--implementation", "cp"]
        for platform in platforms:
            command += ["--platform", platform]
        ran = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    if ran.returncode:
        return None
    (found,) = json.loads(ran.stdout)["install"]
    return str(found["download_info"]["url"]).rsplit("/", 1)[-1].split("#")[0]


def main() -> int:
    """Print one line for each dependency and system."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    lacking = 0
    for requirement in project["project"]["dependencies"]:
        name = Requirement(requirement).name
        for system, platforms in SYSTEMS.items():
            wheel = wheel_for(requirement, platforms)
            lacking += wheel is None
            print(f"{name:16} {system:13} {wheel or 'NO WHEEL'}", flush=True)
    print(f"{lacking} missing" if lacking else "every core dependency has a wheel for every system")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
