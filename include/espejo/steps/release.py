"""From a synthetic table to a release: attacked, reported, and published if the gates let it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from include.espejo.errors import without_values
from include.espejo.keys import MANIFEST, PublicPlace, Workspace
from include.espejo.lake import Lakes, join
from include.espejo.ledger import Ledger
from include.espejo.rules import group_numbers
from include.espejo.spec import Period, SurveySpec
from include.espejo.steps.job import Job, Summary, as_json, done_before, read_summary
from include.espejo.steps.model import training_table

log = logging.getLogger(__name__)

FIGURES = ("quality.json", "column_shapes.csv", "column_pair_trends.csv")


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

    if ledger is not None:
        release = read_summary(lakes, work.run)["public"]["release"]
        ledger.attempt(job.period, release, job.spec.disclosure.attempts, override)
    done = done_before(lakes, work.audit)
    if done is None:
        done = _audited(job, lakes, work, ledger)
        lakes.work.write(work.audit, as_json(done))
    for line in told(done):
        log.warning("%s", line)
    return {"passed": done["passed"], "failed": done["failed"]}


def _audited(job: Job, lakes: Lakes, work: Workspace, ledger: Ledger | None) -> Summary:
    from include.espejo.disclose import across_periods, audit
    from include.espejo.tables import from_parquet, to_frame

    seed = read_summary(lakes, work.run)["seed"]
    synthetic = to_frame(from_parquet(lakes.work.read(work.synthetic)))
    train, holdout = _sides(lakes, work)
    now = audit(train, holdout, synthetic, job.spec, job.period, seed)
    earlier = [] if ledger is None else _earlier(job, lakes, ledger)
    if earlier:
        trains, holdouts = (
            pd.concat(side) for side in zip((train, holdout), *earlier, strict=True)
        )
        control = _never_trained_on(holdouts, trains, job.spec)
        union = audit(trains, control, synthetic, job.spec, job.period, seed)
        now = across_periods(now, union)
    return now.as_dict() | {"periods": 1 + len(earlier)}


def _sides(lakes: Lakes, work: Workspace) -> tuple[pd.DataFrame, pd.DataFrame]:
    from include.espejo.tables import from_parquet, to_frame

    train, holdout = (
        to_frame(from_parquet(lakes.work.read(u))) for u in (work.train, work.holdout)
    )
    return train, holdout


def _earlier(job: Job, lakes: Lakes, ledger: Ledger) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Training and holdout rows of each earlier period whose releases are still there.

    Releases of one period share their people: each is taken once, or nobody would be unique.
    """
    found: dict[Period, list[tuple[pd.DataFrame, pd.DataFrame]]] = defaultdict(list)
    for period, work in ledger.earlier(job.period, job.spec.disclosure.periods):
        if lakes.work.exists(work.train) and lakes.work.exists(work.holdout):
            found[period].append(_sides(lakes, work))
        else:
            log.warning("%s: its training rows are no longer there: not held against", period)
    return [
        (_each_once(trains, job.spec), _each_once(holdouts, job.spec))
        for trains, holdouts in (zip(*sides, strict=True) for sides in found.values())
    ]


def _never_trained_on(holdout: pd.DataFrame, train: pd.DataFrame, spec: SurveySpec) -> pd.DataFrame:
    """The control without households that another quarter trained on, at another holdout share."""
    key = [name for name in spec.panel_key() if name in holdout]
    if not key:
        return holdout
    household = group_numbers(pd.concat([holdout[key], train[key]], ignore_index=True))
    return holdout[~np.isin(household[: len(holdout)], household[len(holdout) :])]


def _each_once(tables: Iterable[pd.DataFrame], spec: SurveySpec) -> pd.DataFrame:
    rows = pd.concat(tables, ignore_index=True)
    return rows.drop_duplicates([name for name in spec.key("person") if name in rows])


@without_values
def report(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Assemble the candidate, whose manifest says that it is whole."""
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
        overridden = {"gates": ["attempts", *overridden.get("gates", [])], "reason": beyond}
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
