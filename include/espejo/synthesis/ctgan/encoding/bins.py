"""Bins: how the values of a number become a few ordered codes, and how a value is drawn again.

A bin is a run of neighbouring values that enough rows stand on. It is drawn by the network; the
value within it by the frequencies of its own values, so that heaps, means and tails stay as they
are (the modes of mode-specific normalisation, Xu et al. 2019, section 4.2, found by rank instead
of by a mixture).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from include.espejo.synthesis.ctgan.encoding.shrinkage import LeftOut, expected_rows

FEWEST_ROWS = 10  # under a bin, where the number has as many
MOST_BINS = 128
# A value on fewer rows is not drawn as it is: a value between the bin's lowest and highest is.
LEAST_ROWS_OF_VALUE = 3
_WIDER = 1.3  # a number of too many bins is cut again at so many times the rows
HEAP_ROWS = 50  # a value on as many is a heap, whose rows are believed
_NEIGHBOURS = 4
_WIDE = 2.0  # times its lowest value: a bin is then drawn evenly by its logarithm


@dataclass(frozen=True)
class Bins:
    """`low`, `high`: the ends of each bin, (bins,), closed, in no order that matters.

    `values` and `rows`: what is drawn within them, bin after bin, (values,); NaN is any value
    between the bin's ends. `first`: where each bin's values begin, (bins,). The blank is a bin
    whose ends are NaN.
    """

    low: np.ndarray = field(default_factory=lambda: np.empty(0))
    high: np.ndarray = field(default_factory=lambda: np.empty(0))
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    rows: np.ndarray = field(default_factory=lambda: np.empty(0))
    first: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def mass(self) -> np.ndarray:
        """The rows of each bin: (bins,)."""
        return np.asarray(np.add.reduceat(self.rows, self.first)) if len(self.first) else self.rows

    @classmethod
    def of_points(cls, values: np.ndarray) -> Bins:
        """A bin for each value."""
        values = values.astype(float)
        return cls(values, values, values, np.ones(len(values)), np.arange(len(values)))

    def with_blank(self, rows: int = 1) -> Bins:
        """The same, and a last one for the blank, which so many `rows` have."""
        return Bins(
            np.append(self.low, np.nan),
            np.append(self.high, np.nan),
            np.append(self.values, np.nan),
            np.append(self.rows, float(rows)),
            np.append(self.first, len(self.values)),
        )

    def as_dict(self) -> dict[str, list[float | None]]:
        """JSON has no NaN: it is written as None."""
        return {
            f.name: [None if np.isnan(x) else x for x in getattr(self, f.name).tolist()]
            for f in fields(self)
        }

    @classmethod
    def from_dict(cls, content: dict[str, list[float | None]]) -> Bins:
        read = {
            name: np.array([np.nan if x is None else x for x in numbers], dtype=float)
            for name, numbers in content.items()
        }
        return cls(**{**read, "first": read["first"].astype(np.int64)})

    def draw(self, codes: np.ndarray, decimals: int, random: np.random.Generator) -> np.ndarray:
        """A value of each bin in `codes`: float64, (rows,)."""
        ends = np.cumsum(self.rows)
        start = (ends - self.rows)[self.first]
        mass = self.mass
        ticks = start[codes] + mass[codes] * random.random(len(codes))
        at = np.minimum(np.searchsorted(ends, ticks, side="right"), len(ends) - 1)
        drawn = self.values[at].copy()
        between = np.isnan(drawn)
        low, high = self.low[codes[between]], self.high[codes[between]]
        drawn[between] = np.clip(
            np.round(_between(low, high, random.random(len(low))), decimals), low, high
        )
        return np.asarray(drawn)


def cut_bins(
    values: np.ndarray,
    alone: Collection[float],
    cuts: Sequence[float],
    households: np.ndarray | None = None,
) -> Bins:
    """The bins of a number's values, (rows,), no blanks among them.

    Each value of `alone` (special codes) is a bin by itself. So is a value of `cuts`, the
    constants of the spec's rules, and no bin lies across one: a rule holds for the whole of a bin
    or for none of it. `households`: of each row, (rows,).
    """
    if not len(values):
        return Bins()
    distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    walls = np.unique([*alone, *cuts]).astype(float)
    # Odd numbers are the walls themselves, even ones what lies between two of them.
    segment = np.searchsorted(walls, distinct) + np.searchsorted(walls, distinct, side="right")
    rows = _expected(inverse, counts, segment, households)
    fewest = float(FEWEST_ROWS)
    runs = _runs(rows, segment, fewest)
    while len(runs) > MOST_BINS + len(walls) and fewest < len(values):
        fewest *= _WIDER
        runs = _runs(rows, segment, fewest)
    return _bins(distinct, counts, rows, runs)


def _expected(
    inverse: np.ndarray, counts: np.ndarray, segment: np.ndarray, households: np.ndarray | None
) -> np.ndarray:
    """The rows to expect of each distinct value, (values,): of a heap those that it has, of others
    more or less what their neighbours have. Neighbours are drawn towards each other, by fours and
    by fours of fours, as far as that foretells households left out (`shrinkage.py`)."""
    heaps = np.arange(len(counts)) + int(segment.max()) + 1
    segment = np.unique(np.where(counts >= HEAP_ROWS, heaps, segment), return_inverse=True)[1]
    order = np.argsort(segment, kind="stable")
    at = np.empty(len(segment), dtype=np.int64)
    at[order] = np.arange(len(segment)) - np.searchsorted(segment[order], segment[order])
    levels = [segment]
    width = _NEIGHBOURS
    while width < len(segment):
        # Neighbours are counted, not their rows, so that a group says nothing of who was trained.
        levels.insert(
            1, np.unique(np.stack([segment, at // width]), axis=1, return_inverse=True)[1].ravel()
        )
        width *= _NEIGHBOURS
    left = LeftOut.of(len(inverse), households)
    return expected_rows(np.stack(levels, axis=1), inverse, left)


def locate(values: np.ndarray, low: np.ndarray) -> np.ndarray:
    """The bin of each of the values that were cut: int32, (rows,). `low`: in rising order."""
    return np.asarray(np.searchsorted(low, values, side="right") - 1, dtype=np.int32)


def _runs(rows_of: np.ndarray, segment: np.ndarray, fewest: float) -> list[tuple[int, int]]:
    """Runs of distinct values, (first, last + 1), with `fewest` rows where their segment has them.

    A value that has as many by itself ends the run before it; what is left over at the end of a
    segment joins the run before.
    """
    runs: list[tuple[int, int]] = []
    for begin, end in _segments(segment):
        found: list[tuple[int, int]] = []
        start, rows = begin, 0
        for i in range(begin, end):
            if rows_of[i] >= fewest and found and start < i:
                found[-1] = (found[-1][0], i)
                start, rows = i, 0
            rows += rows_of[i]
            if rows >= fewest:
                found.append((start, i + 1))
                start, rows = i + 1, 0
        if start < end and found:
            found[-1] = (found[-1][0], end)
        runs += found or [(begin, end)]
    return runs


def _segments(segment: np.ndarray) -> list[tuple[int, int]]:
    starts = np.flatnonzero(np.diff(segment, prepend=-1))
    return list(zip(starts.tolist(), [*starts[1:].tolist(), len(segment)], strict=True))


def _bins(
    distinct: np.ndarray, counts: np.ndarray, expected: np.ndarray, runs: list[tuple[int, int]]
) -> Bins:
    values: list[float] = []
    rows: list[float] = []
    first: list[int] = []
    for start, stop in runs:
        first.append(len(values))
        own, mass = distinct[start:stop], expected[start:stop]
        kept = (counts[start:stop] >= LEAST_ROWS_OF_VALUE) | (len(own) == 1)
        values += [*own[kept], *([np.nan] if not kept.all() else [])]
        rows += [*mass[kept], *([mass[~kept].sum()] if not kept.all() else [])]
    at = np.array(runs)
    return Bins(
        distinct[at[:, 0]],
        distinct[at[:, 1] - 1],
        np.array(values),
        np.array(rows),
        np.array(first, dtype=np.int64),
    )


def _between(low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
    """So far from low to high; by the logarithm where a bin of positive values is wide."""
    wide = (low > 0) & (high > _WIDE * low)
    safe = np.where(wide, low, 1.0)
    by_logarithm = safe * np.exp(share * np.log(np.where(wide, high, 1.0) / safe))
    return np.asarray(np.where(wide, by_logarithm, low + (high - low) * share))
