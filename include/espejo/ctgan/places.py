"""Places: the geography as a tree, whose leaves are the tuples of codes that exist.

A row's place is one integer, its leaf. A path of nodes from the widest level down says what a
leaf has in common with others; its length is the tree's depth, whatever the number of leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.rules import group_numbers


@dataclass(frozen=True)
class Places:
    """`tuples`: the codes of each leaf, a column a level or function (None: blank).
    `paths`: int64, shape (leaves, levels), node numbers counted through all levels.
    `counts`: training rows of each leaf."""

    tuples: pd.DataFrame
    paths: np.ndarray
    counts: np.ndarray

    @property
    def nodes(self) -> int:
        return int(self.paths.max()) + 1 if self.paths.size else 0

    @classmethod
    def of(cls, frame: pd.DataFrame, levels: list[str], functions: list[str]) -> Places:
        """The places of a table. Each tuple of levels and functions that occurs is a leaf."""
        leaf = group_numbers(frame[[*levels, *functions]])
        first = np.unique(leaf, return_index=True)[1]
        tuples = frame.iloc[first][[*levels, *functions]].astype(object).reset_index(drop=True)
        tuples = tuples.where(tuples.notna(), None)
        return cls(tuples, _paths(tuples, levels), np.bincount(leaf, minlength=len(first)))

    @staticmethod
    def leaves(frame: pd.DataFrame, levels: list[str], functions: list[str]) -> np.ndarray:
        """The leaf of each row, in the numbering of `of` on the same frame."""
        return group_numbers(frame[[*levels, *functions]])


def _paths(tuples: pd.DataFrame, levels: list[str]) -> np.ndarray:
    paths, offset = [], 0
    for depth in range(1, len(levels) + 1):
        nodes = group_numbers(tuples[levels[:depth]])
        paths.append(nodes + offset)
        offset += int(nodes.max(initial=-1)) + 1
    return np.stack(paths, axis=1).astype(np.int64)
