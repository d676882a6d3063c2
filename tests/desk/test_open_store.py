"""Records that are opened several times in one process, as the desk does, beside other processes that come and go."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from desk.sessions import open_store
from sakigake import settings
from sakigake.store.sqlite import SqliteStore
from tests.deep.studio import Studio, drawing

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = """
import sys
from contextlib import closing
from desk.sessions import open_store
from sakigake import settings
with closing(open_store(settings.load())) as store:
    print(store.state("told"))
    store.put_state("said", sys.argv[1])
"""


def elsewhere(home: Path, value: str) -> str:
    """Read, write and close in another process; return what it read."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, value],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "SAKIGAKE_HOME": str(home)},
    )
    return done.stdout.strip()


def test_a_store_that_is_open_loses_nothing_when_another_is_opened_and_closed_beside_it(
    own_home: Path,
) -> None:
    """To open and close the file itself would drop the locks of this process: the next to close elsewhere then takes the
    log of writes away, and what is written here after that would be nowhere."""
    studio = Studio(own_home)
    studio.draw(studio.session(), drawing(2))
    kept = studio.store
    for number in range(3):
        open_store(settings.load()).close()
        kept.put_state("told", f"before {number}")
        assert elsewhere(own_home, str(number)) == f"before {number}"
        assert kept.state("said") == str(number)
        kept.put_state("told", f"after {number}")
        assert (own_home / "sakigake.db-wal").exists(), "it is in use here"
        assert elsewhere(own_home, str(number)) == f"after {number}"
    kept.close()
    with closing(SqliteStore(own_home / "sakigake.db")) as again:
        assert again.state("told") == "after 2"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="for root every file can be written")
def test_a_file_or_a_folder_that_cannot_be_written_opens_frozen(own_home: Path) -> None:
    studio = Studio(own_home)
    studio.session()
    studio.store.close()
    for path, mode in ((own_home / "sakigake.db", 0o400), (own_home, 0o500)):
        before = path.stat().st_mode
        path.chmod(mode)
        try:
            with closing(open_store(settings.load())) as store:
                assert store.frozen
        finally:
            path.chmod(before)
    with closing(open_store(settings.load())) as store:
        assert not store.frozen
