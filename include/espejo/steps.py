"""The steps of the flow: each loads, calls a pure function, and saves.

The DAG's tasks and the command line call these same functions. Between steps go URIs and small
summaries; what a step needs it reads from the run's workspace. Each step is guarded, so that
no foreign exception's message, which may hold values of rows, reaches a log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from include.espejo.errors import without_values
from include.espejo.keys import MANIFEST, PublicPlace, Workspace
from include.espejo.lake import Lakes, join
from include.espejo.parameters import Parameters, code_version, release_name, seed_for
from include.espejo.spec import Period, SurveySpec
from include.espejo.spec.load import spec_digest

log = logging.getLogger(__name__)

Summary = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What is to be made: a survey's period with these parameters."""

    spec: SurveySpec
    period: Period
    parameters: Parameters


@without_values
def ingest(job: Job, lakes: Lakes, pattern: str, scratch: str) -> Summary:
    """Read the one file that `pattern` names into a typed table in the scratch place."""
    from include.espejo.ingest import find_input
    from include.espejo.ingest import ingest as read
    from include.espejo.report import require_browser
    from include.espejo.tables import to_parquet

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
    lakes.work.write(join(scratch, "ingest.json"), _json(facts))
    log.info("%s: %d rows, %s", source, ingested.table.num_rows, ingested.encoding)
    return {"rows": ingested.table.num_rows}


@without_values
def validate(job: Job, lakes: Lakes, scratch: str, place: Callable[[str], Workspace]) -> Summary:
    """Check the scratch table and move it to the workspace of the release it leads to.

    The findings are kept whatever they say; rows only if nothing that must hold is broken.
    """
    from include.espejo.tables import from_parquet
    from include.espejo.validate import validate as check

    facts = json.loads(lakes.work.read(join(scratch, "ingest.json")))
    content = lakes.work.read(join(scratch, "typed.parquet"))
    result = check(from_parquet(content), job.spec, job.period, tuple(facts["warnings"]))
    release = _release(job, facts["sha256"])
    work = place(release)
    if not result.errors:
        _clear_other_run(lakes, work, release)
    lakes.work.write(work.validation, _json(result.as_dict()))
    for warning in result.warnings:
        log.warning("%s", warning)
    result.require(facts["source"])
    lakes.work.write(work.typed, content)
    lakes.work.write(work.run, _json(_run_facts(job, facts, release)))
    log.info("valid: %d rules, %d warnings", len(result.findings), len(result.warnings))
    return {"release": release, "rows": result.rows, "warnings": len(result.warnings)}


