"""One contestant on one split, in a fresh process: what its table tells, and which gates close."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bench.probes import SURVEY, Request, Sample, answer

if TYPE_CHECKING:
    import pandas as pd

    from include.espejo.survey import SurveySpec


def fidelity(request: Request) -> Sample:
    """Protect, split, learn, draw as many rows, score and attack."""
    from include.espejo.survey import Period, load_spec

    spec, period, seed = load_spec(SURVEY), Period.parse(request["period"]), request["seed"]
    train, holdout = _sides(request, spec, period)
    started = perf_counter()
    synthetic = _contestant(request, train, holdout, spec, period)
    seconds = perf_counter() - started
    sample = _figures(train, holdout, synthetic, spec, period, seed)
    if request["contestant"] != "held-out people":
        sample |= {"fit_seconds": seconds, **_gates(train, holdout, synthetic, spec, period)}
    return sample


def _sides(request: Request, spec: SurveySpec, period: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Protected training and held-out rows, with their keys."""
    from include.espejo.protect import hold_floors, split
    from include.espejo.steps.protect import salt_of_seed
    from include.espejo.table.frames import from_parquet, to_frame

    frame = to_frame(from_parquet(Path(request["typed"]).read_bytes()))
    protected = hold_floors(frame, spec, period, request["seed"]).frame
    salt = salt_of_seed(request["seed"])
    held = split(protected, spec, spec.disclosure.holdout_share, salt)
    return protected[~held].reset_index(drop=True), protected[held].reset_index(drop=True)


def _contestant(
    request: Request, train: pd.DataFrame, holdout: pd.DataFrame, spec: SurveySpec, period: Any
) -> pd.DataFrame:
    from bench.trees import synthesize

    columns, name = list(spec.model_columns()), request["contestant"]
    if name == "held-out people":
        return holdout[columns]
    if name == "sequential trees":
        return synthesize(train[columns], request["seed"])
    if request["command"]:
        return _by_command(request["command"], train, spec)
    return _by_engine(name, request["seed"], train, spec, period)


def _by_engine(
    name: str, seed: int, train: pd.DataFrame, spec: SurveySpec, period: Any
) -> pd.DataFrame:
    import pyarrow as pa

    from include.espejo.synthesis.engines import make_engine
    from include.espejo.synthesis.interface.engine import FitSettings, NoStore, SampleRequest
    from include.espejo.synthesis.train import prepare_learning
    from include.espejo.table.frames import to_frame, to_table

    engine = make_engine(name.split()[0])
    learning = prepare_learning(to_table(train, spec), spec, period)
    settings = FitSettings(spec.model.epochs, spec.model.batch_size, seed)
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as folder:
        engine.fit(learning, settings, Path(folder), lambda told: None, NoStore())
        wanted = SampleRequest(len(train), seed, calibrate=name.endswith("calibrated"))
        drawn = list(engine.sample(Path(folder), spec, wanted))
    return to_frame(pa.concat_tables(drawn).unify_dictionaries())


def _by_command(command: str, train: pd.DataFrame, spec: SurveySpec) -> pd.DataFrame:
    from include.espejo.disclose.tables import read_synthetic
    from include.espejo.report.files.csv import source_csv
    from include.espejo.table.frames import to_table

    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as name:
        there, back = Path(name) / "train.csv", Path(name) / "out.csv"
        there.write_bytes(source_csv(to_table(train[list(spec.model_columns())], spec), spec))
        subprocess.run([*shlex.split(command), str(there), str(back)], check=True)
        return read_synthetic(str(back), spec)


def _figures(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    period: Any,
    seed: int,
) -> Sample:
    from include.espejo.evaluate.general.utility import general_utility
    from include.espejo.evaluate.quality.scores import score_quality
    from include.espejo.evaluate.specific.utility import specific_utility

    columns = list(spec.model_columns())
    general = general_utility(train, holdout, synthetic, spec, seed)
    specific = specific_utility(train, holdout, synthetic, spec, period, seed)
    scores = score_quality(train[columns], synthetic, spec, seed, holdout[columns])
    targets = specific.learning.targets or ()
    losses = [-target.scores["auc"].difference for target in targets if target.scores]
    sizes = general.k_marginal.by_size
    found = {
        "k3": sizes["3"].all_rows,
        "k4": sizes["4"].all_rows,
        "auc": general.classifier.score,
        "lost": sum(losses) / len(losses),
        "groups": specific.groups.all_rows,
        "overall": scores.quality.overall,
    }
    return {name: figure for name, figure in found.items() if figure is not None}


def _gates(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    period: Any,
) -> Sample:
    from include.espejo.disclose.audit import run_audit

    found = run_audit(train, holdout, synthetic, spec, period, 0)
    return {"closed": float(len(found.failed))}


PROBES = {"fidelity": fidelity}

if __name__ == "__main__":
    answer(PROBES)
