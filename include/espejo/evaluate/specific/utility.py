"""Specific utility: whether the analyses that a release is for come out as on the real rows.

The spec's indicators on real and synthetic rows, each with its interval, and models that learn
from either and are tested on held-out real people. Snoke et al. (2018), "General and specific
utility measures for synthetic data", JRSS A 181(3), section 3.

The figures are exact and belong to the restricted area; those on too few real people are already
left out. What is published of them, document.py declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.evaluate.quality.document import Sides
from include.espejo.evaluate.scoring.bootstrap import (
    LEVEL,
    REPLICATES,
    draw_units,
    overlap,
    percentile_interval,
    resample_rows,
    resample_units,
)
from include.espejo.evaluate.scoring.timing import timed
from include.espejo.evaluate.specific.cells import Cells, Key, statistics_of, tabulate
from include.espejo.evaluate.specific.document import (
    DrawnBy,
    Ends,
    Figure,
    IndicatorFigures,
    LeftOutCounts,
    SpecificSettings,
    SpecificUtility,
    WeightTotal,
)
from include.espejo.evaluate.specific.floors import Withheld, left_out
from include.espejo.evaluate.specific.group_utility import group_utility
from include.espejo.evaluate.specific.learning import learning_utility
from include.espejo.language import text
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.model import Indicator
from include.espejo.table.indicators import compute_indicators
from include.espejo.table.people import Population, gather

UNWEIGHTED = text("Unweighted: the figures describe the rows of each table, not a population.")
WEIGHTED = text(
    "Each figure is unweighted; beside it stands the figure by the survey weight, which describes "
    "the population."
)

Points = dict[str, dict[Key, float]]

_DECLARED = ("name", "label", "statistics", "of", "among", "by")  # of an indicator, in the spec


@dataclass(frozen=True)
class Bootstrap:
    """What the tables are drawn again by: `drawn` (households, replicates), None for rows."""

    population: Population
    drawn: np.ndarray | None
    seed: int

    def of_real(self, cells: Cells, place: int) -> np.ndarray:
        """The counts of the real table's cells, (cells, replicates)."""
        if self.drawn is None:
            return self._of_rows(cells, [self.seed, 2, place])
        return resample_units(cells.cell, cells.size, self.population.household, self.drawn)

    def of_synthetic(self, cells: Cells, place: int) -> np.ndarray:
        """The counts of the synthetic table's cells, (cells, replicates)."""
        return self._of_rows(cells, [self.seed, 3, place])

    @staticmethod
    def _of_rows(cells: Cells, seed: list[int]) -> np.ndarray:
        counts = np.bincount(cells.cell[cells.cell >= 0], minlength=cells.size)
        return resample_rows(counts, len(cells.cell), REPLICATES, np.random.default_rng(seed))


def specific_utility(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    period: Period,
    seed: int,
    weight_totals: tuple[WeightTotal, ...] = (),
) -> SpecificUtility:
    """Indicators and models on real rows beside synthetic ones.

    `train`, `holdout`: protected rows with the household key; `synthetic`: the model's columns
    (see frames.to_frame). `weight_totals` of the whole release. Real figures are of both
    sides. Raises InputError as `audit` does.
    """
    population = gather(train, holdout, synthetic, spec, seed)
    bootstrap = _bootstrap(population, spec, seed)
    sides = population.real, population.synthetic
    points = tuple(_points(compute_indicators(table, spec, period)) for table in sides)
    weighted = tuple(
        _points(compute_indicators(table, spec, period, weighted=True)) if spec.weight else {}
        for table in sides
    )
    with timed("indicators"):
        cells = [[tabulate(one, table, spec, period) for table in sides] for one in spec.indicators]
        indicators = [
            _indicator(indicator, place, bootstrap, (*points, *weighted), cells[place], spec)
            for place, indicator in enumerate(spec.indicators)
        ]
    with timed("group figures"):
        groups = group_utility(population, cells, (train, holdout, synthetic), spec, seed)
    with timed("models"):
        learning = learning_utility(population, spec, seed)
    return SpecificUtility(
        weighted=spec.weight is not None,
        note=WEIGHTED if spec.weight else UNWEIGHTED,
        must_not_be_computed=spec.outputs.caution,
        settings=_settings(population, bootstrap, spec),
        weight=spec.weight.column if spec.weight else None,
        weight_totals=weight_totals,
        indicators=tuple(indicators),
        groups=groups,
        learning=learning,
    )


