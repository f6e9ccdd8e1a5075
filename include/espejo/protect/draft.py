"""The working copy that the measures change, and the ledger of what they changed.

A blank is None, in codes as in numbers. Rows are known by position throughout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from include.espejo.errors import InputError
from include.espejo.survey import Column, Period, SurveySpec
from include.espejo.table.document import Touched
from include.espejo.table.households import household_numbers

Value = str | float | None


class Draft:
    """A copy of the columns that training and split need, with its random generator.

    `household`: int64, (rows,), from the frame as it came: places in the key may be blanked.
    """

    def __init__(self, frame: pd.DataFrame, spec: SurveySpec, period: Period, seed: int) -> None:
        self.spec, self.period, self.floor = spec, period, spec.disclosure.floor
        self.random = np.random.default_rng(seed)
        self._require(frame)
        self.household = household_numbers(frame, spec)
        self.frame = _with_residuals(frame[_kept(frame, spec)], spec)
        self.changes = 0
        self._index = frame.index
        self._touched: dict[str, dict[str, np.ndarray]] = defaultdict(dict)

    def _require(self, frame: pd.DataFrame) -> None:
        missing = [n for n in self.spec.model.columns if n not in frame]
        if missing:
            raise self.refusal([f"column {', '.join(missing)}, rule modelled: not in the table"])
        if len(frame) < self.floor.people:
            raise self.refusal(
                [
                    f"rule floor: {len(frame)} rows are fewer people than the floor of "
                    f"{self.floor.people}; give the whole file"
                ]
            )

    def refusal(self, problems: list[str]) -> InputError:
        return InputError(f"protecting {self.spec.survey} {self.period}", problems)

    def fields(self) -> dict[str, Column]:
        """The modelled columns outside the geography, in the source's order."""
        places = set(self.spec.geography_columns())
        return {n: c for n, c in self.spec.model_columns().items() if n not in places}

    def as_it_stands(self) -> pd.DataFrame:
        """What the frame is now: a measure puts a new column in the place of one, so that nothing
        need be copied."""
        return self.frame.copy(deep=False)

    def rows(self, at: np.ndarray) -> pd.DataFrame:
        """A copy of some rows, numbered from 0. `at`: positions."""
        return self.frame.iloc[at].reset_index(drop=True)

    def put(self, at: np.ndarray, part: pd.DataFrame, measure: str, column: str = "") -> None:
        """Write rows back; cells of other columns than `column` were changed to follow a rule."""
        for name in part.columns:
            old = self.frame[name]
            changed = differs(old.iloc[at], part[name])
            if changed.any():
                self._write(name, at[changed], part[name].iloc[np.flatnonzero(changed)])
                self._mark(name, measure if name == column or not column else "rule", at[changed])

    def put_numbers(self, name: str, values: np.ndarray, measure: str) -> None:
        """Replace a number column: float64, (rows,)."""
        changed = differs(self.frame[name], pd.Series(values))
        if changed.any():
            self.frame[name] = values
            self._mark(name, measure, np.flatnonzero(changed))

    def _write(self, name: str, at: np.ndarray, values: pd.Series) -> None:
        column = self.frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy().copy()
            codes[at] = values.cat.codes.to_numpy()
            self.frame[name] = pd.Categorical.from_codes(codes, dtype=column.dtype)
        else:
            numbers = column.to_numpy(float).copy()
            numbers[at] = values.to_numpy(float)
            self.frame[name] = numbers

    def _mark(self, name: str, measure: str, at: np.ndarray) -> None:
        marks = self._touched[name].setdefault(measure, np.zeros(len(self.frame), dtype=bool))
        marks[at] = True
        self.changes += len(at)

    def result(self) -> pd.DataFrame:
        """The table, with its own index again and without category lists of what is gone."""
        frame = self.frame.set_axis(self._index)
        for name in self.spec.model.columns:
            if isinstance(frame[name].dtype, pd.CategoricalDtype):
                frame[name] = frame[name].cat.remove_unused_categories()
        return frame

    def touched(self, lost: Sequence[str]) -> Touched:
        """What was changed so far. `lost`: geography levels that are blank throughout."""
        every = np.zeros(len(self.frame), dtype=bool)
        columns: dict[str, dict[str, int]] = {}
        for name in self.frame.columns:
            for measure, marks in self._touched.get(name, {}).items():
                every |= marks
                columns.setdefault(name, {})[measure] = int(marks.sum())
        return Touched(
            rows=len(every),
            rows_touched=int(every.sum()),
            columns=columns,
            geography_lost=tuple(lost),
        )


def assign(values: pd.Series, where: np.ndarray, value: Value) -> pd.Series:
    """With `value` in some rows: a new series. A code must be among the categories."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy().copy()
        codes[where] = -1 if value is None else values.cat.categories.get_loc(value)
        return pd.Series(pd.Categorical.from_codes(codes, dtype=values.dtype))
    numbers = values.to_numpy(float).copy()
    numbers[where] = np.nan if value is None else float(value)
    return pd.Series(numbers)


def differs(old: pd.Series, new: pd.Series) -> np.ndarray:
    """Where two series of one type differ, two blanks being equal: boolean, (rows,)."""
    if isinstance(old.dtype, pd.CategoricalDtype):
        return np.asarray(old.cat.codes.to_numpy() != new.cat.codes.to_numpy())
    left, right = old.to_numpy(float), new.to_numpy(float)
    return np.asarray((left != right) & ~(np.isnan(left) & np.isnan(right)))


def _kept(frame: pd.DataFrame, spec: SurveySpec) -> list[str]:
    """Modelled columns, keys and the period; any other column is detail nobody protects."""
    keys = (*spec.key("household"), *spec.key("person"), *spec.panel_key())
    kept = {*spec.model.columns, *keys, spec.source.period_column}
    return [name for name in frame.columns if name in kept]


def _with_residuals(frame: pd.DataFrame, spec: SurveySpec) -> pd.DataFrame:
    """A copy numbered from 0, where each code column also knows its residual codes."""
    copy = frame.reset_index(drop=True)
    for name, column in spec.model_columns().items():
        if column.is_code():
            new = [c for c in column.residual if c not in copy[name].cat.categories]
            copy[name] = copy[name].cat.add_categories(new)
    return copy
