"""The quarterly run as an operator and a researcher see it: Airflow's API, its logs, its UI."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from playwright.sync_api import Page, sync_playwright

from demo.lake_identities import BUCKETS, DOWNSTREAM_BUCKET, PUBLIC_BUCKET, RESTRICTED_BUCKET
from tests.support.canaries import found_in_file
from tests.support.chromium import browser_path

from .panel import next_quarter, plant_leak, put_attempts
from .support import (
    DAG,
    MAINTENANCE,
    QUICK,
    SEED,
    SURVEY,
    Api,
    Restricted,
    Stage,
    keys,
    put_survey,
    retry_at_once,
    survey,
    told_of_people,
    until,
)


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
    body: dict[str, Any] = {"logical_date": None, "conf": {}}
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


def test_the_log_shows_the_training(api: Api, done: str) -> None:
    assert "epoch 1 of 10: generator loss" in api.log(done, "train")


def test_no_public_byte_holds_a_canary(stage: Stage, done: str) -> None:
    released = keys(stage, PUBLIC_BUCKET, "enoe_sdem/2015T2/")
    files = {key: stage.read(PUBLIC_BUCKET, key) for key in released}
    assert {key.rpartition("/")[2] for key in files} >= {
        "synthetic.csv",
        "synthetic.parquet",
        "manifest.json",
        "report.html",
    }
    found = {key: found_in_file(key.rpartition("/")[2], body) for key, body in files.items()}
    assert not any(found.values()), found
    assert not [key for key, body in files.items() if str(SEED).encode() in body]


def test_the_ledger_has_the_attempt_and_the_households(stage: Stage, done: str) -> None:
    ledger = {
        k.removeprefix("enoe_sdem/ledger/").partition(".")[0]
        for k in keys(stage, RESTRICTED_BUCKET, "enoe_sdem/ledger/")
    }
    assert {"salt", "attempts/2015T2", "households/2015T2"} <= ledger
    assert not [key for key in keys(stage, PUBLIC_BUCKET) if "ledger" in key]


def test_a_release_starts_its_consumer(stage: Stage, api: Api, done: str) -> None:
    (key,) = until(lambda: keys(stage, DOWNSTREAM_BUCKET), "what the consumer DAG writes")
    table = pd.read_csv(io.BytesIO(stage.read(DOWNSTREAM_BUCKET, key)))
    assert {"employed_share", "income", "population_pyramid"} <= set(table["indicator"])


def test_the_scratch_place_is_gone(stage: Stage, done: str) -> None:
    assert not [k for k in keys(stage, RESTRICTED_BUCKET) if "/scratch/" in k]


def test_publishing_again_changes_nothing(stage: Stage, api: Api, done: str) -> None:
    before = keys(stage, PUBLIC_BUCKET)
    attempts = api.tasks(done)["publish"]["try_number"]
    api.clear(done, "publish")
    until(lambda: api.tasks(done)["publish"]["try_number"] > attempts, "the next attempt")
    assert api.wait(DAG, done) == "success"
    assert keys(stage, PUBLIC_BUCKET) == before


def test_a_bad_file_fails_once_and_publishes_nothing(
    stage: Stage, api: Api, done: str, tmp_path: Path
) -> None:
    canary, table = "7777777", survey("2015T4")
    table.loc[:2, "INGOCUP"] = canary
    table.loc[5, "POS_OCU"] = "8"
    put_survey(stage, tmp_path, "2015T4", table)
    before = keys(stage, PUBLIC_BUCKET)
    run = api.trigger(period="2015T4", **QUICK)
    assert api.wait(DAG, run) == "failed"
    tasks = api.tasks(run)
    assert tasks["validate"]["state"] == "failed"
    assert tasks["validate"]["try_number"] == 1
    text = api.log(run, "validate")
    assert "column INGOCUP, rule range 0 to 999998: 3 rows" in text
    assert "column POS_OCU, rule code list: 1 rows" in text
    assert canary not in text
    assert keys(stage, PUBLIC_BUCKET) == before
    # Who watches is told once, with what the log says.
    (told,) = [message for message in stage.ear.messages if message["run"] == run]
    assert (told["event"], told["survey"], told["period"]) == ("failed", SURVEY, "2015T4")
    assert told["task"] == "validate"
    assert "column INGOCUP, rule range 0 to 999998: 3 rows" in told["cause"]
    assert "mend the survey's file" in told["remedy"]
    assert told["link"] == f"{stage.airflow.url}/dags/{DAG}/runs/{quote(run)}/tasks/validate"
    assert not told_of_people(json.dumps(told))
    assert not [key for key in Restricted(stage, "2015T4").under() if "parquet" in key]


def test_no_key_of_the_lake_is_in_anything_that_is_written(stage: Stage, done: str) -> None:
    """Logs, Airflow's database with its XComs and rendered templates, and all that lies in the
    lake: rows, models, manifests, reports."""
    planted = [identity.secret_key.encode() for identity in stage.lake.identities.values()]
    home = stage.airflow.home
    written = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any("task_id=train" in name for name in written)
    assert any(name.endswith("airflow.db") for name in written)
    for bucket in BUCKETS:
        written |= {key: stage.read(bucket, key) for key in keys(stage, bucket)}
    assert any(name.endswith("/sbom.json") for name in written)
    assert any("/model/" in name for name in written)
    assert [name for name, content in written.items() if any(p in content for p in planted)] == []


def test_figures_of_a_run_reach_who_collects_them(stage: Stage, done: str) -> None:
    def told() -> bool:
        names = {figure[0] for figure in stage.ear.figures}
        return {f"airflow.espejo.{name}" for name in FIGURES} <= names

    until(told, "the figures")
    figures = stage.ear.figures
    assert figures["airflow.espejo.step.rows", "step=sample", f"survey={SURVEY}"] == 700
    assert figures["airflow.espejo.step.memory_mb", "step=train", f"survey={SURVEY}"] > 100
    assert figures["airflow.espejo.gate.passed", "gate=membership", f"survey={SURVEY}"] == 1
    assert 0 < figures["airflow.espejo.training.held_out_score", f"survey={SURVEY}"] < 1
    assert figures["airflow.espejo.attempts.left", f"survey={SURVEY}"] == 2


FIGURES = (
    *("step.seconds", "step.memory_mb", "step.rows", "training.held_out_score"),
    *("release.overall", "gate.passed", "gate.margin", "attempts.left"),
)


def test_the_maintenance_finds_a_public_file_that_was_changed(
    stage: Stage, api: Api, done: str
) -> None:
    key = next(key for key in keys(stage, PUBLIC_BUCKET) if key.endswith("/synthetic.csv"))
    content = stage.read(PUBLIC_BUCKET, key)
    admin = stage.lake.client("admin")
    admin.put_object(Bucket=PUBLIC_BUCKET, Key=key, Body=b"other")
    run = api.start(MAINTENANCE, {})
    assert api.wait(MAINTENANCE, run) == "failed"
    admin.put_object(Bucket=PUBLIC_BUCKET, Key=key, Body=content)
    tasks = {name: task["state"] for name, task in api.tasks(run, MAINTENANCE).items()}
    # The spec says nothing of how long runs are kept.
    assert tasks == {"expire": "skipped", "measure_space": "success", "verify": "failed"}
    (told,) = [message for message in stage.ear.messages if message["run"] == run]
    assert told["task"] == "verify"
    assert f"{key.removeprefix(f'{SURVEY}/')} changed" in told["cause"]


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
    for field in (
        "Filas / Rows",
        "Ensayo / Dry run",
        "Motor / Engine",
        "Tamaño de lote / Batch size",
    ):
        assert field in text


# --- a training that is killed ------------------------------------------------------------------


def test_a_killed_training_is_retried_from_its_checkpoint_to_the_same_model(
    stage: Stage, api: Api, done: str
) -> None:
    """The training of the whole run is done again and killed; the first one is the reference."""
    work, epochs = Restricted(stage, "2015T2"), QUICK["epochs"]
    model, table = work.sums("model/"), losses(work.read("losses.csv"))
    last = int(table[-1][0])  # training may stop early
    before = api.tasks(done)["train"]["try_number"]
    work.forget("model/", "training.json", "losses.csv")
    api.clear(done, "train")
    # Its process is known before there is a checkpoint, so that the blow comes as soon as there is.
    task = until(lambda: running(api, done, "train"), "the training")
    until(lambda: work.under("checkpoint/"), "a checkpoint", every=0.02)
    os.killpg(task["pid"], signal.SIGKILL)  # the process group of this task and no other
    until(lambda: api.tasks(done)["train"]["state"] == "up_for_retry", "the retry")
    assert work.under("checkpoint/")
    assert not work.under("model/")
    retry_at_once(f"sqlite:///{stage.airflow.home}/airflow.db?timeout=60", done, "train")
    until(lambda: api.tasks(done)["train"]["state"] in ("success", "failed"), "the next attempt")
    task = api.tasks(done)["train"]
    killed, resumed = (api.log(done, "train", before + n) for n in (1, 2))
    assert (task["state"], task["try_number"]) == ("success", before + 2), resumed
    assert "SIGKILL" in killed
    assert f"epoch {last} of {epochs}" not in killed
    assert "continuing from the checkpoint" in resumed
    first = f"epoch 1 of {epochs}"
    assert (first in killed) != (first in resumed)  # whichever attempt came to its end
    assert f"epoch {last} of {epochs}" in resumed
    assert work.sums("model/") == model
    assert losses(work.read("losses.csv")) == table
    assert not work.under("checkpoint/")


def running(api: Api, run: str, name: str) -> dict[str, Any] | None:
    """The task once its process is there."""
    task = api.tasks(run)[name]
    return task if task["state"] == "running" and task["pid"] else None


def losses(table: bytes) -> list[list[float]]:
    """By epoch, what hangs on every step before it and not on the clock."""
    columns = ["epoch", "generator_loss", "critic_loss", "score"]
    told = pd.read_csv(io.BytesIO(table))[columns].fillna(-1.0)  # no critic, no loss of it
    epochs: list[list[float]] = told.to_numpy().tolist()
    return epochs


# --- a release that the gates hold back ---------------------------------------------------------


@dataclass(frozen=True)
class HeldBack:
    """A run of 2015T3 with a leak in it: refused as a fourth release, then held back as a third."""

    run: str
    public: dict[str, str]  # what was published before
    refused: dict[str, Any]  # the task `disclose` of the fourth release
    audited: list[str]  # its figures


@pytest.fixture(scope="session")
def held_back(
    stage: Stage, api: Api, done: str, tmp_path_factory: pytest.TempPathFactory
) -> HeldBack:
    then, now = (Restricted(stage, period) for period in ("2015T2", "2015T3"))
    table = next_quarter(survey(then.period))
    put_survey(stage, tmp_path_factory.mktemp("panel"), now.period, table)
    public = keys(stage, PUBLIC_BUCKET)
    run = api.trigger(period=now.period, **QUICK)
    halt_after(api, run, "sample")
    plant_leak(then, now)
    put_attempts(now, others=3)
    api.pause(DAG, False)
    assert api.wait(DAG, run) == "failed"
    refused, audited = api.tasks(run)["disclose"], now.under("figures/disclosure.json")
    put_attempts(now, others=2)
    api.clear(run, "disclose", downstream=True)
    assert api.wait(DAG, run) == "failed"
    return HeldBack(run, public, refused, audited)


def halt_after(api: Api, run: str, task: str) -> None:
    """Let a run go on until the task has ended, and let no other start."""
    until(lambda: api.tasks(run)[task]["state"] in ("running", "success"), task)
    api.pause(DAG, True)
    until(lambda: not {t["state"] for t in api.tasks(run).values()} & {"running", "queued"}, "halt")
    assert api.tasks(run)[task]["state"] == "success"


def failed_gates(stage: Stage) -> dict[str, dict[str, Any]]:
    audit = json.loads(Restricted(stage, "2015T3").read("disclosure.json"))
    return {gate["name"]: gate for gate in audit["gates"] if not gate["passed"]}


@pytest.mark.long
def test_a_fourth_release_of_a_period_is_refused_before_its_audit(
    api: Api, held_back: HeldBack
) -> None:
    assert (held_back.refused["state"], held_back.refused["try_number"]) == ("failed", 1)
    log = api.log(held_back.run, "disclose", 1)
    assert "gate attempts: 3 releases of 2015T3 have been tried" in log
    assert "give an override reason" in log
    assert not held_back.audited


@pytest.mark.long
def test_a_leak_from_the_quarter_before_is_caught(stage: Stage, held_back: HeldBack) -> None:
    """Nobody of this quarter came out, so only the union of both quarters shows the copies."""
    audit = json.loads(Restricted(stage, "2015T3").read("disclosure.json"))
    assert audit["periods"] == 2
    failed = set(failed_gates(stage))
    assert {"identical_across_periods", "unique_matches_across_periods"} <= failed
    assert all(name.endswith("_across_periods") for name in failed)


@pytest.mark.long
def test_a_failed_gate_publishes_nothing_and_says_why(
    stage: Stage, api: Api, held_back: HeldBack
) -> None:
    tasks, gates = api.tasks(held_back.run), failed_gates(stage)
    assert tasks["disclose"]["state"] == "success"
    assert (tasks["publish"]["state"], tasks["publish"]["try_number"]) == ("failed", 1)
    told, refused = api.log(held_back.run, "disclose", 2), api.log(held_back.run, "publish")
    assert f"held back by {', '.join(gates)}" in refused
    for name, gate in gates.items():
        for log in (told, refused):
            assert f"gate {name}: exceeds the control by about {gate['figure']:.2f}" in log
            assert gate["remedy"] in log
            assert str(gate["figure"]) not in log  # exact figures are restricted
    assert keys(stage, PUBLIC_BUCKET) == held_back.public
    candidate = {key.rpartition("/")[2] for key in Restricted(stage, "2015T3").under("candidate/")}
    assert {"manifest.json", "synthetic.parquet", "synthetic.csv", "report.html"} <= candidate


@pytest.mark.long
def test_a_reason_that_names_the_gates_publishes_and_stands_in_the_manifest(
    stage: Stage, api: Api, held_back: HeldBack
) -> None:
    work, gates = Restricted(stage, "2015T3"), list(failed_gates(stage))
    made = {key: tag for key, tag in keys(stage, RESTRICTED_BUCKET).items() if "/2015T3/" in key}
    reason = f"{', '.join(gates)}: the director of the survey, 3 May"
    run = api.trigger(period=work.period, override_reason=reason, **QUICK)
    assert api.wait(DAG, run) == "success", api.tasks(run)
    pointer = json.loads(stage.read(PUBLIC_BUCKET, "enoe_sdem/latest.json"))
    base = f"enoe_sdem/{work.period}/{pointer['release']}"
    manifest = json.loads(stage.read(PUBLIC_BUCKET, f"{base}/manifest.json"))
    assert manifest["override"] == {"gates": gates, "reason": reason}
    assert [gate["name"] for gate in manifest["gates"] if not gate["passed"]] == gates
    now = keys(stage, RESTRICTED_BUCKET)
    anew = {key for key, tag in made.items() if now[key] != tag}
    # Nothing but the report, which tells the reason.
    assert all("/candidate/" in key or key.endswith("/manifest.json") for key in anew), anew


def test_no_log_tells_of_people_or_the_seed(stage: Stage, done: str) -> None:
    """Every attempt of every task of every run up to here, also of those that failed."""
    logs = {log: log.read_text() for log in (stage.airflow.home / "logs").rglob("attempt=*.log")}
    assert {"train", "disclose", "publish"} <= {
        log.parent.name.removeprefix("task_id=") for log in logs
    }
    found = {log: told_of_people(text) for log, text in logs.items()}
    assert not any(found.values()), found


def test_what_passes_between_tasks_is_small(stage: Stage, done: str) -> None:
    """XComs and rendered templates hold URIs and counts, no seed, no rows and nothing of them."""
    with sqlite3.connect(stage.airflow.home / "airflow.db") as database:
        values = [str(row[0]) for row in database.execute("select value from xcom")]
        rendered = [
            str(r[0])
            for r in database.execute("select rendered_fields from rendered_task_instance_fields")
        ]
    assert values
    for text in (*values, *rendered):
        assert told_of_people(text) == []
        assert len(text) < 4000


# --- the pages of releases ----------------------------------------------------------------------

PAGES = "/espejo/releases"
# What a report that somebody wrote over tries, and says of it.
REACHING = """<!doctype html><html lang="en"><title>x</title><p id="told"></p><script>
const told = [], say = (what) => { told.push(what); document.getElementById("told").textContent = told.join(", "); };
const attempt = (name, reach) => { try { reach(); say(name + " reached"); } catch (error) { say(name + " refused"); } };
attempt("cookie", () => document.cookie);
attempt("storage", () => localStorage.length);
if (parent !== self) {
  attempt("parent", () => parent.document.title);
  attempt("top", () => { top.location = "/taken-over"; });
}
for (const path of ["/api/v2/dags", "/espejo/releases/data"]) {
  fetch(path, { credentials: "include" }).then(() => say(path + " reached"), () => say(path + " refused"));
}
new Image().src = "/api/v2/version?from-the-report";
</script>"""  # noqa: E501  a page as somebody would leave it


def release_at(stage: Stage) -> str:
    """The path of the pages of 2015T2's release."""
    release = json.loads(stage.read(PUBLIC_BUCKET, "enoe_sdem/2015T2/latest.json"))["release"]
    return f"{PAGES}/{DAG}/2015T2/{release}"


