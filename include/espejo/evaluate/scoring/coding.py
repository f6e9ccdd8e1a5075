"""Typed tables as small integers, once, so that every utility score is a count of integers.

A code column's levels are its codes; a number column's are its distinct values in rising order,
special codes among them. The last level of either is the blank. Levels are numbered over all the
tables together; bins are cut on the training rows alone, so that every table is cut alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.errors import MetricError
from include.espejo.survey import Column, SurveySpec

BINS = 10  # of a number's ordinary values, as many as SDMetrics cuts
MOST_CODES = 50  # of a code column where its codes are pooled

Rows = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class CodedColumn:
    """How a column is coded; every array is by level, blank last.

    `labels`: the codes, or the special numbers as they are written, other numbers being empty.
    `values`: float64, (levels,), NaN for codes and the blank. `ordinary`: boolean, (levels,),
    neither blank nor special. `bins` and `pooled`: int64, (levels,), the bin of a level; in
    `bins` a code is its own, in `pooled` the rarer codes share one.
    """

    name: str
    number: bool
    labels: tuple[str, ...]
    values: np.ndarray
    ordinary: np.ndarray
    bins: np.ndarray
    pooled: np.ndarray

    @property
    def levels(self) -> int:
        return len(self.ordinary)


@dataclass(frozen=True)
class Coded:
    """The columns, and each table's rows as levels: int32, (rows,), by column.

    `unscored`: columns that are blank throughout in training: nothing to score.
    """

    fields: tuple[CodedColumn, ...]
    tables: tuple[dict[str, np.ndarray], ...]
    unscored: tuple[str, ...]

    def field(self, name: str) -> CodedColumn:
        return next(field for field in self.fields if field.name == name)


def code_tables(train: pd.DataFrame, others: list[pd.DataFrame], spec: SurveySpec) -> Coded:
    """Code the model's columns that `train` has, over all tables. Raises MetricError."""
    columns = {n: c for n, c in spec.model_columns().items() if n in train}
    for frame in (train, *others):
        _require(frame, columns)
    scored = {n: c for n, c in columns.items() if train[n].notna().any()}
    if not scored:
        raise MetricError("no modelled column of the training rows holds a value; check the input")
    fields, tables = [], [dict[str, np.ndarray]() for _ in range(1 + len(others))]
    for name, column in scored.items():
        code = _code_texts if column.is_code() else _code_numbers
        floor = spec.disclosure.floor.people
        field, rows = code(name, [frame[name] for frame in (train, *others)], column, floor)
        fields.append(field)
        for table, levels in zip(tables, rows, strict=True):
            table[name] = levels
    return Coded(tuple(fields), tuple(tables), tuple(n for n in columns if n not in scored))


def _require(frame: pd.DataFrame, columns: Mapping[str, Column]) -> None:
    missing = [name for name in columns if name not in frame]
    if missing:
        raise MetricError(
            f"column {missing[0]}: one of the compared tables lacks it; give every table all of "
            "the model's columns"
        )
    if frame.empty:
        raise MetricError("one of the compared tables has no rows; there is nothing to score")


def _code_texts(
    name: str, columns: list[pd.Series], column: Column, floor: int
) -> tuple[CodedColumn, list[np.ndarray]]:
    categories = [values.astype("category") for values in columns]
    union = sorted({str(text) for values in categories for text in values.cat.categories})
    place = {text: level for level, text in enumerate(union)}
    rows = []
    for values in categories:
        # A blank has code -1, and so the last.
        moved = [*(place[str(text)] for text in values.cat.categories), len(union)]
        rows.append(np.array(moved, dtype=np.int32)[values.cat.codes.to_numpy()])
    levels = np.arange(len(union) + 1)
    field = CodedColumn(
        name=name,
        number=False,
        labels=tuple(union),
        values=np.full(len(levels), np.nan),
        ordinary=levels < len(union),
        bins=levels,
        pooled=pool_rare(np.bincount(rows[0], minlength=len(levels))[:-1], floor),
    )
    return field, rows


