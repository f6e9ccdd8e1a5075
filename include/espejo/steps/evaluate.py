"""Step evaluate: the synthetic table is scored against the real one."""

from __future__ import annotations

import logging
from dataclasses import replace

from include.espejo.errors import without_values
from include.espejo.steps.documents import SamplingSummary
from include.espejo.steps.run import Run, Summary

log = logging.getLogger(__name__)


@without_values
def evaluate(run: Run) -> Summary:
    """Score the synthetic table; the exact figures stay in the workspace."""
    from include.espejo.evaluate.document import Utility
    from include.espejo.evaluate.general.utility import general_utility
    from include.espejo.evaluate.quality.document import Quality
    from include.espejo.evaluate.quality.scores import metrics_beside, score_reports
    from include.espejo.evaluate.scoring.subsample import (
        MOST_ROWS,
        subsample_people,
        subsample_rows,
    )
    from include.espejo.evaluate.specific.utility import specific_utility
    from include.espejo.evaluate.specific.weight_totals import weight_totals

    work, lake, spec = run.work, run.lakes.work, run.spec
    stored = lake.read_tagged(work.figure("quality.json"))
    if stored is not None:
        log.info("scored by an earlier run of this release")
        return {"overall": round(Quality.of_json(stored.content).overall, 2)}
    seed = run.facts().seed
    whole, sides = run.synthetic(), run.sides()  # with the keys, which tell households
    totals = weight_totals(whole, run.weight_margins(), spec)
    is_large = max(len(whole), sum(map(len, sides))) > MOST_ROWS
    synthetic, sides = subsample_rows(whole, seed), subsample_people(*sides, spec, seed)
    del whole
    if is_large:
        log.info("at most %d rows of a table are scored, drawn at random", MOST_ROWS)
    train, holdout = (side[list(spec.model_columns())] for side in sides)
    with metrics_beside(train, synthetic, spec, seed) as metrics:
        scores = score_reports(train, synthetic, spec, seed, holdout)
        utility = Utility(
            general=general_utility(*sides, synthetic, spec, seed),
            specific=specific_utility(*sides, synthetic, spec, run.job.period, seed, totals),
        )
    scores = replace(scores, metrics=metrics.result(), subsample=MOST_ROWS if is_large else None)
    broken = run.read(SamplingSummary, work.sampling).broken_rules
    for name, details in (
        ("column_shapes.csv", scores.quality.shape_details),
        ("column_pair_trends.csv", scores.quality.pair_details),
    ):
        lake.write(work.figure(name), details.to_csv(index=False).encode())
    run.write(work.figure("utility.json"), utility)
    # Last: it says that all figures are there.
    run.write(work.figure("quality.json"), scores.document(broken))
    overall = round(scores.quality.overall, 2)  # exact figures stay in the workspace
    log.info("overall quality %.2f", overall)
    return {"overall": overall}
