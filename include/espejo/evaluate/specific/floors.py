"""Which figures of an indicator have enough real people behind them to be published.

A group under the floor is left out, and so is a share of a group that too few have, or all but
too few: the rest of a told share is told, too. What is left out must not be worked out from what
is told: if all that is left out, together, is under the floor, the next smallest goes with it
(complementary suppression, Hundepool et al. 2012, "Statistical Disclosure Control", 4.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.espejo.evaluate.specific.cells import Cells, Key
from include.espejo.survey.disclosure import Floor
from include.espejo.survey.model import Indicator
from include.espejo.table.floors import Counts, count_behind, few_of_each

_OF_CATEGORIES = {"share", "distribution"}


@dataclass(frozen=True)
class Withheld:
    """Groups that are left out of an indicator, and single shares left out of the other groups."""

    groups: frozenset[str]
    shares: frozenset[tuple[str, str]]

    def holds_back(self, key: Key) -> bool:
        """Whether the figure of this statistic, group and category is left out."""
        statistic, group, category = key
        return group in self.groups or (statistic == "share" and (group, category) in self.shares)


def left_out(indicator: Indicator, cells: Cells, household: np.ndarray, floor: Floor) -> Withheld:
    """The groups and shares that an indicator must leave out. `household`: int64, (rows,)."""
    inside = cells.cell >= 0
    here, homes = cells.cell[inside], household[inside]
    some = few_of_each(homes, floor)
    by_group = _Behind(
        count_behind(cells.group[here], len(cells.groups), homes),
        np.bincount(cells.group[here][some], minlength=len(cells.groups)),
    )
    by_cell = _Behind(
        count_behind(here, cells.size, homes), np.bincount(here[some], minlength=cells.size)
    )
    hidden = _hide(by_group, floor)
    groups = frozenset(name for name, out in zip(cells.groups, hidden, strict=True) if out)
    shares: set[tuple[str, str]] = set()
    if _OF_CATEGORIES & set(indicator.statistics):
        for group, span in cells.spans():
            if group not in groups:
                categories = _hidden_categories(indicator, cells, by_cell, span, floor)
                shares |= {(group, category) for category in categories}
    return Withheld(groups, frozenset(shares))


def _hidden_categories(
    indicator: Indicator, cells: Cells, by_cell: _Behind, span: slice, floor: Floor
) -> list[str]:
    """The categories of one group whose share is left out; `""` stands for a plain share."""
    behind = by_cell.at(span)
    # What everybody of a group is, each of them is known to be.
    hidden = np.ones(1, bool) if len(behind.some) == 1 else _hide(behind, floor)
    if "share" in indicator.statistics:
        return [""] if hidden.any() else []
    return [str(value) for value, out in zip(cells.values[span], hidden, strict=True) if out]


@dataclass(frozen=True)
class _Behind:
    """Who is behind each of some values; `some`: people, a few of each household: (values,)."""

    counts: Counts
    some: np.ndarray

    def at(self, span: slice) -> _Behind:
        counts = Counts(self.counts.people[span], self.counts.households[span])
        return _Behind(counts, self.some[span])


def _hide(behind: _Behind, floor: Floor) -> np.ndarray:
    """Those under the floor, with the next smallest until they hold it: boolean, (values,)."""
    hidden = ~behind.counts.hold(floor)
    if not hidden.any():
        return np.asarray(hidden)
    for place in np.argsort(behind.counts.people, kind="stable"):
        if behind.some[hidden].sum() >= floor.people:
            break
        hidden[place] = True
    return np.asarray(hidden)
