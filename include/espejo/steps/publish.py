"""Step publish: the candidate becomes a release, if every gate lets it."""

from __future__ import annotations

import logging

from include.espejo.errors import UnexpectedError, without_values
from include.espejo.lake import join
from include.espejo.lake.document import read_json
from include.espejo.lake.keys import MANIFEST
from include.espejo.steps.gates import require_gates
from include.espejo.steps.run import Run, Summary

log = logging.getLogger(__name__)


@without_values
def publish(run: Run) -> Summary:
    """Copy the candidate to its public location and move the pointers.

    Raises GateError where a gate holds it back; the run's override may let it pass all the same.
    """
    from include.espejo.releases.publish import publish_release

    if run.public is None or run.ledger is None:
        raise UnexpectedError("publishing needs the survey's public location and its ledger")
    work, lakes, period = run.work, run.lakes, str(run.job.period)
    manifest = read_json(lakes.work.read(join(work.candidate, MANIFEST)))
    override = require_gates(run)
    added = {} if override is None else {"override": override.model_dump(mode="json")}
    release = manifest["release"]
    _enter(run, release)
    published = publish_release(
        lakes.work, work.candidate, lakes.publish, run.public, period, release, added
    )
    log.info("%s: %s", published.manifest, "was there" if published.already_there else "published")
    return {
        "manifest": published.manifest,
        "already_there": published.already_there,
        "rows": manifest["rows"],
        "overall": manifest["overall"],
    }


def _enter(run: Run, release: str) -> None:
    """Record whose answers the release learnt from, before it is out.

    By the keys as they came: protecting may have blanked a part of them.
    """
    from include.espejo.protect import household_hashes, split
    from include.espejo.table.frames import read_frame

    assert run.ledger is not None
    salt, share = run.ledger.salt(), run.spec.disclosure.holdout_share
    frame = read_frame(run.lakes.work.read(run.work.typed))
    learnt = frame[~split(frame, run.spec, share, salt)]
    run.ledger.enter(run.job.period, release, household_hashes(learnt, run.spec, salt))
