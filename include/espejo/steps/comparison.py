"""A release beside those that came before it."""

from __future__ import annotations

from include.espejo.steps.run import Run, read_sides


def write_comparison(run: Run) -> None:
    """Keep comparison.json in the workspace, once: what is public by then is what it is against.

    Without the survey's public location there are no releases to compare with, and without its
    ledger no earlier rows.
    """
    import pandas as pd

    from include.espejo.evaluate.document import Utility
    from include.espejo.evaluate.periods.comparison import compare_periods
    from include.espejo.evaluate.periods.document import Inputs
    from include.espejo.evaluate.periods.drift import compare_inputs
    from include.espejo.releases.previous import read_previous
    from include.espejo.steps.earlier import latest_release

    work, lake, period = run.work, run.lakes.work, run.job.period
    uri = work.figure("comparison.json")
    if lake.exists(uri):
        return
    previous = []
    if run.public is not None:
        periods = run.spec.disclosure.periods
        previous = read_previous(run.lakes.publish, run.public, period, run.release, periods)
    past = latest_release(run)
    inputs = Inputs(drift={}, codes={})
    if past is not None:
        before, now = (pd.concat(read_sides(run.lakes, side)) for side in (past.work, work))
        inputs = compare_inputs(before, now, run.spec)
    told = run.read(Utility, work.figure("utility.json")).specific.indicators
    then = None if past is None else str(past.period)
    run.write(uri, compare_periods(str(period), told, previous, then, inputs))
