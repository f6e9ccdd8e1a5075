"""Fields: what the generator draws for each row, all of them integer codes.

A column becomes a field of a few codes: its own codes, or the bins of a number (`bins.py`), special
codes and the blank apart from it.
A birth year becomes its gap to age and survey year, so that the two cannot contradict each
other. Every field can be turned back into its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from include.espejo.synthesis.ctgan.encoding.bins import Bins, cut_bins, locate

Kind = Literal["code", "number", "gap"]


@dataclass(frozen=True)
class Field:
    """One drawn variable. Codes 0.. stand for `labels` (kind code; None is the blank), or for
    `bins` (kinds number and gap; both ends are NaN for the blank).

    `special`: values that a number's codes stand for and that have no place on its line.
    A gap's codes from `special_from` on are values of the column itself; those below are what
    survey year minus age leaves to the birth year. `age` is then the column of the age.
    """

    column: str
    kind: Kind
    labels: tuple[str | None, ...] = ()
    bins: Bins = field(default_factory=Bins)
    special: tuple[float, ...] = ()
    decimals: int = 0
    age: str | None = None
    special_from: int = 0

    @property
    def size(self) -> int:
        return len(self.labels) if self.kind == "code" else len(self.low)

    @property
    def low(self) -> np.ndarray:
        """The lowest value of each code: (size,), NaN for the blank."""
        return self.bins.low

    @property
    def high(self) -> np.ndarray:
        """The highest value of each code: (size,)."""
        return self.bins.high

    @property
    def has_wide_bins(self) -> bool:
        """Whether a code of this number stands for more than one value."""
        return self.kind == "number" and bool((self.low < self.high).any())

    @property
    def on_the_line(self) -> np.ndarray:
        """Which codes stand for ordinary values of a number: boolean, (size,)."""
        if self.kind != "number":
            return np.zeros(self.size, dtype=bool)
        return np.asarray(~np.isnan(self.low) & ~np.isin(self.low, list(self.special)))

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
        """For the model file, as JSON can hold it."""
        return {
            "column": self.column,
            "kind": self.kind,
            "labels": list(self.labels),
            "bins": self.bins.as_dict(),
            "special": list(self.special),
            "decimals": self.decimals,
            "age": self.age,
            "special_from": self.special_from,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Field:
        lists = {name: tuple(content[name]) for name in ("labels", "special")}
        return cls(**{**content, **lists, "bins": Bins.from_dict(content["bins"])})


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
    column: str,
    values: np.ndarray,
    special: Sequence[float],
    cuts: Sequence[float],
    households: np.ndarray | None = None,
) -> tuple[Field, np.ndarray]:
    """The field of a number, and the codes of `values`, (rows,): int32, (rows,).

    Special codes are codes of their own, and so are `cuts`, the constants of the spec's rules.
    """
    blank = np.isnan(values)
    known = values[~blank]
    homes = None if households is None else households[~blank]
    bins = cut_bins(known, special, cuts, homes)
    codes = np.full(len(values), len(bins.low), dtype=np.int32)
    codes[~blank] = locate(known, bins.low)
    if blank.any():
        bins = bins.with_blank(int(blank.sum()))
    own = tuple(float(x) for x in special if x in bins.low)
    return Field(column, "number", bins=bins, special=own, decimals=_decimals(known)), codes


def gap_field(
    column: str, values: np.ndarray, age: str, ages: np.ndarray, year: int, special: Sequence[float]
) -> tuple[Field, np.ndarray]:
    """The field of a birth year given the age: gap, or a special code of its own, or blank."""
    gaps = year - ages - values
    own = np.isin(values, list(special)) | np.isnan(gaps)
    gap_values = np.unique(gaps[~own])
    own_values = np.unique(values[own & ~np.isnan(values)])
    codes = np.zeros(len(values), dtype=np.int32)
    codes[~own] = np.searchsorted(gap_values, gaps[~own])
    blank = np.isnan(values)
    codes[own & ~blank] = len(gap_values) + np.searchsorted(own_values, values[own & ~blank])
    bins = Bins.of_points(np.concatenate([gap_values, own_values]))
    if blank.any():
        codes[blank] = len(bins.low)
        bins = bins.with_blank()
    return Field(column, "gap", bins=bins, age=age, special_from=len(gap_values)), codes


def _decimals(values: np.ndarray) -> int:
    """How many decimals the values are written with, at most 6."""
    for decimals in range(6):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-9):
            return decimals
    return 6
