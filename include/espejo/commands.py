"""What the commands do: the same steps as the DAG's tasks, on folders named by the user.

S3 places take their endpoint and credentials from the standard AWS_* variables.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from include.espejo.errors import LakeError, ParameterError, without_values
from include.espejo.forget_commands import forget_command, learnt_from_command
from include.espejo.ingest import Ingested, find_input, read_survey
from include.espejo.lake import Lakes, join, open_lake
from include.espejo.lake.document import read_json
from include.espejo.lake.keys import MANIFEST, PublicLocation, Workspace
from include.espejo.parameters import Parameters, seed_for
from include.espejo.process.resources import PeakMemory
from include.espejo.releases.publish import copy_release, withdraw_release
from include.espejo.report.files.csv import source_csv
from include.espejo.steps.documents import SamplingSummary, TrainingSummary
from include.espejo.steps.protect import salt_of_seed
from include.espejo.steps.run import Job, Run
from include.espejo.steps.table import INGEST, VALIDATE, make_release
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.table.frames import to_frame, to_table
from include.espejo.table.rules import without_tolerated

Result = dict[str, Any]

PRINTED = "printed"  # of a result: text that goes before its line


@without_values
def validate_command(options: argparse.Namespace) -> Result:
    """Ingest and validate; nothing is written but the suggested rules, where they are asked for."""
    from include.espejo.validate import check_survey

    for read in (options.input, options.survey):
        if options.suggest and _whole_path(options.suggest) == _whole_path(read):
            raise ParameterError(
                f"--suggest {options.suggest}: this file is an input; name another one"
            )
    spec, period = _spec_and_period(options)
    ingested = _ingested(options, spec)
    frame = to_frame(ingested.table)
    result = check_survey(frame, spec, period, ingested.warnings)
    result.require(options.input)
    said = {"rows": result.rows, "rules": len(result.findings), "warnings": list(result.warnings)}
    if options.suggest is None:
        return said
    return said | _suggest(frame, spec, period, options.suggest)


def _spec_and_period(options: argparse.Namespace) -> tuple[SurveySpec, Period]:
    spec = load_spec(options.survey)
    return spec, spec.parse_period(options.period)


def _ingested(options: argparse.Namespace, spec: SurveySpec) -> Ingested:
    """INPUT, with the table that the spec joins."""
    lake = open_lake(options.input)
    sources = find_input(lake, options.input, spec.source.parts)
    return read_survey(lake, sources, spec, options.join)


def _suggest(frame: pd.DataFrame, spec: SurveySpec, period: Period, file: str) -> Result:
    """The rules that the table keeps and the spec does not say: to a file, or to be printed."""
    from include.espejo.suggest import suggest, to_yaml

    rules = suggest(frame, spec, period)
    text = to_yaml(rules)
    if not file:
        return {"suggested": len(rules), PRINTED: text}
    open_lake(file).write(file, text.encode())
    return {"suggested": len(rules)}


def draft_command(options: argparse.Namespace) -> Result:
    """Draft the spec of a file that has none: printed, or written to a new file."""
    from include.espejo.draft import Asked, draft_spec

    lake = open_lake(options.input)
    name = Path(options.input).name.partition(".")[0].lower()
    asked = Asked(
        survey=options.survey or re.sub(r"[^a-z0-9_]+", "_", name).strip("_") or "survey",
        period=options.period,
        format=options.format,
        layout=options.layout,
        book=options.codebook,
        skip=options.skip,
    )
    draft = without_values(draft_spec)(lake, options.input, asked)
    said: Result = {
        "columns": draft.kinds,
        "modelled": draft.modelled,
        "rules": draft.rules,
        "questions": draft.questions,
    }
    if not options.output:
        return said | {PRINTED: draft.text}
    if not open_lake(options.output).create(options.output, draft.text.encode()):
        raise ParameterError(f"--output {options.output}: it is already there; name another file")
    return said


def synthesize_command(options: argparse.Namespace) -> Result:
    """The whole flow: OUT_DIR is the release, the restricted folder holds all the rest."""
    spec, period = _spec_and_period(options)
    names = ("rows", "epochs", "batch_size", "seed", "engine", "calibrate")
    given: Result = {name: getattr(options, name) for name in names}
    work = Workspace(options.restricted or f"{options.out_dir.rstrip('/')}.restricted")
    _refuse_shared_folder(work.base, options.out_dir, options.input)
    lakes = Lakes(
        ingest=open_lake(options.input),
        work=open_lake(work.base),
        publish=open_lake(options.out_dir),
    )

    def workspace_of(release: str) -> Workspace:
        # Before the folder of another run is emptied: it may be what that release came from.
        _refuse_other_release(lakes, options.out_dir, release)
        return work

    run = Run(
        job=Job(spec, period, Parameters.of(spec, given)),
        lakes=lakes,
        source=options.input,
        joined=options.join or "",
        scratch=join(work.base, "scratch"),
        workspaces=workspace_of,
    )
    with PeakMemory() as memory:
        release, summary = _synthesize(run, options.out_dir)
    return summary | {"peak_rss_mb": round(memory.peak_mb, 1), "release": release}


def _synthesize(run: Run, out_dir: str) -> tuple[str, Result]:
    lakes = run.lakes
    try:
        INGEST.call(run)
        release = str(VALIDATE.call(run)["release"])
    finally:
        lakes.work.delete_tree(run.scratch)
    run = run.of_release(release)
    done = make_release(run)
    if done["disclose"]["passed"]:
        without_values(copy_release)(lakes.work, run.work.candidate, lakes.publish, out_dir)
    quality = read_json(lakes.work.read(run.work.figure("quality.json")))
    trained = run.read(TrainingSummary, run.work.training)
    sampled, audited = run.read(SamplingSummary, run.work.sampling), done["disclose"]
    return release, {
        "rows": sampled.rows,
        "fit_seconds": trained.fit_seconds,
        "sample_seconds": sampled.sample_seconds,
        "steps": trained.steps,
        "overall": quality["overall"],
        "fit_peak_rss_mb": trained.fit_peak_rss_mb,
        "fit_for": done["report"]["fit_for"],
        "passed": audited["passed"],
        "failed": audited["failed"],
    }


@without_values
def protect_command(options: argparse.Namespace) -> Result:
    """Validate, hold the floors, split by household: two files as the survey's own are written."""
    from include.espejo.protect import hold_floors, require_share, split
    from include.espejo.validate import check_survey

    spec, period = _spec_and_period(options)
    given = options.holdout_share
    share = spec.disclosure.holdout_share if given is None else given
    require_share(share)
    ingested = _ingested(options, spec)
    frame = to_frame(ingested.table)
    check_survey(frame, spec, period, ingested.warnings).require(options.input)
    parameters = Parameters.of(spec, {"seed": options.seed})
    seed = seed_for(parameters, ingested.sha256)
    frame = frame[without_tolerated(frame, spec, period)].reset_index(drop=True)
    protected = hold_floors(frame, spec, period, seed)
    held = split(frame, spec, share, salt_of_seed(seed))
    lake = open_lake(options.out_dir)
    for name, rows in (("train.csv", ~held), ("holdout.csv", held)):
        table = to_table(protected.frame[rows], spec)
        lake.write(join(options.out_dir, name), source_csv(table, spec))
    return {
        "rows": len(frame),
        "train_rows": int((~held).sum()),
        "holdout_rows": int(held.sum()),
        "touched": protected.touched.model_dump(mode="json"),
    }


