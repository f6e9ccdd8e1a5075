"""The indicators as the page shows them: each figure a row, its two intervals on a common axis."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from include.espejo.evaluate.specific.document import Ends, Figure, IndicatorFigures
from include.espejo.language import Label
from include.espejo.report.page.formats import label_text, sentence
from include.espejo.report.page.texts import STATISTICS
from include.espejo.survey import SurveySpec
from include.espejo.survey.model import Indicator

MOST_FIGURES = 150  # of one table: the others are in utility.json, and told to be
FOLDED = 12  # a longer table shows so many at once


@dataclass(frozen=True)
class Interval:
    """A point and its interval, in per cent of the axis; the width is None without an interval."""

    at: float
    left: float | None
    width: float | None


@dataclass(frozen=True)
class Estimate:
    """A figure of an indicator, in words and on the axis."""

    group: Markup
    figures: Figure
    real: Interval | None
    synthetic: Interval | None

    @property
    def is_apart(self) -> bool:
        overlap = self.figures.overlap
        return overlap is not None and overlap <= 0


@dataclass(frozen=True)
class EstimateTable:
    """The figures of one statistic. `is_share`: from 0 to 1; `left_out`: in another file."""

    statistic: Label
    is_share: bool
    rows: tuple[Estimate, ...]
    left_out: int
    axis: tuple[float, float]


@dataclass(frozen=True)
class IndicatorView:
    """An indicator with its tables; `summary`: its entry in utility.json."""

    summary: IndicatorFigures
    tables: tuple[EstimateTable, ...]


def make_indicators(
    spec: SurveySpec, indicators: Sequence[IndicatorFigures]
) -> list[IndicatorView]:
    """The indicators that the release has figures of."""
    declared = {indicator.name: indicator for indicator in spec.indicators}
    return [
        IndicatorView(told, tuple(_tables(spec, declared.get(told.name), told.figures)))
        for told in indicators
    ]


def _tables(
    spec: SurveySpec, indicator: Indicator | None, told: Sequence[Figure]
) -> Iterator[EstimateTable]:
    for statistic in dict.fromkeys(figure.statistic for figure in told):
        figures = [figure for figure in told if figure.statistic == statistic]
        shown, is_share = figures[:MOST_FIGURES], statistic == "share"
        low, high = _axis(shown, is_share)
        yield EstimateTable(
            STATISTICS.get(statistic, Label.same(statistic)),
            is_share,
            tuple(_estimate(spec, indicator, figure, low, high) for figure in shown),
            len(figures) - len(shown),
            (low, high),
        )


def _axis(figures: Sequence[Figure], is_share: bool) -> tuple[float, float]:
    """From the lowest to the highest of all, and some space; shares stay within 0 and 1."""
    marks = [
        mark
        for figure in figures
        for point, ends in _sides(figure)
        for mark in (point, *(ends or ()))
        if mark is not None
    ]
    low, high = (min(marks), max(marks)) if marks else (0.0, 1.0)
    pad = (high - low) * 0.05 or abs(high) * 0.05 or 0.05
    if is_share:
        return max(0.0, low - pad), min(1.0, high + pad)
    return (0.0 if low >= 0 else low - pad), high + pad


def _estimate(
    spec: SurveySpec, indicator: Indicator | None, figure: Figure, low: float, high: float
) -> Estimate:
    sides = [_interval(point, ends, low, high) for point, ends in _sides(figure)]
    return Estimate(_written_group(spec, indicator, figure), figure, sides[0], sides[1])


def _sides(figure: Figure) -> tuple[tuple[float | None, Ends | None], ...]:
    """The real point and interval, and the synthetic ones."""
    return (
        (figure.real, figure.real_interval),
        (figure.synthetic, figure.synthetic_interval),
    )


def _interval(point: float | None, ends: Ends | None, low: float, high: float) -> Interval | None:
    if point is None:
        return None

    def place(mark: float) -> float:
        return round(100 * (mark - low) / (high - low), 1)

    if ends is None:
        return Interval(place(point), None, None)
    return Interval(place(point), place(ends[0]), round(place(ends[1]) - place(ends[0]), 1))


def _written_group(spec: SurveySpec, indicator: Indicator | None, figure: Figure) -> Markup:
    """Whom a figure is of: the codes' labels, the bands as they are, and the category."""
    parts = [label for label in labels_of_group(spec, indicator, figure.group)]
    if figure.category and indicator is not None:
        parts.append(_code(spec, indicator.of.strip(), figure.category))
    return Markup(" · ").join(parts) if parts else sentence("All rows")


def labels_of_group(spec: SurveySpec, indicator: Indicator | None, group: str) -> list[Markup]:
    """The labels of a written group such as `ENT=09, SEX=2`; as it is where it is not known."""
    by = () if indicator is None else indicator.by
    names = [part if isinstance(part, str) else part.column for part in by]
    pattern = ", ".join(f"{re.escape(name)}=(.*)" for name in names)
    found = re.fullmatch(pattern, group, re.DOTALL) if group else None
    if found is None:
        return [Markup("{}").format(group)] if group else []
    return [
        _code(spec, part, text) if isinstance(part, str) else _band(spec, part.column, text)
        for part, text in zip(by, found.groups(), strict=True)
    ]


def _code(spec: SurveySpec, name: str, code: str) -> Markup:
    column = spec.columns.get(name)
    return label_text(None if column is None else column.code_label(code), code)


def _band(spec: SurveySpec, name: str, text: str) -> Markup:
    column = spec.columns[name]
    low, dash, high = text.partition("-")
    written = f"{low}\u2013{high}" if low and dash else f"\u2264 {high}" if dash else text
    return (
        Markup("{} {}").format(written, label_text(column.unit))
        if column.unit
        else Markup("{} {}").format(label_text(column.label), written)
    )
