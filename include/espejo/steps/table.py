"""The steps of the flow, in their order, for the DAG, the command line and the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.espejo.steps.combine import combine
from include.espejo.steps.disclose import disclose
from include.espejo.steps.documents import ProtectionSummary
from include.espejo.steps.evaluate import evaluate
from include.espejo.steps.ingest import ingest
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

    Of a table that is learnt in parts it is done for each of them (`of_parts`), or for each shard
    of the audit's search (`of_shards`).
    """

    call: Callable[[Run], Summary]
    trains: bool = False
    of_parts: bool = False
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
COMBINE, SEARCH = Step(combine), Step(search, of_shards=True)


def with_combine() -> tuple[Step, ...]:
    """The steps of a table that is learnt in parts, which are joined after the last of theirs.

    Workers then share the audit's search, which `disclose` does by itself where nobody has.
    """
    last = max(place for place, step in enumerate(MAKE_RELEASE) if step.of_parts)
    return (*MAKE_RELEASE[: last + 1], COMBINE, SEARCH, *MAKE_RELEASE[last + 1 :])


def make_release(run: Run) -> dict[str, Summary]:
    """Every step to the candidate, one after another; what each tells, by its name."""
    told: dict[str, Summary] = {}
    for step in MAKE_RELEASE if run.spec.model.partition is None else with_combine():
        if step.of_shards:
            continue  # one process has nobody to share with
        parts = run.read(ProtectionSummary, run.work.protection).parts if step.of_parts else ()
        for part in parts:
            step.call(run.of_part(part.name))
        if not parts:
            told[step.name] = step.call(run)
    return told
