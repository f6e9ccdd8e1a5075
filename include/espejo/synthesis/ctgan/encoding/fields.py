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

UNKNOWN = -1  # the code of what a field was not learnt with


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
    def is_blank(self) -> np.ndarray:
        """Which codes stand for the blank: boolean, (size,)."""
        if self.kind == "code":
            return np.array([label is None for label in self.labels], dtype=bool)
        return np.asarray(np.isnan(self.low))

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

    def codes_of_labels(self, values: pd.Series) -> np.ndarray:
        """The codes of this code column, or of a part of its rows: int32, (rows,)."""
        at = {label: code for code, label in enumerate(self.labels)}
        by_category = [at.get(str(label), UNKNOWN) for label in values.cat.categories]
        codes = np.array([*by_category, at.get(None, UNKNOWN)], dtype=np.int32)
        return np.asarray(codes[values.cat.codes])  # a blank's -1 is the last one

    def codes_of_numbers(self, values: np.ndarray) -> np.ndarray:
        """The codes of this number's values, or of some of them: int32, (rows,)."""
        codes = locate(values, self.low[~np.isnan(self.low)])
        codes[np.isnan(values)] = self.size - 1
        return codes

    def codes_of_years(
        self, values: np.ndarray, ages: np.ndarray, year: int, special: Sequence[float]
    ) -> np.ndarray:
        """The codes of this gap's birth years, or of some of them: int32, (rows,)."""
        gaps, own = _gaps(values, ages, year, special)
        codes = np.searchsorted(self.low[: self.special_from], gaps)
        # The blank is the last of the own values, and sorted last.
        codes[own] = self.special_from + np.searchsorted(self.low[self.special_from :], values[own])
        return np.asarray(codes, dtype=np.int32)

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
    used = values.cat.remove_unused_categories().cat.categories
    labels: list[str | None] = [str(label) for label in used]
    if values.isna().any():
        labels.append(None)
    learnt = Field(column, "code", labels=tuple(labels))
    return learnt, learnt.codes_of_labels(values)


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
    if blank.any():
        bins = bins.with_blank(int(blank.sum()))
    own = tuple(float(x) for x in special if x in bins.low)
    learnt = Field(column, "number", bins=bins, special=own, decimals=_decimals(known))
    return learnt, learnt.codes_of_numbers(values)


def gap_field(
    column: str, values: np.ndarray, age: str, ages: np.ndarray, year: int, special: Sequence[float]
) -> tuple[Field, np.ndarray]:
    """The field of a birth year given the age: gap, or a special code of its own, or blank."""
    gaps, own = _gaps(values, ages, year, special)
    gap_values = np.unique(gaps[~own])
    blank = np.isnan(values)
    bins = Bins.of_points(np.concatenate([gap_values, np.unique(values[own & ~blank])]))
    if blank.any():
        bins = bins.with_blank()
    learnt = Field(column, "gap", bins=bins, age=age, special_from=len(gap_values))
    return learnt, learnt.codes_of_years(values, ages, year, special)


def _gaps(
    values: np.ndarray, ages: np.ndarray, year: int, special: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """What survey year minus age leaves to each birth year, and whose year stands for itself."""
    gaps = year - ages - values
    return gaps, np.isin(values, list(special)) | np.isnan(gaps)


def _decimals(values: np.ndarray) -> int:
    """How many decimals the values are written with, at most 6."""
    for decimals in range(6):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-9):
            return decimals
    return 6
