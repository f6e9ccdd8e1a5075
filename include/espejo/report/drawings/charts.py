"""Geometry of the page's drawings: paths, ticks and rectangles in the units of a view box.

Colours are CSS classes and texts are in both languages, so one drawing serves light and dark,
screen and paper, Spanish and English.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from include.espejo.report.drawings.distributions import Bar, Histogram
from include.espejo.report.drawings.pyramid import PyramidShares
from include.espejo.survey.moments import MomentKind

WIDTH, HEIGHT = 640, 236
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 634, 10, 192
_MOST_TICKS = 8
_HALF_A_LABEL = 40  # of 1,000,000 in the type of a phone


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it is, and the number that it stands for."""

    at: float
    value: float

    @property
    def anchor(self) -> str:
        """Of a label under the axis: centred, but near the right edge it would be cut."""
        return "end" if self.at > WIDTH - _HALF_A_LABEL else "middle"


@dataclass(frozen=True)
class Steps:
    """A histogram: an outline of each side, and both axes. `unit`: of the heights."""

    real: str
    synthetic: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    log: bool
    frame: tuple[float, float, float, float] = (_LEFT, _RIGHT, _TOP, _BOTTOM)


@dataclass(frozen=True)
class Post:
    """A vertical bar of a code: the real one as a rectangle, the synthetic one as a level."""

    label: str
    x: float
    width: float
    real: float
    synthetic: float
    kind: str


@dataclass(frozen=True)
class Posts:
    """Vertical bars of many short codes."""

    posts: tuple[Post, ...]
    up: tuple[Tick, ...]
    frame: tuple[float, float, float, float] = (_LEFT, _RIGHT, _TOP, _BOTTOM)


def draw_histogram(histogram: Histogram, moment: MomentKind | None = None) -> Steps:
    """Both sides as step lines: real from the axis up, to be filled; synthetic on top. `moment`:
    the kind of moments that the numbers are."""
    edges = np.log10(histogram.edges) if histogram.log else histogram.edges
    x = _scale(edges, edges[0], edges[-1], _LEFT, _RIGHT)
    real, synthetic = (histogram.density(s) for s in (histogram.real, histogram.synthetic))
    top = float(max(real.max(), synthetic.max(), 1e-9))
    if moment:
        ticks = moment_ticks(moment, edges[0], edges[-1])
    else:
        ticks = _log_ticks(histogram.edges) if histogram.log else nice_ticks(edges[0], edges[-1])
    places = np.log10(ticks) if histogram.log else ticks
    return Steps(
        real=_outline(x, _heights(real, top)),
        synthetic=_outline(x, _heights(synthetic, top)),
        across=_ticks(ticks, _scale(places, edges[0], edges[-1], _LEFT, _RIGHT)),
        up=_up(top),
        log=histogram.log,
    )


def draw_posts(bars: tuple[Bar, ...]) -> Posts:
    """A vertical bar for each code."""
    top = max(max(bar.real, bar.synthetic) for bar in bars) or 1e-9
    width = (_RIGHT - _LEFT) / len(bars)
    posts = tuple(
        Post(
            label=bar.code,
            x=round(_LEFT + width * at, 1),
            width=round(width, 1),
            real=round(float(_heights(np.array(bar.real), top)), 1),
            synthetic=round(float(_heights(np.array(bar.synthetic), top)), 1),
            kind=bar.kind,
        )
        for at, bar in enumerate(bars)
    )
    return Posts(posts, _up(top))


@dataclass(frozen=True)
class PyramidBar:
    """A row of a pyramid: lengths to the left and to the right of the middle, for each side."""

    low: float
    high: float
    last: bool
    y: float
    height: float
    real: tuple[float, float]
    synthetic: tuple[float, float]


@dataclass(frozen=True)
class Tower:
    """A population pyramid; the oldest are on top."""

    bands: tuple[PyramidBar, ...]
    height: float
    across: tuple[Tick, ...]
    middle: tuple[float, float] = (290, 350)


_ROW, _HALF = 15, 270


