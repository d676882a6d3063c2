"""Sources wait less in tests: the peers are on the same machine."""

import pytest


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watch.sources.push.WAIT_S", 0.1)
    monkeypatch.setattr("watch.sources.push.FIRST_PAUSE_S", 0.05)
