"""The faults of Airflow and of its machine, one at a time. Each gives in words how the run came to
its end."""

from __future__ import annotations

import time

from demo.enoe_like import generate_survey
from demo.ui import is_healthy
from include.espejo.survey import Period
from tests.chaos.proxy import Act, Trouble
from tests.chaos.scene import ASKED, CLEARED, ITSELF, WRITES, Scene
from tests.e2e.support import DAG, put_survey, until

_DAY = 86_400  # seconds


def kill(scene: Scene, run: str, step: str, path: str, act: Act = "hold", *, times: int = 1) -> str:
    """kill -9 of a step's process while it writes, or when it has written; so many times."""
    for _ in range(times):
        trouble = Trouble(path, act, method="PUT", most=1)
        with scene.troubled(trouble):
            assert trouble.reached.wait(300), f"{step} did not write {path}"
            scene.fault_begins()
            scene.kill(run, step)
        scene.retry(run, step)
    scene.recovers(run, step)
    return ITSELF


def killed_anew(scene: Scene, run: str, step: str, path: str, bucket: str, forget: str) -> str:
    """kill -9 of a step of an ended run that is done again, right after a write."""
    scene.wait(run)
    scene.forget(bucket, forget)
    scene.api.clear(run, step, downstream=True)
    until(lambda: scene.state(run, step) != "success", "the clearing", 60)
    told = kill(scene, run, step, path, "hold after")
    assert scene.wait(run) == "success", scene.not_done(run)
    return told


def restarted(scene: Scene, run: str, service: str, step: str) -> str:
    """A service of Airflow is killed in the middle of a step, and started again."""
    held = Trouble(WRITES[step], "slow", method="PUT", seconds=5.0, most=2)
    with scene.troubled(held):
        until(lambda: held.count, step)
        scene.fault_begins()
        scene.airflow.parts[service].kill()
        scene.airflow.start(service)
        until(lambda: is_healthy(scene.airflow.url), "Airflow")
    scene.recovers(run, step)
    return ITSELF


def no_room(scene: Scene, run: str) -> str:
    """The temporary folder is full: `ingest` says so before anything is trained."""
    scene.wait(run)
    with scene.full_temporary_folder():
        scene.api.clear(run, "open_scratch", downstream=True)
        scene.fault_begins()
        assert scene.ended(run, "ingest") == "failed"
        assert "are free for temporary files" in scene.log(run, "ingest")
        scene.wait(run)
    scene.api.clear(run, "open_scratch", downstream=True)
    assert scene.wait(run) == "success", scene.not_done(run)
    return CLEARED


def cleared(scene: Scene, run: str, task: str) -> str:
    """A task of a run that has ended is cleared, with all that follows."""
    scene.wait(run)
    scene.fault_begins()
    scene.api.clear(run, task, downstream=True)
    until(lambda: scene.state(run, task) not in ("success", None), "the clearing", 60)
    assert scene.wait(run) == "success", scene.not_done(run)
    return ITSELF


def together(scene: Scene, run: str) -> str:
    """Two runs of one period at once: the second waits for the first and finds its release."""
    first, second = scene.start(), scene.start()
    scene.fault_begins()
    # Whichever comes second looks again after ten minutes.
    assert [scene.wait(run, 1200) for run in (first, second)] == ["success"] * 2
    return ITSELF


def end_in_training(scene: Scene, run: str) -> None:
    """*Mark as failed*, while the run trains."""
    held = Trouble(WRITES["train"], "slow", method="PUT", seconds=8.0, most=1)
    with scene.troubled(held):
        until(lambda: held.count, "the training")
        scene.fault_begins()
        scene.api.call("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{run}", {"state": "failed"})
    assert scene.wait(run) == "failed"


def marked_failed(scene: Scene, run: str) -> str:
    """A run is marked failed while it trains; it ends as failed, and the next one goes on."""
    end_in_training(scene, run)
    assert scene.wait(scene.start()) == "success"
    return "a new run"


def deleted(scene: Scene, run: str) -> str:
    """A run is deleted that trained, and made again."""
    end_in_training(scene, run)
    scene.api.call("DELETE", f"/api/v2/dags/{DAG}/dagRuns/{run}")
    assert scene.wait(scene.start()) == "success"
    return "a new run"


def backfilled(scene: Scene, run: str) -> str:
    """Three past quarters by Airflow's own backfill: three releases, and no other run.

    One after the other: each is held against those before it, and publishing refuses an audit that
    did not know of one.
    """
    periods = ("2014T3", "2014T4", "2015T1")
    for period in periods:
        told = Period.parse(period)
        table = generate_survey(told.year, told.number, people=3000, seed=5)
        put_survey(scene.stage, scene.folder, period, table)
    scene.fault_begins()
    dates = {"from_date": "2014-11-01T00:00:00Z", "to_date": "2015-06-30T00:00:00Z"}
    settings = {name: value for name, value in ASKED.items() if name != "period"}
    asked = {"dag_id": DAG, "dag_run_conf": settings, "max_active_runs": 1}
    scene.api.call("POST", "/api/v2/backfills", asked | dates)
    runs = until(lambda: len(found := scene.runs("backfill")) == 3 and found, "three runs")
    assert [scene.wait(one["dag_run_id"], 1200) for one in runs] == ["success"] * 3
    released = {key.split("/")[1] for key in scene.published() if key.endswith("manifest.json")}
    assert released == set(periods), released
    assert scene.runs("scheduled") == []
    return ITSELF


def clock_wrong(scene: Scene, run: str) -> str:
    """The clock of Airflow's machine is a day ahead when a step begins, and then put right.

    Airflow would try again a delay after the end that it noted, which is tomorrow's.
    """
    with scene.other_clock() as set_clock:
        set_clock(_DAY)
        scene.api.clear(run, "open_scratch", downstream=True)
        scene.fault_begins()
        scene.wait_for(run, "open_scratch", "failed", "up_for_retry")
        assert "clock and the server's differ" in scene.log(run, "open_scratch")
        set_clock(0)
        scene.api.clear(run, "open_scratch", downstream=True)
        assert scene.wait(run) == "success", scene.not_done(run)
    return CLEARED


def clock_jumped(scene: Scene, run: str) -> str:
    """The clock of Airflow's machine jumps a day ahead in the middle of the training, and back."""
    with scene.other_clock() as set_clock:
        run = scene.start()
        held = Trouble(WRITES["train"], "slow", method="PUT", seconds=5.0, most=2)
        with scene.troubled(held):
            until(lambda: held.count, "the training")
            scene.fault_begins()
            set_clock(_DAY)
            time.sleep(30)
            set_clock(0)
        until(lambda: scene.state(run, "train") != "running", "the end of the training")
        stopped = scene.state(run, "train") != "success"
        if stopped:
            scene.api.clear(run, "train", downstream=True)
        assert scene.wait(run, 900) == "success", scene.not_done(run)
    return CLEARED if stopped else ITSELF