@without_values
def train(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Fit the engine on the typed table and keep the model."""
    from include.espejo.tables import from_parquet
    from include.espejo.train import LakeStore, fit_model, prepare_learning

    done = _done(lakes, work.training)
    if done is not None:
        return done
    run = _read(lakes, work.run)
    table = from_parquet(lakes.work.read(work.typed))
    learning = prepare_learning(table, job.spec, job.period)
    store = LakeStore(lakes.work, work.checkpoint)
    result, files = fit_model(learning, job.parameters, run["seed"], store)
    for name, content in files.items():
        lakes.work.write(join(work.model, name), content)
    losses = pd.DataFrame([asdict(epoch) for epoch in result.losses])
    lakes.work.write(work.losses, losses.to_csv(index=False).encode())
    summary = {
        "fit_seconds": round(result.seconds, 3),
        "steps": result.steps,
        "best_step": result.best_step,
        "fit_peak_rss_mb": round(result.peak_rss_mb, 1),
        "files": sorted(files),
    }
    lakes.work.write(work.training, _json(summary))  # last: it says that the model is whole
    lakes.work.delete_tree(work.checkpoint.rpartition("/")[0])
    log.info("fit: %d steps in %.1f s", result.steps, result.seconds)
    return summary


@without_values
def sample(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Draw the synthetic table from the model and count the declared rules that its rows break."""
    from include.espejo.engines.interface import SampleRequest
    from include.espejo.sample import broken_rules, sampled_parquet
    from include.espejo.tables import from_parquet

    done = _done(lakes, work.sampling)
    if done is not None:
        return done
    run = _read(lakes, work.run)
    real = _typed(job, lakes, work)
    model = _read(lakes, work.training)["files"]
    files = {name: lakes.work.read(join(work.model, name)) for name in model}
    rows = job.parameters.rows or real.num_rows
    request = SampleRequest(rows, run["seed"], job.parameters.calibrate)
    with sampled_parquet(files, job.parameters.engine, job.spec, request) as (path, seconds):
        content = path.read_bytes()
    table = from_parquet(content)
    broken = broken_rules(table, real, job.spec, job.period)
    for breach in broken:
        log.warning("synthetic rows break rule %s: %d (%.1f%%)", breach["rule"], breach["rows"],
                    breach["share"] * 100)  # fmt: skip
    lakes.work.write(work.synthetic, content)
    summary = {"rows": rows, "sample_seconds": round(seconds, 3), "broken_rules": broken}
    lakes.work.write(work.sampling, _json(summary))
    return summary


@without_values
def evaluate(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Score the synthetic table; the exact figures stay in the workspace."""
    from include.espejo.evaluate import evaluate as score
    from include.espejo.tables import from_parquet, to_frame

    done = _done(lakes, work.figure("quality.json"))
    if done is not None:
        return {"overall": done["overall"]}
    run = _read(lakes, work.run)
    synthetic = to_frame(from_parquet(lakes.work.read(work.synthetic)))
    scores = score(to_frame(_typed(job, lakes, work)), synthetic, job.spec, run["seed"])
    figures = scores.as_dict() | {"broken_rules": _read(lakes, work.sampling)["broken_rules"]}
    for name, details in (("column_shapes.csv", scores.quality.shape_details),
                          ("column_pair_trends.csv", scores.quality.pair_details)):  # fmt: skip
        lakes.work.write(work.figure(name), details.to_csv(index=False).encode())
    lakes.work.write(work.figure("quality.json"), _json(figures))
    log.info("overall quality %.3f", scores.quality.overall)
    return {"overall": scores.quality.overall}


FIGURES = ("quality.json", "column_shapes.csv", "column_pair_trends.csv")


@without_values
def report(job: Job, lakes: Lakes, work: Workspace) -> Summary:
    """Assemble the candidate, whose manifest says that it is whole."""
    from include.espejo.report import build_candidate, internal_page
    from include.espejo.tables import from_parquet

    run = _read(lakes, work.run)
    manifest = _done(lakes, join(work.candidate, MANIFEST))
    if manifest is None:
        losses, training = lakes.work.read(work.losses), _read(lakes, work.training)
        lakes.work.write(work.internal_report, internal_page(run["public"], training, losses))
        synthetic = from_parquet(lakes.work.read(work.synthetic))
        figures = {name: lakes.work.read(work.figure(name)) for name in FIGURES}
        release = run["public"] | {"rows": synthetic.num_rows}
        real = _typed(job, lakes, work)
        manifest = build_candidate(
            lakes.work, work.candidate, job.spec, release, real, synthetic, figures
        )
    lakes.work.write(work.manifest, _json({**manifest, **run["restricted"]}))
    return {"files": len(manifest["files"]), "overall": manifest["overall"],
            "rows": manifest["rows"]}  # fmt: skip


@without_values
def publish(job: Job, lakes: Lakes, work: Workspace, place: PublicPlace) -> Summary:
    """Copy the candidate to its public place and move the pointers."""
    from include.espejo.publish import publish as release_it

    manifest = _read(lakes, join(work.candidate, MANIFEST))
    published = release_it(
        lakes.work, work.candidate, lakes.publish, place, str(job.period), manifest["release"]
    )
    log.info("%s: %s", published.manifest, "was there" if published.already_there else "published")
    return {"manifest": published.manifest, "already_there": published.already_there,
            "rows": manifest["rows"], "overall": manifest["overall"]}  # fmt: skip


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


def _typed(job: Job, lakes: Lakes, work: Workspace) -> Any:
    """The model's columns of the typed table."""
    from include.espejo.tables import from_parquet

    return from_parquet(lakes.work.read(work.typed), job.spec.model_columns())


def _done(lakes: Lakes, uri: str) -> Summary | None:
    """What an earlier run of the same release left: a step is done once, its summary last.

    A release's name follows from all that determines it, so doing it again could only change
    what may already be published.
    """
    stored = lakes.work.read_tagged(uri)
    if stored is None:
        return None
    log.info("%s is already there: done by an earlier run of this release", uri)
    return dict(json.loads(stored.content))


def _read(lakes: Lakes, uri: str) -> Summary:
    return dict(json.loads(lakes.work.read(uri)))


def _json(content: Summary) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
