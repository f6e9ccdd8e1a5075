"""What the steps that learn have in common: the table, and what is kept of a training."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from include.espejo.lake import join
from include.espejo.lake.keys import Workspace
from include.espejo.steps.documents import TrainingSummary
from include.espejo.steps.run import Run, Summary

if TYPE_CHECKING:
    from include.espejo.synthesis.interface.engine import FitResult, Learning, Progress, Store
    from include.espejo.synthesis.train import ModelFiles

    Learn = Callable[[Store, Progress], tuple[FitResult, ModelFiles]]

log = logging.getLogger(__name__)


def learning_of(run: Run) -> Learning:
    """What is to be learnt of the run's table, or of its part."""
    from include.espejo.synthesis.train import prepare_learning
    from include.espejo.table.frames import from_parquet

    table = from_parquet(run.lakes.work.read(run.work.train))
    return prepare_learning(table, run.spec, run.job.period)


def learn_once(run: Run, work: Workspace, learn: Learn) -> Summary:
    """Keep in `work` the model that is learnt, unless it is there, and what is told of it."""
    import pandas as pd

    from include.espejo.synthesis.interface.engine import EpochProgress
    from include.espejo.synthesis.progress import LiveProgress
    from include.espejo.synthesis.train import LakeStore

    lake = run.lakes.work
    done = run.done_before(TrainingSummary, work.training)
    if done is not None:
        return done.model_dump(mode="json")
    live = LiveProgress(lake, work.progress)
    result, files = learn(LakeStore(lake, work.checkpoint), live.tell)
    live.end()
    for name, content in files.items():
        lake.write(join(work.model, name), content)
    columns = [field.name for field in fields(EpochProgress)]
    losses = pd.DataFrame([asdict(epoch) for epoch in result.losses], columns=columns)
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
