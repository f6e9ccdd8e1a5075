"""Training frequencies: where the generator's tables start, and what its moments are held to."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from include.espejo.ctgan.layout import Layout
from include.espejo.ctgan.networks import Generator
from include.espejo.ctgan.shrinkage import Households, choose_weight


def start_at_frequencies(generator: Generator, rows: np.ndarray, left: Households) -> None:
    """Set bias and tables so that, before training, each field follows its best single parent.

    Each drawn field's parent is the earlier field that foretells most of it in households left
    out (a tree, Chow and Liu 1968, within the drawing order); the table between them holds the log
    of the shrunk conditional over the marginal frequency, and the bias the log marginal.
    """
    layout = generator.layout
    bias = np.zeros(layout.width, dtype=np.float32)
    tables = np.zeros((layout.width, layout.width), dtype=np.float32)
    offsets, sizes = layout.offsets, layout.sizes
    for field in layout.drawn:
        counts = np.bincount(rows[:, field], minlength=sizes[field])
        share = (counts + 0.5) / (counts + 0.5).sum()
        here = slice(offsets[field], offsets[field] + sizes[field])
        bias[here] = np.log(share)
        parent, weight = _best_parent(rows, field, sizes, share, left)
        if parent is not None:
            lift = _log_lift(_pair_counts(rows, parent, field, sizes), share, weight)
            tables[offsets[parent] : offsets[parent] + sizes[parent], here] = lift
    with torch.no_grad():
        generator.bias.copy_(torch.from_numpy(bias))
        generator.tables.copy_(torch.from_numpy(tables))


def pair_frequencies(rows: np.ndarray, layout: Layout) -> Tensor:
    """How often two codes occur in one row, over all rows: float32, (width, width)."""
    moments = np.zeros((layout.width, layout.width), dtype=np.float32)
    offsets, sizes = layout.offsets, layout.sizes
    for a in range(len(sizes)):
        for b in range(a, len(sizes)):
            block = _pair_counts(rows, a, b, sizes) / len(rows)
            rows_at = slice(offsets[a], offsets[a] + sizes[a])
            columns_at = slice(offsets[b], offsets[b] + sizes[b])
            moments[rows_at, columns_at] = block
            moments[columns_at, rows_at] = block.T
    return torch.from_numpy(moments)


def without_small_cells(moments: np.ndarray, rows: int, floor: int) -> np.ndarray:
    """The frequencies as a model keeps them: pairs that fewer than `floor` rows have are zero."""
    return np.where(moments * rows > floor - 0.5, moments, 0).astype(moments.dtype)


def _pair_counts(rows: np.ndarray, a: int, b: int, sizes: tuple[int, ...]) -> np.ndarray:
    joint = rows[:, a].astype(np.int64) * sizes[b] + rows[:, b]
    return np.bincount(joint, minlength=sizes[a] * sizes[b]).reshape(sizes[a], sizes[b])


def _best_parent(
    rows: np.ndarray, field: int, sizes: tuple[int, ...], share: np.ndarray, left: Households
) -> tuple[int | None, float]:
    """The field that foretells most of this one in households left out, and its prior's weight."""
    found: tuple[int | None, float, float] = (None, 0.0, 0.0)
    for parent in range(field):
        counts = _pair_counts(rows, parent, field, sizes)
        weight, gain = choose_weight(counts, share, rows[:, parent], rows[:, field], left)
        if gain > found[2]:
            found = (parent, weight, gain)
    return found[:2]


def _log_lift(counts: np.ndarray, share: np.ndarray, weight: float) -> np.ndarray:
    smoothed = (counts + weight * share) / (counts.sum(1, keepdims=True) + weight)
    return np.asarray(np.log(smoothed / share), dtype=np.float32)
