"""Places under the floor are coarsened: the deepest level is blanked, then the next one up.

Local suppression along a hierarchy with secondary suppression (Hundepool et al. 2012, sections
3.3 and 4.4): what is left of a place once its safe parts are told apart, its remainder, is
itself a place that a reader can see, and must hold the floor too. A value is kept or blanked,
never merged into one that is false.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.protect.draft import Draft
from include.espejo.survey import SurveySpec
from include.espejo.survey.model import Geography
from include.espejo.table.floors import Counts
from include.espejo.table.rules import group_numbers

# A safe place is blanked to make its neighbours' remainder safe as long as that costs at most
# this many floors of people (times the levels that they lose); beyond it, the remainder itself
# goes one level up, where some smaller place may be found for it.
_MOST_FLOORS = 3


def coarsen(draft: Draft) -> None:
    """Blank levels until every joint tuple of the geography holds the floor.

    Raises InputError where that would blank a column that is never blank.
    """
    blocks = _blocks(draft.spec)
    if not blocks:
        return
    _close_gaps(draft)
    columns = [name for block in blocks for name in block]
    tuple_of_row = group_numbers(draft.frame[columns])
    tree = _tree(draft, blocks, tuple_of_row)
    for depth in range(len(blocks), -1, -1):
        tree.make_safe(depth, draft)
    _blank(draft, blocks, tree.end[tuple_of_row])


def _blocks(spec: SurveySpec) -> list[tuple[str, ...]]:
    """The modelled columns of each level, from the widest down: the level, and its functions.

    A level that is not modelled may leave functions behind, which are then a level of their own.
    """
    if not isinstance(spec.geography, Geography):
        return []
    modelled, functions = set(spec.geography_columns()), spec.geography.functions
    blocks = [
        tuple(n for n in (level, *(f for f in functions if functions[f] == level)) if n in modelled)
        for level in spec.geography.levels
    ]
    return [block for block in blocks if block]


def _close_gaps(draft: Draft) -> None:
    """Blank the levels below a blank one: such a code means something only inside its parent."""
    levels = [n for n in draft.spec.geography_levels() if n in draft.spec.model.columns]
    above = np.zeros(len(draft.frame), dtype=bool)
    for name in levels:
        at = np.flatnonzero(above & draft.frame[name].notna().to_numpy())
        _blank_cells(draft, name, at, "gap")
        above |= draft.frame[name].isna().to_numpy()


@dataclass
class _Tree:
    """The distinct tuples as leaves of a tree.

    `path`: int64, (tuples, levels), the node at each level, numbered through all levels; `blank`:
    whether that level's columns are all blank; `end`: int64, (tuples,), how many levels are
    kept; `counts`: behind each tuple.
    """

    path: np.ndarray
    blank: np.ndarray
    end: np.ndarray
    counts: Counts

    def make_safe(self, depth: int, draft: Draft) -> None:
        """Make every remainder at a depth empty or safe; tuples further down are safe already."""
        if depth:
            # A blank level with nothing below it is its parent's remainder.
            self.end[(self.end == depth) & self.blank[:, depth - 1]] = depth - 1
        node = self.path[:, depth - 1] if depth else np.zeros(len(self.end), dtype=np.int64)
        here = self.end == depth
        behind = self._sums(node, here)
        unsafe = (behind.rare(draft.floor)[node]) & (here | (self.end > depth))
        group, cost = self._cheapest_below(node, depth, unsafe)
        limit = _MOST_FLOORS * draft.floor.people if depth > 1 else np.inf
        pulled = (
            unsafe & (self.end > depth) & (self._group() == group[node]) & (cost[node] <= limit)
        )
        self.end[pulled] = depth
        stuck = unsafe & here & (cost[node] > limit if np.isfinite(limit) else group[node] < 0)
        if not depth and stuck.any():
            raise draft.refusal([_widest_lost(draft, int(behind.people.sum()))])
        self.end[stuck] = depth - 1

    def _sums(self, node: np.ndarray, among: np.ndarray) -> Counts:
        """People and households of the tuples `among`, by node."""
        size = int(node.max(initial=0)) + 1
        people, households = (
            np.bincount(node[among], weights=number[among], minlength=size).astype(np.int64)
            for number in (self.counts.people, self.counts.households)
        )
        return Counts(people, households)

    def _group(self) -> np.ndarray:
        """The node that each tuple ends at: tuples of one group look the same. 0-tuples: -1."""
        at = np.clip(self.end - 1, 0, None)
        return np.where(self.end > 0, self.path[np.arange(len(self.end)), at], -1)

    def _cheapest_below(
        self, node: np.ndarray, depth: int, unsafe: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """By node: the group below it that costs least to blank down to it (-1: none), its cost.

        Such a group is safe by itself, so one is enough. The cost is people times levels lost.
        """
        size = int(node.max(initial=0)) + 1
        best, cost = np.full(size, -1, dtype=np.int64), np.full(size, np.inf)
        below = np.flatnonzero(unsafe & (self.end > depth))
        if len(below):
            table = pd.DataFrame(
                {
                    "node": node[below],
                    "group": self._group()[below],
                    "cost": self.counts.people[below] * (self.end[below] - depth),
                }
            )
            sums = table.groupby(["node", "group"], as_index=False)["cost"].sum()
            first = sums.sort_values(["cost", "group"]).drop_duplicates("node")
            best[first["node"]], cost[first["node"]] = first["group"], first["cost"]
        return best, cost


def _tree(draft: Draft, blocks: list[tuple[str, ...]], tuple_of_row: np.ndarray) -> _Tree:
    first = np.unique(tuple_of_row, return_index=True)[1]
    tuples = draft.frame.iloc[first]
    path, blank, columns, nodes = [], [], list[str](), 0
    for block in blocks:
        columns += block
        numbers = group_numbers(tuples[columns]) + nodes
        nodes = int(numbers.max(initial=-1)) + 1
        path.append(numbers)
        blank.append(tuples[list(block)].isna().all(axis=1).to_numpy())
    known = ~np.stack(blank, axis=1)
    end = np.where(known.any(axis=1), len(blocks) - known[:, ::-1].argmax(axis=1), 0)
    counts = _counts(tuple_of_row, len(first), draft.household)
    return _Tree(np.stack(path, axis=1), ~known, end, counts)


def _counts(tuple_of_row: np.ndarray, size: int, household: np.ndarray) -> Counts:
    """Behind each tuple; a household of several places counts in its first, so that sums of
    places never count it twice and are never too high."""
    first = np.unique(household, return_index=True)[1]
    people = np.bincount(tuple_of_row, minlength=size)
    return Counts(people, np.bincount(tuple_of_row[first], minlength=size))


def _blank(draft: Draft, blocks: list[tuple[str, ...]], kept: np.ndarray) -> None:
    """Blank what each row loses. `kept`: how many levels, (rows,)."""
    for depth, block in enumerate(blocks):
        for name in block:
            at = np.flatnonzero((kept <= depth) & draft.frame[name].notna().to_numpy())
            _blank_cells(draft, name, at, "coarsened")


def _blank_cells(draft: Draft, name: str, at: np.ndarray, measure: str) -> None:
    if not len(at):
        return
    if draft.spec.columns[name].blank == "never":
        raise draft.refusal(
            [
                f"column {name}, rule floor: {len(at)} rows lie in places under the floor and "
                "would lose it, but it is never blank; allow blanks, lower the floor, or "
                "leave it out"
            ]
        )
    part = draft.rows(at)[[name]]
    part[name] = part[name].where(np.zeros(len(at), dtype=bool))
    draft.put(at, part, measure)


def _widest_lost(draft: Draft, rows: int) -> str:
    name = draft.spec.geography_columns()[0]
    return (
        f"column {name}, rule floor: {rows} rows without a place are below the floor, and there "
        "is no place to merge them with; lower the floor, or drop the geography"
    )
