"""What each job loads: asking for help loads next to nothing, recording no network, verifying no image library."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

IMAGES = {"numpy", "cv2", "PIL", "mss"}
WEB = {"starlette", "uvicorn", "fastapi", "flask", "django", "aiohttp", "tornado", "httpx", "requests"}
DEEP = {"torch", "open_clip", "onnxruntime", "tensorflow"}

PROBE = """
import json, sys
from desk.cli import main
code = main(sys.argv[1:])
print("\\n" + json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def loaded(*arguments: str, home: Path | None = None) -> tuple[int, set[str]]:
    """Run the command line in a new process; return its exit code and the top-level modules it loaded."""
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        env={**os.environ, **({"SAKIGAKE_HOME": str(home)} if home else {})},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    code, modules = json.loads(ran.stdout.splitlines()[-1])
    return code, set(modules)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record three pictures with the real recorder and export them; return the folder."""
    base = tmp_path_factory.mktemp("recorded")
    (base / "in").mkdir()
    (base / "home").mkdir()
    (base / "home" / "sakigake.toml").write_text("[anchor]\nenabled = false\n", encoding="utf-8")
    for i in range(3):
        picture = np.full((240, 320, 3), 255, np.uint8)
        cv2.rectangle(picture, (20, 20), (60 + 80 * i, 80 + 40 * i), (40, 90, 160), -1)
        assert cv2.imwrite(str(base / "in" / f"{i}.png"), picture)
    return base


@pytest.mark.parametrize(
    "arguments", [("--help",), ("record", "--help"), ("record", "start", "--help"), ("--version",)]
)
def test_help_loads_next_to_nothing(arguments: tuple[str, ...]) -> None:
    code, modules = loaded(*arguments)
    assert code == 0
    assert not modules & (IMAGES | WEB | DEEP | {"apscheduler", "cryptography", "jinja2", "sqlite3"})


def test_recording_then_verifying_loads_only_what_it_needs(recorded: Path) -> None:
    home = recorded / "home"
    code, modules = loaded("record", "start", "--source", f"folder:{recorded / 'in'}", "--once", home=home)
    assert code == 0
    assert {"cv2", "numpy"} <= modules, "the probe sees what is loaded"
    assert not modules & (WEB | DEEP | {"watch", "jinja2"})

    code, _ = loaded("export", "last", "--no-stamp", "-o", str(recorded / "pack.zip"), home=home)
    assert code == 0

    code, modules = loaded("verify", str(recorded / "pack.zip"), home=home)
    assert code == 7
    assert "cryptography" in modules
    assert not modules & (IMAGES | WEB | DEEP | {"apscheduler", "jinja2", "capture", "watch", "sqlite3"})
