"""Numbers under the floor are merged with their neighbours: univariate microaggregation.

Defays and Nanopoulos (1993), "Panels of enterprises and confidentiality: the small aggregates
method"; groups of variable size as in Domingo-Ferrer and Mateo-Sanz (2002). A heaped value that
holds the floor stays; what lies between is grouped, and each group tells one rounded number. The
lowest and highest values, being rare, are thereby bottom- and top-coded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from include.espejo.protect.codes import cuts_of, known
from include.espejo.protect.draft import Draft
from include.espejo.survey.disclosure import Floor
from include.espejo.table.cuts import Cuts
from include.espejo.table.floors import Counts, count_behind

_DIGITS = 2  # significant digits that a group's number is rounded to, where its range allows
_MOST_DECIMALS = 6
_MOST_DIGITS = 16  # of a double


def merge_column(draft: Draft, name: str, among: Sequence[np.ndarray] = ()) -> None:
    """Merge the ordinary values of a number column that are under the floor.

    `among`: boolean, (rows,); what remains holds the floor among these rows alone, too.
    """
    column, values = draft.spec.columns[name], draft.frame[name].to_numpy(float).copy()
    ordinary = known(column, values)
    never = {float(code) for code in column.special}
    if column.top_code is not None:
        never.add(float(column.top_code))  # "this or more" would be false of most of a group
    decimals = 0 if column.is_whole() else written_decimals(values[ordinary])
    cuts = cuts_of(draft, name)
    for rows in (*(ordinary & some for some in among), ordinary):
        household = draft.household[rows]
        merged = merge_rare(values[rows], household, draft.floor, cuts, never, decimals)
        values = _moved(values, values[rows], merged)
    draft.put_numbers(name, values, "merged")


def _moved(values: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Move every value that is among `old` to where it moved in `new`."""
    distinct, first = np.unique(old, return_index=True)
    if not len(distinct):
        return values
    at = np.clip(np.searchsorted(distinct, values), 0, len(distinct) - 1)
    return np.where(distinct[at] == values, new[first][at], values)


def merge_rare(
    values: np.ndarray,
    household: np.ndarray,
    floor: Floor,
    cuts: Cuts,
    never: Collection[float] = (),
    decimals: int = 0,
) -> np.ndarray:
    """Merge values under the floor, never across a cut: float64, (rows,).

    `values`: float64, (rows,), no blanks; `never`: numbers that no group may be given. Values
    between two cuts that are under the floor all together are left as they are.
    """
    if not len(values):
        return values
    distinct, inverse = np.unique(values, return_inverse=True)
    counts = count_behind(inverse, len(distinct), household)
    behind = household[np.argsort(inverse, kind="stable")]
    line = _Line(distinct, cuts.segment(distinct), counts, behind, floor)
    merged = distinct.copy()
    for start, stop in line.runs():
        groups = list(line.groups(start, stop))
        for first, last in groups:
            members = np.repeat(distinct[first:last], counts.people[first:last])
            merged[first:last] = representative(members, never, decimals)
        if not groups:
            merged[start:stop] = line.nearest_neighbour(start, stop)
    return np.asarray(merged[inverse])


@dataclass
class _Line:
    """The distinct values in rising order, the segment that each lies in and who is behind it:
    `sorted_household`, (rows,), from `offset` of the value to that of the next."""

    distinct: np.ndarray
    segment: np.ndarray
    counts: Counts
    sorted_household: np.ndarray
    floor: Floor

    @cached_property
    def offset(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.counts.people)])

    def runs(self) -> Iterator[tuple[int, int]]:
        """Stretches of neighbours under the floor, none across a cut or a value that holds it."""
        rare = ~self.counts.hold(self.floor)
        breaks = np.ones(len(rare), dtype=bool)
        breaks[1:] = (rare[1:] != rare[:-1]) | (self.segment[1:] != self.segment[:-1])
        starts = np.flatnonzero(breaks)
        for start, stop in zip(starts, [*starts[1:], len(rare)], strict=True):
            if rare[start]:
                yield int(start), int(stop)

    def groups(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Cut a run into the smallest groups that hold the floor, the rest with the last one."""
        found: list[tuple[int, int]] = []
        first, people, homes = start, 0, set[int]()
        for position in range(start, stop):
            here = self.sorted_household[self.offset[position] : self.offset[position + 1]]
            people += len(here)
            homes.update(here.tolist())
            if people >= self.floor.people and len(homes) >= self.floor.households:
                found.append((first, position + 1))
                first, people, homes = position + 1, 0, set()
        if found:
            found[-1] = (found[-1][0], stop)
        yield from found

    def nearest_neighbour(self, start: int, stop: int) -> np.ndarray:
        """For each value of a run, the nearer of the two values beside it in the segment."""
        own = self.distinct[start:stop]
        beside = [
            self.distinct[at]
            for at in (start - 1, stop)
            if 0 <= at < len(self.distinct) and self.segment[at] == self.segment[start]
        ]
        if not beside:
            return np.asarray(own)
        nearest = np.abs(own[:, None] - np.array(beside)[None, :]).argmin(axis=1)
        return np.asarray(np.array(beside)[nearest])


def representative(members: np.ndarray, never: Collection[float], decimals: int) -> float:
    """The number that stands for a group: its median, rounded as far as the group's range allows.

    `members`: in rising order, one a person. The group's lowest and highest value, which may be
    one person's, are taken only where nothing lies between them.
    """
    median, low, high = float(np.median(members)), float(members[0]), float(members[-1])
    for ends in (False, True):
        for options in _roundings(median, decimals):
            fit = [x for x in options if low <= x <= high and x not in never]
            fit = [x for x in fit if ends or low < x < high]
            if fit:
                return min(fit, key=lambda x: abs(x - median))
    own = [float(x) for x in np.unique(members) if x not in never]
    return min(own, key=lambda x: abs(x - median)) if own else median


def _roundings(number: float, decimals: int) -> Iterator[list[float]]:
    """A number rounded to nearest, down and up, to ever more digits."""
    if number == 0:
        yield [0.0]
        return
    size = int(np.floor(np.log10(abs(number))))
    for digits in range(_DIGITS, _MOST_DIGITS):
        places = min(digits - 1 - size, decimals)
        scaled = number * 10.0**places
        yield [
            float(np.round(whole / 10.0**places, max(places, 0)))
            for whole in (np.rint(scaled), np.floor(scaled), np.ceil(scaled))
        ]
        if places == decimals:
            return


def written_decimals(values: np.ndarray) -> int:
    """How many decimals the values are written with, at most 6."""
    for decimals in range(_MOST_DECIMALS):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-9):
            return decimals
    return _MOST_DECIMALS
