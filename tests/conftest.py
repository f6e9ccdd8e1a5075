"""Airflow reads its settings when it is first imported: tests get a home of their own."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest_plugins = ["tests.support.sheets"]  # fixtures that several folders share

ROOT = Path(__file__).resolve().parent.parent
_makes_way = False
_home = tempfile.mkdtemp(prefix="espejo-tests-")
os.environ.update(
    {
        "AIRFLOW_HOME": _home,
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "GX_ANALYTICS_ENABLED": "False",
        # Tests share the cores already: threads beside them, and in what they start, only wait.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test is marked by its folder, so that `-m unit` picks what `tests/unit` holds."""
    folders = Path(__file__).parent
    for item in items:
        item.add_marker(item.path.relative_to(folders).parts[0])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Airflow's tests take longest and wait often: the others make way for them."""
    global _makes_way
    if not _makes_way and os.environ.get("PYTEST_XDIST_WORKER") and "e2e" not in item.keywords:
        _makes_way = True
        os.nice(5)


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


class _NoBrowser:
    """Draws and prints nothing, under the names that are asked for."""

    def draw(self, figures: Mapping[str, Any]) -> dict[str, bytes]:
        return dict.fromkeys(figures, b"")

    def print(self, page: bytes, languages: Iterable[str]) -> dict[str, bytes]:
        return dict.fromkeys(languages, b"")


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without pictures and PDFs: a browser takes longer than all the rest of one."""
    from include.espejo.report.drawings import browser

    monkeypatch.setattr(browser, "open_browser", lambda: nullcontext(_NoBrowser()))


@pytest.fixture
def metrics_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDMetrics' metrics in this process, without the seconds that a new one takes to import them.

    That they have a process of their own, and what becomes of its end, other tests see to.
    """
    # For all of the test, which pytest ends with the filters of before: threads share them.
    warnings.simplefilter("ignore")
    import sdmetrics.reports.single_table  # noqa: F401  two threads at once would each do half

    from include.espejo.evaluate.quality import metrics, scores
    from include.espejo.process import child

    def compute(module: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        monkeypatch.setattr(child, "tell", told.append)
        before = np.random.get_state()  # noqa: NPY002  a child seeds it, and has it for itself
        np.random.seed(asked["seed"])  # noqa: NPY002
        try:
            metrics._compute_all(asked)
        finally:
            np.random.set_state(before)  # noqa: NPY002
        yield from json.loads(json.dumps(told))

    monkeypatch.setattr(scores, "run_child", compute)
