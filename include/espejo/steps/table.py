"""The steps of the flow, in their order, for the DAG, the command line and the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.espejo.steps.combine import combine
from include.espejo.steps.disclose import disclose
from include.espejo.steps.documents import ProtectionSummary
from include.espejo.steps.evaluate import evaluate
from include.espejo.steps.ingest import ingest
from include.espejo.steps.pretrain import FIELD_GROUPS, pretrain
from include.espejo.steps.protect import protect
from include.espejo.steps.publish import publish
from include.espejo.steps.report import report
from include.espejo.steps.run import Run, Summary
from include.espejo.steps.sample import sample
from include.espejo.steps.search import search
from include.espejo.steps.train import train
from include.espejo.steps.validate import validate
from include.espejo.survey.schedule import Schedule


@dataclass(frozen=True)
class Step:
    """A step, whose file and task have its name.

    Of a table that is learnt in parts it is done for each of them (`of_parts`), for each group of
    fields (`of_groups`), or for each shard of the audit's search (`of_shards`).
    """

    call: Callable[[Run], Summary]
    trains: bool = False
    of_parts: bool = False
    of_groups: bool = False
    of_shards: bool = False

    @property
    def name(self) -> str:
        return self.call.__name__

    def most_hours(self, schedule: Schedule) -> float:
        """How long the step may take."""
        return schedule.training_hours if self.trains else schedule.step_hours


INGEST, VALIDATE, PUBLISH = Step(ingest), Step(validate), Step(publish)
# What is done in the workspace of a release, whether it is then published or not: one stage after
# the other; the steps of a stage ask nothing of each other.
STAGES = (
    (Step(protect),),
    (Step(train, trains=True, of_parts=True),),
    (Step(sample, of_parts=True),),
    (Step(evaluate), Step(disclose)),
    (Step(report),),
)
MAKE_RELEASE = tuple(step for stage in STAGES for step in stage)
# Beside them, of a table that is learnt in parts: before the first step of the parts and after
# the last one. `disclose` searches by itself where nobody has.
PRETRAIN = Step(pretrain, trains=True, of_groups=True)
COMBINE, SEARCH = Step(combine), Step(search, of_shards=True)


def steps_in_parts() -> tuple[Step, ...]:
    """The steps of a table that is learnt in parts."""
    places = [place for place, step in enumerate(MAKE_RELEASE) if step.of_parts]
    first, end = places[0], places[-1] + 1
    steps = MAKE_RELEASE
    return (*steps[:first], PRETRAIN, *steps[first:end], COMBINE, SEARCH, *steps[end:])


def make_release(run: Run) -> dict[str, Summary]:
    """Every step to the candidate, one after another; what each tells, by its name."""
    told: dict[str, Summary] = {}
    for step in MAKE_RELEASE if run.spec.model.partition is None else steps_in_parts():
        if step.of_shards:
            continue  # one process has nobody to share with
        names = FIELD_GROUPS if step.of_groups else _parts(run) if step.of_parts else ()
        for name in names:
            step.call(run.of_part(name))
        if not names:
            told[step.name] = step.call(run)
    return told


def _parts(run: Run) -> tuple[str, ...]:
    return tuple(part.name for part in run.read(ProtectionSummary, run.work.protection).parts)
