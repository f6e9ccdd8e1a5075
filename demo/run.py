"""`make demo`: a survey into the lake, the DAG to its end, the release back out of it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.airflow_home import ROOT, airflow_environment
from demo.enoe_like import generate_survey, write_survey
from demo.lake_identities import PUBLIC_BUCKET, RAW_BUCKET
from demo.lake_server import LakeServer
from include.espejo.errors import EspejoError
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.survey.load import SURVEYS_VARIABLE

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

BUILD = ROOT / "build" / "demo"


def main() -> int:
    """Run the demo and say where the release is."""
    options = _options()
    try:
        spec, period = load_spec(options.survey), Period.parse(options.period)
        survey = _survey_file(options.input, period, options.build)
    except (EspejoError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    started = time.monotonic()
    build: Path = options.build
    with LakeServer(build / "lake") as server:
        upload(server, spec, period, survey)
        environment = airflow_environment(build / "airflow", server.airflow_connections())
        os.environ.update(environment)
        if Path(options.survey).suffix:
            # A spec of the user's own: its folder is where Airflow finds surveys in this run.
            os.environ[SURVEYS_VARIABLE] = str(Path(options.survey).resolve().parent)
        run = _run_dag(spec, period, options)
        if run.state != "success":
            return _failed(run)
        release = _fetch_release(server, _published(run), build / "release")
    _say(release, time.monotonic() - started)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--input", type=Path, help="a survey file (default: one made for the demo)")
    parser.add_argument("--survey", default="enoe_sdem")
    parser.add_argument("--period", default="2015T2")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--build", type=Path, default=BUILD, help="where all of it is left")
    return parser.parse_args()


def _survey_file(given: Path | None, period: Period, build: Path) -> Path:
    if given is not None:
        if not given.is_file():
            raise FileNotFoundError(f"{given}: there is no such file")
        return given
    path = build / "survey" / f"sdemt{period.format('{quarter}{yy}')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_survey(generate_survey(period.year, period.number), path)
    return path


def upload(server: LakeServer, spec: SurveySpec, period: Period, survey: Path) -> None:
    """Put the survey where the office would: it is the only file of its period."""
    admin = server.client("admin")
    prefix = period.format(spec.places.raw).removeprefix(f"s3://{RAW_BUCKET}/").rpartition("/")[0]
    for item in admin.list_objects_v2(Bucket=RAW_BUCKET, Prefix=prefix + "/").get("Contents", []):
        admin.delete_object(Bucket=RAW_BUCKET, Key=item["Key"])
    admin.upload_file(str(survey), RAW_BUCKET, f"{prefix}/{survey.stem}.csv")


def _run_dag(spec: SurveySpec, period: Period, options: argparse.Namespace) -> DagRun:
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        check=True,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    from dags.synthesis import build_synthesis

    dag = build_synthesis(spec)
    dag.deadline = None  # dag.test cannot serialise one (apache/airflow#73428)
    conf: dict[str, Any] = {"period": str(period)}
    if options.epochs:
        conf["epochs"] = options.epochs
    run: DagRun = dag.test(run_conf=conf)
    return run


def _failed(run: DagRun) -> int:
    failed = [t.task_id for t in run.get_task_instances() if t.state == "failed"]
    print(
        f"""
The run failed in: {", ".join(failed)}. Its message is above. Nothing was published.
La corrida falló en: {", ".join(failed)}. Su mensaje está arriba. No se publicó nada.""",
        file=sys.stderr,
    )
    return 1


def _published(run: DagRun) -> str:
    """The URI of this run's manifest: another run may hold the pointers by now."""
    (task,) = [t for t in run.get_task_instances() if t.task_id == "publish"]
    return str(task.xcom_pull(task_ids="publish")["manifest"])


def _fetch_release(server: LakeServer, manifest_uri: str, target: Path) -> dict[str, Any]:
    """Copy a release as a researcher would; its manifest, scores and folder."""
    consumer = server.client("consumer")

    def read(key: str) -> bytes:
        return bytes(consumer.get_object(Bucket=PUBLIC_BUCKET, Key=key)["Body"].read())

    base = manifest_uri.removeprefix(f"s3://{PUBLIC_BUCKET}/").removesuffix("/manifest.json")
    manifest: dict[str, Any] = json.loads(read(f"{base}/manifest.json"))
    shutil.rmtree(target, ignore_errors=True)
    for name in [*(entry["name"] for entry in manifest["files"]), "manifest.json"]:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read(f"{base}/{name}"))
    quality: dict[str, Any] = json.loads((target / "quality.json").read_text())
    return {"manifest": manifest, "quality": quality, "folder": target}


def _say(release: dict[str, Any], seconds: float) -> None:
    manifest, quality = release["manifest"], release["quality"]
    gates = [gate for gate in manifest["gates"] if gate["applicable"]]
    passed = sum(gate["passed"] for gate in gates)
    folder = os.path.relpath(release["folder"])
    trends = quality["column_pair_trends"]
    print(f"""
{manifest["survey"]} {manifest["period"]}, release {manifest["release"]}
  rows / filas                          {manifest["rows"]:,} in {seconds:.0f} s
  overall quality / calidad global      {quality["overall"]:.2f}
  column shapes / formas                {quality["column_shapes"]:.2f}
  column pair trends / pares            {"-" if trends is None else format(trends, ".2f")}
  diagnostic / diagnóstico              {quality["diagnostic"]["overall"]:.2f}
  mean of metrics / promedio            {quality["metrics"]["aggregate"]:.2f}
  rules broken / reglas rotas           {len(quality["broken_rules"])}
  disclosure gates / confidencialidad   {passed} of {len(gates)} passed

Open / abra: {folder}/report.html
The table / la tabla: {folder}/synthetic.csv, {folder}/synthetic.parquet""")


if __name__ == "__main__":
    sys.exit(main())
