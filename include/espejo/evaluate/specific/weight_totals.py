"""The totals of the survey's weights beside those of a release's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from include.espejo.evaluate.specific.document import WeightTotal
from include.espejo.survey import SurveySpec
from include.espejo.table.weights import WeightMargin, numbered_groups


def weight_totals(
    synthetic: pd.DataFrame, margins: Sequence[WeightMargin], spec: SurveySpec
) -> tuple[WeightTotal, ...]:
    """Each group's total beside what the release's weights add up to, over every synthetic row."""
    if spec.weight is None:
        return ()
    found = []
    weights = synthetic[spec.weight.column].fillna(0).to_numpy(float)
    for margin in margins:
        group, totals = numbered_groups(synthetic, margin)
        released = np.bincount(group, weights, minlength=len(totals) + 1)[1:]
        for code, total, summed in zip(margin.totals, totals, released, strict=True):
            found.append(
                WeightTotal(by=margin.by, group=code, total=float(total), released=float(summed))
            )
    return tuple(found)
