"""Step pretrain: what the parts of a table have in common is learnt of the whole.

A part alone has too few rows for what holds everywhere. Workers share the fields, each of which is
learnt apart from the others'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.espejo.errors import without_values
from include.espejo.lake import join
from include.espejo.steps.documents import ProtectionSummary, TrainingSummary
from include.espejo.steps.learning import learn_once, learning_of
from include.espejo.steps.run import Run, Summary

if TYPE_CHECKING:
    import numpy as np

    from include.espejo.synthesis.interface.engine import Learning
    from include.espejo.synthesis.train import ModelFiles

# Of the drawn fields, in turn: as many as two workers can share without much waiting.
FIELD_GROUPS = ("1", "2", "3", "4")


@without_values
def pretrain(run: Run) -> Summary:
    """Learn the group of fields `run.part` of the whole table, for the trainings of its parts."""
    from include.espejo.synthesis.interface.engine import (
        FitResult,
        PretrainingShare,
        Progress,
        Store,
    )
    from include.espejo.synthesis.train import pretrain_model

    whole = run.of_part("")

    def learn(store: Store, tell: Progress) -> tuple[FitResult, ModelFiles]:
        learning = learning_of(whole)
        group, groups = FIELD_GROUPS.index(run.part), len(FIELD_GROUPS)
        share = PretrainingShare(group, groups, _parts(whole, learning))
        return pretrain_model(learning, run.job.parameters, whole.seed, store, tell, share)

    return learn_once(run, whole.work.pretraining(run.part), learn)


def _parts(run: Run, learning: Learning) -> list[tuple[np.ndarray, int]]:
    """The row numbers of each part, and the seed that its training will have."""
    import numpy as np

    from include.espejo.protect.parts import part_numbers
    from include.espejo.table.frames import to_frame

    column = run.spec.model.partition
    values = to_frame(learning.table.select([column]))[column]
    parts = run.read(ProtectionSummary, run.work.protection).parts
    numbers = part_numbers(parts, values)
    return [
        (np.flatnonzero(numbers == number), run.of_part(part.name).seed)
        for number, part in enumerate(parts)
    ]


def read_pretrained(run: Run) -> list[ModelFiles]:
    """The models of all groups, as files by name; none of an engine that does not pretrain."""
    found = []
    for group in FIELD_GROUPS:
        work = run.whole.pretraining(group)
        names = run.read(TrainingSummary, work.training).files
        found.append({name: run.lakes.work.read(join(work.model, name)) for name in names})
    return [files for files in found if files]
