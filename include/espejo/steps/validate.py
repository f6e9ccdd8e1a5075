"""Step validate: a table that holds its spec's rules moves to its release's workspace."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from include.espejo.errors import without_values
from include.espejo.parameters import code_version, release_name, seed_for
from include.espejo.releases.documents import read_as
from include.espejo.releases.manifest import PublicFacts
from include.espejo.steps.documents import (
    EarlierValidation,
    IngestedFile,
    RestrictedFacts,
    RunFacts,
)
from include.espejo.steps.ingest import ingest
from include.espejo.steps.run import Job, Run, Summary
from include.espejo.survey.load import spec_digest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

log = logging.getLogger(__name__)


@without_values
def validate(run: Run) -> Summary:
    """Check the scratch table and name the release that it leads to.

    The findings are kept whatever they say; rows only if nothing that must hold is broken.
    """
    import pyarrow as pa

    from include.espejo.table.frames import from_parquet, read_frame, to_parquet
    from include.espejo.table.rules import without_tolerated
    from include.espejo.validate import check_survey

    lake, job = run.lakes.work, run.job
    if not lake.exists(run.ingested):
        log.info("what was read of the file is no longer there: it is read again")
        ingest(run)
    facts = run.read(IngestedFile, run.ingested)
    content = lake.read(run.scratch_table)
    frame = read_frame(content)
    before = _blank_shares_before(run)
    result = check_survey(frame, job.spec, job.period, facts.warnings, before)
    stays, forgotten = _without_forgotten(run, frame)
    named = run.of_release(_release(job, facts.sha256, forgotten))
    if not result.errors:
        _clear_other_run(named)
    lake.write(named.work.validation, result.to_json())
    for warning in result.warnings:
        log.warning("%s", warning)
    result.require(facts.source)
    if forgotten or any(rule.at_most for rule in job.spec.rules):
        kept = without_tolerated(frame, job.spec, job.period) & stays
        content = to_parquet(from_parquet(content).filter(pa.array(kept)))
    lake.write(named.work.typed, content)
    run.write(named.work.run, _run_facts(named, facts))
    log.info("valid: %d rules, %d warnings", len(result.findings), len(result.warnings))
    return {"release": named.release, "rows": result.rows, "warnings": len(result.warnings)}


def _blank_shares_before(run: Run) -> dict[str, float] | None:
    """The shares of blanks of the last period before this one that was published; None for none."""
    earlier = run.ledger.earlier(run.job.period, run.spec.disclosure.periods) if run.ledger else []
    for _, work in sorted(earlier, key=lambda past: past[0], reverse=True):
        stored = run.lakes.work.read_tagged(work.validation)
        told = None if stored is None else read_as(EarlierValidation, stored.content)
        if told is not None:
            return told.blank_shares
    return None


def _without_forgotten(run: Run, frame: pd.DataFrame) -> tuple[np.ndarray, str | None]:
    """The rows of households that did not withdraw: boolean, shape (rows,); and a digest of those
    that did, None where there are none in the table."""
    import numpy as np

    from include.espejo.protect import household_hashes

    gone = np.zeros(0, dtype=np.uint64) if run.ledger is None else run.ledger.forgotten()
    if not len(gone) or run.ledger is None:
        return np.ones(len(frame), dtype=bool), None
    hashes = household_hashes(frame, run.spec, run.ledger.salt())
    stays = ~np.isin(hashes, gone)
    here = np.unique(hashes[~stays])
    if not len(here):
        return stays, None
    log.info("households on the list of those that withdrew are left out: %d", len(here))
    return stays, hashlib.sha256(here.tobytes()).hexdigest()


def _release(job: Job, sha256: str, forgotten: str | None) -> str:
    digest, period = spec_digest(job.spec), str(job.period)
    return release_name(sha256, digest, job.parameters, period, forgotten)


def _run_facts(run: Run, facts: IngestedFile) -> RunFacts:
    parameters, spec = run.job.parameters, run.spec
    seed = seed_for(parameters, facts.sha256)
    return RunFacts(
        restricted=RestrictedFacts(seed=seed, input=facts),
        public=PublicFacts(
            survey=spec.survey,
            period=str(run.job.period),
            release=run.release,
            engine=parameters.engine,
            epochs=parameters.epochs,
            batch_size=parameters.batch_size,
            calibrated=parameters.calibrate and parameters.engine == "ctgan",
            spec_sha256=spec_digest(spec),
            code_version=code_version(),
        ),
    )


def _clear_other_run(run: Run) -> None:
    """A local folder may hold another run's files; in the lake each release has its own."""
    lake, work = run.lakes.work, run.work
    stored = lake.read_tagged(work.run)
    if stored is not None and RunFacts.of_json(stored.content).public.release != run.release:
        log.warning("%s contains another run, whose files are replaced", work.base)
        lake.delete_tree(work.base)