@without_values
def audit_command(options: argparse.Namespace) -> Result:
    """Attack a synthetic table and say which gates it passes; nothing is written."""
    from include.espejo.disclose.audit import run_audit
    from include.espejo.disclose.tables import read_real, read_synthetic

    spec, period = _spec_and_period(options)
    train = read_real(options.train, spec)
    holdout = read_real(options.holdout, spec) if options.holdout else None
    synthetic = read_synthetic(options.synthetic, spec)
    audit = run_audit(train, holdout, synthetic, spec, period, options.seed or 0)
    shown = audit.model_dump(mode="json", include={"passed", "gates", "failed"})
    return {name: shown[name] for name in ("passed", "gates", "failed")}


def _refuse_shared_folder(restricted: str, out_dir: str, survey: str) -> None:
    """OUT_DIR is for others to read, and the restricted folder is emptied for another run."""
    ours, public, read = (_whole_path(path) for path in (restricted, out_dir, survey))
    if ours.startswith(public) or public.startswith(ours):
        raise ParameterError(
            f"--restricted {restricted}: it overlaps OUT_DIR; name a separate folder"
        )
    if read.startswith(ours):
        raise ParameterError(
            f"--restricted {restricted}: it contains INPUT, and it may be emptied; name a separate "
            "folder"
        )


def _whole_path(path: str) -> str:
    """A path without links and dots, or a URI, ending in one slash."""
    if "://" not in path or path.startswith("file://"):
        path = str(Path(path.removeprefix("file://")).resolve())
    return path.rstrip("/") + "/"


def _refuse_other_release(lakes: Lakes, folder: str, release: str) -> None:
    """A release is never overwritten, and that is known before hours of training."""
    stored = lakes.publish.read_tagged(join(folder, MANIFEST))
    if stored is not None and json.loads(stored.content).get("release") != release:
        raise LakeError(
            f"{folder}: it contains another release, which is never overwritten; name another "
            "OUT_DIR",
            exit_code=2,
        )


@without_values
def withdraw_command(options: argparse.Namespace) -> Result:
    """Withdraw a release: tombstone, and the pointers back to its predecessor or to none."""
    spec = load_spec(options.survey)
    root = options.public or spec.places.public
    place = PublicLocation(root, spec.survey)
    period = str(spec.parse_period(options.period))
    withdraw_release(open_lake(root), place, period, options.release, options.reason)
    return {"withdrawn": options.release, "period": period}


COMMANDS: dict[str, Callable[[argparse.Namespace], Result]] = {
    "draft": draft_command,
    "validate": validate_command,
    "protect": protect_command,
    "audit": audit_command,
    "synthesize": synthesize_command,
    "withdraw": withdraw_command,
    "forget": forget_command,
    "learnt-from": learnt_from_command,
}
