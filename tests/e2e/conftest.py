"""Airflow itself, all components, on an embedded lake: started once for these tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.lake_server import LakeServer
from demo.ui import AirflowStandalone


@dataclass(frozen=True)
class Stage:
    """The running lake and Airflow."""

    lake: LakeServer
    airflow: AirflowStandalone


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("stage")
    with (
        LakeServer(folder / "lake") as lake,
        AirflowStandalone(folder / "airflow", lake.airflow_connections()) as airflow,
    ):
        yield Stage(lake, airflow)