def _code_numbers(
    name: str, columns: list[pd.Series], column: Column, floor: int
) -> tuple[CodedColumn, list[np.ndarray]]:
    numbers = [values.to_numpy(float) for values in columns]
    values = np.unique(np.concatenate([n[~np.isnan(n)] for n in numbers]))
    # NaN sorts behind every value: the blank's level.
    rows = [np.searchsorted(values, n).astype(np.int32) for n in numbers]
    ordinary = np.append(~np.isin(values, list(column.special)), False)
    counts = np.bincount(rows[0], minlength=len(values) + 1)
    bins = np.empty(len(values) + 1, dtype=np.int64)
    inner = cut_evenly(counts[ordinary], BINS)
    bins[ordinary] = inner
    bins[~ordinary] = inner.max(initial=-1) + 1 + np.arange((~ordinary).sum())
    # Of ordinary numbers none is ever named.
    labels = tuple(
        "" if plain else column.text(value)
        for plain, value in zip(ordinary[:-1], values, strict=True)
    )
    return CodedColumn(name, True, labels, np.append(values, np.nan), ordinary, bins, bins), rows


def pool_rare(counts: np.ndarray, floor: int) -> np.ndarray:
    """Bins of codes and, last, of the blank: at most MOST_CODES common codes, the rest in one.

    `counts`: (codes,), training rows of each. A code of fewer than `floor` people is pooled.
    """
    common = np.zeros(len(counts), dtype=bool)
    common[np.argsort(-counts, kind="stable")[:MOST_CODES]] = True
    common &= counts >= floor
    bins = np.where(common, np.cumsum(common) - 1, common.sum())
    return np.append(bins, common.sum() + 1)


def cut_evenly(counts: np.ndarray, bins: int) -> np.ndarray:
    """Bins of rising values, of about equal numbers of rows: int64, (values,).

    A value that alone holds more than a bin's share is a bin of its own: survey answers are
    heaped, and half of all incomes may be zero.
    """
    if not len(counts):
        return np.zeros(0, dtype=np.int64)
    heap = counts * bins > counts.sum()
    rest = np.where(heap, 0, counts)
    middle = (np.cumsum(rest) - rest / 2) / max(rest.sum(), 1)
    group = np.minimum((middle * bins).astype(int), bins - 1)
    starts = np.zeros(len(counts), dtype=np.int64)
    starts[1:] = (group[1:] != group[:-1]) | heap[1:] | heap[:-1]
    return np.cumsum(starts)


def binned(
    fields: tuple[CodedColumn, ...], rows: Rows, *, pooled: bool = False
) -> dict[str, np.ndarray]:
    """A table's rows as bins: int64, (rows,), by column."""
    return {f.name: (f.pooled if pooled else f.bins)[rows[f.name]] for f in fields}


def cell_counts(keys: list[np.ndarray], cells: int) -> Iterator[np.ndarray]:
    """Each table's rows by cell, all tables' cells in the same order.

    `keys`: int64, (rows,), below `cells`. Where there are many more cells than rows, only those
    that some row is in.
    """
    if cells > max(2**16, 4 * sum(map(len, keys))):
        numbers, seen = pd.factorize(np.concatenate(keys))
        keys = np.split(numbers, np.cumsum([len(k) for k in keys])[:-1])
        cells = len(seen)
    for key in keys:
        yield np.bincount(key, minlength=cells)


def joint_keys(rows: Rows, sizes: Mapping[str, int], names: tuple[str, ...]) -> np.ndarray:
    """One integer for each combination of some columns' bins: int64, (rows,)."""
    keys = rows[names[0]].astype(np.int64)
    for name in names[1:]:
        keys = keys * sizes[name] + rows[name]
    return keys


def variation(real: np.ndarray, other: np.ndarray) -> float:
    """Total variation distance of two tables' counts by cell, 0 to 1; 1 where one has no rows."""
    if not real.sum() or not other.sum():
        return float(real.sum() != other.sum())
    return float(np.abs(real / real.sum() - other / other.sum()).sum() / 2)
