"""Every fault of `make chaos`, and which run it befalls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from demo.lake_identities import PUBLIC_BUCKET, RESTRICTED_BUCKET
from tests.chaos import of_airflow as airflow
from tests.chaos import of_lake as lake
from tests.chaos.proxy import Trouble
from tests.chaos.scene import PERIOD, WRITES, Scene
from tests.e2e.support import SURVEY

FRESH = "fresh"  # of a fault that starts runs of its own
AFTER = "after"  # of faults that befall a run which has ended
ON_THE_WAY = ("kills", "answers", "gone", "services")  # of several that befall one run as it goes
IN_PUBLIC = f"^/{PUBLIC_BUCKET}/"


@dataclass(frozen=True)
class Fault:
    """A fault. `run`: which one it befalls; of one run the faults come one after the other.

    `alike`: whether nothing but the quiet run's release may be there when it is over.
    """

    name: str
    run: str
    befall: Callable[[Scene, str], str]
    alike: bool = True


def every_fault() -> Iterator[Fault]:
    """All of them, in the order in which they come."""
    yield from _kills()
    yield from _of_the_lake()
    yield from _of_airflow()


def _kills() -> Iterator[Fault]:
    for step, path in WRITES.items():
        times = 2 if step == "train" else 1
        name = "kill -9 in" if times == 1 else "kill -9 twice in"
        killed = partial(airflow.kill, step=step, path=path, times=times)
        yield Fault(f"{name} {step}", "kills", killed)
    for name, path in (
        ("its first file", IN_PUBLIC),
        ("the table", "/synthetic[.]csv$"),
        ("the manifest", f"{IN_PUBLIC}.*/manifest[.]json$"),
        ("the period's pointer", f"/{PERIOD}/latest[.]json$"),
        ("the survey's pointer", f"/{SURVEY}/latest[.]json$"),
        ("the journal", "/releases[.]json$"),
        ("the list of changes", "/CHANGES[.]md$"),
    ):
        after = partial(
            airflow.killed_anew, step="publish", path=path, bucket=PUBLIC_BUCKET, forget="."
        )
        yield Fault(f"kill -9 in publish after {name}", "publications", after)
    for step, forget, path in (
        # The model is written, and not yet that it is whole.
        ("train", "/model/|/training[.]json$|/losses[.]csv$", "/model/"),
        ("disclose", "/figures/disclosure[.]json$", "/figures/disclosure[.]json$"),
    ):
        at_the_end = partial(
            airflow.killed_anew, step=step, path=path, bucket=RESTRICTED_BUCKET, forget=forget
        )
        yield Fault(f"kill -9 at the end of {step}", AFTER, at_the_end)


def _of_the_lake() -> Iterator[Fault]:
    for step, name, trouble in (
        ("ingest", "answers 503", Trouble(WRITES["ingest"], "answer", "PUT", most=8)),
        ("protect", "cuts an upload off", Trouble(WRITES["protect"], "cut", "PUT", most=8)),
        (
            "sample",
            "answers 500",
            Trouble(WRITES["sample"], "answer", "PUT", 500, "InternalError", most=8),
        ),
        ("report", "answers 429", Trouble("/candidate/", "answer", "PUT", 429, "SlowDown", most=8)),
        ("publish", "answers 503", Trouble(IN_PUBLIC, "answer", "PUT", most=8)),
    ):
        answered = partial(lake.answer, step=step, trouble=trouble)
        yield Fault(f"S3 {name} in {step}", "answers", answered)
    for step in ("validate", "train"):
        yield Fault(f"S3 gone in {step}", "gone", partial(lake.gone, step=step, seconds=60))
    yield Fault("S3 slow throughout", FRESH, lake.slow)
    for identity, step in (("work", "protect"), ("publish", "publish"), ("ingest", "ingest")):
        refused = partial(lake.refused, identity=identity, step=step)
        yield Fault(f"wrong keys of {identity}", AFTER, refused)
    for name, bucket, step, forget in (
        ("restricted", RESTRICTED_BUCKET, "sample", "[0-9a-f]{12}/(synthetic|sampling)[.]"),
        ("public", PUBLIC_BUCKET, "publish", "."),
    ):
        full = partial(lake.full, bucket=bucket, step=step, forget=forget)
        yield Fault(f"{name} bucket full in {step}", AFTER, full)
    yield Fault("survey's file replaced while it is read", AFTER, lake.replaced)


def _of_airflow() -> Iterator[Fault]:
    for service, step in (
        *(("scheduler", "train"), ("triggerer", "evaluate"), ("api-server", "report")),
    ):
        killed = partial(airflow.restarted, service=service, step=step)
        yield Fault(f"{service} killed in {step}", "services", killed)
    yield Fault("temporary folder full", AFTER, airflow.no_room)
    yield Fault("clock a day ahead", AFTER, airflow.clock_wrong)
    for task in ("validate", "train", "publish"):
        yield Fault(f"{task} cleared", AFTER, partial(airflow.cleared, task=task))
    yield Fault("two runs of one period at once", FRESH, airflow.together)
    yield Fault("run marked failed in train", "own", airflow.marked_failed)
    yield Fault("run deleted in train", "own 2", airflow.deleted)
    yield Fault("clock a day ahead in train, and back", FRESH, airflow.clock_jumped)
    yield Fault("backfill of three quarters", FRESH, airflow.backfilled, alike=False)
