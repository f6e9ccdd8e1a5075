"""Fields: what the generator draws for each row, all of them integer codes.

A column becomes a field of a few codes: its own codes, the values of a heaped number, intervals
of a number that is not heaped (the modes of mode-specific normalisation, Xu et al. 2019, section
4.2, found by rank instead of by a mixture), special codes and the blank apart from the number.
A birth year becomes its gap to age and survey year, so that the two cannot contradict each
other. Every field can be turned back into its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd

HEAPED_ROWS = 10  # a value on fewer rows is no heap: it goes into an interval
MOST_VALUES = 400
MOST_INTERVALS = 64

Kind = Literal["code", "number", "gap"]


@dataclass(frozen=True)
class Field:
    """One drawn variable. Codes 0.. stand for `labels` (kind code; None is the blank), or for the
    closed intervals `low`..`high` (kinds number and gap; both NaN for the blank).

    A gap's codes from `special_from` on are values of the column itself; those below are what
    survey year minus age leaves to the birth year. `age` is then the column of the age.
    """

    column: str
    kind: Kind
    labels: tuple[str | None, ...] = ()
    low: np.ndarray = field(default_factory=lambda: np.empty(0))
    high: np.ndarray = field(default_factory=lambda: np.empty(0))
    decimals: int = 0
    age: str | None = None
    special_from: int = 0

    @property
    def size(self) -> int:
        return len(self.labels) if self.kind == "code" else len(self.low)

    def code_of(self, text: str) -> int | None:
        """The code that stands for a written code or a single number; None if there is none."""
        if self.kind == "code":
            return self.labels.index(text) if text in self.labels else None
        try:
            number = float(text)
        except ValueError:
            return None
        own = np.flatnonzero((self.low == number) & (self.high == number))
        own = own[own >= self.special_from] if self.kind == "gap" else own
        return int(own[0]) if len(own) else None

    def as_dict(self) -> dict[str, Any]:
        """For the model file: JSON has no NaN, so a blank's bounds are None."""
        bounds = {n: [None if np.isnan(v) else float(v) for v in getattr(self, n)]
                  for n in ("low", "high")}  # fmt: skip
        return {"column": self.column, "kind": self.kind, "labels": list(self.labels), **bounds,
                "decimals": self.decimals, "age": self.age,
                "special_from": self.special_from}  # fmt: skip

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Field:
        bounds = {n: np.array([np.nan if v is None else v for v in content[n]], dtype=float)
                  for n in ("low", "high")}  # fmt: skip
        return cls(**{**content, "labels": tuple(content["labels"]), **bounds})


def code_field(column: str, values: pd.Series) -> tuple[Field, np.ndarray]:
    """The field of a code column and its codes: int32, shape (rows,)."""
    categories = values.cat.remove_unused_categories().cat
    labels: list[str | None] = [str(label) for label in categories.categories]
    codes = categories.codes.to_numpy().astype(np.int32)
    if (codes < 0).any():
        codes = np.where(codes < 0, len(labels), codes).astype(np.int32)
        labels.append(None)
    return Field(column, "code", labels=tuple(labels)), codes


def number_field(
    column: str, values: np.ndarray, special: Sequence[float], cuts: Sequence[float]
) -> tuple[Field, np.ndarray]:
    """The field of a number: heaps and special codes as points, the rest as intervals.

    `cuts` are the constants of the spec's rules: no interval lies across one, so that a rule
    holds for the whole of an interval or for none of it.
    """
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    heaped = counts >= HEAPED_ROWS
    if heaped.sum() > MOST_VALUES:
        heaped &= counts >= np.sort(counts)[-MOST_VALUES]
    points = set(distinct[heaped]) | (set(special) & set(distinct))
    rest = np.sort(known[~np.isin(known, list(points))])
    bounds = [(p, p) for p in points] + _intervals(rest, cuts)
    bounds.sort()
    low, high = (np.array(side, dtype=float) for side in zip(*bounds, strict=True)) if bounds else (
        np.empty(0), np.empty(0))  # fmt: skip
    codes = _locate(values, low, high, np.array(sorted(points), dtype=float))
    if np.isnan(values).any():
        low, high = np.append(low, np.nan), np.append(high, np.nan)
        codes[np.isnan(values)] = len(low) - 1
    decimals = _decimals(known)
    return Field(column, "number", low=low, high=high, decimals=decimals), codes


def gap_field(
    column: str, values: np.ndarray, age: str, ages: np.ndarray, year: int, special: Sequence[float]
) -> tuple[Field, np.ndarray]:
    """The field of a birth year given the age: gap, or a special code of its own, or blank."""
    gaps = year - ages - values
    own = np.isin(values, list(special)) | np.isnan(gaps)
    gap_values = np.unique(gaps[~own])
    own_values = np.unique(values[own & ~np.isnan(values)])
    low = np.concatenate([gap_values, own_values])
    codes = np.zeros(len(values), dtype=np.int32)
    codes[~own] = np.searchsorted(gap_values, gaps[~own])
    blank = np.isnan(values)
    codes[own & ~blank] = len(gap_values) + np.searchsorted(own_values, values[own & ~blank])
    if blank.any():
        codes[blank] = len(low)
        low = np.append(low, np.nan)
    return Field(
        column, "gap", low=low, high=low.copy(), age=age, special_from=len(gap_values)
    ), codes


def _intervals(rest: np.ndarray, cuts: Sequence[float]) -> list[tuple[float, float]]:
    """Intervals of about equal numbers of rows, none across a cut: (lowest, highest) value."""
    found: list[tuple[float, float]] = []
    edges = [-np.inf, *sorted(set(cuts)), np.inf]
    for left, right in pairwise(edges):
        part = rest[(rest > left) & (rest < right)]
        found += [(c, c) for c in (left,) if np.isfinite(c) and (rest == c).any()]
        if not len(part):
            continue
        pieces = max(1, min(MOST_INTERVALS, len(part) // HEAPED_ROWS))
        found += [(piece[0], piece[-1]) for piece in np.array_split(part, pieces)]
    return _without_overlap(found)


def _without_overlap(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Neighbours that share a value become one."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _locate(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """The code of each value: its own point, or the interval that holds it."""
    codes = np.zeros(len(values), dtype=np.int32)
    if not len(low):
        return codes
    is_point = low == high
    point_codes = np.flatnonzero(is_point)
    wide_codes = np.flatnonzero(~is_point)
    if len(wide_codes):
        found = np.searchsorted(low[wide_codes], values, side="right") - 1
        codes = wide_codes[np.clip(found, 0, None)].astype(np.int32)
    if len(point_codes):
        found = np.clip(np.searchsorted(low[point_codes], values), 0, len(point_codes) - 1)
        exact = low[point_codes][found] == values
        codes[exact] = point_codes[found][exact]
    return codes


def _decimals(values: np.ndarray) -> int:
    """How many decimals the values are written with, at most 6."""
    for decimals in range(6):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-9):
            return decimals
    return 6
