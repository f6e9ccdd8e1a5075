"""An example of a downstream consumer: started by a release, it writes headline indicators."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException

from include.espejo.lake.keys import PublicLocation
from include.espejo.steps.run import Summary
from include.espejo.survey import SurveySpec, load_specs
from include.espejo_airflow.connections import lake_by, release_asset
from include.espejo_airflow.docs import indicators_doc
from include.espejo_airflow.guard import guarded
from include.espejo_airflow.lineage import datasets_of_indicators, traced


def build_indicators(spec: SurveySpec) -> DAG:
    """The DAG `<survey>_indicators`."""
    with DAG(
        dag_id=f"{spec.survey}_indicators",
        schedule=[release_asset(spec)],
        catchup=False,
        max_active_runs=1,
        doc_md=indicators_doc(spec),
        tags=["espejo", spec.survey, "consumer"],
        default_args={
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "execution_timeout": timedelta(hours=1),
        },
    ) as dag:

        @traced(partial(datasets_of_indicators, spec))
        @guarded
        def write_indicators() -> Summary:
            from include.espejo.lake import join
            from include.espejo.releases.pointer import read_pointer
            from include.espejo.releases.tables import read_released
            from include.espejo.table.frames import to_frame
            from include.espejo.table.indicators import with_weighted

            public = lake_by(spec.connections.consumer, spec.places.public)
            place = PublicLocation(spec.places.public, spec.survey)
            pointer = read_pointer(public, place.latest())
            if pointer is None or pointer.period is None or pointer.release is None:
                raise AirflowSkipException("no release stands; there is nothing to read")
            period, release = pointer.period, pointer.release
            table = to_frame(read_released(public, place.release(period, release)))
            figures = with_weighted(table, spec, spec.parse_period(period))
            own = lake_by(spec.connections.downstream, spec.places.downstream)
            uri = join(spec.places.downstream, spec.survey, period, release, "indicators.csv")
            own.write(uri, figures.to_csv(index=False).encode())
            return {"indicators": uri, "rows": len(figures), "period": period, "release": release}

        write_indicators()
    return dag


# Specs that cannot be used are an import error of dags/check_specs.py; the others go on.
for survey in load_specs()[0]:
    if survey.indicators:
        globals()[f"{survey.survey}_indicators"] = build_indicators(survey)
