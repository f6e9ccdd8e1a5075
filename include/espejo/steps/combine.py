"""Step combine: what was learnt and drawn in parts becomes one table."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.espejo.errors import without_values
from include.espejo.lake import join
from include.espejo.steps.documents import ProtectionSummary, SamplingSummary, TrainingSummary
from include.espejo.steps.pretrain import FIELD_GROUPS
from include.espejo.steps.run import Run, Summary
from include.espejo.steps.sample import keep_sampled

if TYPE_CHECKING:
    import pandas as pd

    from include.espejo.lake.keys import Workspace

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


def _losses(run: Run, places: Sequence[Workspace]) -> list[pd.DataFrame]:
    """The losses of each training, by epoch."""
    import pandas as pd

    contents = [run.lakes.work.read(work.losses) for work in places]
    return [pd.read_csv(io.BytesIO(one), index_col="epoch").astype(float) for one in contents]


def _combine_trainings(run: Run, parts: list[Run]) -> None:
    """The trainings' sums, and their losses by epoch: those of the pretraining, whose groups' add
    up, and after them the parts' means. Each group and part keeps its own."""
    import pandas as pd

    before = [
        run.read(TrainingSummary, run.work.pretraining(group).training) for group in FIELD_GROUPS
    ]
    told = [run.read(TrainingSummary, part.work.training) for part in parts]
    groups = _losses(run, [run.work.pretraining(group) for group in FIELD_GROUPS])
    first = (
        pd.concat([one["generator_loss"] for one in groups], axis=1)
        .sort_index()
        .ffill()
        .sum(axis=1)
    )
    after = pd.concat(_losses(run, [part.work for part in parts])).groupby("epoch").mean()
    after.index += len(first)
    both = after.reindex(pd.RangeIndex(1, len(first) + len(after) + 1, name="epoch"))
    both.loc[first.index, "generator_loss"] = first
    run.lakes.work.write(run.work.losses, both.to_csv().encode())
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
