"""Step disclose: attack the synthetic table before it is published."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.espejo.disclose.gates import Audit, read_audit
from include.espejo.disclose.verdict import failure_lines
from include.espejo.errors import without_values
from include.espejo.steps.run import Run, Summary

if TYPE_CHECKING:
    from include.espejo.steps.earlier import PastRelease

log = logging.getLogger(__name__)


@without_values
def disclose(run: Run) -> Summary:
    """Attack the synthetic table; the exact figures stay in the workspace.

    With a ledger the release counts as an attempt, before anything is known of it, and is also
    held against the training data of earlier periods.
    """
    from include.espejo.steps.earlier import earlier_releases, is_outdated

    work, lake, job = run.work, run.lakes.work, run.job
    if run.ledger is not None:
        attempts = job.spec.disclosure.attempts
        run.ledger.attempt(job.period, run.release, attempts, run.override)
    earlier = earlier_releases(run)
    stored = lake.read_tagged(work.audit)
    audit = None if stored is None else read_audit(stored.content)
    if audit is None or is_outdated(audit, run, earlier):
        audit = _audited(run, earlier)
        # It tells an older verdict. First: a task killed in between leaves none beside a new audit.
        lake.delete_tree(work.candidate)
        run.write(work.audit, audit)
    for line in failure_lines(audit):
        log.warning("%s", line)
    return {"passed": audit.passed, "failed": list(audit.failed)}


def _audited(run: Run, earlier: Sequence[PastRelease]) -> Audit:
    from include.espejo.disclose import across_periods
    from include.espejo.disclose.audit import audit_population, audited_population
    from include.espejo.steps.earlier import join_periods, names_in_audit

    spec, period, seed = run.spec, run.job.period, run.facts().seed
    # The tables are not kept beside the population: together they would take twice the memory.
    population = audited_population(*run.sides(), run.synthetic(), spec, seed)
    audit = audit_population(population, spec, period, seed)
    if earlier:
        train, control = join_periods(run.sides(), earlier, run.lakes, spec)
        population = audited_population(train, control, run.synthetic(), spec, seed, True)
        del train, control
        audit = across_periods(audit, audit_population(population, spec, period, seed))
    periods = {period, *(past.period for past in earlier)}
    return audit.model_copy(update={"periods": len(periods), "against": names_in_audit(earlier)})
