"""What `pip install .` gives: the command, the library with its data, and nothing else on top."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
BUILD = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"


def shipped() -> set[str]:
    """Every file of the library in this checkout, by its path."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "include").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name[0] != "."
    }


def test_every_folder_of_tests_is_known_to_pytest_and_run_by_make() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    pytest_s = SETTINGS["tool"]["pytest"]["ini_options"]
    assert folders <= {marker.partition(":")[0] for marker in pytest_s["markers"]}
    called = re.findall(
        r"tests/(\w+)", (ROOT / "Makefile").read_text() + str(pytest_s["testpaths"])
    )
    assert folders <= set(called)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, with the tools that are here: no network, no trace in the checkout."""
    source = tmp_path_factory.mktemp("source")
    for folder in ("include", "dags", "plugins", "demo", "bench", "tests"):
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("pyproject.toml", "requirements.txt", "README.md"):
        shutil.copy(ROOT / file, source)
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(source / "dist")],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(source / "dist" / built.stdout.split()[-1])


def metadata(wheel: zipfile.ZipFile, file: str) -> str:
    return wheel.read(f"espejo-{PROJECT['version']}.dist-info/{file}").decode()


def test_the_wheel_holds_the_library_with_its_data_and_nothing_else(
    wheel: zipfile.ZipFile,
) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == shipped()
    assert {"include/surveys/enoe_sdem.yaml", "include/espejo/__main__.py"} <= inside
    assert any(name.endswith(".j2") for name in inside)
    assert metadata(wheel, "top_level.txt").split() == ["include"]


def test_the_wheel_needs_what_the_requirements_say(wheel: zipfile.ZipFile) -> None:
    needed = re.findall(r"^Requires-Dist: (\S+)$", metadata(wheel, "METADATA"), re.M)
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(needed) == sorted(line for line in lines if line and not line.startswith("#"))


def test_the_command_is_the_one_of_the_module(wheel: zipfile.ZipFile) -> None:
    (command,) = re.findall(r"^espejo = (\S+)$", metadata(wheel, "entry_points.txt"), re.M)
    from include.espejo.__main__ import main

    assert EntryPoint("espejo", command, "console_scripts").load() is main


def test_the_command_runs_from_another_folder(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Unpacked, as pip does it, and started as its script does."""
    wheel.extractall(tmp_path / "site")
    start = "import sys; sys.argv[0] = 'espejo'; from include.espejo.__main__ import main; main()"
    told = subprocess.run(
        [sys.executable, "-c", start, "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": "site"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("usage: espejo ")
    assert "validate" in told.stdout


def test_the_version_is_the_changelog_s_newest() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, re.M)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", name) for name in sections)
    assert sections[0].split()[0] == PROJECT["version"]
