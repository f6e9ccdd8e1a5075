"""The empty cells of a pair of columns as few rules: rectangles that cover them.

"Where A is one of X, B is none of Y" empties the rectangle X by Y, and so does its converse. Those
that cover most are taken first (the greedy cover of Chvátal 1979, Math. Oper. Res. 4). Cells that
rules exclude already may be part of a rectangle, so that it is told more simply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from include.espejo.suggest.classes import Classes
from include.espejo.suggest.word import condition
from include.espejo.survey.disclosure import Floor
from include.espejo.survey.rules import BlankRule, ImpliesRule, rule_expressions
from include.espejo.table.floors import count_behind

LONGEST = 900  # characters of an expression, of the 1000 that there may be
_NOT = 12  # characters: "not" is worth so many of a condition without it
_BOTH = 20  # the same of a rule that tells the converse, too: less is left to be said


@dataclass(frozen=True)
class Suggestion:
    """A rule of two columns: the cells that it empties, (classes of the first, of the second), the
    rows expected where its premise holds, and the people behind each side."""

    rule: BlankRule | ImpliesRule
    first: str
    second: str
    cells: np.ndarray
    expected: float
    behind: tuple[int, int]

    @property
    def pair(self) -> tuple[str, str]:
        return (min(self.first, self.second), max(self.first, self.second))

    def cells_of(self, first: str) -> np.ndarray:
        """The cells with the classes of this column first."""
        return self.cells if first == self.first else self.cells.T


@dataclass(frozen=True)
class ClassPair:
    """Two columns: which cells are to be covered, and which are empty, these among them."""

    first: Classes
    second: Classes
    wanted: np.ndarray
    empty: np.ndarray
    household: np.ndarray
    floor: Floor

    def turned(self) -> ClassPair:
        return replace(
            self, first=self.second, second=self.first, wanted=self.wanted.T, empty=self.empty.T
        )

    def behind(self, side: Classes, chosen: np.ndarray) -> tuple[int, bool]:
        """The people who have one of these classes, and whether they hold the floor."""
        counts = count_behind(chosen[side.codes].astype(np.int64), 2, self.household)
        return int(counts.people[1]), bool(counts.hold(self.floor)[1])

    def expected(self) -> np.ndarray:
        """Rows that independence puts into each cell: float64, (classes, classes)."""
        rows = max(len(self.first.codes), 1)
        return np.asarray(np.outer(self.first.people, self.second.people) / rows)


def cover(pair: ClassPair, least: float) -> Iterator[Suggestion]:
    """Rules for the wanted cells, until what is left is less than `least` expected rows."""
    expected = pair.expected()
    left = pair.wanted & (expected > 0)
    while True:
        best = max(
            _rectangles(pair, left),
            default=None,
            key=lambda cells: float((expected * (left & cells)).sum()),
        )
        if best is None or (expected * (left & best)).sum() < least:
            return
        said = _say(pair, best, left)
        # Of a long premise only a part is said, which may be one that nothing is wanted of.
        said_cells = None if said is None else said.cells_of(pair.first.name) & left
        if said is None or said_cells is None or not said_cells.any():
            left &= ~best
            continue
        yield said
        left &= ~said_cells


def _rectangles(pair: ClassPair, left: np.ndarray) -> Iterator[np.ndarray]:
    """The largest rectangles of empty cells with a row or a column that is still wanted."""
    for empty, wanted, turn in ((pair.empty, left, False), (pair.empty.T, left.T, True)):
        for pattern in np.unique(empty[wanted.any(axis=1)], axis=0):
            rows = ~(pattern & ~empty).any(axis=1)
            cells = _box(rows, pattern)
            yield cells.T if turn else cells


def _say(pair: ClassPair, cells: np.ndarray, left: np.ndarray) -> Suggestion | None:
    """The shortest wording; None where there is none.

    Either column is the premise. Of both sides the classes that are still wanted are told, or as
    many as are empty beside them, where this is shorter: "up to 11", although 4 and less is said.
    """
    ways = []
    for own, box, wanted in ((pair, cells, left), (pair.turned(), cells.T, left.T)):
        premise, excluded = _some(box & wanted), _some((box & wanted).T)
        for beside in (excluded, _every(own.empty[premise].T), _some(box.T)):
            for at in (premise, _every(own.empty[:, beside])):
                way = _one_way(own, at, beside, wanted)
                ways.append(way)
                if way is not None and _tells_both(way):
                    # The converse may be shorter, and says the same.
                    ways.append(_one_way(own, ~at & (own.first.people > 0), ~beside, wanted))
    return min((way for way in ways if way is not None), key=_length, default=None)


def _some(cells: np.ndarray) -> np.ndarray:
    return np.asarray(cells.any(axis=1))


def _every(cells: np.ndarray) -> np.ndarray:
    return np.asarray(cells.all(axis=1))


def _length(said: Suggestion) -> int:
    texts = rule_expressions(said.rule).values()
    length = sum(len(text) + _NOT * text.count("not ") for text in texts)
    return length - (_BOTH if _tells_both(said) else 0)


def _tells_both(said: Suggestion) -> bool:
    rule = said.rule
    return rule.only if isinstance(rule, BlankRule) else rule.both_ways


def _one_way(
    pair: ClassPair, premise: np.ndarray, excluded: np.ndarray, wanted: np.ndarray
) -> Suggestion | None:
    """Tells "where the first is one of `premise`, the second is none of `excluded`".

    As many classes of the premise as one expression can hold; none where a side is under the
    floor, or cannot be written.
    """
    allowed = ~excluded
    then = condition(pair.second, allowed)
    when = condition(pair.first, premise)
    if when is not None and len(when) > LONGEST:
        premise = premise & _some(wanted & excluded)  # a part is said: of what is still wanted
        when = condition(pair.first, premise)
    while when is not None and len(when) > LONGEST:
        premise = premise & (np.cumsum(premise) <= premise.sum() // 2)
        when = condition(pair.first, premise)
    sides = (pair.behind(pair.first, premise), pair.behind(pair.second, excluded))
    if when is None or then is None or len(then) > LONGEST or not all(s[1] for s in sides):
        return None
    cells, converse = _box(premise, excluded), _box(~premise, allowed)
    # What no row has on either side may be told of either.
    both = not (converse & ~pair.empty & (pair.expected() > 0)).any() and bool(
        (converse & wanted).any()
    )
    expected = float(pair.expected()[cells].sum())
    rule = _rule(pair.second, when, then, allowed, both=both)
    if both:
        cells = cells | converse
    people = (sides[0][0], sides[1][0])
    return Suggestion(rule, pair.first.name, pair.second.name, cells, expected, people)


def _box(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.asarray(rows[:, None] & columns[None, :], dtype=bool)


def _rule(
    second: Classes, when: str, then: str, allowed: np.ndarray, *, both: bool
) -> BlankRule | ImpliesRule:
    kinds = [m.kind for m, yes in zip(second.members, allowed, strict=True) if yes]
    if kinds == ["blank"]:
        return BlankRule(
            kind="blank", name="suggested", columns=(second.name,), when=when, only=both
        )
    return ImpliesRule.model_validate(
        {"kind": "implies", "name": "suggested", "if": when, "then": then, "both_ways": both}
    )
