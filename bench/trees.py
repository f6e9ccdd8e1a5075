"""Sequential trees after synthpop (Nowok, Raab and Dibben 2016, JSS 74(11)): a peer in usefulness.

Each column is drawn from a leaf of a tree on the columns before it: a real value of a real
person. So it says how much can be kept by copying, and the gates say what that costs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

LEAF = 5
MOST_CLASSES = 400  # of a number; beyond, its values are ranked into as many


def synthesize(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """As many rows as `table`, which is as `frames.to_frame` gives it."""
    random = np.random.default_rng(seed)
    codes = np.column_stack([_codes(table[name]) for name in table])
    rows = len(table)
    source = random.integers(rows, size=rows)  # of each cell, the row that it is taken from
    drawn = codes[source][:, :1]
    columns = {table.columns[0]: table.iloc[source, 0].reset_index(drop=True)}
    for at, name in enumerate(table.columns[1:], 1):
        tree = DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=seed)
        tree.fit(codes[:, :at], _classes(codes[:, at]))
        source = _from_leaves(tree.apply(codes[:, :at]), tree.apply(drawn), random)
        drawn = np.column_stack([drawn, codes[source, at]])
        columns[name] = table[name].iloc[source].reset_index(drop=True)
    return pd.DataFrame(columns)


def _codes(values: pd.Series) -> np.ndarray:
    """Numbers as they are, codes as numbers; a blank is one of its own."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(values.cat.codes, dtype=float)
    return np.asarray(values.fillna(values.min() - 1), dtype=float)


def _classes(codes: np.ndarray) -> np.ndarray:
    number = np.unique(codes, return_inverse=True)[1]
    many = number.max() // MOST_CLASSES + 1
    return np.asarray(number // many, dtype=np.int64)


def _from_leaves(real: np.ndarray, wanted: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """For each wanted leaf, a row in it: int64, (rows,)."""
    order = np.argsort(real, kind="stable")
    first, last = (np.searchsorted(real[order], wanted, side) for side in ("left", "right"))
    at = first + (random.random(len(wanted)) * (last - first)).astype(np.int64)
    return np.asarray(order[at])
