"""What an installation gets: four packages, the data files, and a program that starts from them."""

import importlib.metadata
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"capture", "desk", "sakigake", "watch"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_top_level_names(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    (info,) = [top for top in tops if top.endswith(".dist-info")]
    assert tops - {info} == NAMES


def test_holds_every_module_and_every_data_file_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in NAMES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {
        "sakigake/_config/" + path.relative_to(ROOT / "config").as_posix()
        for path in (ROOT / "config").rglob("*")
        if path.is_file()
    }
    assert inside == expected
    assert {"sakigake/_config/words/ja.toml", "sakigake/_config/words/en.toml"} <= inside
    assert {
        "sakigake/_config/defaults.toml",
        "sakigake/py.typed",
        "sakigake/store/migrations/0001_init.sql",
    } <= inside


def test_nothing_else_here_claims_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    assert {
        name: sorted(set(owners.get(name, []))) for name in NAMES if set(owners.get(name, [])) - {"sakigake"}
    } == {}


def test_starts_from_the_wheel_and_reads_its_own_data(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        "import desk.cli, sakigake, sys; from sakigake import resources, words;"
        "print(sakigake.__file__, resources.root(), words.text('cli.verify', 'ja'), sep='\\n');"
        "sys.exit(desk.cli.main(['--help']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONUTF8": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    file, data, sentence, *_ = ran.stdout.splitlines()
    assert Path(file).is_relative_to(site)
    assert Path(data) == site / "sakigake" / "_config"
    assert sentence


@pytest.mark.slow
def test_installs_and_starts_in_a_new_environment(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = [
        str(scripts / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        str(wheel),
    ]
    subprocess.run(pip, check=True, cwd=tmp_path)
    for arguments in (["--help"], ["record", "--help"], ["demo", "--replay", "--authority", "none"]):
        ran = subprocess.run(
            [str(scripts / "sakigake"), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    code = "import importlib.util as u, cv2, mss, numpy; print([n for n in ('pytest', 'torch') if u.find_spec(n)])"
    ran = subprocess.run([str(scripts / "python"), "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
