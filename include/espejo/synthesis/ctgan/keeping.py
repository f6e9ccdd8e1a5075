"""Rules that hold for some values of a bin only: values are drawn again until they hold.

`constraints.py` leaves the codes with which a rule can hold. Where two amounts share a bin, one
may still come out above the other; another draw within the same bins mends that, and the bins,
which the network drew, stay as they are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from include.espejo.errors import ParameterError
from include.espejo.synthesis.ctgan.encoding.encode import Encoding
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import Breach, relations

_TRIES = 10
_MOST_LOST = 0.1  # of the training rows, whose bins do not find values that keep the rules
_ENOUGH_ROWS = 5_000  # to know that share


def decode_keeping_rules(
    encoding: Encoding, leaves: np.ndarray, codes: np.ndarray, generator: np.random.Generator
) -> tuple[pa.Table, np.ndarray]:
    """The table of these rows, with values that keep the rules where a few draws find them, and
    the numbers of the rows for which none did.

    `leaves`: (rows,); `codes`: (rows, fields).
    """
    table = encoding.decode(leaves, codes, generator)
    wrong = np.flatnonzero(breaks_a_rule(table, encoding))
    for _ in range(_TRIES):
        if not len(wrong):
            break
        again = encoding.decode(leaves[wrong], codes[wrong], generator)
        table = replace_rows(table, wrong, again)
        wrong = wrong[breaks_a_rule(again, encoding)]
    return table, wrong


def breaks_a_rule(table: pa.Table, encoding: Encoding) -> np.ndarray:
    """Which rows break any declared relation: boolean, (rows,)."""
    breaches = relations(to_frame(table), encoding.spec, encoding.period)
    none = np.zeros(table.num_rows, dtype=bool)
    return np.asarray(np.logical_or.reduce([none, *(breach.rows for breach in breaches)]))


def replace_rows(table: pa.Table, rows: np.ndarray, by: pa.Table) -> pa.Table:
    """The table with `by` at these row numbers, in their order."""
    order = np.arange(table.num_rows)
    order[rows] = table.num_rows + np.arange(len(rows))
    return pa.concat_tables([table, by]).unify_dictionaries().take(order)


def refuse_lost_rules(
    frame: pd.DataFrame,
    encoding: Encoding,
    leaves: np.ndarray,
    codes: np.ndarray,
    generator: np.random.Generator,
) -> None:
    """Raises ParameterError for a rule that the bins of its numbers lose: two amounts of many
    values that are equal, a total and its parts. No training could make such rows.

    `frame`: the training table; `leaves`, `codes`: the same, encoded.
    """
    some = np.arange(len(frame))[:: max(1, len(frame) // _ENOUGH_ROWS)]
    table, _ = decode_keeping_rules(encoding, leaves[some], codes[some], generator)
    before = relations(frame.iloc[some], encoding.spec, encoding.period)
    after = relations(to_frame(table), encoding.spec, encoding.period)
    for own, drawn in zip(before, after, strict=True):
        lost = float((drawn.rows & ~own.rows).mean())
        if lost > _MOST_LOST:
            raise ParameterError(_remedy(drawn, lost))


def _remedy(breach: Breach, lost: float) -> str:
    columns = ", ".join(breach.columns)
    return (
        f"column {columns}, rule {breach.rule}: about {lost:.0%} of the synthetic rows would break "
        "it, because it relates numbers with too many values; drop one of these columns from "
        "model.columns"
    )
