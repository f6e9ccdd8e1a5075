"""Keeps what was asked for in the trigger form, a seed among it, out of OpenLineage events.

Airflow's provider puts a run's whole configuration into each event and has no setting against it.
It is taken out of what the provider reads of a run, in every process that may send events: those
of tasks, and the scheduler, which loads the plugins. Nothing is done where OpenLineage is not
configured.
"""

from __future__ import annotations

from airflow.providers.openlineage import conf


def withhold_configuration() -> None:
    """Let events of runs go without the run's configuration."""
    if conf.is_disabled():
        return
    from airflow.providers.openlineage.utils.utils import DagRunInfo

    DagRunInfo.includes = [name for name in DagRunInfo.includes if name != "conf"]
