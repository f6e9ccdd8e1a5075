"""Where a histogram's bins are cut: on round numbers, and none of fewer people than the floor."""

from __future__ import annotations

import numpy as np

_BINS = 40
_PREFERRED = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)  # edges of a decade of a logarithmic histogram


def is_skewed(values: np.ndarray) -> bool:
    """Like an income: positive, over a decade wide, and nearer to even on a logarithmic scale."""
    low, middle, high = np.quantile(values, [0.01, 0.5, 0.99])
    if values.min() <= 0 or high / low < 10:
        return False
    plain = (high - middle) / max(middle - low, 1e-9)
    return bool(plain > 3 and plain > np.log(high / middle) / max(np.log(middle / low), 1e-9))


def axis_bins(values: np.ndarray, floor: int, log: bool, whole: bool = False) -> np.ndarray:
    """Edges of at most some 40 bins, from the lowest bound up, each with at least `floor` values.

    The outermost edges are rounded outwards: an extreme value is a person's. `whole`: the values
    are whole numbers, and so are the edges.
    """
    least = 1.0 if whole else 0.0
    # Extremes that fewer than the floor reach are drawn into the outermost bins.
    ordered = np.sort(values)
    low, high = ordered[floor - 1], ordered[-floor]
    if low > high:
        # Too few for two bins: one, so coarse that it tells of nobody in particular.
        step = max(_round_step(ordered[-1] - ordered[0]), least)
        return np.array([np.floor(ordered[0] / step), np.floor(ordered[-1] / step) + 1]) * step
    grid = _log_grid(low, high) if log else _grid(low, high, least)
    if whole:
        grid = np.unique(np.floor(grid))
    kept, pending = [grid[0]], 0
    for edge, count in zip(grid[1:], count_in_bins(values, grid), strict=True):
        pending += int(count)
        if pending >= floor:
            kept.append(edge)
            pending = 0
    if len(kept) > 1:
        kept[-1] = grid[-1]
    else:
        kept.append(grid[-1])
    return np.array(kept)


def _grid(low: float, high: float, least: float) -> np.ndarray:
    step = max(_round_step((high - low) / _BINS), least)
    grid = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    return grid if len(grid) > 1 else np.array([grid[0], grid[0] + step])


def _log_grid(low: float, high: float) -> np.ndarray:
    """The preferred numbers from the last at or below `low` to the first above `high`."""
    decades = range(int(np.floor(np.log10(low))), int(np.floor(np.log10(high))) + 2)
    grid = np.array([step * 10.0**decade for decade in decades for step in _PREFERRED])
    first = np.searchsorted(grid, low, side="right") - 1
    return grid[first : np.searchsorted(grid, high, side="right") + 1]


def _round_step(width: float) -> float:
    """The next of 1, 2, 5, 10, ... at or above `width`."""
    if width <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= width * (1 - 1e-9)))


def count_in_bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts by bin, values beyond the edges in the outermost bins."""
    clipped = np.clip(values, edges[0], np.nextafter(edges[-1], -np.inf))
    return np.histogram(clipped, edges)[0]
