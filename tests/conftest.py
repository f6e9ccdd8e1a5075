"""Airflow reads its settings when it is first imported: tests get a home of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_home = tempfile.mkdtemp(prefix="espejo-tests-")
os.environ.update(
    {
        "AIRFLOW_HOME": _home,
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "GX_ANALYTICS_ENABLED": "False",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test is marked by its folder, so that `-m unit` picks what `tests/unit` holds."""
    folders = Path(__file__).parent
    for item in items:
        item.add_marker(item.path.relative_to(folders).parts[0])


def pytest_sessionfinish() -> None:
    import shutil

    shutil.rmtree(_home, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def few_steps() -> Iterator[None]:
    """A tenth of the steps that a start has at least: what is learnt in them is no test's subject,
    but for those that ask for more epochs."""
    from include.espejo.synthesis.ctgan import trainings

    before, trainings.FEWEST_STEPS = trainings.FEWEST_STEPS, 30
    yield
    trainings.FEWEST_STEPS = before
