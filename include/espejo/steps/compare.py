"""A release beside those that came before it."""

from __future__ import annotations

import logging

import pandas as pd

from include.espejo.lake import Lakes
from include.espejo.lake.keys import PublicPlace, Workspace
from include.espejo.releases.ledger import Ledger
from include.espejo.steps.job import Job, as_json, read_sides, read_summary
from include.espejo.survey import Period

log = logging.getLogger(__name__)


def compare(
    job: Job, lakes: Lakes, work: Workspace, place: PublicPlace | None, ledger: Ledger | None
) -> None:
    """Keep comparison.json in the workspace, once: what is public by then is what it is against.

    Without the survey's public place there are no releases to compare with, and without its
    ledger no earlier rows.
    """
    from include.espejo.evaluate.periods.comparison import compare_periods
    from include.espejo.evaluate.periods.drift import compare_inputs
    from include.espejo.releases.previous import read_previous

    uri = work.figure("comparison.json")
    if lakes.work.exists(uri):
        return
    release = read_summary(lakes, work.run)["public"]["release"]
    previous = []
    if place is not None:
        periods = job.spec.disclosure.periods
        previous = read_previous(lakes.publish, place, job.period, release, periods)
    earlier = None if ledger is None else _latest(job, lakes, ledger)
    inputs = {}
    if earlier is not None:
        before, now = (pd.concat(read_sides(lakes, side)) for side in (earlier[1], work))
        inputs = compare_inputs(before, now, job.spec)
    utility = read_summary(lakes, work.figure("utility.json"))
    then = None if earlier is None else str(earlier[0])
    found = compare_periods(str(job.period), utility, previous, then, inputs)
    lakes.work.write(uri, as_json(found))


def _latest(job: Job, lakes: Lakes, ledger: Ledger) -> tuple[Period, Workspace] | None:
    """The newest earlier period whose protected rows are still there, and a workspace of it."""
    found = [
        (period, work)
        for period, work in ledger.earlier(job.period, job.spec.disclosure.periods)
        if lakes.work.exists(work.train) and lakes.work.exists(work.holdout)
    ]
    # Releases of one period share their people: any of them will do, and by name it is the same.
    return max(found, key=lambda entry: (entry[0], entry[1].base), default=None)
