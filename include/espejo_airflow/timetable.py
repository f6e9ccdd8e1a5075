"""Publication days, which a backfill of the past does not set off."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.timetables.base import DagRunInfo
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.types import DagRunType

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

# The first publication day is not lost where Airflow reads the DAG at that very moment.
GRACE = timedelta(minutes=10)


class PublicationTimetable(CronTriggerTimetable):
    """Airflow's cron timetable, to which only its own runs are runs of the schedule.

    Airflow takes the last run, of the schedule or of a backfill, for where the schedule stands, and
    makes up for the last date since. So a backfill of 2015 would start the present period, unasked.
    Here a backfill says nothing of the schedule, which waits for the next date as a DAG does
    that has never run.
    """

    def __init__(self, cron: str, *, timezone: str, **_: object) -> None:
        super().__init__(cron, timezone=timezone, run_immediately=GRACE)

    def run_info_from_dag_run(self, *, dag_run: DagRun) -> DagRunInfo:
        info = super().run_info_from_dag_run(dag_run=dag_run)
        is_backfill = dag_run.run_type == DagRunType.BACKFILL_JOB
        return info._replace(data_interval=None) if is_backfill else info
