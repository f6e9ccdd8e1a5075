"""Step disclose: attack the synthetic table before it is published."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.espejo.disclose.verdict import failure_lines
from include.espejo.errors import without_values
from include.espejo.steps.run import Run, Summary

if TYPE_CHECKING:
    from include.espejo.disclose.gates import Audit
    from include.espejo.steps.earlier import PastRelease

log = logging.getLogger(__name__)


@without_values
def disclose(run: Run) -> Summary:
    """Attack the synthetic table; the exact figures stay in the workspace.

    With a ledger the release counts as an attempt, before anything is known of it, and is also
    held against the training data of earlier periods.
    """
    from include.espejo.steps.earlier import earlier_releases, valid_audit

    work, lake, job = run.work, run.lakes.work, run.job
    if run.ledger is not None:
        attempts = job.spec.disclosure.attempts
        run.ledger.attempt(job.period, run.release, attempts, run.override)
    earlier = earlier_releases(run)
    audit = valid_audit(run, earlier)
    if audit is None:
        audit = _audited(run, earlier)
        # It tells an older verdict. First: a task killed in between leaves none beside a new audit.
        lake.delete_tree(work.candidate)
        run.write(work.audit, audit)
    lake.delete_tree(work.searched)
    for line in failure_lines(audit):
        log.warning("%s", line)
    return {"passed": audit.passed, "failed": list(audit.failed)}


def _audited(run: Run, earlier: Sequence[PastRelease]) -> Audit:
    from include.espejo.disclose import across_periods
    from include.espejo.steps.earlier import names_in_audit

    audit = _audit(run, ())
    if earlier:
        audit = across_periods(audit, _audit(run, earlier))
    periods = {run.job.period, *(past.period for past in earlier)}
    return audit.model_copy(update={"periods": len(periods), "against": names_in_audit(earlier)})


def _audit(run: Run, earlier: Sequence[PastRelease]) -> Audit:
    """The audit of this release's people alone, or together with those of earlier ones."""
    from include.espejo.disclose.audit import audit_population
    from include.espejo.steps.earlier import audited_people
    from include.espejo.steps.search import found_neighbours

    people = audited_people(run, earlier)
    # Given away, not kept here: the audit lets go of them on its way.
    return audit_population(
        people,
        run.spec,
        run.job.period,
        run.seed,
        distances=found_neighbours(run, earlier),
    )