def draw_pyramid(pyramid: PyramidShares) -> Tower:
    """Rows of one height, whatever the band: an oldest band of all above 85 is not drawn wide."""
    top = float(max(pyramid.real.max(), pyramid.synthetic.max(), 1e-9))
    count = len(pyramid.real)

    def lengths(shares: np.ndarray) -> tuple[float, float]:
        left, right = (round(float(share) / top * _HALF, 1) for share in shares)
        return left, right

    bands = [
        PyramidBar(
            low,
            high,
            at == count - 1,
            6 + _ROW * (count - 1 - at),
            _ROW,
            lengths(pyramid.real[at]),
            lengths(pyramid.synthetic[at]),
        )
        for at, (low, high) in enumerate(pairwise(pyramid.edges.tolist()))
    ]
    ticks = nice_ticks(0, top, 4)
    across = _ticks(ticks, ticks / top * _HALF)
    return Tower(tuple(reversed(bands)), 6 + _ROW * count, across)


def nice_ticks(low: float, high: float, most: int = _MOST_TICKS) -> np.ndarray:
    """Multiples of 1, 2 or 5 from `low` to `high`, at most `most`."""
    if high <= low:
        return np.array([low])
    rough = (high - low) / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    # Adding zero takes the sign off a zero.
    return np.asarray(np.round(np.arange(first, last + 1) * step, 10) + 0.0)


_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600)
_SECONDS = (60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_MOMENT_TICKS = 6  # their labels are long


def moment_ticks(kind: MomentKind, low: float, high: float) -> np.ndarray:
    """The first days of months or years, or round times of day, from `low` to `high`; of moments
    that are nearer to each other, round numbers."""
    if kind == "time":
        for step in _SECONDS:
            ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
            if len(ticks) <= _MOMENT_TICKS:
                return np.asarray(ticks)
    day = 1 if kind == "date" else 86_400
    first, last = (np.datetime64(int(n // day), "D").astype("datetime64[M]") for n in (low, high))
    months = np.arange(first, last + 1)
    for step in _MONTHS:
        chosen = months[months.astype(int) % step == 0]
        ticks = chosen.astype("datetime64[D]").astype(float) * day
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if 2 <= len(ticks) <= _MOMENT_TICKS:
            return np.asarray(ticks)
    return np.asarray(np.unique(np.floor(nice_ticks(low, high, _MOMENT_TICKS))))


def tick_decimals(ticks: Sequence[Tick]) -> int:
    """How many decimals tell the shares of an axis apart as per cents: 0 for 5 % and 10 %."""
    values = [100 * tick.value for tick in ticks]
    return next((d for d in range(4) if np.allclose(values, np.round(values, d), atol=1e-9)), 4)


def _log_ticks(edges: np.ndarray) -> np.ndarray:
    """1, 2 and 5 of each decade that lie within the edges; whole decades where they are many."""
    low, high = edges[0], edges[-1]
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 2, 5), (1,)):
        found = np.sort(np.array([s * 10.0**d for d in decades for s in steps]))
        found = found[(found >= low * (1 - 1e-9)) & (found <= high * (1 + 1e-9))]
        if len(found) <= _MOST_TICKS:
            break
    return np.asarray(found)


def _up(top: float) -> tuple[Tick, ...]:
    ticks = nice_ticks(0, top, 4)
    return _ticks(ticks, _heights(ticks, top))


def _ticks(values: np.ndarray, places: np.ndarray) -> tuple[Tick, ...]:
    return tuple(
        Tick(round(float(at), 1), float(value)) for value, at in zip(values, places, strict=True)
    )


def _heights(values: np.ndarray, top: float) -> np.ndarray:
    return _scale(values, 0, top, _BOTTOM, _TOP)


def _scale(values: np.ndarray, low: float, high: float, start: float, end: float) -> np.ndarray:
    return start + (np.asarray(values, float) - low) / ((high - low) or 1) * (end - start)


def _outline(x: np.ndarray, y: np.ndarray) -> str:
    """From the axis up, along the tops of the bins, and down again."""
    steps = "".join(f"V{top:.1f}H{right:.1f}" for top, right in zip(y, x[1:], strict=True))
    return f"M{x[0]:.1f} {_BOTTOM}{steps}V{_BOTTOM}"
