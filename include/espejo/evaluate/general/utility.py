"""General utility: how close the synthetic table is to the real one, for any use.

Every score stands beside its references (`references.py`). Nothing here tells a row's value, or
a cell of fewer people than the disclosure floor; figures are exact, and cut where they are
published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from include.espejo.evaluate.general import classifier, marginals, moments, propensity
from include.espejo.evaluate.general.association import compare_associations
from include.espejo.evaluate.general.breakdown import score_parts
from include.espejo.evaluate.general.document import GeneralSettings, GeneralUtility
from include.espejo.evaluate.general.shapes import ASSOCIATED, score_pairs, score_shapes
from include.espejo.evaluate.scoring.coding import BINS, MOST_CODES, CodedColumn
from include.espejo.evaluate.scoring.references import Contest, least_people, open_contest
from include.espejo.evaluate.scoring.timing import timed
from include.espejo.survey import SurveySpec


def general_utility(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    seed: int,
) -> GeneralUtility:
    """Score `synthetic` against `train`, frames as `frames.to_frame` gives them.

    `train` and `holdout` with the household key, where there is one. `holdout`: rows of other
    households; None, or fewer than ten floors of people, and every `ceiling` is None. `seed`
    draws rows, shuffles, views and folds. Raises MetricError where a table has no rows or lacks a
    modelled column.
    """
    drawn, viewed, told_apart, split = np.random.default_rng(seed).spawn(4)
    floor, least = spec.disclosure.floor.people, least_people(spec)
    contest = open_contest(train, holdout, synthetic, spec, drawn)
    every = contest.others["all_rows"]
    widest = _widest(contest, spec)
    varying = widest.name if widest is not None and _varies(contest, widest) else None
    parts: dict[str, Callable[[], Any]] = {
        "column_shapes": lambda: score_shapes(contest),
        "pair_trends": lambda: score_pairs(contest),
        "k_marginal": lambda: marginals.score_marginals(contest, varying, viewed),
        "propensity": lambda: propensity.score_propensity(contest, told_apart),
        "classifier": lambda: classifier.score_classifier(contest, split),
        "parts": lambda: score_parts(contest, widest, least),
        "numbers": lambda: moments.describe_numbers(contest.fields, contest.train, every, floor),
        "associations": lambda: compare_associations(
            contest.fields, contest.train, every, contest.others.get("ceiling"), floor
        ),
    }
    found = {}
    for name, score in parts.items():
        with timed(name):
            found[name] = score()
    return GeneralUtility(
        **found, unscored_columns=contest.unscored, settings=_settings(contest, spec)
    )


def _widest(contest: Contest, spec: SurveySpec) -> CodedColumn | None:
    """The widest geography level, if it is modelled and filled."""
    level = spec.geography_levels()[:1]
    return next((field for field in contest.fields if field.name in level), None)


def _varies(contest: Contest, field: CodedColumn) -> bool:
    levels = contest.train[field.name]
    return bool(levels.min() < levels.max())


def _settings(contest: Contest, spec: SurveySpec) -> GeneralSettings:
    return GeneralSettings(
        bins=BINS,
        most_codes=MOST_CODES,
        association_threshold=ASSOCIATED,
        least_people=least_people(spec),
        rows={name: size for name, size in contest.sizes().items() if name != "all_rows"},
        propensity_rows=propensity.MOST_ROWS,
        propensity_products=propensity.MOST_PRODUCTS,
        classifier_rows=classifier.MOST_ROWS,
        marginals_of_each_size=marginals.MOST,
        has_ceiling="ceiling" in contest.others,
    )
