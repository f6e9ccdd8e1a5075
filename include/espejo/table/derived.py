"""Columns of a release that follow from others of the same row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.espejo.survey import Period, SurveySpec
from include.espejo.table.conditions import rows_that_meet
from include.espejo.table.frames import to_frame


def with_derived(table: pa.Table, spec: SurveySpec, period: Period) -> pa.Table:
    """The table with the spec's derived columns after its own; special codes are blank in them.

    "Not known" is no amount: what is computed of it would be none either.
    """
    if not spec.derived:
        return table
    frame = to_frame(table)
    for name in frame.columns:
        special = list(spec.columns[name].special)
        if special:
            frame[name] = frame[name].where(~frame[name].isin(special))
    for name, one in spec.derived.items():
        values = rows_that_meet(spec.expression(one.of), frame, period).astype(float)
        values = np.where(np.isfinite(values), np.round(values, one.decimals), np.nan)
        table = table.append_column(name, pa.array(values, from_pandas=True))
    return table
