"""Pairs of codes that the engine gives no mass: structural zeros (`structural.py`).

No row has them though many would be expected: a rule that nobody declared. They are learnt as
declared rules are, but for one thing: they are a finding, and a row in which they leave nothing
else is still drawn.
"""

from __future__ import annotations

import numpy as np

from include.espejo.survey.disclosure import Floor
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.table.structural import impossible_pairs


def find_zeros(
    rows: np.ndarray, layout: Layout, households: np.ndarray | None, floor: Floor
) -> dict[tuple[int, int], np.ndarray]:
    """By pair of fields, the codes that do not go together: boolean, (codes, codes).

    `rows`: int codes, (rows, fields). Pairs that the place fixes are left out: nothing is drawn.
    """
    found = impossible_pairs(rows, layout.sizes, household=households, floor=floor)
    return {pair: cells for pair, cells in found.items() if pair[1] >= layout.given}
