"""Parts of a table that are learnt by themselves: the codes of one column, or several together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from include.espejo.table.document import TablePart

MOST_PARTS = 256


def plan_parts(values: pd.Series, least: int) -> tuple[TablePart, ...]:
    """Parts of the rows to learn from, by their codes in the column that partitions them.

    Neighbours are codes that follow each other, a blank coming last. A part with fewer rows than
    `least` takes the next code too, and what is left at the end joins the part before it.
    """
    counts = values.astype("object").fillna("").astype(str).value_counts()
    ordered = sorted(counts.index, key=lambda code: (code == "", code))
    least = max(least, -(-len(values) // MOST_PARTS))
    found: list[tuple[list[str], int]] = []
    for code in ordered:
        if found and found[-1][1] < least:
            codes, rows = found.pop()
            found.append(([*codes, code], rows + int(counts[code])))
        else:
            found.append(([code], int(counts[code])))
    if len(found) > 1 and found[-1][1] < least:
        codes, rows = found.pop()
        found[-1] = ([*found[-1][0], *codes], found[-1][1] + rows)
    width = len(str(len(found)))
    return tuple(
        TablePart(name=str(number).zfill(width), codes=tuple(codes), rows=rows)
        for number, (codes, rows) in enumerate(found, start=1)
    )


def part_numbers(parts: Sequence[TablePart], values: pd.Series) -> np.ndarray:
    """Which of the parts each row is of, counted from 0: int64, (rows,)."""
    number = {code: at for at, part in enumerate(parts) for code in part.codes}
    column = values.astype("category").cat
    # A category that no row has is of no part. A blank's code, -1, stands for the last number.
    of_code = [number.get(str(code), -1) for code in column.categories]
    return np.asarray(np.array([*of_code, number.get("", -1)])[column.codes])


def share_rows(parts: Sequence[TablePart], rows: int) -> dict[str, int]:
    """So many rows over the parts by name, as their rows to learn from are: largest remainders."""
    weights = np.array([part.rows for part in parts], dtype=float)
    exact = weights / weights.sum() * rows
    given = np.floor(exact).astype(int)
    rest = np.argsort(-(exact - given), kind="stable")[: rows - int(given.sum())]
    given[rest] += 1
    return {part.name: int(count) for part, count in zip(parts, given, strict=True)}
