"""Step combine: what was learnt and drawn in parts becomes one table."""

from __future__ import annotations

import io
import logging

from include.espejo.errors import without_values
from include.espejo.lake import join
from include.espejo.steps.documents import ProtectionSummary, SamplingSummary, TrainingSummary
from include.espejo.steps.pretrain import FIELD_GROUPS
from include.espejo.steps.run import Run, Summary
from include.espejo.steps.sample import keep_sampled

log = logging.getLogger(__name__)


@without_values
def combine(run: Run) -> Summary:
    """Join the parts' tables in a seeded order, and tell of the parts' trainings together."""
    import numpy as np
    import pyarrow as pa

    from include.espejo.table.frames import from_parquet, to_parquet

    done = run.done_before(SamplingSummary, run.work.sampling)
    if done is not None:
        return done.model_dump(mode="json")
    parts = [
        run.of_part(part.name) for part in run.read(ProtectionSummary, run.work.protection).parts
    ]
    _combine_trainings(run, parts)
    drawn = [run.read(SamplingSummary, part.work.sampling) for part in parts]
    table = pa.concat_tables(
        [
            from_parquet(run.lakes.work.read(part.work.synthetic))
            for part, told in zip(parts, drawn, strict=True)
            if told.rows
        ],
        promote_options="permissive",
    ).unify_dictionaries()
    order = np.random.default_rng([run.seed, 9]).permutation(table.num_rows)
    seconds = sum(told.sample_seconds for told in drawn)
    return keep_sampled(run, to_parquet(table.take(order)), seconds)


def _combine_trainings(run: Run, parts: list[Run]) -> None:
    """The trainings' sums, and their losses' means by epoch; each part keeps its own."""
    import pandas as pd

    before = [
        run.read(TrainingSummary, run.work.pretraining(group).training) for group in FIELD_GROUPS
    ]
    told = [run.read(TrainingSummary, part.work.training) for part in parts]
    losses = pd.concat(
        [pd.read_csv(io.BytesIO(run.lakes.work.read(part.work.losses))) for part in parts]
    )
    by_epoch = losses.groupby("epoch", as_index=False).mean(numeric_only=True)
    run.lakes.work.write(
        run.work.losses, by_epoch.reindex(columns=losses.columns).to_csv(index=False).encode()
    )
    whole = TrainingSummary(
        fit_seconds=round(sum(one.fit_seconds for one in (*before, *told)), 3),
        steps=sum(one.steps for one in (*before, *told)),
        best_step=sum(one.best_step for one in (*before, *told)),
        fit_peak_rss_mb=max(one.fit_peak_rss_mb for one in (*before, *told)),
        files=tuple(
            join("parts", part.part, "model", name)
            for part, one in zip(parts, told, strict=True)
            for name in one.files
        ),
    )
    run.write(run.work.training, whole)
