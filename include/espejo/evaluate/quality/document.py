"""quality.json: SDMetrics' scores of a synthetic table, and the declared rules that it breaks."""

from __future__ import annotations

from typing import Literal

from include.espejo.evaluate.scoring.references import ReferencedScore
from include.espejo.lake.publication import Exact, FigureDocument, Restricted, Rounded
from include.espejo.table.document import BrokenRule


class Diagnostic(FigureDocument):
    """DiagnosticReport's figures, 0 to 1."""

    overall: Rounded[float]
    data_validity: Rounded[float]
    data_structure: Rounded[float]


class Metric(FigureDocument):
    """One of SDMetrics' single-table metrics; `score` is normalised to 0..1, more is better.

    `score` is None where there is none, for a `reason`: no columns of its kind, or SDMetrics cannot
    compute it on these. `rows` is how many rows of each table it was given.
    """

    metric: str
    name: str
    goal: str
    raw_score: Rounded[float | None]
    score: Rounded[float | None]
    reason: Exact[Literal["no_columns", "not_computable"] | None] = None
    rows: Restricted[int] = None


class Metrics(FigureDocument):
    """All metrics, and the mean of the normalised scores that there are."""

    aggregate: Rounded[float | None]
    table: tuple[Metric, ...]


class Sides(FigureDocument):
    """Rows of both tables."""

    real: Restricted[int] = None
    synthetic: Exact[int]


class QualitySettings(FigureDocument):
    """What the scores depend on beside the tables. Pairs are scored among `paired_columns`.

    `quality_report_subsample`: the most rows of real people, and of the synthetic table, that were
    drawn to be scored here and in utility.json; None: all were scored.
    """

    sdmetrics: str
    real_correlation_threshold: Exact[float]
    real_association_threshold: Exact[float]
    quality_report_subsample: Exact[int | None]
    paired_columns: Exact[int]
    metric_rows: Exact[dict[str, int]]
    rows: Sides


class Quality(FigureDocument):
    """QualityReport's scores, 0 to 1, each with its references, and all metrics.

    `unscored_columns` and `unscored_pairs` have no score: nothing can be compared in them.
    """

    overall: Rounded[float]
    column_shapes: Rounded[float]
    column_pair_trends: Rounded[float | None]
    column_pair_trends_all_pairs: Rounded[float | None]
    references: Rounded[dict[str, ReferencedScore]]
    diagnostic: Diagnostic
    metrics: Metrics
    unscored_columns: tuple[str, ...]
    unscored_pairs: tuple[str, ...] = ()
    settings: QualitySettings
    broken_rules: tuple[BrokenRule, ...]
