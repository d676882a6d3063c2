"""A world for each test, one recording for all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.watch.pipeline import scene


@pytest.fixture
def world() -> Iterator[scene.World]:
    with scene.world() as made:
        yield made


@pytest.fixture
def home(own_home: Path) -> Path:
    """Return a home in which one drawing is recorded."""
    scene.recorded(own_home).store.close()
    return own_home
