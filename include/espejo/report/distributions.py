"""What a plot of one column shows: shares of real and synthetic rows, no bar under the floor.

Each function gives labels and two arrays of shares (0 to 1), in the same order. A bar of real
rows that stands on fewer people than the floor is merged with others before anything is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.spec import Column

MOST_BARS = 24
_BINS = 40
_SPIKE = 0.3  # a lowest value with more than this share is told apart, or it flattens the rest


@dataclass(frozen=True)
class Distribution:
    """Shares by bar; `edges` (bars + 1) for a histogram; `apart` are shares told in words."""

    labels: tuple[str, ...]
    real: np.ndarray
    synthetic: np.ndarray
    edges: np.ndarray | None = None
    apart: tuple[tuple[str, float, float], ...] = ()


def code_shares(
    real: pd.Series, synthetic: pd.Series, column: Column, floor: int, merged: str, blank: str
) -> Distribution:
    """Shares of the most common codes; the rest, and all under the floor, are `merged`."""
    left, right = (
        v.astype(object).where(v.notna(), blank).value_counts() for v in (real, synthetic)
    )
    shown = [code for code, count in left.items() if count >= floor][:MOST_BARS]
    rest = len(real) - int(left.reindex(shown).sum())
    while shown and 0 < rest < floor:
        rest += int(left[shown.pop()])
    ordered = [c for c in [*column.codes, *sorted(map(str, shown))] if c in shown]
    shown = list(dict.fromkeys(ordered))
    real_shares = [left[code] / len(real) for code in shown]
    synthetic_shares = [right.get(code, 0) / len(synthetic) for code in shown]
    labels = [str(code) for code in shown]
    if rest or sum(synthetic_shares) < 1 - 1e-9:
        labels.append(merged)
        real_shares.append(rest / len(real))
        synthetic_shares.append(max(0.0, 1 - sum(synthetic_shares)))
    return Distribution(tuple(labels), np.array(real_shares), np.array(synthetic_shares))


def number_shares(
    real: pd.Series, synthetic: pd.Series, column: Column, floor: int, blank: str
) -> Distribution:
    """A histogram with bins of at least `floor` real rows; special codes and spikes apart."""
    left, right = real.to_numpy(float), synthetic.to_numpy(float)
    apart: list[tuple[str, float, float]] = []
    masks = [(blank, np.isnan(left), np.isnan(right))]
    masks += [(str(code), left == code, right == code) for code in column.special]
    numbers = left[~np.isnan(left) & ~np.isin(left, list(column.special))]
    if len(numbers):
        low = numbers.min()
        if (numbers == low).mean() > _SPIKE and (numbers > low).any():
            masks.append((f"{low:g}", left == low, right == low))
    left_rest, right_rest = np.ones(len(left), bool), np.ones(len(right), bool)
    for name, in_left, in_right in masks:
        left_rest &= ~in_left
        right_rest &= ~in_right
        if in_left.sum() >= floor:
            apart.append((name, float(in_left.mean()), float(in_right.mean())))
    edges = _edges(left[left_rest], floor)
    counts = [_counts(values, edges) for values in (left[left_rest], right[right_rest])]
    if left_rest.sum() < floor:
        counts[0] = np.zeros_like(counts[0])  # too few people for even one bar
    return Distribution(
        labels=tuple(f"{low:g}" for low in edges[:-1]),
        real=counts[0] / max(len(left), 1),
        synthetic=counts[1] / max(len(right), 1),
        edges=edges,
        apart=tuple(apart),
    )


def _edges(values: np.ndarray, floor: int) -> np.ndarray:
    """Edges of at most 40 bins, from the lowest bound up, each with at least `floor` values.

    The outermost edges are rounded outwards: an extreme value is a person's.
    """
    if len(values) < floor:
        return np.array([0.0, 1.0])
    # Extremes that fewer than the floor reach are drawn into the outermost bins.
    ordered = np.sort(values)
    low, high = ordered[floor - 1], ordered[-floor]
    if low > high:
        # Too few for two bins: one, so coarse that it tells of nobody in particular.
        step = _round_step(ordered[-1] - ordered[0])
        return np.array([np.floor(ordered[0] / step), np.floor(ordered[-1] / step) + 1]) * step
    step = _round_step((high - low) / _BINS)
    grid = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    if len(grid) < 2:
        grid = np.array([grid[0], grid[0] + step])
    kept, pending = [grid[0]], 0
    counts = _counts(values, grid)
    for edge, count in zip(grid[1:], counts, strict=True):
        pending += int(count)
        if pending >= floor:
            kept.append(edge)
            pending = 0
    if len(kept) > 1:
        kept[-1] = grid[-1]
    else:
        kept.append(grid[-1])
    return np.array(kept)


def _round_step(width: float) -> float:
    """The next of 1, 2, 5, 10, ... at or above `width`."""
    if width <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= width * (1 - 1e-9)))


def _counts(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts by bin, values beyond the edges in the outermost bins."""
    clipped = np.clip(values, edges[0], np.nextafter(edges[-1], -np.inf))
    return np.histogram(clipped, edges)[0]
