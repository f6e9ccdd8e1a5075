"""OpenLineage by Airflow's provider: what events carry, and that there are none unasked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.long
SEED = 86420975
# A DAG with a task as `publish` is, run in one process as `make demo` does.
RUN = """
import sys
from functools import partial

from airflow.sdk import DAG, Param

from include.espejo_airflow.lineage import datasets_of_release, traced
from include.espejo_airflow.guard import guarded
from include.espejo.errors import GateError
from include.espejo.survey import load_spec

spec = load_spec("enoe_sdem")
PARAMS = {"seed": Param(None, type=["null", "integer"]), "how": Param("", type="string")}
with DAG("traced", params=PARAMS) as dag:

    @traced(partial(datasets_of_release, spec))
    @guarded
    def publish(run):
        if run["how"] == "fails":
            raise GateError("gate floor: too few people")
        return {**run, "manifest": "s3://espejo-public/m.json"}

    publish({"period": "2026T3", "release": "abc", "how": "{{ params.how }}"})

if __name__ == "__main__":
    for how in sys.argv[2:]:
        run = dag.test(run_conf={"seed": int(sys.argv[1]), "how": how})
        assert run.conf == {"seed": int(sys.argv[1]), "how": how}
        print(f"{how}: {run.state}")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow home with its database, and plugins from this project."""
    folder = tmp_path_factory.mktemp("airflow")
    (folder / "dags").mkdir()
    (folder / "dags" / "traced.py").write_text(RUN)
    airflow(folder, [sys.executable, "-m", "airflow", "db", "migrate"])
    return folder


def airflow(home: Path, command: list[str], **more: str) -> str:
    quiet = {n: v for n, v in os.environ.items() if "OPENLINEAGE" not in n}
    environment = quiet | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        **more,
    }
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def run_dag(home: Path, folder: Path, *hows: str, configured: bool = True) -> list[dict[str, Any]]:
    """Run the DAG in each of these ways; the events that the provider wrote."""
    target = folder / "events.json"
    transport = {"type": "file", "log_file_path": str(target), "append": True}
    more = {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)} if configured else {}
    command = [sys.executable, str(home / "dags" / "traced.py"), str(SEED), *hows]
    said = airflow(home, command, **more)
    for how in hows:
        assert f"{how}: {'failed' if how == 'fails' else 'success'}" in said
    written = target.read_text() if target.exists() else ""
    return [json.loads(line) for line in written.splitlines()]


@pytest.fixture(scope="module")
def events(home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of a run that succeeds, and of one that fails."""
    return run_dag(home, tmp_path_factory.mktemp("events"), "succeeds", "fails")


def test_a_publication_tells_datasets_and_columns_and_no_seed(
    events: list[dict[str, Any]],
) -> None:
    tasks = {e["eventType"]: e for e in events if e["job"]["name"] == "traced.publish"}
    assert set(tasks) == {"START", "COMPLETE", "FAIL"}
    done = tasks["COMPLETE"]
    assert [d["name"] for d in done["inputs"]] == ["enoe_sdem/2026T3"]
    (output,) = done["outputs"]
    assert output["name"] == "enoe_sdem/2026T3/abc/synthetic.parquet"
    lineage = output["facets"]["columnLineage"]["fields"]
    assert lineage["ENT"]["inputFields"][0]["field"] == "ENT"
    # The seed was asked for in the run's configuration; the provider would tell it.
    assert str(SEED) not in json.dumps(events)
    assert done["run"]["facets"]["airflow"]["dagRun"]["dag_id"] == "traced"
    assert "conf" not in done["run"]["facets"]["airflow"]["dagRun"]


def test_a_task_that_failed_tells_no_release(events: list[dict[str, Any]]) -> None:
    (failed,) = [e for e in events if e["eventType"] == "FAIL" and "publish" in e["job"]["name"]]
    assert failed["inputs"] == failed["outputs"] == []
    assert str(SEED) not in json.dumps(events)


def test_nothing_is_told_where_openlineage_is_not_configured(home: Path, tmp_path: Path) -> None:
    assert run_dag(home, tmp_path, "succeeds", configured=False) == []


def test_the_flows_own_tasks_are_traced() -> None:
    from dags.indicators import build_indicators
    from dags.synthesis import build_synthesis
    from include.espejo.survey import load_spec
    from include.espejo_airflow.lineage import TracedOperator

    spec = load_spec("enoe_sdem")
    wired = [
        (build_synthesis(spec), "publish", {"period": "2026T3", "release": "abc"}),
        (
            build_indicators(spec),
            "write_indicators",
            {"period": "2026T3", "release": "abc", "indicators": "s3://espejo-downstream/i.csv"},
        ),
    ]
    names = []
    for dag, task_id, result in wired:
        task = dag.get_task(task_id)
        assert isinstance(task, TracedOperator)
        assert task.get_openlineage_facets_on_complete(None).outputs == []
        task._result = result
        lineage = task.get_openlineage_facets_on_complete(None)
        names.append([d.name for d in (*lineage.inputs, *lineage.outputs)])
    table = "enoe_sdem/2026T3/abc/synthetic.parquet"
    assert names == [["enoe_sdem/2026T3", table], [table, "i.csv"]]
