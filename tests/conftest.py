"""What every test stands on: its own records folder, one language, and the development corpus where there is one."""

import os
from pathlib import Path

import pytest

# As the command line sets it, before anything loads numpy: matrices on two threads take ten times the CPU of one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the records of whoever runs the tests out of them, and answer in English."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SAKIGAKE_HOME", str(home))
    monkeypatch.setenv("SAKIGAKE_LANG", "en")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")  # nor their keyring
    monkeypatch.setenv("SAKIGAKE_OTS", "off")  # no test asks a public calendar, in whatever process
    monkeypatch.delenv("SAKIGAKE_CONFIG", raising=False)
    return home


@pytest.fixture
def corpus() -> Path:
    """Return the folder of the development corpus; the test is skipped where it is not at hand."""
    folder = os.environ.get("SAKIGAKE_CORPUS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set SAKIGAKE_CORPUS to the folder of the development corpus")
    return Path(folder)
