"""The faults of the lake, one at a time. Each gives in words how the run came to its end."""

from __future__ import annotations

import time
from urllib.parse import quote

from demo.lake_identities import PUBLIC_BUCKET, RAW_BUCKET
from tests.chaos.proxy import Trouble
from tests.chaos.scene import CLEARED, ITSELF, WRITES, Scene
from tests.e2e.support import DAG, until
from tests.support.full_bucket import full_bucket


def answer(scene: Scene, run: str, step: str, trouble: Trouble) -> str:
    """A trouble that ends by itself: the step's own tries, or its next attempt, get past it."""
    with scene.troubled(trouble):
        assert trouble.reached.wait(300), f"{step}: nobody asked for {trouble.path}"
        scene.fault_begins()
        scene.wait_for(run, step, "success", "up_for_retry", "failed")
    scene.recovers(run, step)
    return ITSELF


def slow(scene: Scene, run: str) -> str:
    """Every answer of the lake takes half a second more, from the first to the last."""
    with scene.troubled(Trouble(".", "slow", seconds=0.5)):
        scene.fault_begins()
        assert scene.wait(scene.start(), 1200) == "success"
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
    scene.recovers(run, step)
    return ITSELF


def refused(scene: Scene, run: str, identity: str, step: str) -> str:
    """The keys of a connection are wrong, and then put right: the task says of which."""
    trouble = Trouble(
        ".", "answer", status=403, code="AccessDenied", access_key=scene.access_key(identity)
    )
    scene.forget(PUBLIC_BUCKET, ".")
    with scene.troubled(trouble):
        scene.api.clear(run, step, downstream=True)
        scene.fault_begins()
        assert scene.ended(run, step) == "failed"
        told = scene.log(run, step)
        assert f"connection espejo_{identity}" in told, told[-2000:]
        scene.wait(run)
    scene.api.clear(run, step, downstream=True)
    assert scene.wait(run) == "success", scene.not_done(run)
    return CLEARED


def full(scene: Scene, run: str, bucket: str, step: str, forget: str) -> str:
    """A bucket is full, which this server tells as a failure of its own; then it has room again."""
    scene.wait(run)
    scene.forget(bucket, forget)
    with full_bucket(scene.stage.lake, bucket):
        scene.api.clear(run, step, downstream=True)
        scene.fault_begins()
        scene.wait_for(run, step, "up_for_retry", "failed")
    scene.retry(run, step)
    assert scene.wait(run) == "success", scene.not_done(run)
    return ITSELF


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
    assert scene.wait(run) == "success", scene.not_done(run)
    return CLEARED if state == "failed" else ITSELF
