"""What is scored of a table too large to be scored whole.

Every score is a share, a mean or a distance of shares: of two million rows it is as good as of
fifteen, and takes a memory that does not grow with the table.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.survey import SurveySpec
from include.espejo.table.households import household_numbers

MOST_ROWS = 2_000_000  # of the real tables together, and of the synthetic one


def subsample_people(
    train: pd.DataFrame, holdout: pd.DataFrame, spec: SurveySpec, seed: int, most: int = MOST_ROWS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Some `most` rows of both tables, the same share of the households of each.

    A household is in as a whole, and rows keep their order. The tables themselves where they
    have no more rows than that.
    """
    share = most / max(len(train) + len(holdout), 1)
    if share >= 1:
        return train, holdout
    random = np.random.default_rng([seed, 11])
    sides = []
    for side in (train, holdout):
        household = household_numbers(side, spec)
        size = int(household.max(initial=-1)) + 1
        kept = np.zeros(size, dtype=bool)
        kept[random.permutation(size)[: round(share * size)]] = True
        sides.append(_taken(side, kept[household]))
    return sides[0], sides[1]


def subsample_rows(synthetic: pd.DataFrame, seed: int, most: int = MOST_ROWS) -> pd.DataFrame:
    """`most` rows of the table in their order; the table itself where it has no more."""
    if len(synthetic) <= most:
        return synthetic
    kept = np.zeros(len(synthetic), dtype=bool)
    kept[np.random.default_rng([seed, 12]).permutation(len(synthetic))[:most]] = True
    return _taken(synthetic, kept)


def _taken(frame: pd.DataFrame, kept: np.ndarray) -> pd.DataFrame:
    return frame[kept].reset_index(drop=True)
