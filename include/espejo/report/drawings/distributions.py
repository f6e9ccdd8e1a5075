"""What the report shows of columns: shares of real and synthetic rows, none under the floor.

A bar of real rows that stands on fewer people than the floor is merged with others before
anything is drawn. Shares are from 0 to 1, cut to thousandths, as far as a picture tells them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from include.espejo.report.drawings.bins import axis_bins, count_in_bins, is_skewed
from include.espejo.survey import Column, SurveySpec

MOST_BARS = 40
DECIMALS = 3  # of a share
_SPIKE = 0.3  # a lowest value with more than this share is told apart, or it flattens the rest


@dataclass(frozen=True)
class Bar:
    """A bar of a code, of a number shown by itself, of blanks, or of all other values."""

    kind: Literal["code", "blank", "others"]
    code: str
    real: float
    synthetic: float


@dataclass(frozen=True)
class Histogram:
    """Shares by bin: (bins,), of all rows; `edges`: (bins + 1,). `log`: bins widen with value."""

    edges: np.ndarray
    real: np.ndarray
    synthetic: np.ndarray
    log: bool

    def density(self, shares: np.ndarray) -> np.ndarray:
        """Shares by unit, or by doubling where the scale is logarithmic: merged bins are wider."""
        edges = np.log2(self.edges) if self.log else self.edges
        return np.asarray(shares / np.diff(edges))


@dataclass(frozen=True)
class Distribution:
    """Bars as they are to be shown; `histogram` of a number, whose bars are what it leaves out."""

    bars: tuple[Bar, ...]
    histogram: Histogram | None = None


def distributions(
    real: pd.DataFrame, synthetic: pd.DataFrame, spec: SurveySpec, counted: np.ndarray
) -> dict[str, Distribution]:
    """That of every column of the release. Places, of which no order is known, are by size.

    `counted`: real rows that count for the floor (see `table.floors.few_of_each`), (rows,).
    """
    places, floor = spec.geography_columns(), spec.disclosure.floor.people
    return {
        name: distribution(
            real[name], synthetic[name], spec.columns[name], floor, counted, name in places
        )
        for name in synthetic.columns
    }


def distribution(
    real: pd.Series,
    synthetic: pd.Series,
    column: Column,
    floor: int,
    counted: np.ndarray | None = None,
    by_size: bool = False,
) -> Distribution:
    """The distribution of a column. `by_size`: codes from the most common down.

    `counted`: as of `distributions`; None, all.
    """
    counted = np.ones(len(real), dtype=bool) if counted is None else counted
    if column.is_code():
        return _of_codes(real, synthetic, column, floor, counted, by_size)
    return _of_numbers(real, synthetic, column, floor, counted)


def _of_codes(
    real: pd.Series,
    synthetic: pd.Series,
    column: Column,
    floor: int,
    counted: np.ndarray,
    by_size: bool,
) -> Distribution:
    """The most common codes in the spec's order, or by size where they are too many to show."""
    left, right = (_counts_by_code(values) for values in (real, synthetic))
    people = _counts_by_code(real[counted]).reindex(left.index, fill_value=0)
    shown = [code for code in left.index if people[code] >= floor][:MOST_BARS]
    rest = int(counted.sum()) - int(people[shown].sum())
    while shown and rest < floor and len(shown) < len(left):
        rest += int(people[shown.pop()])
    rest = len(real) - int(left[shown].sum())
    if not by_size and len(shown) < MOST_BARS:
        # What stands for other codes ("not specified") comes after them.
        place = {code: at for at, code in enumerate(column.listed_codes())}
        shown.sort(key=lambda code: (code in column.residual, place.get(code, len(place)), code))
    shown.sort(key=lambda code: code == "")
    bars = [
        Bar("code" if code else "blank", code, *_shares(left.get(code), right.get(code, 0), sizes))
        for sizes in [(len(real), len(synthetic))]
        for code in shown
    ]
    others = len(synthetic) - int(right.reindex(shown).fillna(0).sum())
    if rest or others:
        bars.append(Bar("others", "", *_shares(rest, others, (len(real), len(synthetic)))))
    return Distribution(tuple(bars))


def _counts_by_code(values: pd.Series) -> pd.Series:
    """Rows by code, the most common first; the blank is the empty text."""
    counts = values.value_counts(dropna=False)
    return pd.Series(
        counts.to_numpy(), index=["" if pd.isna(code) else str(code) for code in counts.index]
    )[lambda found: found > 0].sort_values(ascending=False, kind="stable")


def _shares(real: int, synthetic: int, sizes: tuple[int, int]) -> tuple[float, float]:
    shares = [
        float(count) / max(size, 1) for count, size in zip((real, synthetic), sizes, strict=True)
    ]
    return round(shares[0], DECIMALS), round(shares[1], DECIMALS)


def _of_numbers(
    real: pd.Series, synthetic: pd.Series, column: Column, floor: int, counted: np.ndarray
) -> Distribution:
    """A histogram with bins of at least `floor` real rows; blank, special codes, spikes apart.

    Shares are of the rows that are shown.
    """
    left, right = real.to_numpy(float), synthetic.to_numpy(float)
    rest = [np.ones(len(left), bool), np.ones(len(right), bool)]
    shown = []
    for kind, code, masks in _told_apart(left, right, column):
        rest = [whole & ~mask for whole, mask in zip(rest, masks, strict=True)]
        if (masks[0] & counted).sum() >= floor:
            shown.append((kind, code, int(masks[0].sum()), int(masks[1].sum())))
    edges = _edges(left[rest[0] & counted], floor, whole=column.is_whole())
    # Shares are of what is shown: of all rows, they would tell how many are left out.
    others = (0, 0) if edges is None else (int(rest[0].sum()), int(rest[1].sum()))
    sizes = (sum(bar[2] for bar in shown) + others[0], sum(bar[3] for bar in shown) + others[1])
    bars = tuple(
        Bar(kind, code, *_shares(people, copies, sizes)) for kind, code, people, copies in shown
    )
    return Distribution(bars, _histogram(left[rest[0]], right[rest[1]], sizes, edges))


Mask = tuple[np.ndarray, np.ndarray]


def _told_apart(
    left: np.ndarray, right: np.ndarray, column: Column
) -> Iterator[tuple[Literal["code", "blank"], str, Mask]]:
    numbers = left[~np.isnan(left) & ~np.isin(left, list(column.special))]
    if len(numbers):
        low = numbers.min()
        if (numbers == low).mean() > _SPIKE and (numbers > low).any():
            yield "code", column.text(low), (left == low, right == low)
    for special in column.special:
        yield "code", column.text(special), (left == special, right == special)
    yield "blank", "", (np.isnan(left), np.isnan(right))


def _edges(counted: np.ndarray, floor: int, *, whole: bool) -> tuple[np.ndarray, bool] | None:
    """Where bins are cut, and whether logarithmically; None: too few people for even one."""
    if len(counted) < floor:
        return None
    log = is_skewed(counted)
    return axis_bins(counted, floor, log, whole), log


def _histogram(
    real: np.ndarray,
    synthetic: np.ndarray,
    sizes: tuple[int, int],
    cut: tuple[np.ndarray, bool] | None,
) -> Histogram | None:
    if cut is None:
        return None
    edges, log = cut
    shares = [
        np.round(count_in_bins(values, edges) / max(size, 1), DECIMALS)
        for values, size in zip((real, synthetic), sizes, strict=True)
    ]
    return Histogram(edges, shares[0], shares[1], log)
