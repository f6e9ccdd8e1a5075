"""The table of SDMetrics' single-table metrics: what `evaluate(aggregate=False)` once gave.

A pinned list of those that SDMetrics 0.32 still has and that need neither a target nor a key
column. Left out: BNLikelihood (its library is no longer released), the privacy metrics and
NewRowSynthesis (quadratic, and their subsample hides copies), machine-learning efficacy (it
needs a target, which a spec of this kind does not name).

What compares pairs, and the support vector machine, is given the columns that `reports.py` scores
pairs of: all of a survey, or a seeded draw of a wide one.

Run as a child process (see `child.py`): the detection metrics shuffle by the global generator.
"""

from __future__ import annotations

import math
from typing import Any

from include.espejo.evaluate.quality.document import Metric
from include.espejo.evaluate.quality.reports import Metadata
from include.espejo.process.child import Request

# Metric and the most rows it is given. None: all. What does not scale gets a seeded subsample.
METRICS: dict[str, int | None] = {
    "CSTest": None,
    "KSComplement": None,
    "TVComplement": None,
    "StatisticSimilarity": None,
    "BoundaryAdherence": None,
    "RangeCoverage": None,
    "CategoryCoverage": None,
    "MissingValueSimilarity": None,
    "CorrelationSimilarity": None,
    "ContingencySimilarity": None,
    "ContinuousKLDivergence": None,
    "DiscreteKLDivergence": 10_000,
    "LogisticDetection": 10_000,
    "GMLogLikelihood": 10_000,
    "SVCDetection": 2_000,
}

_RARE = 10

# The kind of column that a metric compares; those not named here take all.
_OF_COLUMNS = {
    "CSTest": "categorical",
    "TVComplement": "categorical",
    "CategoryCoverage": "categorical",
    "KSComplement": "numerical",
    "StatisticSimilarity": "numerical",
    "BoundaryAdherence": "numerical",
    "RangeCoverage": "numerical",
    "MissingValueSimilarity": "numerical",
    "GMLogLikelihood": "numerical",
}
_OF_PAIRS = {
    "CorrelationSimilarity": "numerical",
    "ContinuousKLDivergence": "numerical",
    "ContingencySimilarity": "categorical",
    "DiscreteKLDivergence": "categorical",
}
# They ask only which codes are equal.
_OF_EQUALITY = ("TVComplement", "CategoryCoverage", "ContingencySimilarity")
# Their time grows with the square of the columns, or nearly.
_OF_FEW = {*_OF_PAIRS, "SVCDetection"}


def _compute_all(request: Request) -> None:
    """The child process: one message for each metric."""
    import numpy as np
    import pandas as pd
    from threadpoolctl import threadpool_limits

    from include.espejo.evaluate.quality.numbered import number_codes
    from include.espejo.process.child import tell

    tables = [pd.read_parquet(request[name]) for name in ("real", "synthetic")]
    codes = list(tables[0].select_dtypes("category"))
    numbered = number_codes(tables, codes)
    # Others take what is a number for a quantity.
    with_text = [table.astype(dict.fromkeys(codes, object)) for table in tables]
    generator = np.random.default_rng(request["seed"])
    for metric, most in METRICS.items():
        given = numbered if metric in _OF_EQUALITY else with_text
        left, right = (_subsample(table, most, generator) for table in given)
        if metric.endswith("Detection"):
            left, right = _pool_rare_codes(left, right)
        # One thread: those of BLAS spin for a core that others use, longer than they compute.
        with threadpool_limits(limits=1):
            told = _compute(metric, left, right, _metadata_of(metric, request))
            tell({"metric": metric, "told": told.model_dump()})


def _metadata_of(metric: str, request: Request) -> Metadata:
    columns = request["metadata"]["columns"]
    kept = set(request["paired"]) if metric in _OF_FEW else set(columns)
    return {"columns": {name: told for name, told in columns.items() if name in kept}}


def _subsample(table: Any, most: int | None, generator: Any) -> Any:
    if most is None or len(table) <= most:
        return table
    chosen = generator.choice(len(table), most, replace=False)
    return table.iloc[sorted(chosen)].reset_index(drop=True)


def _pool_rare_codes(real: Any, synthetic: Any) -> tuple[Any, Any]:
    """Codes that few rows of the real subsample have become one.

    The detection metrics learn the codes of the real rows and fail at any other, and make a
    dense column of each.
    """
    real, synthetic = real.copy(), synthetic.copy()
    for name in real.select_dtypes(object).columns:
        left, right = real[name].fillna(""), synthetic[name].fillna("")
        counts = left.value_counts()
        # At least the rarest is pooled, so that the pool is known whenever it is needed.
        common = set(counts.index[:-1][counts.iloc[:-1] >= _RARE])
        real[name] = left.where(left.isin(common), "(pooled)")
        synthetic[name] = right.where(right.isin(common), "(pooled)")
    return real, synthetic


def _compute(name: str, real: Any, synthetic: Any, metadata: Metadata) -> Metric:
    import sdmetrics.single_table

    metric, raw, score = getattr(sdmetrics.single_table, name), None, None
    applies = _applies(metric, metadata, real)
    if applies:
        raw, score = _scores(metric, _compared(name, real, synthetic, metadata))
    return Metric(
        metric=name,
        name=metric.name,
        goal=metric.goal.name.lower(),
        raw_score=raw,
        score=score,
        reason=None if score is not None else "not_computable" if applies else "no_columns",
        rows=len(real),
    )


def _scores(metric: Any, compared: dict[str, object]) -> tuple[float | None, float | None]:
    """Raw and normalised; neither where SDMetrics fails at these columns, in whatever way.

    A mixture of near-constant columns, a code that one side lacks: its metrics raise what the
    libraries under them raise. The run is judged by the gates, not by what one of them can do.
    """
    try:
        raw = float(metric.compute(**compared))
        score = float(metric.normalize(raw))
    except Exception:  # noqa: BLE001  whose text may quote values
        return None, None
    return (raw, score) if math.isfinite(score) else (None, None)


def _compared(name: str, real: Any, synthetic: Any, metadata: Metadata) -> dict[str, object]:
    """What a metric is given: all columns, or those that have correlations where it wants one."""
    chosen = list(metadata["columns"])
    if name == "CorrelationSimilarity":
        chosen = _correlated(_of_kind(metadata, "numerical"), real)
    return {
        "real_data": real[chosen],
        "synthetic_data": synthetic[chosen],
        "metadata": {"columns": {n: metadata["columns"][n] for n in chosen}},
    }


def _correlated(names: list[str], real: Any) -> list[str]:
    """Columns such that any two of them vary in the rows where both are filled."""
    chosen: list[str] = []
    for name in names:
        pairs = [[name, name], *([other, name] for other in chosen)]
        if all((real[pair].dropna().nunique() > 1).all() for pair in pairs):
            chosen.append(name)
    return chosen


def _of_kind(metadata: Metadata, kind: str) -> list[str]:
    return [n for n, c in metadata["columns"].items() if c["sdtype"] == kind]


def _applies(metric: Any, metadata: Metadata, real: Any) -> bool:
    """Whether the table has a column (for pairs, two that vary) of the kinds it compares."""
    name = metric.__name__
    if name in _OF_PAIRS:
        names = _of_kind(metadata, _OF_PAIRS[name])
        return len(_correlated(names, real) if _OF_PAIRS[name] == "numerical" else names) > 1
    return name not in _OF_COLUMNS or bool(_of_kind(metadata, _OF_COLUMNS[name]))


if __name__ == "__main__":
    from include.espejo.process.child import answer

    answer(_compute_all)
