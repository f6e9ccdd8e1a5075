"""The synthetic table under attack, before anybody is told of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.espejo.errors import without_values
from include.espejo.lake import Lakes
from include.espejo.lake.keys import Workspace
from include.espejo.releases.ledger import Ledger
from include.espejo.steps.job import (
    Job,
    Summary,
    as_json,
    done_before,
    read_sides,
    read_summary,
)

if TYPE_CHECKING:
    from include.espejo.steps.earlier import Entry

log = logging.getLogger(__name__)


@without_values
def disclose(
    job: Job,
    lakes: Lakes,
    work: Workspace,
    ledger: Ledger | None = None,
    override: str | None = None,
) -> Summary:
    """Attack the synthetic table; the exact figures stay in the workspace.

    With a ledger the release counts as an attempt, before anything is known of it, and is also
    held against the training data of earlier periods.
    """
    from include.espejo.disclose.verdict import told
    from include.espejo.steps.earlier import earlier_releases

    if ledger is not None:
        release = read_summary(lakes, work.run)["public"]["release"]
        ledger.attempt(job.period, release, job.spec.disclosure.attempts, override)
    done = done_before(lakes, work.audit)
    earlier = earlier_releases(ledger, job.period, job.spec.disclosure.periods, lakes)
    if done is None or _is_outdated(done, job, lakes, work, earlier, ledger):
        done = _audited(job, lakes, work, earlier)
        # It tells an older verdict. First: a task killed in between leaves none beside a new audit.
        lakes.work.delete_tree(work.candidate)
        lakes.work.write(work.audit, as_json(done))
    for line in told(done):
        log.warning("%s", line)
    return {"passed": done["passed"], "failed": done["failed"]}


def _audited(job: Job, lakes: Lakes, work: Workspace, earlier: Sequence[Entry]) -> Summary:
    from include.espejo.disclose import across_periods
    from include.espejo.disclose.audit import audit
    from include.espejo.steps.earlier import join_periods
    from include.espejo.table.frames import from_parquet, to_frame

    seed = read_summary(lakes, work.run)["seed"]
    synthetic = to_frame(from_parquet(lakes.work.read(work.synthetic)))
    sides = read_sides(lakes, work)
    found = audit(*sides, synthetic, job.spec, job.period, seed)
    if earlier:
        train, control = join_periods(sides, earlier, lakes, job.spec)
        union = audit(train, control, synthetic, job.spec, job.period, seed, across_periods=True)
        found = across_periods(found, union)
    periods = {job.period, *(period for period, _ in earlier)}
    return found.as_dict() | {"periods": len(periods), "against": _names(earlier)}


def _is_outdated(
    done: Summary,
    job: Job,
    lakes: Lakes,
    work: Workspace,
    earlier: Sequence[Entry],
    ledger: Ledger | None,
) -> bool:
    """Whether an audit has been made against other releases, and nothing was published by it."""
    if ledger is None or done.get("against") == _names(earlier):
        return False
    release = read_summary(lakes, work.run)["public"]["release"]
    return not ledger.has_entered(job.period, release)


def _names(earlier: Sequence[Entry]) -> list[str]:
    return sorted(work.base for _, work in earlier)
