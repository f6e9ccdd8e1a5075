"""From a synthetic table to a release: attacked, reported, and published if the gates let it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.espejo.errors import without_values
from include.espejo.keys import MANIFEST, PublicPlace, Workspace
from include.espejo.lake import Lakes, join
from include.espejo.ledger import Ledger
from include.espejo.steps.compare import compare
from include.espejo.steps.job import (
    Job,
    Summary,
    as_json,
    done_before,
    read_sides,
    read_summary,
)
from include.espejo.steps.model import training_table

if TYPE_CHECKING:
    from include.espejo.steps.earlier import Entry

log = logging.getLogger(__name__)

FIGURES = (
    "quality.json",
    "column_shapes.csv",
    "column_pair_trends.csv",
    "utility.json",
    "comparison.json",
)


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
        lakes.work.write(work.audit, as_json(done))
        lakes.work.delete_tree(work.candidate)  # it tells an older verdict
    for line in told(done):
        log.warning("%s", line)
    return {"passed": done["passed"], "failed": done["failed"]}


def _audited(job: Job, lakes: Lakes, work: Workspace, earlier: Sequence[Entry]) -> Summary:
    from include.espejo.disclose import across_periods, audit
    from include.espejo.steps.earlier import join_periods
    from include.espejo.tables import from_parquet, to_frame

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


@without_values
def report(
    job: Job,
    lakes: Lakes,
    work: Workspace,
    place: PublicPlace | None = None,
    ledger: Ledger | None = None,
) -> Summary:
    """Assemble the candidate, whose manifest says that it is whole.

    With the survey's public place and its ledger it is told beside the releases before it.
    """
    from include.espejo.disclose.verdict import public_verdict
    from include.espejo.report import build_candidate, internal_page, public_figures
    from include.espejo.tables import from_parquet

    run = read_summary(lakes, work.run)
    manifest = done_before(lakes, join(work.candidate, MANIFEST))
    if manifest is None:
        losses, training = lakes.work.read(work.losses), read_summary(lakes, work.training)
        audit = read_summary(lakes, work.audit)
        protection = read_summary(lakes, work.protection)
        page = internal_page(run["public"], training, losses, audit, protection)
        lakes.work.write(work.internal_report, page)
        synthetic = from_parquet(lakes.work.read(work.synthetic))
        compare(job, lakes, work, place, ledger)
        figures = public_figures({name: lakes.work.read(work.figure(name)) for name in FIGURES})
        release = run["public"] | {"rows": synthetic.num_rows, "gates": public_verdict(audit)}
        real = training_table(job, lakes, work)
        manifest = build_candidate(
            lakes.work, work.candidate, job.spec, release, real, synthetic, figures
        )
    lakes.work.write(work.manifest, as_json({**manifest, **run["restricted"]}))
    return {"files": len(manifest["files"]), "overall": manifest["overall"],
            "rows": manifest["rows"]}  # fmt: skip


@without_values
def publish(
    job: Job,
    lakes: Lakes,
    work: Workspace,
    place: PublicPlace,
    ledger: Ledger,
    override: str | None = None,
) -> Summary:
    """Copy the candidate to its public place and move the pointers, if every gate lets it.

    Raises GateError where one does not; `override` is the reason to let it pass all the same.
    """
    from include.espejo.publish import publish as release_it

    manifest = read_summary(lakes, join(work.candidate, MANIFEST))
    release = manifest["release"]
    beyond = ledger.reason_beyond(job.period, release, job.spec.disclosure.attempts)
    passed = require_gates(lakes, work, override, beyond)
    _enter(job, lakes, work, ledger, release)
    published = release_it(
        lakes.work, work.candidate, lakes.publish, place, str(job.period), release, passed
    )
    log.info("%s: %s", published.manifest, "was there" if published.already_there else "published")
    return {"manifest": published.manifest, "already_there": published.already_there,
            "rows": manifest["rows"], "overall": manifest["overall"]}  # fmt: skip


def require_gates(
    lakes: Lakes, work: Workspace, override: str | None = None, beyond: str | None = None
) -> Summary:
    """What the manifest says of an override, empty without one. Raises GateError.

    `beyond`: the reason that took the release past the limit of attempts. The first reason given
    for a release is the one that stands: what is published is not changed.
    """
    from include.espejo.disclose.verdict import require

    overridden = require(read_summary(lakes, work.audit), override)
    if beyond is not None:
        reasons = dict.fromkeys((beyond, overridden.get("reason", beyond)))
        gates = ["attempts", *overridden.get("gates", [])]
        overridden = {"gates": gates, "reason": " / ".join(reasons)}
    if not overridden:
        return {}
    lakes.work.create(work.override, as_json(overridden))
    return {"override": read_summary(lakes, work.override)}


def _enter(job: Job, lakes: Lakes, work: Workspace, ledger: Ledger, release: str) -> None:
    """Record whose answers the release learnt from, before it is out.

    By the keys as they came: protecting may have blanked a part of them.
    """
    from include.espejo.protect import household_hashes, split
    from include.espejo.tables import from_parquet, to_frame

    salt, share = ledger.salt(), job.spec.disclosure.holdout_share
    frame = to_frame(from_parquet(lakes.work.read(work.typed)))
    learnt = frame[~split(frame, job.spec, share, salt)]
    ledger.enter(job.period, release, household_hashes(learnt, job.spec, salt))
