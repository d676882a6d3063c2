"""Programs of other people from PyPI, each in an environment of its own in pytest's cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def program(cache: Path, release: str, name: str) -> Path:
    """Return the command `name` of `release` (such as `peer==1.0`), installed if need be; skips or fails without it."""
    folder = cache / release.partition("==")[2]
    command = folder / ("Scripts" if os.name == "nt" else "bin") / name
    ready = folder / ".installed"
    if ready.exists():
        return command
    python = command.parent / "python"
    steps = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", release],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["?"])[-1]
            sentence = (
                f"The peer {release} could not be installed ({said}). Give pip a package index and try again."
            )
            if os.environ.get("SAKIGAKE_REQUIRE_PEERS") == "1":
                pytest.fail(sentence)
            pytest.skip(sentence)
    ready.touch()
    return command
