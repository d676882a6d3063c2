"""One demonstration authority for the whole module, a store and a clock for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.demo import authority as demo
from sakigake.store.sqlite import SqliteStore
from tests.anchor.sessions import Time


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of a demonstration authority, made once."""
    path = tmp_path_factory.mktemp("tsa")
    demo.create(path)
    return path


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[demo.LocalAuthority]:
    with demo.local_authority(folder) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "sakigake.db")
    yield made
    made.close()


@pytest.fixture
def moment() -> Time:
    return Time()
