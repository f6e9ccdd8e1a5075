"""Airflow reads its settings when it is first imported: tests get a home of their own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_home = tempfile.mkdtemp(prefix="espejo-tests-")
os.environ.update({
    "AIRFLOW_HOME": _home,
    "PYTHONPATH": str(ROOT),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "GX_ANALYTICS_ENABLED": "False",
})  # fmt: skip


def pytest_sessionfinish() -> None:
    import shutil

    shutil.rmtree(_home, ignore_errors=True)
