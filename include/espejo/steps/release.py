"""From an audited table to a release: reported, and published if the gates let it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress

from include.espejo.errors import GateError, without_values
from include.espejo.lake import Lakes, join
from include.espejo.lake.keys import MANIFEST, PublicPlace, Workspace
from include.espejo.releases.ledger import Ledger
from include.espejo.steps.compare import compare
from include.espejo.steps.job import (
    Job,
    Summary,
    as_json,
    done_before,
    read_summary,
)

log = logging.getLogger(__name__)

FIGURES = (
    "quality.json",
    "column_shapes.csv",
    "column_pair_trends.csv",
    "utility.json",
    "comparison.json",
)


@without_values
def report(
    job: Job,
    lakes: Lakes,
    work: Workspace,
    place: PublicPlace | None = None,
    ledger: Ledger | None = None,
    override: str | None = None,
) -> Summary:
    """Assemble the candidate, whose manifest says that it is whole.

    With the survey's public place and its ledger it is told beside the releases before it, and
    with the reason that passes it although a gate failed.
    """
    from include.espejo.disclose.verdict import public_verdict
    from include.espejo.report import build_candidate, internal_page, public_figures
    from include.espejo.table.floors import few_of_each
    from include.espejo.table.frames import from_parquet, to_frame
    from include.espejo.table.households import household_numbers

    run = read_summary(lakes, work.run)
    manifest = done_before(lakes, join(work.candidate, MANIFEST))
    passed = _override_of(job, lakes, work, ledger, override)
    if manifest is None or manifest.get("override") != passed.get("override"):
        losses, training = lakes.work.read(work.losses), read_summary(lakes, work.training)
        audit = read_summary(lakes, work.audit)
        protection = read_summary(lakes, work.protection)
        page = internal_page(run["public"], training, losses, audit, protection)
        lakes.work.write(work.internal_report, page)
        synthetic = from_parquet(lakes.work.read(work.synthetic))
        compare(job, lakes, work, place, ledger)
        figures = public_figures({name: lakes.work.read(work.figure(name)) for name in FIGURES})
        release = {**run["public"], "rows": synthetic.num_rows, "gates": public_verdict(audit),
                   **passed}  # fmt: skip
        real = from_parquet(lakes.work.read(work.train))
        household = household_numbers(to_frame(real), job.spec)
        counted = few_of_each(household, job.spec.disclosure.floor)
        manifest = build_candidate(
            lakes.work, work.candidate, job.spec, release,
            real.select(list(job.spec.model_columns())), synthetic, figures, counted,
        )  # fmt: skip
    lakes.work.write(work.manifest, as_json({**manifest, **run["restricted"]}))
    _log_uses(manifest["fit_for"])
    return {"files": len(manifest["files"]), "overall": manifest["overall"],
            "fit_for": manifest["fit_for"], "rows": manifest["rows"]}  # fmt: skip


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
    from include.espejo.releases.publish import publish as release_it

    manifest = read_summary(lakes, join(work.candidate, MANIFEST))
    release = manifest["release"]
    passed = require_gates(lakes, work, override, _reason_beyond(job, lakes, work, ledger))
    _enter(job, lakes, work, ledger, release)
    published = release_it(
        lakes.work, work.candidate, lakes.publish, place, str(job.period), release, passed
    )
    log.info("%s: %s", published.manifest, "was there" if published.already_there else "published")
    return {"manifest": published.manifest, "already_there": published.already_there,
            "rows": manifest["rows"], "overall": manifest["overall"]}  # fmt: skip


def _log_uses(fit_for: Mapping[str, str]) -> None:
    """What the table is fit for, the worst last, where whoever reads the log sees it."""
    for answer, told in (("fit", "fit for"), ("care", "with care for"), ("not_fit", "not fit for")):
        named = [use for use, found in fit_for.items() if found == answer]
        if named:
            log.log(logging.WARNING if answer == "not_fit" else logging.INFO,
                    "%s: %s", told, ", ".join(named))  # fmt: skip


def _override_of(
    job: Job, lakes: Lakes, work: Workspace, ledger: Ledger | None, override: str | None
) -> Summary:
    """What the manifest is to say of an override; empty where none passes the release."""
    if ledger is not None:
        with suppress(GateError):  # held back: the page says so, and `publish` says why
            beyond = _reason_beyond(job, lakes, work, ledger)
            return require_gates(lakes, work, override, beyond)
    return {}


def _reason_beyond(job: Job, lakes: Lakes, work: Workspace, ledger: Ledger) -> str | None:
    release = read_summary(lakes, work.run)["public"]["release"]
    return ledger.reason_beyond(job.period, release, job.spec.disclosure.attempts)


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
    from include.espejo.table.frames import from_parquet, to_frame

    salt, share = ledger.salt(), job.spec.disclosure.holdout_share
    frame = to_frame(from_parquet(lakes.work.read(work.typed)))
    learnt = frame[~split(frame, job.spec, share, salt)]
    ledger.enter(job.period, release, household_hashes(learnt, job.spec, salt))
