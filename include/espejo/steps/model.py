"""From the protected table to a synthetic one with its scores."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import pandas as pd

from include.espejo.errors import without_values
from include.espejo.lake import Lakes, join
from include.espejo.lake.keys import Workspace
from include.espejo.steps.job import Job, Summary, as_json, done_before, read_sides, read_summary

log = logging.getLogger(__name__)


@without_values
def train(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Fit the engine on the protected table and keep the model."""
    from include.espejo.synthesis.progress import LiveProgress
    from include.espejo.synthesis.train import LakeStore, fit_model, prepare_learning
    from include.espejo.table.frames import from_parquet

    done = done_before(lakes, work.training)
    if done is not None:
        return done
    run = read_summary(lakes, work.run)
    table = from_parquet(lakes.work.read(work.train))
    learning = prepare_learning(table, job.spec, job.period)
    store = LakeStore(lakes.work, work.checkpoint)
    live = LiveProgress(lakes.work, work.progress)
    result, files = fit_model(learning, job.parameters, run["seed"], store, live.tell)
    live.end()
    for name, content in files.items():
        lakes.work.write(join(work.model, name), content)
    losses = pd.DataFrame([asdict(epoch) for epoch in result.losses])
    lakes.work.write(work.losses, losses.to_csv(index=False).encode())
    summary = {
        "fit_seconds": round(result.seconds, 3),
        "steps": result.steps,
        "best_step": result.best_step,
        "fit_peak_rss_mb": round(result.peak_rss_mb, 1),
        "files": sorted(files),
    }
    lakes.work.write(work.training, as_json(summary))  # last: it says that the model is whole
    lakes.work.delete_tree(work.checkpoint.rpartition("/")[0])
    log.info("fit: %d steps in %.1f s", result.steps, result.seconds)
    return summary


@without_values
def sample(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Draw the synthetic table from the model and count the declared rules that its rows break."""
    from include.espejo.synthesis.interface.engine import SampleRequest
    from include.espejo.synthesis.sample import broken_rules, sampled_parquet
    from include.espejo.table.frames import from_parquet

    done = done_before(lakes, work.sampling)
    if done is not None:
        return done
    run = read_summary(lakes, work.run)
    real = training_table(job, lakes, work)
    model = read_summary(lakes, work.training)["files"]
    files = {name: lakes.work.read(join(work.model, name)) for name in model}
    rows = job.parameters.rows or read_summary(lakes, work.protection)["rows"]
    request = SampleRequest(rows, run["seed"], job.parameters.calibrate)
    with sampled_parquet(files, job.parameters.engine, job.spec, request) as (path, seconds):
        content = path.read_bytes()
    table = from_parquet(content)
    broken = broken_rules(table, real, job.spec, job.period)
    for breach in broken:
        log.warning("synthetic rows break rule %s: %d (%.1f%%)", breach["rule"], breach["rows"],
                    breach["share"] * 100)  # fmt: skip
    lakes.work.write(work.synthetic, content)
    summary = {"rows": rows, "sample_seconds": round(seconds, 3), "broken_rules": broken}
    lakes.work.write(work.sampling, as_json(summary))
    return summary


@without_values
def evaluate(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Score the synthetic table; the exact figures stay in the workspace."""
    from include.espejo.evaluate import evaluate as score
    from include.espejo.table.frames import from_parquet, to_frame

    done = done_before(lakes, work.figure("quality.json"))
    if done is not None:
        return {"overall": round(done["overall"], 2)}
    seed, spec = read_summary(lakes, work.run)["seed"], job.spec
    synthetic = to_frame(from_parquet(lakes.work.read(work.synthetic)))
    train, holdout = read_sides(lakes, work, spec.model_columns())
    scores = score(train, synthetic, spec, seed, holdout)
    # Not before: their libraries would add to the peak, which is while the metrics' child runs.
    from include.espejo.evaluate.general.utility import general_utility
    from include.espejo.evaluate.specific.utility import specific_utility

    train, holdout = read_sides(lakes, work)  # with the keys, which tell households
    utility = {
        "general": general_utility(train, holdout, synthetic, spec, seed),
        "specific": specific_utility(train, holdout, synthetic, spec, job.period, seed),
    }
    figures = scores.as_dict() | {
        "broken_rules": read_summary(lakes, work.sampling)["broken_rules"]
    }
    for name, details in (("column_shapes.csv", scores.quality.shape_details),
                          ("column_pair_trends.csv", scores.quality.pair_details)):  # fmt: skip
        lakes.work.write(work.figure(name), details.to_csv(index=False).encode())
    lakes.work.write(work.figure("utility.json"), as_json(utility))
    lakes.work.write(work.figure("quality.json"), as_json(figures))  # last: all figures are there
    overall = round(scores.quality.overall, 2)  # exact figures stay in the workspace
    log.info("overall quality %.2f", overall)
    return {"overall": overall}


def training_table(job: Job, lakes: Lakes, work: Workspace) -> Any:
    """The model's columns of the protected rows that training saw."""
    from include.espejo.table.frames import from_parquet

    return from_parquet(lakes.work.read(work.train), job.spec.model_columns())
