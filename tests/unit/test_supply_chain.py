"""What the project is made of is told, and how its pins move."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from checks.upgrade import changes, moved, pins_of, unpinned
from include.espejo.report.files.sbom import bill_of_materials
from tests.conftest import ROOT

FILE = "# tables\npandas==2.3.3\nPyYAML==6.0.3\n\n# 5.7 breaks\ncelery==5.6.3  # upgrade: <5.7\n"


def test_the_bill_names_every_installed_package_and_is_the_same_twice() -> None:
    bill = bill_of_materials("abc")
    assert bill == bill_of_materials("abc")
    told = json.loads(bill)
    parts = {part["name"]: part["version"] for part in told["components"]}
    for name in ("pandas", "apache-airflow", "sdv", "torch"):
        assert parts[name] == version(name)
    assert told["metadata"]["component"]["version"] == "abc"
    assert told["serialNumber"] != json.loads(bill_of_materials("abd"))["serialNumber"]


def test_the_bill_is_cyclonedx() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bill = bill_of_materials("abc").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None


def test_pins_move_and_all_else_stays() -> None:
    newest = {"pandas": "3.0.0", "pyyaml": "6.1", "celery": "5.6.9", "numpy": "2.5"}
    assert moved(FILE, newest) == (
        "# tables\npandas==3.0.0\nPyYAML==6.1\n\n# 5.7 breaks\ncelery==5.6.9  # upgrade: <5.7\n"
    )
    assert moved(FILE, {}) == FILE


def test_a_bound_stays_with_its_package() -> None:
    assert unpinned(FILE) == ["pandas", "PyYAML", "celery<5.7"]


def test_what_moved_came_and_went_is_told() -> None:
    assert changes({"a": "1", "b": "1", "c": "1"}, {"a": "2", "b": "1", "d": "1"}) == [
        "| a | 1 | 2 |",
        "| c | 1 | - |",
        "| d | - | 1 |",
    ]


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-server.txt", "requirements-dev.txt"]
)
def test_every_requirement_is_a_pin_that_moves(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "-r"))]
    assert len(pins_of(text)) == len(unpinned(text)) == len(lines)
    constrained = pins_of((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert all(constrained.get(name, pin) == pin for name, pin in pins_of(text).items())
