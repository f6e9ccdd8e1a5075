"""Which earlier fields a field reads: all, or in a wide table the most informative ones.

A bound on them makes time and memory of training and sampling grow with the number of columns,
and not with its square; choosing them costs one look at each pair of columns.
"""

from __future__ import annotations

import numpy as np

from include.espejo.synthesis.ctgan.encoding.layout import Layout

MOST_PARENTS = 32
_COUNTED_ROWS = 20_000


def choose_parents(
    rows: np.ndarray, layout: Layout, always: int | None = None
) -> list[tuple[int, ...]]:
    """The fields that each drawn field reads, in their order. `rows`: int codes, (rows, fields);
    `always`: a field that all after it read."""
    some = rows[:: max(1, len(rows) // _COUNTED_ROWS)]
    return [tuple(_parents(some, field, layout.sizes, always)) for field in layout.drawn]


def _parents(rows: np.ndarray, field: int, sizes: tuple[int, ...], always: int | None) -> list[int]:
    if field <= MOST_PARENTS:
        return list(range(field))
    gains = [
        gain(rows[:, parent], rows[:, field], sizes[parent], sizes[field])
        if parent != always
        else np.inf
        for parent in range(field)
    ]
    return sorted(np.argsort(gains, kind="stable")[::-1][:MOST_PARENTS].tolist())


def gain(one: np.ndarray, other: np.ndarray, ones: int, others: int) -> float:
    """The mutual information of two fields' codes, (rows,), in nats a row, less what chance alone
    is expected to show: degrees of freedom over twice the rows (Miller 1955, "Note on the bias of
    information estimates")."""
    joint = np.bincount(one.astype(np.int64) * others + other, minlength=ones * others)
    table = joint.reshape(ones, others) / len(one)
    product = table.sum(1)[:, None] * table.sum(0)[None, :]
    seen = table > 0
    information = float((table[seen] * np.log(table[seen] / product[seen])).sum())
    freedom = ((table.sum(1) > 0).sum() - 1) * ((table.sum(0) > 0).sum() - 1)
    return information - float(freedom) / (2 * len(one))
