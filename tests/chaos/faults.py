"""The faults, one at a time. Each gives in words how the run came to its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from demo.lake_identities import PUBLIC_BUCKET, RAW_BUCKET, RESTRICTED_BUCKET
from demo.ui import is_healthy
from tests.chaos.proxy import Act, Trouble
from tests.chaos.scene import PERIOD, Scene
from tests.e2e.support import DAG, SURVEY, keys, until
from tests.support.full_bucket import full_bucket

ITSELF = "by itself"
CLEARED = "cleared, as its message says"
FRESH = "fresh"  # of a fault that starts runs of its own
AFTER = "after"  # of faults that befall a run which has ended
ON_THE_WAY = ("kills", "answers", "gone", "services")  # of several that befall one run as it goes
# What each step writes first: held there, its process is in the middle of the step.
WRITES = {
    "ingest": "/scratch/typed[.]parquet$",
    "validate": "/[0-9a-f]{12}/typed[.]parquet$",
    "protect": "/train[.]parquet$",
    "train": "/checkpoint/",
    "sample": "/[0-9a-f]{12}/synthetic[.]parquet$",
    "evaluate": "/figures/quality[.]json$",
    "report": "/candidate/manifest[.]json$",
}
IN_PUBLIC = f"^/{PUBLIC_BUCKET}/"


@dataclass(frozen=True)
class Fault:
    """A fault. `run`: which one it befalls; of one run the faults come one after the other."""

    name: str
    run: str
    befall: Callable[[Scene, str], str]


def kill(scene: Scene, run: str, step: str, path: str, act: Act = "hold") -> str:
    """kill -9 of a step's process while it writes, or when it has written."""
    trouble = Trouble(path, act, method="PUT", most=1)
    with scene.troubled(trouble):
        assert trouble.reached.wait(300), f"{step} did not write {path}"
        scene.fault_begins()
        scene.kill(run, step)
    scene.retry(run, step)
    assert scene.ended(run, step) == "success", scene.log(run, step)
    return ITSELF


def answer(scene: Scene, run: str, step: str, trouble: Trouble) -> str:
    """A trouble that ends by itself: the step's own tries, or its next attempt, get past it."""
    with scene.troubled(trouble):
        assert trouble.reached.wait(300), f"{step}: nobody asked for {trouble.path}"
        scene.fault_begins()
        state = scene.wait_for(run, step, "success", "up_for_retry", "failed", seconds=300)
    if state == "up_for_retry":
        scene.retry(run, step)
    assert scene.ended(run, step) == "success", scene.log(run, step)
    return ITSELF


def gone(scene: Scene, run: str, step: str, seconds: float) -> str:
    """The lake is gone for a while, from a step's first write on."""
    trouble = Trouble(".", "gone")
    first = Trouble(WRITES[step], "gone", method="PUT", most=1)
    with scene.troubled(first):
        assert first.reached.wait(300)
        with scene.troubled(trouble):
            scene.fault_begins()
            # Airflow's own steps are told in the run's tab all the same.
            told = scene.api.call("GET", f"/espejo/runs/{DAG}/{quote(run)}/state")
            assert told["tasks"]
            assert not (told["release"] and told["lake_answers"])
            time.sleep(seconds)
        until(lambda: scene.state(run, step) != "running", "the step's end", 300)
    scene.retry(run, step)
    assert scene.ended(run, step) == "success", scene.log(run, step)
    return ITSELF


def refused(scene: Scene, run: str, identity: str, step: str) -> str:
    """The keys of a connection are wrong, and then put right: the task says of which."""
    trouble = Trouble(
        ".", "answer", status=403, code="AccessDenied", access_key=scene.access_key(identity)
    )
    scene.clear_public()
    with scene.troubled(trouble):
        scene.api.clear(run, step, downstream=True)
        scene.fault_begins()
        assert scene.ended(run, step) == "failed"
        told = scene.log(run, step)
        assert f"connection espejo_{identity}" in told, told[-2000:]
        scene.wait(run)
    scene.api.clear(run, step, downstream=True)
    assert scene.wait(run) == "success", scene.api.tasks(run)
    return CLEARED


