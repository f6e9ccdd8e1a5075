"""The pairs of columns: four matrices of one shape, and each pair's figures for the drill-down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.espejo.evaluate.general.document import Associations, GeneralUtility, PairTrend
from include.espejo.language import Label
from include.espejo.report.page.fitness import below_ceiling, judge_pairs
from include.espejo.report.page.texts import MEASURES

# Upper bounds of the classes of colour; what is above the last has a class of its own.
STRENGTHS = (0.1, 0.2, 0.4, 0.6, 0.8)
DIFFERENCES = (0.02, 0.05, 0.1, 0.2)
GAPS = (0.02, 0.05, 0.1, 0.15)


@dataclass(frozen=True)
class PairRow:
    """Two columns; None for a figure that there is not. `near`: None where they are unrelated."""

    columns: tuple[str, str]
    measure: Label | None
    real: float | None
    synthetic: float | None
    difference: float | None
    score: float | None
    ceiling: float | None
    baseline: float | None
    associated: bool
    near: bool | None

    @property
    def gap(self) -> float | None:
        """What the score is below what it could be: the ceiling, or 1 where there is none."""
        if self.score is None:
            return None
        return below_ceiling(self.score, 1.0 if self.ceiling is None else self.ceiling)


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: its number, and the class of its colour."""

    value: float | None
    shade: str


@dataclass(frozen=True)
class Pairs:
    """`names` in the release's order; `listed` the worst first; `at` by either order of names.

    `mean`: the mean absolute difference of the associations, and that of other real people.
    """

    names: tuple[str, ...]
    listed: tuple[PairRow, ...]
    at: Mapping[tuple[str, str], PairRow]
    mean: tuple[float | None, float | None]

    def cell(self, view: str, row: str, column: str) -> Cell:
        """The cell of one of the views real, synthetic, difference and score."""
        pair = self.at.get((row, column))
        if pair is None or row == column:
            return Cell(None, "own" if row == column else "none")
        value: float | None = getattr(pair, view)
        if value is None:
            return Cell(None, "none")
        match view:
            case "difference":
                # Away from 0 it is more than the real one, towards 0 and beyond it is less: a
                # correlation of -0.1 where the real one is -0.2 is a relation that is lost.
                side = "n" if value * (pair.real or 0.0) < 0 else "p"
                return Cell(value, f"{side}{_grade(abs(value), DIFFERENCES)}")
            case "score":
                return Cell(value, f"e{_grade(pair.gap or 0.0, GAPS)}")
            case _:
                return Cell(value, f"s{_grade(abs(value), STRENGTHS)}")


def _grade(value: float, bounds: tuple[float, ...]) -> int:
    return sum(value > bound for bound in bounds)


def make_pairs(general: GeneralUtility) -> Pairs:
    """The pairs of the release's columns; without any, `names` is empty."""
    known, names = general.associations, general.associations.columns
    scores = {pair.columns: pair for pair in general.pair_trends.pairs}
    near = dict(judge_pairs(general))
    found = [
        _pair((a, b), known, (i, j), scores.get((a, b)) or scores.get((b, a)), near)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j
    ]
    at = {p.columns: p for p in found} | {p.columns[::-1]: p for p in found}
    mean = known.mean_absolute_difference
    told = mean.score, mean.ceiling
    return Pairs(names, tuple(sorted(found, key=_worst_first)), at, told)


def _pair(
    names: tuple[str, str],
    known: Associations,
    place: tuple[int, int],
    scored: PairTrend | None,
    near: Mapping[tuple[str, str], bool],
) -> PairRow:
    i, j = place
    return PairRow(
        names,
        MEASURES.get(known.measures[i][j]),
        known.real[i][j],
        known.synthetic[i][j],
        known.difference[i][j],
        score=None if scored is None else scored.score,
        ceiling=None if scored is None else scored.ceiling,
        baseline=None if scored is None else scored.floor,
        associated=scored is not None and scored.associated,
        near=near.get(names),
    )


def _worst_first(pair: PairRow) -> tuple[float, float]:
    """An association that is gone altogether has no difference: all of it is lost."""
    moved = pair.real if pair.difference is None else pair.difference
    return -abs(moved or 0.0), -(pair.gap or 0.0)
