"""Headline indicators of a table, declared in its spec: what analysts compute first.

Unweighted: a release holds no expansion factor, so these describe its rows, not a population.
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


def compute_indicators(frame: pd.DataFrame, spec: SurveySpec, period: Period) -> pd.DataFrame:
    """Every declared indicator as a long table with COLUMNS; `rows` is what a value stands on.

    `group` is written `ENT=09, SEX=2`, empty for the whole table.
    """
    rows: list[Row] = []
    for indicator in spec.indicators:
        rows += _indicator(indicator, frame, spec, period)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _indicator(
    indicator: Indicator, frame: pd.DataFrame, spec: SurveySpec, period: Period
) -> Iterator[Row]:
    chosen = np.ones(len(frame), dtype=bool)
    if indicator.among:
        chosen = rows_that_meet(spec.expression(indicator.among), frame, period)
    table = frame[chosen]
    values = pd.Series(
        rows_that_meet(spec.expression(indicator.of), table, period), index=table.index
    )
    groups = group_labels(indicator.by, table)
    for group, members in values.groupby(groups, sort=True):
        for statistic in indicator.statistics:
            for name, category, value in _statistic(statistic, members):
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


def _statistic(statistic: str, values: pd.Series) -> Iterator[tuple[str, str, float]]:
    match statistic:
        case "share":
            yield "share", "", float(values.astype(bool).mean())
        case "distribution":
            for category, share in values.value_counts(normalize=True).sort_index().items():
                yield "share", str(category), float(share)
        case "mean":
            yield "mean", "", float(values.mean())
        case "median":
            yield "median", "", float(values.median())
        case "quartiles":
            for name, share in _QUARTILES.items():
                yield name, "", float(values.quantile(share))
