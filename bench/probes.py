"""What is measured: each probe runs once in a fresh process, and tells seconds and memory.

Run as a child process (see `include/espejo/process/child.py`). The imports stand inside the probes,
so that a process holds only what its own side needs and the clock starts after them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from time import perf_counter
from typing import Any

from include.espejo.errors import EspejoError, without_values
from include.espejo.process.child import receive, tell

SURVEY = "enoe_sdem"
MEGABYTE = 1e6

Request = dict[str, Any]
Sample = dict[str, float]


def prepare(request: Request) -> Sample:
    """Keeps the typed table for the probes that start from it; unmeasured, it warms the disk."""
    from include.espejo.ingest import read_survey
    from include.espejo.lake import open_lake
    from include.espejo.survey import load_spec
    from include.espejo.table.frames import to_parquet

    path = request["input"]
    table = read_survey(open_lake(path), path, load_spec(SURVEY)).table
    Path(request["typed"]).write_bytes(to_parquet(table))
    return {"rows": table.num_rows}


def ingest_survey(request: Request) -> Sample:
    """Our ingest, from the file to the typed table."""
    from include.espejo.ingest import read_survey
    from include.espejo.lake import open_lake
    from include.espejo.survey import load_spec

    path, spec = request["input"], load_spec(SURVEY)
    started = perf_counter()
    ingested = read_survey(open_lake(path), path, spec)
    return {"seconds": perf_counter() - started, "rows": ingested.table.num_rows}


def read_as_notebook(request: Request) -> Sample:
    """The notebook's read_csv on the same file."""
    from bench.notebook import read_survey

    started = perf_counter()
    table = read_survey(request["input"])
    return {"seconds": perf_counter() - started, "rows": len(table)}


def validate_table(request: Request) -> Sample:
    """Validation of the typed table; Great Expectations' import is timed apart."""
    from include.espejo.survey import Period, load_spec
    from include.espejo.table.frames import read_frame
    from include.espejo.validate import check_survey

    frame = read_frame(Path(request["typed"]).read_bytes())
    spec, period = load_spec(SURVEY), Period.parse(request["period"])
    started = perf_counter()
    import include.espejo.validate.suite  # noqa: F401  this is where Great Expectations comes in

    imported = perf_counter()
    result = check_survey(frame, spec, period)
    ended = perf_counter()
    return {
        "seconds": ended - started,
        "seconds_imported": ended - imported,
        "rules": len(result.findings),
    }


def parse_dags(request: Request) -> Sample:
    """What the DAG files take beyond Airflow's own import."""
    from demo.airflow_home import ROOT, airflow_environment

    os.environ.update(airflow_environment(Path(request["scratch"]) / "airflow", {}))
    import airflow
    import airflow.sdk  # noqa: F401  the DAG files' own import of it is not theirs to answer for
    from airflow.dag_processing.dagbag import DagBag

    started = perf_counter()
    bag = DagBag(str(ROOT / "dags"))
    seconds = perf_counter() - started
    if bag.import_errors or not bag.dags:
        raise RuntimeError("the DAGs do not import")
    return {"seconds": seconds, "dags": len(bag.dags)}


def evaluate_table(request: Request) -> Sample:
    """The whole evaluation of a bootstrap resample of the training side; memory with children's."""
    from include.espejo.evaluate.general.utility import general_utility
    from include.espejo.evaluate.quality.scores import metrics_beside, score_reports
    from include.espejo.evaluate.specific.utility import specific_utility
    from include.espejo.process.resources import PeakMemory
    from include.espejo.protect import split
    from include.espejo.survey import Period, load_spec
    from include.espejo.table.frames import from_parquet, to_frame

    spec, period, seed = load_spec(SURVEY), Period.parse(request["period"]), request["seed"]
    real = to_frame(from_parquet(Path(request["typed"]).read_bytes()))
    held = split(real, spec, spec.disclosure.holdout_share, b"bench")
    train, holdout = (real[side].reset_index(drop=True) for side in (~held, held))
    names = list(spec.model_columns())
    synthetic = train[names].sample(len(real), replace=True, random_state=seed, ignore_index=True)
    del real
    started = perf_counter()
    with PeakMemory() as memory:
        with metrics_beside(train[names], synthetic, spec, seed) as metrics:
            score_reports(train[names], synthetic, spec, seed, holdout[names])
            general_utility(train, holdout, synthetic, spec, seed)
            specific_utility(train, holdout, synthetic, spec, period, seed)
        metrics.result()
    seconds = perf_counter() - started
    return {"seconds": seconds, "peak_mb": memory.peak_mb * 2**20 / MEGABYTE}


PROBES: dict[str, Callable[[Request], Sample]] = {
    "prepare": prepare,
    "ingest": ingest_survey,
    "notebook": read_as_notebook,
    "validate": validate_table,
    "dags": parse_dags,
    "evaluate": evaluate_table,
}


def peak_memory() -> float:
    """The most that this process has had resident, MB of 10**6 bytes; Linux only.

    Not getrusage's ru_maxrss, which a new process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / MEGABYTE


def answer(probes: Mapping[str, Callable[[Request], dict[str, Any]]]) -> None:
    """Handle the one request of standard input.

    Not by `child.answer`: to seed, that imports numpy, which spares the DAGs modules that they
    would load themselves, and a third of their time.
    """

    def probe(request: Request) -> None:
        with redirect_stdout(sys.stderr):  # the libraries' own words: the answer goes to stdout
            sample = probes[request["probe"]](request)
        tell({"peak_mb": peak_memory()} | sample)

    try:
        without_values(probe)(receive())
    except EspejoError as error:
        tell({"failed": str(error)})
        sys.exit(1)


def main() -> None:
    answer(PROBES)


if __name__ == "__main__":
    main()