def state_of(api: Api, run: str) -> dict[str, Any]:
    told: dict[str, Any] = api.call("GET", f"/espejo/runs/{DAG}/{quote(run)}/state")
    return told


@contextmanager
def signed_in(stage: Stage, user: str = "viewer", **context: Any) -> Iterator[Page]:
    """A browser's page of someone who has logged in to Airflow."""
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        page = browser.new_context(**context).new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{stage.airflow.url}/auth/login")
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", stage.airflow.password(user))
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "login" not in url)
        yield page
        browser.close()


def test_the_pages_ask_for_the_permission_of_the_dag(stage: Stage, api: Api, done: str) -> None:
    viewer = Api(stage, "viewer")
    at, run = release_at(stage), f"/espejo/runs/{DAG}/{quote(done)}"
    for path in (PAGES, f"{PAGES}/data", at, f"{at}/report", f"{at}/check", run, f"{run}/state"):
        for token, status in ((None, 401), ("nonsense", 403)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            with pytest.raises(HTTPError) as refused:
                urlopen(Request(stage.airflow.url + path, headers=headers), timeout=60)
            assert refused.value.code == status, path
    surveys = {told["survey"]: told for told in viewer.call("GET", f"{PAGES}/data")["surveys"]}
    assert [told["period"] for told in surveys["enoe_sdem"]["releases"]][-1] == "2015T2"
    assert surveys["enoe_labour"]["releases"] == []
    assert viewer.status_of("GET", f"{PAGES}/no_such_dag/2015T2/{'a' * 12}/about")[0] == 404


def test_files_are_given_by_links_of_some_minutes(stage: Stage, api: Api, done: str) -> None:
    at, viewer = release_at(stage), Api(stage, "viewer")
    files = {file["name"]: file for file in viewer.call("GET", f"{at}/about")["files"]}
    link = viewer.call("POST", f"{at}/links/synthetic.csv")
    with urlopen(link["url"], timeout=60) as answer:  # it needs no other key
        assert hashlib.sha256(answer.read()).hexdigest() == files["synthetic.csv"]["sha256"]
        assert "2015T2" in answer.headers["Content-Disposition"]
    asked = parse_qs(urlsplit(link["url"]).query)
    assert int(asked["X-Amz-Expires"][0]) == link["seconds"] <= 600
    consumer = stage.lake.identities["consumer"].access_key
    assert asked["X-Amz-Credential"][0].startswith(f"{consumer}/")
    assert viewer.status_of("POST", f"{at}/links/..%2Flatest.json")[0] == 404
    assert viewer.call("GET", f"{at}/check") == {"vouched": True, "changes": []}


@pytest.mark.long
def test_what_a_run_tells_holds_no_seed_and_no_row(
    stage: Stage, api: Api, held_back: HeldBack
) -> None:
    for run in api.call("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"]:
        assert told_of_people(json.dumps(state_of(api, run["dag_run_id"]))) == []
    told = state_of(api, held_back.run)
    assert [gate["gate"] for gate in told["failed_gates"]] == list(failed_gates(stage))
    for gate in failed_gates(stage).values():
        assert f"{gate['figure']:.2f}" not in json.dumps(told["failed_gates"])


def test_the_pages_in_airflow(stage: Stage, api: Api, done: str, tmp_path: Path) -> None:
    errors: list[str] = []
    with signed_in(stage, locale="es-MX") as page:
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(f"{stage.airflow.url}/plugin/synthetic-releases")
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", name="Publicaciones sintéticas").wait_for()
        frame.get_by_text("Como se publicó").first.wait_for()
        assert frame.locator("svg path").count() >= 3  # the scores' lines
        frame.get_by_role("button", name="Read in English").click()
        frame.get_by_role("heading", name="Synthetic releases").wait_for()
        with page.expect_download() as given:
            frame.get_by_role("button", name="CSV").first.click()
        assert given.value.suggested_filename.endswith("synthetic.csv")
        page.goto(f"{stage.airflow.url}/dags/{DAG}/runs/{quote(done)}")
        page.get_by_role("link", name="Espejo", exact=True).last.click()
        tab = page.frame_locator("iframe")
        report = tab.frame_locator("iframe.report")
        report.locator("main").wait_for()
        report.locator("html[lang=en]").wait_for()  # as the tab: it was switched to English
        page.screenshot(path=str(tmp_path / "tab.png"))
        tab.get_by_text("Steps").click()
        tab.get_by_role("link", name="log").first.click()  # out of the frame, into Airflow
        page.wait_for_url(lambda url: "/tasks/" in url)
    assert errors == []


@pytest.mark.long
def test_a_failed_run_says_what_to_do(stage: Stage, held_back: HeldBack, tmp_path: Path) -> None:
    with signed_in(stage, locale="en") as page:
        page.goto(f"{stage.airflow.url}/espejo/runs/{DAG}/{quote(held_back.run)}")
        page.get_by_text("held back by").wait_for()
        text = page.inner_text("main")
        page.screenshot(path=str(tmp_path / "failed.png"), full_page=True)
    assert "The step “Publish” failed. Nothing was published." in text
    for name, gate in failed_gates(stage).items():
        assert name in text
        assert gate["remedy"] in text
    assert "exceeds the control" not in text  # by how much is for the log


def test_a_report_that_was_changed_reaches_nothing_and_is_told_by_its_hash(
    stage: Stage, api: Api, done: str
) -> None:
    at = release_at(stage)
    key = f"enoe_sdem{at.removeprefix(f'{PAGES}/{DAG}')}/report.html"
    report, lake = stage.read(PUBLIC_BUCKET, key), stage.lake.client("admin")
    lake.put_object(Bucket=PUBLIC_BUCKET, Key=key, Body=REACHING.encode())
    try:
        assert api.status_of("POST", f"{at}/links/report.html")[0] == 409
        with signed_in(stage, "admin", locale="en") as page:
            answered: list[str] = []  # what the browser refuses to ask has no answer
            page.on("response", lambda answer: answered.append(answer.url))
            page.goto(f"{stage.airflow.url}{PAGES}")
            page.get_by_text("1 file changed").wait_for()
            page.goto(stage.airflow.url + at)
            page.get_by_text("was changed after it was published").wait_for()
            for content in (report, REACHING.encode()):
                page.get_by_text(hashlib.sha256(content).hexdigest()).wait_for()
            assert page.locator("iframe").count() == 0
            page.get_by_role("button", name="Show it anyway").click()
            told = page.frame_locator("iframe").locator("#told")
            expected = (
                "cookie",
                "storage",
                "parent",
                "top",
                "/api/v2/dags",
                "/espejo/releases/data",
            )
            until(lambda: told.inner_text().count("refused") == len(expected), "its attempts")
            assert "reached" not in told.inner_text()
            assert [url for url in answered if url.endswith("/report")]
            assert not [url for url in answered if "from-the-report" in url]
            page.goto(f"{stage.airflow.url}{at}/report")  # by itself, outside of any frame
            alone = page.locator("#told")
            until(lambda: alone.inner_text().count("refused") == 4, "its attempts alone")
            assert "reached" not in alone.inner_text()
    finally:
        lake.put_object(Bucket=PUBLIC_BUCKET, Key=key, Body=report)
    assert api.call("GET", f"{at}/check")["changes"] == []


# --- turns, ends and backfills -------------------------------------------------------------------


def holder(stage: Stage, period: str) -> str:
    """The run that is at a period; empty for none."""
    return str(json.loads(stage.read(RESTRICTED_BUCKET, f"{SURVEY}/{period}/lock.json"))["holder"])


def states(api: Api, run: str) -> dict[str, str | None]:
    return {name: task["state"] for name, task in api.tasks(run).items()}


def task_state(api: Api, run: str, task: str) -> str | None:
    return states(api, run)[task]


def end(api: Api, run: str) -> None:
    """What *Mark as failed* does in Airflow's pages."""
    api.call("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{run}", {"state": "failed"})


def test_two_runs_of_one_period_take_turns(stage: Stage, api: Api, tmp_path: Path) -> None:
    put_survey(stage, tmp_path, "2014T2", survey("2014T2"))
    first = api.trigger(period="2014T2", **QUICK)
    until(lambda: task_state(api, first, "ingest") == "running", "the first run's ingest")
    second = api.trigger(period="2014T2", **(QUICK | {"seed": 7}))
    until(lambda: task_state(api, second, "wait_for_file") == "up_for_reschedule", "its wait")
    assert holder(stage, "2014T2") == first
    assert f"run {first} is making this period" in api.log(second, "wait_for_file")
    assert task_state(api, second, "open_scratch") is None
    end(api, first)
    assert api.wait(DAG, first) == "failed"
    assert holder(stage, "2014T2") == ""
    api.clear(second, "wait_for_file")  # rather than at the next look
    until(lambda: task_state(api, second, "ingest") == "success", "the second run's turn")
    assert holder(stage, "2014T2") == second
    end(api, second)
    assert api.wait(DAG, second) == "failed"
    assert holder(stage, "2014T2") == ""


def test_a_wait_holds_nobody_up_and_is_a_failed_run_when_it_is_ended_by_hand(
    stage: Stage, api: Api, done: str
) -> None:
    waiting = api.trigger(period="2013T1", **QUICK)
    until(lambda: task_state(api, waiting, "wait_for_file") == "up_for_reschedule", "the wait")
    # Another period does not wait for this file.
    other = api.trigger(period="2015T2", **(QUICK | {"epochs": 60, "batch_size": 20}))
    tells_its_training(api, other)
    end(api, other)
    end(api, waiting)
    assert api.wait(DAG, other) == "failed"
    assert api.wait(DAG, waiting) == "failed"
    assert "the run did not get to its end" in api.log(waiting, "end_run")
    assert task_state(api, waiting, "publish") == "skipped"


def tells_its_training(api: Api, run: str) -> None:
    """While it goes on: how far it is, in rounded figures, and what the form gave."""

    def live() -> Any:
        progress = state_of(api, run)["progress"]
        return progress if progress and not progress["done"] else None

    first = until(live, "the first epochs")
    later = until(lambda: (now := live()) and now["epoch"] > first["epoch"] and now, "later ones")
    asked = {one["label"]["en"]: one["value"] for one in state_of(api, run)["asked"]}
    assert asked == {"Rows": 700, "Epochs": 60, "Batch size": 20}
    assert later["of"] == 60
    assert later["seconds_left"] > 0
    assert later["rows_per_second"] > 0
    assert 0 < later["score"] < 1
    assert [point["epoch"] for point in later["curve"]] == list(range(1, later["epoch"] + 1))
    for point in later["curve"]:
        for name in ("generator_loss", "score"):
            assert point[name] == round(point[name], 3)
        critic = point["critic_loss"]
        assert critic is None or critic == round(critic, 3)


def test_a_run_that_is_ended_before_it_has_planned_is_a_failed_run(api: Api, done: str) -> None:
    api.pause(DAG, True)
    run = api.trigger(period="2013T2", **QUICK)
    end(api, run)
    api.pause(DAG, False)
    until(lambda: task_state(api, run, "end_run") == "failed", "its end")
    assert api.wait(DAG, run) == "failed"
    assert task_state(api, run, "plan") == "skipped"


def test_a_backfill_of_the_past_starts_no_other_run(stage: Stage, api: Api, done: str) -> None:
    def runs(kind: str) -> list[dict[str, Any]]:
        found = api.call("GET", f"/api/v2/dags/{DAG}/dagRuns?limit=100")["dag_runs"]
        return [run for run in found if run["run_type"] == kind]

    dates = {"from_date": "2015-08-25T00:00:00Z", "to_date": "2015-08-27T00:00:00Z"}
    asked = {"dag_id": DAG, "dag_run_conf": QUICK} | dates
    # Airflow answers 503 while its SQLite is locked, and wants to be asked again.
    until(lambda: api.status_of("POST", "/api/v2/backfills", asked)[0] == 200, "the backfill")
    (run,) = until(lambda: runs("backfill"), "the run of the backfill")
    name = run["dag_run_id"]
    until(lambda: task_state(api, name, "plan") == "success", "its plan")
    end(api, quote(name))
    assert api.wait(DAG, quote(name)) == "failed"
    told = api.call("GET", f"/api/v2/dags/{DAG}/details")
    token = told["file_token"]
    api.call("PUT", f"/api/v2/parseDagFile/{token}")
    parsed = told["last_parsed_time"]
    details = until(
        lambda: next(
            (
                d
                for d in [api.call("GET", f"/api/v2/dags/{DAG}/details")]
                if d["last_parsed_time"] != parsed
            ),
            None,
        ),
        "the DAG read again",
    )
    assert datetime.fromisoformat(details["next_dagrun_run_after"]) > datetime.now(UTC)
    assert runs("scheduled") == []
