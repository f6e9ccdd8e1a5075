"""Headline indicators of a table, declared in its spec: what analysts compute first.

Unweighted they describe the table's rows; by the survey weight, where it has one, the population.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.model import Band, Indicator
from include.espejo.table.conditions import rows_that_meet

COLUMNS = ("indicator", "statistic", "group", "category", "value", "rows")
_QUARTILES = {"first_quartile": 0.25, "third_quartile": 0.75}

Row = tuple[str, str, str, str, float, int]


def compute_indicators(
    frame: pd.DataFrame, spec: SurveySpec, period: Period, *, weighted: bool = False
) -> pd.DataFrame:
    """Every declared indicator as a long table with COLUMNS; `rows` is what a value stands on.

    `group` is written `ENT=09, SEX=2`, empty for the whole table. `weighted`: by the survey weight.
    """
    weights = np.ones(len(frame))
    if weighted and spec.weight is not None:
        weights = frame[spec.weight.column].fillna(0).to_numpy(float)
    rows: list[Row] = []
    for indicator in spec.indicators:
        rows += _indicator(indicator, frame, weights, spec, period)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def with_weighted(frame: pd.DataFrame, spec: SurveySpec, period: Period) -> pd.DataFrame:
    """The indicators; of a spec with a survey weight, with `weighted_value` beside each."""
    figures = compute_indicators(frame, spec, period)
    if spec.weight is None:
        return figures
    weighted = compute_indicators(frame, spec, period, weighted=True)
    keys = ["indicator", "statistic", "group", "category"]
    named = weighted[[*keys, "value"]].rename(columns={"value": "weighted_value"})
    return figures.merge(named, on=keys, how="left")


def _indicator(
    indicator: Indicator,
    frame: pd.DataFrame,
    weights: np.ndarray,
    spec: SurveySpec,
    period: Period,
) -> Iterator[Row]:
    chosen = np.ones(len(frame), dtype=bool)
    if indicator.among:
        chosen = rows_that_meet(spec.expression(indicator.among), frame, period)
    table = frame[chosen]
    values = pd.Series(
        rows_that_meet(spec.expression(indicator.of), table, period), index=table.index
    )
    groups = group_labels(indicator.by, table)
    by_row = pd.Series(weights[chosen], index=table.index)
    for group, members in values.groupby(groups, sort=True):
        behind = by_row[members.index]
        for statistic in indicator.statistics:
            for name, category, value in _statistic(statistic, members, behind):
                yield indicator.name, name, str(group), category, value, len(members)


def group_labels(by: tuple[str | Band, ...], table: pd.DataFrame) -> pd.Series:
    """The written group of each row; rows that are blank in a grouping column are left out."""
    text = pd.Series("", index=table.index, dtype=object)
    for part in by:
        name = part if isinstance(part, str) else part.column
        labels = table[name].astype(object) if isinstance(part, str) else _bands(part, table[name])
        separator = text.map(lambda written: ", " if written else "")
        text = (text + separator + name + "=" + labels.astype(object)).where(labels.notna())
    return text


def _bands(band: Band, values: pd.Series) -> pd.Series:
    cuts = list(band.cuts)
    labels = [f"-{cuts[0] - 1}"]
    labels += [f"{low}-{high - 1}" for low, high in pairwise(cuts)]
    labels.append(f"{cuts[-1]}+")
    return pd.cut(values, [-np.inf, *cuts, np.inf], right=False, labels=labels)


def _statistic(
    statistic: str, values: pd.Series, weights: pd.Series
) -> Iterator[tuple[str, str, float]]:
    match statistic:
        case "share":
            yield "share", "", _mean(values.astype(bool).astype(float), weights)
        case "distribution":
            sums = weights[values.notna()].groupby(values.dropna(), observed=True).sum()
            for category, share in (sums / sums.sum()).sort_index().items():
                yield "share", str(category), float(share)
        case "mean":
            yield "mean", "", _mean(values, weights)
        case "median":
            yield "median", "", _quantile(values, weights, 0.5)
        case "quartiles":
            for name, share in _QUARTILES.items():
                yield name, "", _quantile(values, weights, share)


def _mean(values: pd.Series, weights: pd.Series) -> float:
    known = values.notna()
    total = float(weights[known].sum())
    return float((values[known] * weights[known]).sum() / total) if total else float("nan")


def _quantile(values: pd.Series, weights: pd.Series, share: float) -> float:
    """Interpolated where all weights are 1, as pandas does; else where the weights reach the share
    (Särndal, Swensson and Wretman 1992, "Model Assisted Survey Sampling", section 5.11)."""
    known = values.notna() & (weights > 0)
    if (weights == 1).all() or not known.any():
        return float(values.quantile(share))
    ordered = values[known].sort_values(kind="stable")
    reached = weights[ordered.index].cumsum() / weights[known].sum()
    return float(ordered.iloc[int(np.searchsorted(reached.to_numpy(), share - 1e-12))])
