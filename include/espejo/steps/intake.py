"""From the survey's file to protected tables: what training may see, and the audit's control."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable

from include.espejo.errors import without_values
from include.espejo.lake import Lakes, join
from include.espejo.lake.keys import Workspace
from include.espejo.parameters import code_version, release_name, seed_for
from include.espejo.steps.job import Job, Summary, as_json, done_before, read_summary
from include.espejo.survey.load import spec_digest

log = logging.getLogger(__name__)


@without_values
def ingest(job: Job, lakes: Lakes, pattern: str, scratch: str) -> Summary:
    """Read the one file that `pattern` names into a typed table in the scratch place."""
    from include.espejo.ingest import find_input
    from include.espejo.ingest import ingest as read
    from include.espejo.report import require_browser
    from include.espejo.table.frames import to_parquet

    require_browser()  # now, rather than after hours of training
    source = find_input(lakes.ingest, pattern)
    ingested = read(lakes.ingest, source, job.spec)
    lakes.work.write(join(scratch, "typed.parquet"), to_parquet(ingested.table))
    facts = {
        "source": source,
        "sha256": ingested.sha256,
        "size": ingested.size,
        "encoding": ingested.encoding,
        "rows": ingested.table.num_rows,
        "warnings": list(ingested.warnings),
    }
    lakes.work.write(join(scratch, "ingest.json"), as_json(facts))
    log.info("%s: %d rows, %s", source, ingested.table.num_rows, ingested.encoding)
    return {"rows": ingested.table.num_rows}


@without_values
def validate(job: Job, lakes: Lakes, scratch: str, place: Callable[[str], Workspace]) -> Summary:
    """Check the scratch table and move it to the workspace of the release it leads to.

    The findings are kept whatever they say; rows only if nothing that must hold is broken.
    """
    from include.espejo.table.frames import from_parquet
    from include.espejo.validate import validate as check

    facts = json.loads(lakes.work.read(join(scratch, "ingest.json")))
    content = lakes.work.read(join(scratch, "typed.parquet"))
    result = check(from_parquet(content), job.spec, job.period, tuple(facts["warnings"]))
    release = _release(job, facts["sha256"])
    work = place(release)
    if not result.errors:
        _clear_other_run(lakes, work, release)
    lakes.work.write(work.validation, as_json(result.as_dict()))
    for warning in result.warnings:
        log.warning("%s", warning)
    result.require(facts["source"])
    lakes.work.write(work.typed, content)
    lakes.work.write(work.run, as_json(_run_facts(job, facts, release)))
    log.info("valid: %d rules, %d warnings", len(result.findings), len(result.warnings))
    return {"release": release, "rows": result.rows, "warnings": len(result.warnings)}


@without_values
def protect(job: Job, lakes: Lakes, work: Workspace, salt: bytes | None = None) -> Summary:
    """Take out of the table what stands on too few people, and hold households back.

    `salt` decides which households; without one, that is with no ledger, the run's seed does.
    """
    from include.espejo.protect import protect as hold_floors
    from include.espejo.protect import split
    from include.espejo.table.frames import from_parquet, to_frame, to_parquet, to_table

    done = done_before(lakes, work.protection)
    if done is not None:
        return {"rows": done["rows"]}
    seed = read_summary(lakes, work.run)["seed"]
    frame = to_frame(from_parquet(lakes.work.read(work.typed)))
    protected = hold_floors(frame, job.spec, job.period, seed)
    share = job.spec.disclosure.holdout_share
    held = split(frame, job.spec, share, salt or salt_of_seed(seed))
    for uri, rows in ((work.train, ~held), (work.holdout, held)):
        lakes.work.write(uri, to_parquet(to_table(protected.frame[rows], job.spec)))
    lost = protected.touched["geography_lost"]
    if lost:
        log.warning("column %s: blank throughout, no place of its level holds the floor",
                    ", ".join(lost))  # fmt: skip
    sizes = {"rows": len(frame), "train_rows": int((~held).sum()), "holdout_rows": int(held.sum())}
    lakes.work.write(work.protection, as_json({**sizes, "touched": protected.touched}))
    return {"rows": len(frame)}


def salt_of_seed(seed: int) -> bytes:
    """The split's key where there is no ledger to keep one."""
    return hashlib.sha256(f"split {seed}".encode()).digest()


def _release(job: Job, sha256: str) -> str:
    return release_name(sha256, spec_digest(job.spec), job.parameters, str(job.period))


def _run_facts(job: Job, facts: Summary, release: str) -> Summary:
    """What is settled about a run; only `public` may leave the restricted area."""
    parameters = job.parameters
    return {
        "seed": seed_for(parameters, facts["sha256"]),
        "restricted": {"seed": seed_for(parameters, facts["sha256"]), "input": facts},
        "public": {
            "survey": job.spec.survey,
            "period": str(job.period),
            "release": release,
            "engine": parameters.engine,
            "epochs": parameters.epochs,
            "batch_size": parameters.batch_size,
            "calibrated": parameters.calibrate and parameters.engine == "ctgan",
            "spec_sha256": spec_digest(job.spec),
            "code_version": code_version(),
        },
    }


def _clear_other_run(lakes: Lakes, work: Workspace, release: str) -> None:
    """A local folder may hold another run's files; in the lake each release has its own."""
    stored = lakes.work.read_tagged(work.run)
    if stored is not None and json.loads(stored.content)["public"]["release"] != release:
        log.warning("%s holds another run: its files are replaced", work.base)
        lakes.work.delete_tree(work.base)
