"""NIST's k-marginal score: how much two tables overlap in random views of a few columns.

The score of NIST's 2018 and 2020 challenges in de-identification: Ridgeway, Theofanos, Manley and
Task (2021), "Challenge Design and Lessons Learned from the 2018 Differential Privacy Challenges",
NIST TN 2151, and the SDNist tool. Each view counts the combinations of k columns; the score is
1000 * (1 - half the mean absolute difference of densities), 0 for no overlap and 1000 for equal.
As there, the widest geography is part of every view, where it varies, and numbers are binned;
codes beyond the 50 most common, or under the disclosure floor, are pooled.

NIST's score is over 2 and 3 columns, and so is ours. Views of 4 stand beside it: what is lost of
three and more columns together does not show in pairs.
"""

from __future__ import annotations

import math

import numpy as np

from include.espejo.evaluate.general.document import Marginals
from include.espejo.evaluate.scoring.coding import binned, cell_counts, joint_keys, variation
from include.espejo.evaluate.scoring.references import Contest, mean_scores

SIZES = (2, 3, 4)
SCORED = (2, 3)  # of NIST's score, whose published anchors are of these
MOST = 50  # views of each size

View = tuple[str, ...]


def score_marginals(
    contest: Contest, geography: str | None, random: np.random.Generator
) -> Marginals:
    """The score over views of 2 and of 3 columns, 0 to 1000, and of each size, 4 too, by itself."""
    names = [field.name for field in contest.fields]
    always = () if geography is None else (geography,)
    views = {k: draw_views(names, k, always, random) for k in SIZES}
    scores = _view_scores(contest, [view for found in views.values() for view in found])
    scored = [scores[view] for size in SCORED for view in views[size]]
    by_size = {str(k): mean_scores(scores[v] for v in found) for k, found in views.items() if found}
    return mean_scores(scored).within(
        Marginals,
        by_size=by_size,
        always=geography,
        marginals={str(k): len(found) for k, found in views.items()},
    )


def draw_views(
    names: list[str], size: int, always: View, random: np.random.Generator
) -> list[View]:
    """At most MOST different sets of `size` columns, each with those of `always`."""
    others = [name for name in names if name not in always]
    free = size - len(always)
    wanted = min(MOST, math.comb(len(others), free))
    found: dict[View, None] = {}
    while len(found) < wanted:
        chosen = sorted(random.choice(len(others), free, replace=False))
        found[(*always, *(others[i] for i in chosen))] = None
    return list(found)


def _view_scores(contest: Contest, views: list[View]) -> dict[View, dict[str, float]]:
    sizes = {field.name: int(field.pooled.max()) + 1 for field in contest.fields}
    tables = [
        binned(contest.fields, rows, pooled=True)
        for rows in (contest.train, *contest.others.values())
    ]
    found = {}
    for view in views:
        keys = [joint_keys(table, sizes, view) for table in tables]
        real, *others = cell_counts(keys, math.prod(sizes[name] for name in view))
        similar = [1000 * (1 - variation(real, other)) for other in others]
        found[view] = dict(zip(contest.others, similar, strict=True))
    return found
