"""Compile the audit's kernel: `python -m include.espejo.disclose.distance.compile`.

The result stays on disk. For an image: its containers would each compile it anew.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.disclose.distance.distances import measure_distances
from include.espejo.disclose.distance.encode import Encoded
from include.espejo.disclose.distance.kernel import BYTE
from include.espejo.table.people import Population


def compile_kernel() -> None:
    """Search two tiny tables in every way that an audit does."""
    rows = np.arange(4, dtype=np.uint8).reshape(1, 4)
    operations = np.array([[BYTE, 0, 0, 1]], dtype=np.int64)
    nothing = pd.DataFrame(index=range(4))
    population = Population(nothing, np.arange(4), 2, nothing)
    measure_distances(Encoded(rows, rows.copy(), operations, 1), population, threads=1)


if __name__ == "__main__":
    compile_kernel()