def full(scene: Scene, run: str, bucket: str, step: str, forget: str) -> str:
    """A bucket is full, which this server tells as a failure of its own; then it has room again."""
    scene.wait(run)
    _forget(scene, bucket, forget)
    with full_bucket(scene.stage.lake, bucket):
        scene.api.clear(run, step, downstream=True)
        scene.fault_begins()
        scene.wait_for(run, step, "up_for_retry", "failed")
    scene.retry(run, step)
    assert scene.wait(run) == "success", scene.api.tasks(run)
    return ITSELF


def _forget(scene: Scene, bucket: str, pattern: str) -> None:
    for key in keys(scene.stage, bucket):
        if re.search(pattern, key):
            scene.stage.lake.client("admin").delete_object(Bucket=bucket, Key=key)


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
    assert scene.wait(run) == "success", scene.api.tasks(run)
    return CLEARED


def replaced(scene: Scene, run: str) -> str:
    """The survey's file is replaced while it is read, and then put back."""
    scene.wait(run)
    admin, key = scene.stage.lake.client("admin"), scene.raw_key()
    before = scene.stage.read(RAW_BUCKET, key)
    held = Trouble(f"^/{RAW_BUCKET}/.*csv$", "slow", method="GET", seconds=6.0, most=1)
    with scene.troubled(held):
        scene.api.clear(run, "open_scratch", downstream=True)
        until(lambda: held.count, "the reading of the file")
        scene.fault_begins()
        admin.put_object(Bucket=RAW_BUCKET, Key=key, Body=before + b"\n")
        scene.wait_for(run, "ingest", "success", "failed", "up_for_retry")
    admin.put_object(Bucket=RAW_BUCKET, Key=key, Body=before)
    state = scene.state(run, "ingest")
    if state == "up_for_retry":
        scene.retry(run, "ingest")
    if state == "failed":
        scene.wait(run)
        scene.api.clear(run, "open_scratch", downstream=True)
    assert scene.wait(run) == "success", scene.api.tasks(run)
    return CLEARED if state == "failed" else ITSELF


def together(scene: Scene, run: str) -> str:
    """Two runs of one period at once: the second waits for the first and finds its release."""
    first, second = scene.start(), scene.start()
    scene.fault_begins()
    assert scene.wait(first) == scene.wait(second, 900) == "success"
    return ITSELF


def restarted(scene: Scene, run: str, service: str, step: str) -> str:
    """A service of Airflow is killed in the middle of a step, and started again."""
    held = Trouble(WRITES[step], "slow", method="PUT", seconds=5.0, most=2)
    with scene.troubled(held):
        until(lambda: held.count, step)
        scene.fault_begins()
        scene.airflow.parts[service].kill()
        scene.airflow.start(service)
        until(lambda: is_healthy(scene.airflow.url), "Airflow")
    state = scene.wait_for(run, step, "success", "up_for_retry", "failed", seconds=300)
    if state == "up_for_retry":
        scene.retry(run, step)
    assert scene.ended(run, step) == "success", scene.log(run, step)
    return ITSELF


def cleared(scene: Scene, run: str, task: str) -> str:
    """A task of a run that has ended is cleared, with all that follows."""
    scene.wait(run)
    scene.fault_begins()
    scene.api.clear(run, task, downstream=True)
    until(lambda: scene.state(run, task) not in ("success", None), "the clearing", 60)
    assert scene.wait(run) == "success", scene.api.tasks(run)
    return ITSELF


def killed_anew(scene: Scene, run: str, step: str, path: str, bucket: str, forget: str) -> str:
    """kill -9 of a step of an ended run that is done again, right after a write."""
    scene.wait(run)
    _forget(scene, bucket, forget)
    scene.api.clear(run, step, downstream=True)
    until(lambda: scene.state(run, step) != "success", "the clearing", 60)
    told = kill(scene, run, step, path, "hold after")
    assert scene.wait(run) == "success", scene.api.tasks(run)
    return told


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


