"""Without the extra nothing is missing, and with it nothing heavy is loaded unless a model is to be used."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.deep import tiny
from tests.deep.studio import Studio, drawing

HEAVY = {"torch", "open_clip", "torchvision", "timm", "safetensors", "huggingface_hub"}
ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import importlib.abc, json, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])
        return None
absent = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, Absent())
if absent:
    import importlib.util
    whole = importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: None if name in absent else whole(name, package)
from desk.cli import main
code = main(sys.argv[2:])
print("\\n" + json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def ran(home: Path, *arguments: str, absent: bool) -> tuple[int, set[str], str]:
    """Run the command line in a process in which the extra is absent or as it is; return code, modules, output."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(sorted(HEAVY) if absent else []), *arguments],
        env={**os.environ, "SAKIGAKE_HOME": str(home)},
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
    )
    assert done.stdout.strip(), done.stderr[-2000:]
    *told, last = done.stdout.splitlines()
    code, modules = json.loads(last)
    return code, set(modules), "\n".join(told) + done.stderr


@pytest.fixture
def home(own_home: Path) -> Path:
    (own_home / "sakigake.toml").write_text("[anchor]\nenabled = false\n", encoding="utf-8")
    studio = Studio(own_home)
    session = studio.session()
    studio.draw(session, drawing(2), drawing(3), drawing(4))
    studio.seal(session)
    cv2.imwrite(str(own_home / "post.png"), cv2.GaussianBlur(drawing(3), (0, 0), 2))
    return own_home


# The second is the one that counts where the extra is installed, and says nothing where it is not.
@pytest.mark.parametrize("absent", [True, pytest.param(False, marks=pytest.mark.deep)])
def test_record_check_and_names_load_nothing_heavy(home: Path, tmp_path: Path, absent: bool) -> None:
    assert absent or importlib.util.find_spec("torch") is not None
    pictures = tmp_path / "in"
    pictures.mkdir()
    for step in (2, 3):
        cv2.imwrite(str(pictures / f"{step}.png"), drawing(step, 5))
    code, modules, told = ran(
        home, "record", "start", "--source", f"folder:{pictures}", "--once", absent=absent
    )
    assert code == 0, told
    assert not modules & (HEAVY | {"watch"})
    code, modules, told = ran(
        home, "check", str(home / "post.png"), "--session", "all", "--json", absent=absent
    )
    assert code == 0
    assert json.loads(told.splitlines()[0])["likeness"] in {"strong", "some"}
    assert not modules & HEAVY
    pack = tmp_path / "pack.zip"
    code, modules, told = ran(home, "export", "last", "--no-stamp", "-o", str(pack), absent=absent)
    assert code == 0, told
    assert not modules & HEAVY
    code, modules, told = ran(home, "verify", str(pack), absent=absent)
    assert code == 7, told  # nothing was stamped
    assert not modules & (HEAVY | {"watch"})
    code, modules, _ = ran(home, "timeline", "name", "last", absent=absent)
    assert code == 0
    assert not modules & HEAVY
    code, modules, told = ran(home, "models", "list", absent=absent)
    assert code == 0
    assert not modules & HEAVY


def test_check_answers_the_same_with_and_without_the_extra(home: Path) -> None:
    arguments = ("check", str(home / "post.png"), "--session", "all", "--json")
    answers = [ran(home, *arguments, absent=absent)[2].splitlines()[0] for absent in (True, False)]
    assert answers[0] == answers[1]


def test_what_needs_the_extra_says_how_to_get_it(home: Path, tmp_path: Path) -> None:
    """A model is here, and the parts that would load it are not."""
    from tests.deep import parcels
    from watch.deep import shelf
    from watch.deep.manifest import WEIGHTS

    weights = tmp_path / WEIGHTS
    weights.write_bytes(parcels.weights())
    shelf.take_in(home, tiny.model(weights), {WEIGHTS: weights}, pin=False)
    for arguments in (("timeline", "find", "red hat"), ("deep", "run", "--once")):
        code, _, told = ran(home, *arguments, absent=True)
        assert code == 2
        assert 'pip install "sakigake[deep]"' in told
        assert "Traceback" not in told
