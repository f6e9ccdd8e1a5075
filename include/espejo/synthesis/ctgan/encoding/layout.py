"""Where everything stands in the networks' vectors: fields side by side, and what is given.

Beside the drawn fields there are given ones: columns of the geography with few codes (a state,
a locality size), and what rules tell apart in the others. A row's place fixes them, and they come
first in the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from include.espejo.synthesis.ctgan.encoding.encode import Encoding


@dataclass(frozen=True)
class Layout:
    """`sizes` of given and drawn fields in order; `given_by_leaf`: int32, (leaves, given)."""

    sizes: tuple[int, ...]
    given: int
    given_by_leaf: np.ndarray
    paths: np.ndarray  # int64, (leaves, levels)
    nodes: int

    @property
    def width(self) -> int:
        """The width of a row with every field as one-hot."""
        return sum(self.sizes)

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where each field begins in that width."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    @property
    def drawn(self) -> range:
        return range(self.given, len(self.sizes))

    @classmethod
    def of(cls, encoding: Encoding) -> Layout:
        places = encoding.places
        if places is None:
            empty = np.zeros((1, 0), dtype=np.int64)
            return cls(tuple(encoding.sizes), 0, empty.astype(np.int32), empty, 0)
        codes = [field.codes for field in encoding.given]
        leaves = len(places.counts)
        given = np.stack(codes, axis=1) if codes else np.zeros((leaves, 0), dtype=np.int32)
        sizes = (*(field.size for field in encoding.given), *encoding.sizes)
        paths, nodes = places.learnable_paths()
        return cls(sizes, len(codes), given, paths, nodes)

    def rows(self, leaves: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Given and drawn codes side by side: int32, (rows, fields)."""
        return np.concatenate([self.given_by_leaf[leaves], codes], axis=1).astype(np.int32)
