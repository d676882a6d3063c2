"""The environment of the processes that the desk starts."""

import os
from pathlib import Path

from sakigake import settings


def surroundings(home: Path) -> dict[str, str]:
    """Return the environment of a process that is to find the same home and the same settings."""
    if settings.load().home == home:
        return dict(os.environ)
    return {**os.environ, "SAKIGAKE_HOME": str(home)}
