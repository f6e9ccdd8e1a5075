"""All the scores of a synthetic table, exact; what is published of them is cut elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version

import pandas as pd

from include.espejo.evaluate.quality import reports
from include.espejo.evaluate.quality.document import (
    Diagnostic,
    Metric,
    Metrics,
    Quality,
    QualitySettings,
    Sides,
)
from include.espejo.evaluate.quality.metrics import METRICS
from include.espejo.evaluate.quality.numbered import number_codes
from include.espejo.evaluate.quality.references import score_references
from include.espejo.evaluate.scoring.references import ReferencedScore, least_people
from include.espejo.evaluate.scoring.timing import timed
from include.espejo.process.child import run_child
from include.espejo.process.private_folder import private_folder
from include.espejo.survey import Column, SurveySpec
from include.espejo.table.document import BrokenRule

log = logging.getLogger(__name__)

_METRICS_MODULE = "include.espejo.evaluate.quality.metrics"


@dataclass(frozen=True)
class Scores:
    """Everything the notebook shows of a synthetic table beside the real one.

    `subsample`: the most rows of a table that were scored; None: all.
    """

    quality: reports.QualityFigures
    references: dict[str, ReferencedScore]
    diagnostic: Diagnostic
    unscored: tuple[str, ...]
    rows: Sides
    seed: int
    metrics: tuple[Metric, ...] = ()
    subsample: int | None = None

    @property
    def aggregate(self) -> float | None:
        """The mean of the metrics' normalised scores: `evaluate`'s single figure."""
        scores = [m.score for m in self.metrics if m.score is not None]
        return sum(scores) / len(scores) if scores else None

    def document(self, broken_rules: tuple[BrokenRule, ...]) -> Quality:
        """quality.json, without the seed of the subsamples."""
        return Quality(
            overall=self.quality.overall,
            column_shapes=self.quality.shapes,
            column_pair_trends=self.quality.pair_trends,
            column_pair_trends_all_pairs=self.quality.pair_trends_all,
            references=self.references,
            diagnostic=self.diagnostic,
            metrics=Metrics(aggregate=self.aggregate, table=self.metrics),
            unscored_columns=(*self.unscored, *self.quality.unscored_columns),
            unscored_pairs=self.quality.unscored_pairs,
            settings=self._settings(),
            broken_rules=broken_rules,
        )

    def _settings(self) -> QualitySettings:
        return QualitySettings(
            sdmetrics=version("sdmetrics"),
            real_correlation_threshold=reports.CORRELATION_THRESHOLD,
            real_association_threshold=reports.ASSOCIATION_THRESHOLD,
            quality_report_subsample=self.subsample,
            paired_columns=len(self.quality.paired),
            metric_rows={name: most for name, most in METRICS.items() if most},
            rows=self.rows,
        )


def score_quality(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    seed: int,
    holdout: pd.DataFrame | None = None,
) -> Scores:
    """All scores of `synthetic`: those of `score_reports`, and the metrics."""
    with metrics_beside(real, synthetic, spec, seed) as metrics:
        scores = score_reports(real, synthetic, spec, seed, holdout)
    return replace(scores, metrics=metrics.result())


def score_reports(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    seed: int,
    holdout: pd.DataFrame | None = None,
) -> Scores:
    """Score `synthetic` against `real`, both with the model's columns (see frames.to_frame).

    `holdout`: rows of other households, for the ceiling. Columns that are blank throughout have
    nothing to score and are named in `unscored`. Raises MetricError where no column has a score.
    """
    columns = _scored_columns(real, spec)
    frames = [real, synthetic]
    if holdout is not None and len(holdout) >= least_people(spec):
        frames.append(holdout)
    frames = [frame[list(columns)] for frame in frames]
    left, right, *ceiling = number_codes(frames, [n for n, c in columns.items() if c.is_code()])
    metadata = _metadata(columns)
    others = {"score": right, "floor": left} | ({"ceiling": ceiling[0]} if ceiling else {})
    with timed("quality report"):
        quality = reports.quality(left, right, metadata, reports.paired_columns(metadata, seed))
    with timed("its references"):
        references = score_references(quality, left, others, metadata, seed)
    with timed("diagnostic report"):
        diagnostic = reports.diagnostic(left, right, metadata)
    return Scores(
        quality=quality,
        references=references,
        diagnostic=diagnostic,
        unscored=tuple(n for n in real.columns if n not in columns),
        rows=Sides(real=len(real), synthetic=len(synthetic)),
        seed=seed,
    )


@contextmanager
def metrics_beside(
    real: pd.DataFrame, synthetic: pd.DataFrame, spec: SurveySpec, seed: int
) -> Iterator[Future[tuple[Metric, ...]]]:
    """SDMetrics' metrics, computed while the caller does something else.

    They have a process of their own, and so a core; the thread only waits for it.
    """
    columns = _scored_columns(real, spec)
    paired = reports.paired_columns(_metadata(columns), seed)
    # Numbers of one value leave nothing that a metric could compare.
    told = {n: c for n, c in columns.items() if c.is_code() or real[n].nunique() > 1}
    tables = real[list(told)], synthetic[list(told)]
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(_metrics, *tables, _metadata(told), paired, seed)


def _scored_columns(real: pd.DataFrame, spec: SurveySpec) -> dict[str, Column]:
    return {n: spec.columns[n] for n in real.columns if real[n].notna().any()}


def _metadata(columns: dict[str, Column]) -> reports.Metadata:
    kinds = {n: "categorical" if c.is_code() else "numerical" for n, c in columns.items()}
    return {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}


def _metrics(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    metadata: reports.Metadata,
    paired: list[str],
    seed: int,
) -> tuple[Metric, ...]:
    found = []
    with private_folder() as folder:
        paths = {name: str(folder / f"{name}.parquet") for name in ("real", "synthetic")}
        real.to_parquet(paths["real"])
        synthetic.to_parquet(paths["synthetic"])
        request = {"seed": seed, "metadata": metadata, "paired": paired, **paths}
        start = time.monotonic()
        for message in run_child(_METRICS_MODULE, request):
            log.info("metric %s: after %.1f s", message["metric"], time.monotonic() - start)
            found.append(Metric.model_validate(message["told"]))
    return tuple(found)
