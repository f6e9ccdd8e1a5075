"""Figures of runs and releases, through the exporter that Airflow is given for its own metrics.

Airflow sends them by OpenTelemetry or StatsD where its section `[metrics]` turns one on, and drops
them otherwise. None is exact: what leaves the restricted area is rounded as in messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from include.espejo.errors import EspejoError
from include.espejo.process.resources import PeakMemory

if TYPE_CHECKING:
    from include.espejo.steps.run import Run, Summary

log = logging.getLogger(__name__)

# Each with its labels beside `survey`. `docs/operations.md` and the dashboard have the same.
METRICS: Mapping[str, tuple[str, ...]] = {
    "espejo.step.seconds": ("step",),
    "espejo.step.memory_mb": ("step",),
    "espejo.step.rows": ("step",),
    "espejo.training.held_out_score": (),
    "espejo.release.overall": (),
    "espejo.release.age_days": (),
    "espejo.release.changed_files": (),
    "espejo.gate.passed": ("gate",),
    "espejo.gate.margin": ("gate",),
    "espejo.attempts.left": (),
    "espejo.space.bytes": ("area",),
}


def send_figure(name: str, value: float, survey: str, **labels: str) -> None:
    """Send a figure."""
    from airflow.sdk.observability import stats

    if set(labels) != set(METRICS[name]):
        raise KeyError(f"metric {name} has other labels")
    stats.gauge(name, value, tags={"survey": survey, **labels})


@contextmanager
def watched(survey: str, step: str) -> Iterator[None]:
    """Time and memory of a step that succeeds."""
    start = time.monotonic()
    with PeakMemory() as memory:
        yield
    send_figure("espejo.step.seconds", round(time.monotonic() - start, 1), survey, step=step)
    send_figure("espejo.step.memory_mb", round(memory.peak_mb), survey, step=step)


def tell_step(run: Run, step: str, told: Summary) -> None:
    """What a step found, beyond its time and memory. No step fails for it."""
    survey = run.spec.survey
    if isinstance(told.get("rows"), int):
        send_figure("espejo.step.rows", int(str(told["rows"])), survey, step=step)
    if isinstance(told.get("overall"), float):
        send_figure("espejo.release.overall", round(float(str(told["overall"])), 3), survey)
    try:
        if step == "train":
            _tell_training(run)
        if step == "disclose":
            _tell_gates(run)
    except EspejoError as error:
        log.warning("figures of %s are not sent: %s", step, error)


def _tell_training(run: Run) -> None:
    from include.espejo.synthesis.progress import read_progress

    progress = read_progress(run.lakes.work, run.work.progress)
    if progress is not None and progress.score is not None:
        send_figure("espejo.training.held_out_score", progress.score, run.spec.survey)


def _tell_gates(run: Run) -> None:
    from include.espejo.disclose.gates import read_audit
    from include.espejo.disclose.verdict import margins

    survey = run.spec.survey
    audit = read_audit(run.lakes.work.read(run.work.audit))
    for gate in audit.gates:
        send_figure("espejo.gate.passed", int(gate.passed), survey, gate=gate.name)
    for name, margin in margins(audit).items():
        send_figure("espejo.gate.margin", margin, survey, gate=name)
    if run.ledger is not None:
        left = run.spec.disclosure.attempts - run.ledger.attempts(run.job.period)
        send_figure("espejo.attempts.left", max(left, 0), survey)
