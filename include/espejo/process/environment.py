"""The environment of the processes that a step starts."""

from __future__ import annotations

import os

_OF_AIRFLOW_AND_LAKE = ("AIRFLOW", "_AIRFLOW", "AWS_", "FERNET")


def environment_of_children() -> dict[str, str]:
    """This process's, without what may hold keys: Airflow's connections and settings, and the
    lake's own variables. No child asks either for anything."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OF_AIRFLOW_AND_LAKE)
    }
