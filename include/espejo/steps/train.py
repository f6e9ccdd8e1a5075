"""Step train: an engine learns the protected table."""

from __future__ import annotations

import logging
from dataclasses import asdict

from include.espejo.errors import without_values
from include.espejo.lake import join
from include.espejo.steps.documents import TrainingSummary
from include.espejo.steps.run import Run, Summary

log = logging.getLogger(__name__)


@without_values
def train(run: Run) -> Summary:
    """Fit the engine on the protected table and keep the model."""
    import pandas as pd

    from include.espejo.synthesis.progress import LiveProgress
    from include.espejo.synthesis.train import LakeStore, fit_model, prepare_learning
    from include.espejo.table.frames import from_parquet

    work, lake, job = run.work, run.lakes.work, run.job
    done = run.done_before(TrainingSummary, work.training)
    if done is not None:
        return done.model_dump(mode="json")
    learning = prepare_learning(from_parquet(lake.read(work.train)), job.spec, job.period)
    live = LiveProgress(lake, work.progress)
    store = LakeStore(lake, work.checkpoint)
    result, files = fit_model(learning, job.parameters, run.seed, store, live.tell)
    live.end()
    for name, content in files.items():
        lake.write(join(work.model, name), content)
    losses = pd.DataFrame([asdict(epoch) for epoch in result.losses])
    lake.write(work.losses, losses.to_csv(index=False).encode())
    done = TrainingSummary(
        fit_seconds=round(result.seconds, 3),
        steps=result.steps,
        best_step=result.best_step,
        fit_peak_rss_mb=round(result.peak_rss_mb, 1),
        files=tuple(sorted(files)),
    )
    run.write(work.training, done)  # last: it says that the model is whole
    lake.delete_tree(work.checkpoint.rpartition("/")[0])
    log.info("fit: %d steps in %.1f s", result.steps, result.seconds)
    return done.model_dump(mode="json")
