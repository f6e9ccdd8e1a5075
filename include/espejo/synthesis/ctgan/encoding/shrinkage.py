"""How much counts of few rows are believed: as much as they foretell of households left out.

A code that a few households have together with another says more of them than of the population.
Every table of counts is therefore drawn towards what is known without it, with the weight under
which each household is best foretold by the others (leave-one-out likelihood of a Dirichlet prior:
Stone 1974, "Cross-validation and multinomial prediction", Biometrika 61(3), section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEIGHTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)  # rows, to choose from
MOST_ROWS = 20_000  # of the households that are left out, one at a time


@dataclass(frozen=True)
class LeftOut:
    """Those that are left out in turn. `rows`: their rows in the table; `number`: of each row."""

    rows: np.ndarray
    number: np.ndarray

    @classmethod
    def of(cls, size: int, households: np.ndarray | None) -> LeftOut:
        """Every one, or every k-th of a table of `size` rows that has too many; None: each row."""
        number = np.arange(size) if households is None else households
        step = max(1, size // MOST_ROWS)
        rows = np.flatnonzero(number % step == 0)
        return cls(rows, np.unique(number[rows], return_inverse=True)[1])

    def parts(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each row left out, a number for its household's rows of its code, and their count."""
        key = self.number * (int(codes.max(initial=0)) + 1) + codes[self.rows]
        inverse, count = np.unique(key, return_inverse=True, return_counts=True)[1:]
        return inverse, count


def choose_weight(
    counts: np.ndarray, share: np.ndarray, parents: np.ndarray, codes: np.ndarray, left: LeftOut
) -> tuple[float, float]:
    """The prior weight of `share` in each row of `counts`, and the log-likelihood gained on it.

    `counts`: (parent codes, codes); `parents`, `codes`: int, (rows,), of the table counted;
    `share`: (codes,). A gain of 0 or less: the parent foretells nothing.
    """
    part, of_parent = left.parts(parents)
    key = part * counts.shape[1] + codes[left.rows]
    first, own = np.unique(key, return_index=True, return_counts=True)[1:]
    row = left.rows[first]
    rest = counts[parents[row], codes[row]] - own
    total = counts.sum(1)[parents[row]] - of_parent[part[first]]
    return _best_weight(own, rest, total, share[codes[row]], np.ones(len(own)))


def expected_rows(paths: np.ndarray, leaves: np.ndarray, left: LeftOut) -> np.ndarray:
    """The rows to expect of each leaf of a tree in a table of as many rows: float64, (leaves,).

    `paths`: (leaves, levels) node numbers; `leaves`: (rows,). The children of a node are drawn
    towards each other, level by level.
    """
    expected = np.full(len(paths), float(len(leaves)))
    above = np.zeros(len(paths), dtype=np.int64)
    for nodes in (*paths.T, np.arange(len(paths))):
        expected *= _shares_of_parent(above, nodes, leaves, left)
        above = nodes
    return expected


def _shares_of_parent(
    parents: np.ndarray, nodes: np.ndarray, leaves: np.ndarray, left: LeftOut
) -> np.ndarray:
    """Of each leaf, the share that its node has of its parent node."""
    first, node = np.unique(nodes, return_index=True, return_inverse=True)[1:]
    parent = np.unique(parents, return_inverse=True)[1]
    siblings = np.bincount(parent[first])[parent]
    rows_of_node = np.bincount(node[leaves], minlength=len(first))[node]
    rows_of_parent = np.bincount(parent[leaves], minlength=int(parent.max()) + 1)[parent]
    part, of_parent = left.parts(parent[leaves])
    own_part, of_node = left.parts(node[leaves])
    one = np.unique(own_part, return_index=True)[1]
    leaf, own = leaves[left.rows[one]], of_node
    rest, total = rows_of_node[leaf] - own, rows_of_parent[leaf] - of_parent[part[one]]
    weight, _ = _best_weight(own, rest, total, 1 / siblings[leaf], siblings[leaf])
    return np.asarray((rows_of_node + weight) / (rows_of_parent + weight * siblings))


def _best_weight(
    own: np.ndarray, rest: np.ndarray, total: np.ndarray, prior: np.ndarray, scale: np.ndarray
) -> tuple[float, float]:
    """The weight under which the rows left out are likeliest, and the log-likelihood over `prior`.

    `own` rows are left out of a code that `rest` others of `total` have; the prior weighs
    weight x `scale`. All of shape (parts,).
    """
    gains = [
        float(
            (own * np.log((rest + weight * scale * prior) / (total + weight * scale) / prior)).sum()
        )
        for weight in WEIGHTS
    ]
    best = int(np.argmax(gains))
    return WEIGHTS[best], gains[best]