def _bootstrap(population: Population, spec: SurveySpec, seed: int) -> Bootstrap:
    if not spec.key("household"):
        return Bootstrap(population, None, seed)
    households = len(population.household_in_train)
    generator = np.random.default_rng([seed, 1])
    return Bootstrap(population, draw_units(households, REPLICATES, generator), seed)


def _settings(population: Population, bootstrap: Bootstrap, spec: SurveySpec) -> SpecificSettings:
    by_row = bootstrap.drawn is None
    return SpecificSettings(
        rows=Sides(real=len(population.real), synthetic=len(population.synthetic)),
        households=None if by_row else len(population.household_in_train),
        drawn_by=DrawnBy(real="row" if by_row else "household", synthetic="row"),
        replicates=REPLICATES,
        level=LEVEL,
        floor=spec.disclosure.floor,
    )


def _points(figures: pd.DataFrame) -> Points:
    """The value of each figure, by indicator, then by statistic, group and category."""
    found: Points = {}
    for row in figures.itertuples(index=False):
        found.setdefault(row.indicator, {})[row.statistic, row.group, row.category] = row.value
    return found


def _indicator(
    indicator: Indicator,
    place: int,
    bootstrap: Bootstrap,
    points: tuple[Points, ...],
    sides: Sequence[Cells],
    spec: SurveySpec,
) -> IndicatorFigures:
    """One indicator: what it is, its figures, what was left out, and how the figures agree.

    `sides`: its cells in the real table and in the synthetic one.
    """
    population, (cells, copy) = bootstrap.population, sides
    hidden = left_out(indicator, cells, population.household, spec.disclosure.floor)
    real = statistics_of(indicator, cells, bootstrap.of_real(cells, place))
    synthetic = statistics_of(indicator, copy, bootstrap.of_synthetic(copy, place))
    told = [key for key in real if not hidden.holds_back(key)]
    figures = _figures(told, [side.get(indicator.name, {}) for side in points], (real, synthetic))
    return IndicatorFigures(
        **{name: getattr(indicator, name) for name in _DECLARED},
        **_summary(figures),
        figures=tuple(figures),
        left_out=_left_out(hidden, synthetic, real),
    )


def _figures(
    keys: list[Key],
    points: Sequence[dict[Key, float]],
    replicates: tuple[dict[Key, np.ndarray], dict[Key, np.ndarray]],
) -> list[Figure]:
    nobody = np.full(REPLICATES, np.nan)
    intervals = [
        percentile_interval(
            np.array([side.get(key, nobody) for key in keys]).reshape(-1, REPLICATES)
        )
        for side in replicates
    ]
    shared = overlap(*intervals)
    found = []
    for place, (statistic, group, category) in enumerate(keys):
        real, synthetic, *weighted = (side.get(keys[place]) for side in points)
        error = None if synthetic is None or not real else (synthetic - real) / abs(real)
        found.append(
            Figure(
                statistic=statistic,
                group=group,
                category=category,
                real=real,
                real_interval=_ends(intervals[0][place]),
                synthetic=synthetic,
                synthetic_interval=_ends(intervals[1][place]),
                overlap=None if np.isnan(shared[place]) else float(shared[place]),
                relative_error=error,
                weighted_real=weighted[0],
                weighted_synthetic=weighted[1],
            )
        )
    return found


def _ends(interval: np.ndarray) -> Ends | None:
    return None if np.isnan(interval).any() else (float(interval[0]), float(interval[1]))


def _left_out(
    hidden: Withheld, synthetic: dict[Key, np.ndarray], real: dict[Key, np.ndarray]
) -> LeftOutCounts:
    groups = {group for _, group, _ in real}
    invented = {group for _, group, _ in synthetic} - groups
    return LeftOutCounts(
        groups=len(hidden.groups),
        shares=len(hidden.shares),
        synthetic_groups_without_real_people=len(invented),
    )


def _summary(figures: list[Figure]) -> dict[str, float | None]:
    """How the figures agree; an overlap below 0 counts 0, so that one figure cannot decide."""
    overlaps = [figure.overlap for figure in figures if figure.overlap is not None]
    errors = [abs(f.relative_error) for f in figures if f.relative_error is not None]
    return {
        "mean_overlap": float(np.mean(np.maximum(overlaps, 0))) if overlaps else None,
        "disjoint": sum(shared < 0 for shared in overlaps),
        "missing": sum(figure.synthetic is None for figure in figures),
        "median_absolute_relative_error": float(np.median(errors)) if errors else None,
    }
