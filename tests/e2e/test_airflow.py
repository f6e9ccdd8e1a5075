"""The quarterly run as an operator and a researcher see it: Airflow's API, its logs, its UI."""

from __future__ import annotations

import io
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from demo.lake_server import DOWNSTREAM_BUCKET, PUBLIC_BUCKET, RESTRICTED_BUCKET
from tests.canaries import found_in_file, found_in_text

from .conftest import DAG, QUICK, SEED, Api, Stage, keys, put_survey


def test_unpausing_does_not_fire_for_the_past(api: Api, done: str) -> None:
    runs = api.call("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"]
    assert {run["run_type"] for run in runs} == {"manual"}
    schedule = api.call("GET", f"/api/v2/dags/{DAG}/details")
    assert schedule["next_dagrun_run_after"] > time.strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    "conf",
    [
        {"period": "2015-2"},
        {"period": "2015T5"},
        {"epochs": 0},
        {"rows": -1},
        {"batch_size": 105},
        {"seed": 2**40},
        {"engine": "nonsense"},
        {"dry_run": "perhaps"},
        {"override_reason": "because"},
    ],
)
def test_the_form_rejects_nonsense(api: Api, conf: dict[str, Any]) -> None:
    body = {"logical_date": None, "conf": conf}
    status, text = api.status_of("POST", f"/api/v2/dags/{DAG}/dagRuns", body)
    assert status == 400
    assert next(iter(conf)) in text


def test_a_viewer_may_not_trigger(stage: Stage, api: Api) -> None:
    body = {"logical_date": None, "conf": {}}
    viewer = Api(stage, "viewer")
    assert viewer.status_of("POST", f"/api/v2/dags/{DAG}/dagRuns", body)[0] == 403


def test_a_researcher_reads_the_release(stage: Stage, api: Api, done: str) -> None:
    consumer = stage.lake.client("consumer")

    def read(key: str) -> bytes:
        return bytes(consumer.get_object(Bucket=PUBLIC_BUCKET, Key=key)["Body"].read())

    pointer = json.loads(read("enoe_sdem/latest.json"))
    base = f"enoe_sdem/2015T2/{pointer['release']}"
    manifest = json.loads(read(f"{base}/manifest.json"))
    assert pointer["period"] == "2015T2"
    assert manifest["rows"] == 700
    table = pd.read_parquet(io.BytesIO(read(f"{base}/synthetic.parquet")))
    assert len(table) == 700
    assert str(SEED) not in json.dumps(manifest)
    # Restricted things are not among the public ones.
    names = {entry["name"] for entry in manifest["files"]}
    assert not [n for n in names if "model" in n or "typed" in n or "run.json" in n]


def test_the_log_shows_the_training_and_no_seed(api: Api, done: str) -> None:
    text = api.log(done, "train")
    assert "epoch 1 of 10: generator loss" in text
    tasks = api.tasks(done)
    assert {"protect", "disclose"} <= set(tasks)
    for task in tasks:
        log = api.log(done, task)
        assert str(SEED) not in log, task
        assert found_in_text(log) == [], task


def test_no_public_byte_holds_a_canary(stage: Stage, done: str) -> None:
    lake = stage.lake.client("admin")
    files = {key: bytes(lake.get_object(Bucket=PUBLIC_BUCKET, Key=key)["Body"].read())
             for key in keys(stage, PUBLIC_BUCKET, "enoe_sdem/2015T2/")}  # fmt: skip
    assert {key.rpartition("/")[2] for key in files} >= {"synthetic.csv", "synthetic.parquet",
                                                        "manifest.json", "report.html"}  # fmt: skip
    found = {key: found_in_file(key.rpartition("/")[2], body) for key, body in files.items()}
    assert not any(found.values()), found
    assert not [key for key, body in files.items() if str(SEED).encode() in body]