def skewed(scene: Scene, run: str) -> str:
    """The machine's clock is a day ahead, so that the lake takes no signature; then it is right."""
    trouble = Trouble(".", "answer", status=403, code="RequestTimeTooSkewed")
    scene.wait(run)
    with scene.troubled(trouble):
        scene.api.clear(run, "open_scratch", downstream=True)
        scene.fault_begins()
        state = scene.wait_for(run, "open_scratch", "failed", "up_for_retry")
        assert "clock" in scene.log(run, "open_scratch")
    if state == "up_for_retry":
        scene.retry(run, "open_scratch")
    assert scene.wait(run) == "success", scene.api.tasks(run)
    return ITSELF


def every_fault() -> Iterator[Fault]:
    """All of them, in the order in which they come."""
    for step, path in WRITES.items():
        yield Fault(f"kill -9 in {step}", "kills", partial(kill, step=step, path=path))
    for name, path in (
        ("its first file", IN_PUBLIC),
        ("the table", "/synthetic[.]csv$"),
        ("the manifest", f"{IN_PUBLIC}.*/manifest[.]json$"),
        ("the period's pointer", f"/{PERIOD}/latest[.]json$"),
        ("the survey's pointer", f"/{SURVEY}/latest[.]json$"),
        ("the journal", "/releases[.]json$"),
        ("the list of changes", "/CHANGES[.]md$"),
    ):
        after = partial(killed_anew, step="publish", path=path, bucket=PUBLIC_BUCKET, forget=".")
        yield Fault(f"kill -9 in publish after {name}", "publications", after)
    for step, name, trouble in (
        ("ingest", "503", Trouble(WRITES["ingest"], "answer", method="PUT", most=8)),
        ("protect", "cut off half way", Trouble(WRITES["protect"], "cut", method="PUT", most=8)),
        (
            "sample",
            "500",
            Trouble(WRITES["sample"], "answer", "PUT", 500, "InternalError", most=8),
        ),
        ("report", "429", Trouble("/candidate/", "answer", "PUT", 429, "SlowDown", most=8)),
        ("publish", "503", Trouble(IN_PUBLIC, "answer", method="PUT", most=8)),
    ):
        yield Fault(
            f"S3 answers {name} in {step}" if name[0].isdigit() else f"S3: {name} in {step}",
            "answers",
            partial(answer, step=step, trouble=trouble),
        )
    for step in ("validate", "train"):
        yield Fault(f"S3 gone in {step}", "gone", partial(gone, step=step, seconds=60))
    for service, step in (
        *(("scheduler", "train"), ("triggerer", "evaluate"), ("api-server", "report")),
    ):
        killed = partial(restarted, service=service, step=step)
        yield Fault(f"{service} killed in {step}", "services", killed)
    for identity, step in (("work", "protect"), ("publish", "publish"), ("ingest", "ingest")):
        yield Fault(
            f"wrong keys of {identity}", AFTER, partial(refused, identity=identity, step=step)
        )
    yield Fault(
        "restricted bucket full in sample",
        AFTER,
        partial(
            full,
            bucket=RESTRICTED_BUCKET,
            step="sample",
            forget="[0-9a-f]{12}/(synthetic|sampling)[.]",
        ),
    )
    yield Fault(
        "public bucket full in publish",
        AFTER,
        partial(full, bucket=PUBLIC_BUCKET, step="publish", forget="."),
    )
    for step, forget, path in (
        # The model is written, and not yet that it is whole.
        ("train", "/model/|/training[.]json$|/losses[.]csv$", "/model/"),
        ("disclose", "/figures/disclosure[.]json$", "/figures/disclosure[.]json$"),
    ):
        at_the_end = partial(
            killed_anew, step=step, path=path, bucket=RESTRICTED_BUCKET, forget=forget
        )
        yield Fault(f"kill -9 at the end of {step}", AFTER, at_the_end)
    yield Fault("temporary folder full", AFTER, no_room)
    yield Fault("survey's file replaced while it is read", AFTER, replaced)
    yield Fault("clock a day ahead", AFTER, skewed)
    for task in ("validate", "train", "publish"):
        yield Fault(f"{task} cleared", AFTER, partial(cleared, task=task))
    yield Fault("two runs of one period at once", FRESH, together)
    yield Fault("run marked failed in train", "own", marked_failed)
    yield Fault("run deleted in train", "own 2", deleted)
