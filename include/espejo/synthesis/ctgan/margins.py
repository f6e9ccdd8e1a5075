"""Margins: the training table's counts that calibrated sampling holds its rows to.

Shares of each field's codes and of each two fields', where enough training rows stand on a cell.
The many values of a number are also taken together in runs, so that their cells have enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from include.espejo.synthesis.ctgan.encoding.encode import Encoding
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.parents import gain

# Training rows under a cell that is held. Smaller ones say more of the people who happened to be
# trained on than of the population, and draw the table towards them.
FLOOR = 50
RUNS = 16  # of a number's values, in a cell with another field's
MOST_PAIRS = 300  # of fields: in a wide table, those that tell most of each other
_COUNTED_ROWS = 20_000

Detail = Literal["codes", "runs", "fine_runs"]


@dataclass(frozen=True)
class Margin:
    """Cells of some fields that are held. `cells`: their numbers, in rising order; `shares`."""

    fields: tuple[int, ...]
    detail: Detail
    cells: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class Margins:
    """`held`: what is held. `runs`: by detail, the class of each code, (width,): codes of a run
    of a number's values have one class, every other code its own."""

    held: tuple[Margin, ...]
    runs: dict[str, np.ndarray]

    def cells_of(self, rows: np.ndarray, margin: Margin, layout: Layout) -> np.ndarray:
        """The place of each row's cell among those held, from 1; 0 for one that is not."""
        cells, count = _cells(rows, margin.fields, self.runs.get(margin.detail), layout)
        place = np.zeros(count, dtype=np.int32)
        place[margin.cells] = np.arange(1, len(margin.cells) + 1)
        return np.asarray(place[cells])


NO_MARGINS = Margins((), {"runs": np.zeros(0), "fine_runs": np.zeros(0)})


def count_margins(rows: np.ndarray, encoding: Encoding, layout: Layout) -> Margins:
    """The margins of a table. `rows`: int codes, (rows, fields)."""
    finest = max(RUNS, min(64, len(rows) // (2 * FLOOR)))
    runs = {
        detail: np.concatenate(
            [_runs(rows[:, f], f, encoding, layout, most) for f in range(len(layout.sizes))]
        )
        for detail, most in (("runs", RUNS), ("fine_runs", finest))
    }
    found = []
    for fields, detail in _wanted(rows, encoding, layout):
        cells, count = _cells(rows, fields, runs.get(detail), layout)
        counted = np.bincount(cells, minlength=count)
        held = np.flatnonzero(counted >= FLOOR)
        if len(held):
            found.append(Margin(fields, detail, held, counted[held] / len(rows)))
    return Margins(tuple(found), runs)


def _wanted(
    rows: np.ndarray, encoding: Encoding, layout: Layout
) -> Iterator[tuple[tuple[int, ...], Detail]]:
    numbers = {
        f
        for f, drawn in zip(layout.drawn, encoding.fields, strict=True)
        if drawn.on_the_line.sum() > RUNS
    }
    for field, size in enumerate(layout.sizes):
        if size > 1:
            yield (field,), "fine_runs"
    for pair in _pairs(rows, layout):
        yield pair, "codes"
        if numbers.intersection(pair):
            yield pair, "runs"


def _pairs(rows: np.ndarray, layout: Layout) -> list[tuple[int, int]]:
    sizes = layout.sizes
    pairs = [(a, b) for a, b in combinations(range(len(sizes)), 2) if min(sizes[a], sizes[b]) > 1]
    if len(pairs) <= MOST_PAIRS:
        return pairs
    some = rows[:: max(1, len(rows) // _COUNTED_ROWS)]
    gains = [gain(some[:, a], some[:, b], sizes[a], sizes[b]) for a, b in pairs]
    chosen = np.argsort(gains, kind="stable")[::-1][:MOST_PAIRS]
    return [pairs[i] for i in np.sort(chosen)]


def _runs(
    codes: np.ndarray, field: int, encoding: Encoding, layout: Layout, most: int
) -> np.ndarray:
    """The class of each code of a field: int64, (size,)."""
    size = layout.sizes[field]
    if field < layout.given:
        return np.arange(size)
    drawn = encoding.fields[field - layout.given]
    line = np.flatnonzero(drawn.on_the_line)
    if len(line) <= most:
        return np.arange(size)
    line = line[np.argsort(drawn.low[line], kind="stable")]
    counts = np.bincount(codes, minlength=size)[line]
    rank = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)
    classes = np.arange(size) + most  # apart from the runs' own
    classes[line] = np.minimum((rank * most).astype(np.int64), most - 1)
    return np.unique(classes, return_inverse=True)[1].astype(np.int64)


def _cells(
    rows: np.ndarray, fields: tuple[int, ...], runs: np.ndarray | None, layout: Layout
) -> tuple[np.ndarray, int]:
    """The number of each row's cell, (rows,), and how many cells there are."""
    cells, count = np.zeros(len(rows), dtype=np.int64), 1
    for field in fields:
        codes, size = rows[:, field], layout.sizes[field]
        if runs is not None:
            start = int(layout.offsets[field])
            classes = runs[start : start + size]
            codes, size = classes[codes], int(classes.max()) + 1
        cells, count = cells * size + codes, count * size
    return cells, count
