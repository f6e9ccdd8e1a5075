"""Datasets that tasks report to OpenLineage through Airflow's provider, if it is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import Context
from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from include.espejo.survey import Period, SurveySpec
from include.espejo_airflow.withheld import withhold_configuration

withhold_configuration()  # also where the plugins folder is not this project's

Result = dict[str, Any]
Datasets = tuple[list[Any], list[Any]]


class TracedOperator(DecoratedOperator, PythonOperator):
    """A TaskFlow task that reports its inputs and outputs after it ends.

    `datasets` gives them from the task's result; a task that failed or was skipped has none.
    """

    template_fields = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers = {"templates_dict": "json", "op_args": "py", "op_kwargs": "py"}  # noqa: RUF012  as Airflow's own
    custom_operator_name = "@traced"

    def __init__(self, *, datasets: Callable[[Result], Datasets], **options: Any) -> None:
        call = {name: options[name] for name in ("python_callable", "op_args", "op_kwargs")}
        super().__init__(kwargs_to_upstream=call, **options)
        self._datasets = datasets
        self._result: Result | None = None

    def execute(self, context: Context) -> Any:
        """Run the task's function and remember what it gave."""
        self._result = super().execute(context)
        return self._result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The provider asks by this name."""
        from airflow.providers.openlineage.extractors import OperatorLineage

        inputs, outputs = self._datasets(self._result) if self._result else ([], [])
        return OperatorLineage(inputs=inputs, outputs=outputs)


def traced(datasets: Callable[[Result], Datasets], **options: Any) -> TaskDecorator:
    """`@task` for a task that reports its datasets to OpenLineage."""
    return task_decorator_factory(
        decorated_operator_class=TracedOperator, datasets=datasets, **options
    )


def datasets_of_release(spec: SurveySpec, result: Result) -> Datasets:
    """From the survey to a release; `result` names its period and release."""
    from include.espejo.releases.lineage import raw_dataset, release_dataset

    period = Period.parse(result["period"])
    return [raw_dataset(spec, period)], [release_dataset(spec, period, result["release"])]


def datasets_of_indicators(spec: SurveySpec, result: Result) -> Datasets:
    """From a release to its indicators."""
    from include.espejo.releases.lineage import file_dataset, read_release

    period = Period.parse(result["period"])
    return [read_release(spec, period, result["release"])], [file_dataset(result["indicators"])]
