"""The share of figures by group that agree with the real ones: what a table is used for most."""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.evaluate.scoring.agreement import LEAST_PEOPLE, agreement
from include.espejo.evaluate.scoring.bootstrap import LEVEL
from include.espejo.evaluate.scoring.references import open_contest
from include.espejo.evaluate.specific.cells import Cells
from include.espejo.evaluate.specific.document import GroupFigures, GroupSettings
from include.espejo.evaluate.specific.group_figures import MOST_VIEWS, group_agreement
from include.espejo.evaluate.specific.indicator_figures import indicator_agreement
from include.espejo.survey import SurveySpec
from include.espejo.table.people import Population


def group_utility(
    population: Population,
    cells: list[list[Cells]],
    tables: tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame],
    spec: SurveySpec,
    seed: int,
) -> GroupFigures:
    """The share of group figures that agree: the indicators' and those that any survey has.

    `cells`: of each indicator those of the real table and of the synthetic one; `tables`: as
    `specific_utility` has them.
    """
    drawn, viewed, of_indicators = np.random.default_rng([seed, 7]).spawn(3)
    contest = open_contest(*tables, spec, drawn)
    by_column, derived = group_agreement(contest, spec, viewed)
    declared = [
        one
        for indicator, (real, copy) in zip(spec.indicators, cells, strict=True)
        for one in indicator_agreement(indicator, real, copy, population, spec, of_indicators)
    ]
    return agreement([*derived, *declared]).within(
        GroupFigures,
        derived=agreement(derived),
        indicators=agreement(declared),
        columns=by_column,
        settings=GroupSettings(least_people=LEAST_PEOPLE, most_views=MOST_VIEWS, level=LEVEL),
    )
