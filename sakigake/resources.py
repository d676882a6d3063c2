"""Data files that ship with the program: wording, defaults, trust roots, calibration.

In a wheel they lie in `sakigake/_config`; in a checkout (an editable install does not apply hatchling's
`force-include`) they are read from the top-level `config/`.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def root() -> Traversable:
    """Return the folder that holds the shipped data."""
    installed = files("sakigake").joinpath("_config")
    if installed.is_dir():
        return installed
    return Path(__file__).resolve().parent.parent / "config"


def read_text(name: str) -> str:
    """Return a shipped UTF-8 text file; `name` uses forward slashes."""
    return root().joinpath(*name.split("/")).read_text(encoding="utf-8")


def read_bytes(name: str) -> bytes:
    """Return a shipped file; `name` uses forward slashes."""
    return root().joinpath(*name.split("/")).read_bytes()
