"""Pairs of values that no row has, though independent columns would have put many rows there.

A structural zero (Bishop, Fienberg and Holland 1975, "Discrete Multivariate Analysis", chapter 5)
is a cell that cannot be filled: a pregnant man. A survey rarely declares all of them. Here a cell
counts as one if it is empty though `expected` rows would be there, by row total times column total
over rows, and if chance would not empty any one cell of the whole table so easily.

Chance is judged by household. Rows by themselves leave a cell of m expected rows empty with a
probability of exp(-m) at most (with fixed margins; Poisson's bound). Members of a household are
alike: a code that whole households share says less. Its people count for as much as they would
have to, were they on their own, for as many households to be without the code:
r = -log(households without it / households) / (its people / households), 1 at most. Of m rows
that either column spreads, the better spread one counts: exp(-m max(r, r')).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from include.espejo.survey.disclosure import Floor
from include.espejo.table.floors import Counts, count_behind

EXPECTED = 20.0  # rows that independence would put into a cell that has none
ERROR = 0.01  # the chance of one cell or more, wrongly, in a table of independent columns
_CHUNK = 20_000  # rows: what is filled by the first ones need not be looked for in the others

Cells = dict[tuple[int, int], np.ndarray]


def impossible_pairs(
    codes: np.ndarray,
    sizes: Sequence[int],
    expected: float = EXPECTED,
    household: np.ndarray | None = None,
    floor: Floor | None = None,
    error: float = ERROR,
) -> Cells:
    """The structural zeros of every pair of fields that has some.

    `codes`: integers from 0, (rows, fields); `sizes`: codes of each field; `household`: integers
    from 0, (rows,), without it every row is one. Gives for fields a < b: boolean, (size a, size b).
    Both codes of a cell have `floor` behind them, and at least `expected` rows. `error` bounds
    the chance of any cell at all where the columns are independent (Bonferroni's bound).
    """
    rows = len(codes)
    fields = _fields(codes, sizes, expected, household, floor or Floor())
    pairs = list(combinations(range(len(fields)), 2))
    # Twice, pair by pair: the cells of all pairs of a wide survey would not fit into memory.
    tested = sum(int(enough(fields[a], fields[b], rows, expected)[0].sum()) for a, b in pairs)
    least = least_rows(tested, error)
    found: Cells = {}
    for a, b in pairs:
        cells, alone = enough(fields[a], fields[b], rows, expected)
        empty = _empty(fields[a], fields[b], cells & (alone >= least))
        if empty.any():
            found[a, b] = np.zeros((sizes[a], sizes[b]), dtype=bool)
            found[a, b][np.ix_(fields[a].kept, fields[b].kept)] = empty
    return found


def least_rows(tested: int, error: float = ERROR) -> float:
    """How many rows by themselves must be expected, where so many cells are tested."""
    return float(np.log(max(tested, 1) / error))


@dataclass(frozen=True)
class _Field:
    """A field's frequent codes: `kept`, (kept,), how many people have each and what one of them
    counts for; `places`: each row's code among them, one more for the rest, (rows,)."""

    kept: np.ndarray
    people: np.ndarray
    spread: np.ndarray
    places: np.ndarray


def _fields(
    codes: np.ndarray,
    sizes: Sequence[int],
    expected: float,
    household: np.ndarray | None,
    floor: Floor,
) -> list[_Field]:
    fields = []
    homes = len(codes) if household is None else len(np.unique(household))
    for index, size in enumerate(sizes):
        column = codes[:, index].astype(np.int64)
        counts = _behind(column, size, household)
        # A margin is never smaller than what may be expected of one of its cells.
        kept = np.flatnonzero((counts.people >= expected) & counts.hold(floor))
        places = np.full(size, len(kept), dtype=np.int64)
        places[kept] = np.arange(len(kept))
        share = spread(counts, max(homes, 1))[kept]
        fields.append(_Field(kept, counts.people[kept].astype(float), share, places[column]))
    return fields


def spread(counts: Counts, households: int) -> np.ndarray:
    """What one of the people who have a code counts for, 0 to 1: float64, (codes,)."""
    with np.errstate(divide="ignore"):
        alone = -np.log1p(-counts.households / households)
    return np.asarray(np.minimum(alone * households / np.maximum(counts.people, 1), 1.0))


def _behind(column: np.ndarray, size: int, household: np.ndarray | None) -> Counts:
    if household is not None:
        return count_behind(column, size, household)
    people = np.bincount(column, minlength=size)
    return Counts(people, people)


class Spread(Protocol):
    """Codes or sets of them: the people who have each, and what one of them counts for."""

    @property
    def people(self) -> np.ndarray: ...

    @property
    def spread(self) -> np.ndarray: ...


def enough(a: Spread, b: Spread, rows: int, expected: float) -> tuple[np.ndarray, np.ndarray]:
    """Where enough rows are expected, boolean, and for how many they count: (of a, of b)."""
    people = np.outer(a.people, b.people) / max(rows, 1)
    return people >= expected, people * np.maximum.outer(a.spread, b.spread)


def _empty(a: _Field, b: _Field, cells: np.ndarray) -> np.ndarray:
    """Those of the cells that no row has: boolean, (kept, kept)."""
    left = cells.copy()
    for rows in _chunks(len(a.places)):
        if not left.any():
            break
        # The last row and column are what the codes that are not kept have.
        shape = (len(a.kept) + 1, len(b.kept) + 1)
        at = a.places[rows] * shape[1] + b.places[rows]
        left &= np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)[:-1, :-1] == 0
    return left


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, rows, _CHUNK))
