"""Step protect: remove values that too few people have, and hold out households."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from include.espejo.disclose.distance.shards import shards_of
from include.espejo.errors import without_values
from include.espejo.steps.documents import ProtectionSummary
from include.espejo.steps.run import Run, Summary

if TYPE_CHECKING:
    import pandas as pd

    from include.espejo.table.document import TablePart

log = logging.getLogger(__name__)


@without_values
def protect(run: Run) -> Summary:
    """Write the table that training sees and the one that it does not.

    The ledger's salt decides which households are held back; without a ledger the seed does.
    """
    from include.espejo.protect import hold_floors, split
    from include.espejo.table.frames import read_frame, to_parquet, to_table

    work, spec = run.work, run.spec
    done = run.done_before(ProtectionSummary, work.protection)
    if done is not None:
        return _told(done)
    seed = run.facts().seed
    salt = run.ledger.salt() if run.ledger else salt_of_seed(seed)
    frame = read_frame(run.lakes.work.read(work.typed))
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
    parts = _write_parts(run, protected.frame[~held])
    done = ProtectionSummary(
        rows=len(frame),
        train_rows=int((~held).sum()),
        holdout_rows=int(held.sum()),
        touched=protected.touched,
        parts=parts,
    )
    run.write(work.protection, done)
    return _told(done)


def _told(done: ProtectionSummary) -> Summary:
    return {
        "rows": done.rows,
        "parts": [part.name for part in done.parts],
        "shards": [shard.name for shard in shards_of(done.rows)],
    }


def _write_parts(run: Run, train: pd.DataFrame) -> tuple[TablePart, ...]:
    """The training rows of each part, where the spec has the table learnt in parts."""
    from include.espejo.protect.parts import part_numbers, plan_parts
    from include.espejo.table.frames import to_parquet, to_table

    column = run.spec.model.partition
    if column is None:
        return ()
    parts = plan_parts(train[column], run.spec.model.part_rows)
    numbers = part_numbers(parts, train[column])
    for number, part in enumerate(parts):
        rows = train[numbers == number]
        run.lakes.work.write(
            run.of_part(part.name).work.train, to_parquet(to_table(rows, run.spec))
        )
    joined = [part for part in parts if len(part.codes) > 1]
    if joined:
        log.warning(
            "column %s, rule partition: %d of %d parts join several codes, which have too few rows "
            "of their own to learn from",
            *(column, len(joined), len(parts)),
        )
    return parts


def salt_of_seed(seed: int) -> bytes:
    """The split's key where there is no ledger to keep one."""
    return hashlib.sha256(f"split {seed}".encode()).digest()
