"""Joins what another table says of each row: persons take the columns of their household."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from include.espejo.errors import InputError
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import group_numbers


def join_tables(
    table: pa.Table, other: pa.Table, keys: Sequence[str], source: str, joined: str
) -> tuple[pa.Table, tuple[str, ...]]:
    """`table` with the columns of the one row of `other` that has its key, and warnings.

    Raises InputError, with the counts of both sides, where a row finds none, or where `other` has
    a key twice.
    """
    both = [to_frame(one.select(list(keys))).astype(object) for one in (table, other)]
    groups = group_numbers(pd.concat(both, ignore_index=True))
    rows, others = groups[: table.num_rows], groups[table.num_rows :]
    about = f"rule join by {', '.join(keys)}"
    repeated = len(others) - len(np.unique(others))
    if repeated:
        raise InputError(
            joined,
            [f"{about}: {repeated:,} of {len(others):,} rows repeat a key; give each key one row"],
        )
    place = np.full(groups.max(initial=-1) + 1, -1)
    place[others] = np.arange(len(others))
    at = place[rows]
    lost, unused = int((at < 0).sum()), int((~np.isin(others, rows)).sum())
    counts = (
        f"{lost:,} of {len(rows):,} rows have no counterpart there, and {unused:,} of its "
        f"{len(others):,} rows have none here"
    )
    if lost:
        raise InputError(source, [f"{about} with {joined}: {counts}; send the files of one period"])
    for name in other.column_names:
        if name not in keys:
            table = table.append_column(name, other[name].take(pa.array(at)))
    return table, ((f"{about}: {counts}",) if unused else ())
