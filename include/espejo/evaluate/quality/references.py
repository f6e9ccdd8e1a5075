"""SDMetrics' quality scores between floor and ceiling, on equally many rows (`references.py`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from include.espejo.evaluate.quality.reports import Metadata, QualityFigures, scores_alike
from include.espejo.evaluate.scoring.references import ReferencedScore, with_position


def score_references(
    quality: QualityFigures,
    real: pd.DataFrame,
    others: Mapping[str, pd.DataFrame],
    metadata: Metadata,
    seed: int,
) -> dict[str, ReferencedScore]:
    """Every score of the quality report with its references, by the name in quality.json.

    `others`: "score", the synthetic rows; "floor", the real ones, whose columns are shuffled
    here; with a holdout "ceiling". Each gives equally many rows, drawn by `seed`. The ceiling, or
    another, is None where too few rows of it are left to score every pair.
    """
    random = np.random.default_rng([seed, 6])
    rows = min(len(real), *(len(table) for table in others.values()))
    found = {
        name: scores_alike(
            quality, real, _draw(table, rows, random, shuffle=name == "floor"), metadata
        )
        for name, table in others.items()
    }
    whole = {
        "overall": quality.overall,
        "column_shapes": quality.shapes,
        "column_pair_trends": quality.pair_trends,
        "column_pair_trends_all_pairs": quality.pair_trends_all,
    }
    return {
        name: with_position({"all_rows": score} | {k: s[name] for k, s in found.items()})
        for name, score in whole.items()
    }


def _draw(
    table: pd.DataFrame, rows: int, random: np.random.Generator, *, shuffle: bool
) -> pd.DataFrame:
    """So many rows without replacement; shuffled, each column draws its own."""
    if not shuffle:
        return table.iloc[random.permutation(len(table))[:rows]].reset_index(drop=True)
    return pd.DataFrame(
        {name: table[name].to_numpy()[random.permutation(len(table))[:rows]] for name in table}
    )
