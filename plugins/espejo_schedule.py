"""Makes the timetable of the synthesis DAGs known to every component of Airflow."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from include.espejo_airflow.timetable import PublicationTimetable


class EspejoSchedule(AirflowPlugin):
    """Without it Airflow could not read the DAGs' schedules."""

    name = "espejo_schedule"
    timetables = [PublicationTimetable]  # noqa: RUF012  the base class declares it so
