"""Step protect: remove values that too few people have, and hold out households."""

from __future__ import annotations

import hashlib
import logging

from include.espejo.errors import without_values
from include.espejo.steps.documents import ProtectionSummary
from include.espejo.steps.run import Run, Summary

log = logging.getLogger(__name__)


@without_values
def protect(run: Run) -> Summary:
    """Write the table that training sees and the one that it does not.

    The ledger's salt decides which households are held back; without a ledger the seed does.
    """
    from include.espejo.protect import hold_floors, split
    from include.espejo.table.frames import from_parquet, to_frame, to_parquet, to_table

    work, spec = run.work, run.spec
    done = run.done_before(ProtectionSummary, work.protection)
    if done is not None:
        return {"rows": done.rows}
    seed = run.facts().seed
    salt = run.ledger.salt() if run.ledger else salt_of_seed(seed)
    frame = to_frame(from_parquet(run.lakes.work.read(work.typed)))
    protected = hold_floors(frame, spec, run.job.period, seed)
    held = split(frame, spec, spec.disclosure.holdout_share, salt)
    for uri, rows in ((work.train, ~held), (work.holdout, held)):
        run.lakes.work.write(uri, to_parquet(to_table(protected.frame[rows], spec)))
    lost = protected.touched.geography_lost
    if lost:
        log.warning(
            "column %s: blank in every row: no place of its level has enough people",
            ", ".join(lost),
        )
    done = ProtectionSummary(
        rows=len(frame),
        train_rows=int((~held).sum()),
        holdout_rows=int(held.sum()),
        touched=protected.touched,
    )
    run.write(work.protection, done)
    return {"rows": done.rows}


def salt_of_seed(seed: int) -> bytes:
    """The split's key where there is no ledger to keep one."""
    return hashlib.sha256(f"split {seed}".encode()).digest()
