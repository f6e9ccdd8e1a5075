"""Step report: the candidate of a release, with its page and its figures as they are published."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include.espejo.disclose.gates import Audit, read_audit
from include.espejo.disclose.verdict import Override, public_verdict
from include.espejo.errors import without_values
from include.espejo.lake import join
from include.espejo.lake.document import document_bytes
from include.espejo.lake.keys import MANIFEST
from include.espejo.parameters import code_version
from include.espejo.releases.documents import Manifest, read_as
from include.espejo.releases.manifest import ReleaseManifest
from include.espejo.steps.comparison import write_comparison
from include.espejo.steps.documents import ProtectionSummary, SamplingSummary, TrainingSummary
from include.espejo.steps.gates import override_in_force
from include.espejo.steps.run import Run, Summary

if TYPE_CHECKING:
    from include.espejo.report.drawings.browser import Browser

log = logging.getLogger(__name__)

FIGURES = (
    "quality.json",
    "column_shapes.csv",
    "column_pair_trends.csv",
    "utility.json",
    "comparison.json",
)


@without_values
def report(run: Run) -> Summary:
    """Assemble the candidate, whose manifest says that it is whole.

    With the survey's public location and its ledger it stands beside the releases before it, and
    names the reason that passes it although a gate failed.
    """
    work, lake = run.work, run.lakes.work
    stored = lake.read_tagged(join(work.candidate, MANIFEST))
    manifest = None if stored is None else ReleaseManifest.of_json(stored.content)
    override = override_in_force(run)
    if manifest is None or manifest.override != override:
        manifest = _candidate(run, override)
    restricted = run.facts().restricted.model_dump(mode="json")
    lake.write(work.manifest, document_bytes({**manifest.public(), **restricted}))
    _log_uses(manifest.fit_for)
    return {
        "files": len(manifest.files),
        "overall": manifest.overall,
        "fit_for": dict(manifest.fit_for),
        "rows": manifest.rows,
    }


def _candidate(run: Run, override: Override | None) -> ReleaseManifest:
    from include.espejo.report.candidate import build_candidate
    from include.espejo.report.drawings.browser import open_browser
    from include.espejo.report.files.sbom import bill_of_materials
    from include.espejo.report.public import public_figures
    from include.espejo.table.floors import few_of_each
    from include.espejo.table.frames import read_frame
    from include.espejo.table.households import household_numbers

    work, lake, spec = run.work, run.lakes.work, run.spec
    lake.write(work.bill_of_materials, bill_of_materials(code_version()))
    audit = read_audit(lake.read(work.audit))
    write_comparison(run)
    figures = public_figures({name: lake.read(work.figure(name)) for name in FIGURES})
    release = {
        **run.facts().public.model_dump(mode="json"),
        "rows": run.read(SamplingSummary, work.sampling).rows,
        "gates": [gate.model_dump() for gate in public_verdict(audit)],
    }
    published = _published_before(run)
    if published is not None:
        release["created"] = published.created
    if override is not None:
        release["override"] = override.model_dump(mode="json")
    real = read_frame(lake.read(work.train))
    counted = few_of_each(household_numbers(real, spec), spec.disclosure.floor)
    synthetic = lake.read(work.synthetic)
    with open_browser() as browser:
        _write_internal_page(run, audit, browser)
        return build_candidate(
            lake, work.candidate, spec, release, real, synthetic, figures, counted, browser
        )


def _published_before(run: Run) -> Manifest | None:
    """The manifest of this release where it is public: made again it must be the same file."""
    if run.public is None:
        return None
    folder = run.public.release(str(run.job.period), run.release)
    stored = run.lakes.publish.read_tagged(join(folder, MANIFEST))
    return None if stored is None else read_as(Manifest, stored.content)


def _write_internal_page(run: Run, audit: Audit, browser: Browser) -> None:
    from include.espejo.report.internal import internal_page

    work, lake = run.work, run.lakes.work
    training = run.read(TrainingSummary, work.training)
    protection = run.read(ProtectionSummary, work.protection)
    facts, losses = run.facts().public, lake.read(work.losses)
    page = internal_page(facts, training, losses, audit, protection, browser)
    lake.write(work.internal_report, page)


def _log_uses(fit_for: Mapping[str, str]) -> None:
    """What the table is fit for, the worst last, where whoever reads the log sees it."""
    for answer, told in (("fit", "fit for"), ("care", "with care for"), ("not_fit", "not fit for")):
        named = [use for use, found in fit_for.items() if found == answer]
        if named:
            log.log(
                logging.WARNING if answer == "not_fit" else logging.INFO,
                "%s: %s",
                told,
                ", ".join(named),
            )
