"""Keeps the trigger form's values out of OpenLineage events, in every component of Airflow."""

from __future__ import annotations

from include.espejo_airflow.withheld import withhold_configuration

withhold_configuration()
