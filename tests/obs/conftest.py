"""A fresh OBS for each test that asks for one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import obs as peers


@pytest.fixture(scope="module")
def obs_network() -> Iterator[None]:
    """Move this module's tests into a network of their own, where OBS may listen."""
    if why := peers.missing():
        if os.environ.get("SAKIGAKE_REQUIRE_PEERS") == "1":
            pytest.fail(why)
        pytest.skip(why)
    with peers.network():
        yield


@pytest.fixture
def obs(obs_network: None, tmp_path: Path) -> Iterator[peers.Obs]:  # noqa: ARG001
    with peers.x_server(1280, 800) as display, peers.Obs(tmp_path / "obs", display) as running:
        yield running


@pytest.fixture
def drawing(obs_network: None, tmp_path: Path) -> Iterator[peers.Screen]:  # noqa: ARG001
    """A screen with white paper on it."""
    with peers.screen(tmp_path / "screen") as paper:
        paper.pixels[:] = 255
        yield paper
