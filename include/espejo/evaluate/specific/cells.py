"""An indicator as counts of cells, and its statistics from such counts.

`indicators.py` says what an indicator is; here the same is worked out from counts, for many
replicates at once. With the counts of the table itself both give the same figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.model import Indicator
from include.espejo.table.conditions import rows_that_meet
from include.espejo.table.indicators import group_labels

QUANTILES = {"first_quartile": 0.25, "median": 0.5, "third_quartile": 0.75}

Key = tuple[str, str, str]  # statistic, group, category: the key of a figure of one indicator


@dataclass(frozen=True)
class Cells:
    """The distinct pairs of group and value among an indicator's rows, in rising order.

    `groups`: the written groups. `group` int64 and `values`, (cells,): of each cell. `cell`
    int64, (rows of the table,): of each row, -1 for rows that the indicator is not about.
    """

    groups: tuple[str, ...]
    group: np.ndarray
    values: np.ndarray
    cell: np.ndarray

    @property
    def size(self) -> int:
        return len(self.group)

    def spans(self) -> Iterator[tuple[str, slice]]:
        """Each group and its cells."""
        ends = np.searchsorted(self.group, np.arange(len(self.groups) + 1))
        for number, name in enumerate(self.groups):
            yield name, slice(int(ends[number]), int(ends[number + 1]))


def tabulate(indicator: Indicator, frame: pd.DataFrame, spec: SurveySpec, period: Period) -> Cells:
    """The cells of an indicator; rows without a group or a value are in none."""
    chosen = np.arange(len(frame))
    if indicator.among:
        chosen = np.flatnonzero(rows_that_meet(spec.expression(indicator.among), frame, period))
    table = frame.iloc[chosen]
    values = pd.Series(
        rows_that_meet(spec.expression(indicator.of), table, period), index=table.index
    )
    labels = group_labels(indicator.by, table)
    kept = (labels.notna() & values.notna()).to_numpy()
    group, groups = pd.factorize(labels[kept], sort=True)
    value, distinct = pd.factorize(values[kept], sort=True)
    pairs, of_row = np.unique(group * max(len(distinct), 1) + value, return_inverse=True)
    cell = np.full(len(frame), -1, dtype=np.int64)
    cell[chosen[kept]] = of_row
    return Cells(
        groups=tuple(map(str, groups)),
        group=pairs // max(len(distinct), 1),
        values=np.asarray(distinct)[pairs % max(len(distinct), 1)],
        cell=cell,
    )


def statistics_of(indicator: Indicator, cells: Cells, counts: np.ndarray) -> dict[Key, np.ndarray]:
    """Every figure of an indicator, float64 (replicates,); NaN where a replicate has nobody.

    `counts`: how many people are in each cell in each replicate, (cells, replicates).
    """
    found: dict[Key, np.ndarray] = {}
    with np.errstate(invalid="ignore"):  # nobody in a replicate: 0 / 0 is the NaN that is meant
        for group, span in cells.spans():
            for statistic in indicator.statistics:
                for name, category, figure in _statistic(
                    statistic, cells.values[span], counts[span]
                ):
                    found[name, group, category] = figure
    return found


def _statistic(
    statistic: str, values: np.ndarray, counts: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray]]:
    """A statistic of one group: its name, category and figures (replicates,)."""
    total = counts.sum(axis=0, dtype=float)
    match statistic:
        case "share":
            yield "share", "", counts[values.astype(bool)].sum(axis=0, dtype=float) / total
        case "distribution":
            for value, count in zip(values, counts, strict=True):
                yield "share", str(value), count / total
        case "mean":
            yield "mean", "", values.astype(float) @ counts.astype(float) / total
        case "median":
            yield "median", "", quantile(values, counts, QUANTILES["median"])
        case "quartiles":
            for name in ("first_quartile", "third_quartile"):
                yield name, "", quantile(values, counts, QUANTILES[name])


def quantile(values: np.ndarray, counts: np.ndarray, share: float) -> np.ndarray:
    """The quantile of values that occur `counts` times, between neighbours by a straight line.

    Type 7 of Hyndman and Fan (1996), as pandas has it. `values`: (cells,), rising; `counts`:
    (cells, replicates). Float64, (replicates,).
    """
    upto = counts.cumsum(axis=0, dtype=float)
    total = upto[-1]
    position = np.maximum(share * (total - 1), 0)
    last = len(values) - 1
    below, above = (
        values.astype(float)[np.minimum((upto <= whole).sum(axis=0), last)]
        for whole in (np.floor(position), np.ceil(position))
    )
    found = below + (above - below) * (position - np.floor(position))
    return np.asarray(np.where(total > 0, found, np.nan))
