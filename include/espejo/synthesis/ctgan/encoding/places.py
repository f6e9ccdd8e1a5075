"""Places: the geography as a tree, whose leaves are the tuples of codes that exist.

A row's place is one integer, its leaf. A path of nodes from the widest level down says what a
leaf has in common with others; its length is the tree's depth, whatever the number of leaves.

A place also fixes fields of few codes, which the drawn fields follow and rules may name.
"""

from __future__ import annotations

import ast
from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.errors import UnexpectedError
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.expression import written
from include.espejo.survey.rules import (
    BlankRule,
    Rule,
    TogetherRule,
    rule_columns,
    rule_expressions,
)
from include.espejo.table.conditions import rows_that_meet
from include.espejo.table.rules import columns_of, group_numbers

MOST_PLACE_CODES = 64

LEARNABLE_ROWS = 200  # a place with fewer is drawn like those around it


@dataclass(frozen=True)
class Places:
    """`tuples`: the codes of each leaf, a column a level or function (None: blank).
    `paths`: int64, shape (leaves, levels), node numbers counted through all levels.
    `counts`: rows of each leaf, as counted or as expected (`shrinkage.py`); `part_counts`:
    the same of a part of them, where that is what is drawn."""

    tuples: pd.DataFrame
    paths: np.ndarray
    counts: np.ndarray
    part_counts: np.ndarray | None = None

    @property
    def to_draw(self) -> np.ndarray:
        """The rows to draw of each leaf, but for a factor: (leaves,)."""
        return self.counts if self.part_counts is None else self.part_counts

    def learnable_paths(self) -> tuple[np.ndarray, int]:
        """Paths in which nodes of few rows are all one node, 0, and the number of nodes.

        A block of a few dozen rows has nothing of its own to learn, and must not be learnt.
        """
        rows = np.bincount(self.paths.ravel(), np.repeat(self.counts, self.paths.shape[1]))
        kept = rows >= LEARNABLE_ROWS
        numbers = np.where(kept, np.cumsum(kept), 0)
        return numbers[self.paths], int(kept.sum()) + 1

    @classmethod
    def of(cls, frame: pd.DataFrame, levels: list[str], functions: list[str]) -> Places:
        """The places of a table. Each tuple of levels and functions that occurs is a leaf."""
        leaf = group_numbers(frame[[*levels, *functions]])
        first = np.unique(leaf, return_index=True)[1]
        tuples = frame.iloc[first][[*levels, *functions]].astype(object).reset_index(drop=True)
        tuples = tuples.where(tuples.notna(), None)
        return cls(tuples, _paths(tuples, levels), np.bincount(leaf, minlength=len(first)))

    def known_leaves(self, frame: pd.DataFrame) -> np.ndarray:
        """The leaf of each row of a table that has no other places: int64, (rows,).

        Raises UnexpectedError where it has.
        """
        names = list(self.tuples.columns)
        rows = frame[names].astype(object)
        together = pd.concat([self.tuples, rows.where(rows.notna(), None)], ignore_index=True)
        numbers = group_numbers(together)
        if numbers.max(initial=0) >= len(self.tuples):
            raise UnexpectedError("a part of the table has a place that the table does not have")
        return numbers[len(self.tuples) :]

    @staticmethod
    def leaves(frame: pd.DataFrame, levels: list[str], functions: list[str]) -> np.ndarray:
        """The leaf of each row, in the numbering of `of` on the same frame."""
        return group_numbers(frame[[*levels, *functions]])


@dataclass(frozen=True)
class PlaceField:
    """A field that a row's place fixes. `codes`: int32, (leaves,).

    It is one of the geography's `columns`, or the classes of places that `rule` cannot tell apart
    in the columns of its own that have too many codes.
    """

    columns: tuple[str, ...]
    codes: np.ndarray
    rule: str | None = None

    @property
    def size(self) -> int:
        return int(self.codes.max()) + 1

    @property
    def examples(self) -> np.ndarray:
        """A leaf of each code: int64, (size,)."""
        return np.unique(self.codes, return_index=True)[1]


def place_fields(
    places: Places, spec: SurveySpec, period: Period, drawn: Set[str]
) -> tuple[PlaceField, ...]:
    """The columns with few codes, then a field for each rule that ties others to `drawn` columns.

    A rule with more than MOST_PLACE_CODES classes of places has none.
    """
    found = [PlaceField((name,), codes) for name, codes in _columns_of_few_codes(places)]
    few = {field.columns[0] for field in found}
    for rule in spec.rules:
        columns = columns_of(rule, spec)
        placed = tuple(name for name in columns if name in places.tuples)
        if drawn.isdisjoint(columns) or few.issuperset(placed):
            continue
        codes = _classes(rule, placed, places, spec, period)
        if codes.max() < MOST_PLACE_CODES:
            found.append(PlaceField(placed, codes, rule.name))
    return tuple(found)


def _columns_of_few_codes(places: Places) -> list[tuple[str, np.ndarray]]:
    found = []
    for name in places.tuples.columns:
        labels, codes = np.unique(places.tuples[name].fillna("").to_numpy(str), return_inverse=True)
        if 1 < len(labels) <= MOST_PLACE_CODES:
            found.append((name, codes.astype(np.int32)))
    return found


def _classes(
    rule: Rule, placed: tuple[str, ...], places: Places, spec: SurveySpec, period: Period
) -> np.ndarray:
    """The class of each leaf: int32, (leaves,). Leaves are in one class if all that the rule asks
    of the columns `placed` alone has the same answer, so that no table of leaves by codes is made;
    a column that it compares with others counts with each of its codes."""
    tuples = places.tuples[list(placed)].astype("category")
    asked = {}
    for name in (name for name in placed if name in rule_columns(rule)):
        blank_only = isinstance(rule, BlankRule | TogetherRule)
        asked[name] = tuples[name].isna() if blank_only else tuples[name]
    for text in rule_expressions(rule).values():
        for node in ast.walk(spec.expression(text).tree):
            if not isinstance(node, ast.Compare | ast.Call):
                continue
            question = spec.expression(written(node))
            if question.columns <= set(placed):
                asked[question.text] = pd.Series(rows_that_meet(question, tuples, period))
            else:
                asked |= {name: tuples[name] for name in question.columns & set(placed)}
    return group_numbers(pd.DataFrame(asked)).astype(np.int32)


def _paths(tuples: pd.DataFrame, levels: list[str]) -> np.ndarray:
    paths, offset = [], 0
    for depth in range(1, len(levels) + 1):
        nodes = group_numbers(tuples[levels[:depth]])
        paths.append(nodes + offset)
        offset += int(nodes.max(initial=-1)) + 1
    return np.stack(paths, axis=1).astype(np.int64)