def test_the_ledger_has_the_attempt_and_the_households(stage: Stage, done: str) -> None:
    ledger = {k.removeprefix("enoe_sdem/ledger/").partition(".")[0]
              for k in keys(stage, RESTRICTED_BUCKET, "enoe_sdem/ledger/")}  # fmt: skip
    assert {"salt", "attempts/2015T2", "households/2015T2"} <= ledger
    assert not [key for key in keys(stage, PUBLIC_BUCKET) if "ledger" in key]


def test_what_passes_between_tasks_is_small(stage: Stage, api: Api, done: str) -> None:
    """XComs and rendered templates hold URIs and counts, no seed, no rows and nothing of them."""
    with sqlite3.connect(stage.airflow.home / "airflow.db") as database:
        values = [str(row[0]) for row in database.execute("select value from xcom")]
        rendered = [
            str(r[0])
            for r in database.execute("select rendered_fields from rendered_task_instance_fields")
        ]
    assert values
    for text in (*values, *rendered):
        assert str(SEED) not in text
        assert found_in_text(text) == []
        assert len(text) < 4000


def test_a_release_starts_its_consumer(stage: Stage, api: Api, done: str) -> None:
    deadline = time.monotonic() + 90
    while not (found := keys(stage, DOWNSTREAM_BUCKET)):
        assert time.monotonic() < deadline, "the consumer DAG wrote nothing"
        time.sleep(1)
    (key,) = found
    body = stage.lake.client("admin").get_object(Bucket=DOWNSTREAM_BUCKET, Key=key)["Body"].read()
    table = pd.read_csv(io.BytesIO(body))
    assert {"employed_share", "income", "population_pyramid"} <= set(table["indicator"])


def test_the_scratch_place_is_gone(stage: Stage, done: str) -> None:
    assert not [k for k in keys(stage, RESTRICTED_BUCKET) if "/scratch/" in k]


def test_a_rerun_changes_nothing(stage: Stage, api: Api, done: str) -> None:
    before = keys(stage, PUBLIC_BUCKET)
    run = api.trigger(period="2015T2", **QUICK)
    assert api.wait(DAG, run) == "success"
    assert keys(stage, PUBLIC_BUCKET) == before


def test_a_bad_file_fails_once_and_publishes_nothing(
    stage: Stage, api: Api, done: str, tmp_path: Path
) -> None:
    canary = "7777777"

    def spoil(table: pd.DataFrame) -> None:
        table.loc[:2, "INGOCUP"] = canary
        table.loc[5, "POS_OCU"] = "8"

    put_survey(stage, tmp_path, "2015T3", spoil)
    before = keys(stage, PUBLIC_BUCKET)
    run = api.trigger(period="2015T3", **QUICK)
    assert api.wait(DAG, run) == "failed"
    tasks = api.tasks(run)
    assert tasks["validate"]["state"] == "failed"
    assert tasks["validate"]["try_number"] == 1
    text = api.log(run, "validate")
    assert "column INGOCUP, rule range 0 to 999998: 3 rows" in text
    assert "column POS_OCU, rule code list: 1 rows" in text
    assert canary not in text
    assert keys(stage, PUBLIC_BUCKET) == before
    assert not [k for k in keys(stage, RESTRICTED_BUCKET, "enoe_sdem/2015T3") if "parquet" in k]


def test_the_trigger_form_in_a_browser(stage: Stage, api: Api, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(f"{stage.airflow.url}/auth/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", stage.airflow.password())
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "login" not in url)
        page.goto(f"{stage.airflow.url}/dags/{DAG}")
        page.get_by_role("button", name="Trigger").first.click()
        page.get_by_text("Periodo / Period").first.wait_for(timeout=20_000)  # seen at once
        text = page.inner_text("body")
        page.get_by_text("Cómo / How").click()  # opens this part of the form and folds the other
        page.get_by_text("Semilla / Seed").first.wait_for(timeout=5_000)
        page.screenshot(path=str(tmp_path / "form.png"))
        text += page.inner_text("body")
        browser.close()
    for field in ("Filas / Rows", "Ensayo / Dry run", "Motor / Engine", "Lote / Batch size"):
        assert field in text


def browser_path() -> str:
    import shutil

    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no Chromium: run `make browser`"
    return found
