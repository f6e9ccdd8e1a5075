"""This release beside the earlier ones of its survey: scores, gates, indicators, drift, codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from include.espejo.evaluate.periods.document import (
    ChangedCodes,
    Comparison,
    Drift,
    EarlierSummary,
    IndicatorSeries,
)
from include.espejo.evaluate.quality.document import Quality
from include.espejo.evaluate.specific.document import IndicatorFigures, Summary
from include.espejo.language import Label
from include.espejo.report.page.estimates import labels_of_group
from include.espejo.report.page.formats import label_text
from include.espejo.report.page.texts import STATISTICS
from include.espejo.survey import SurveySpec

_MOST_SERIES = 24  # of an indicator: the others are in comparison.json


@dataclass(frozen=True)
class ReleaseRow:
    """A row of the table of periods; `failed`: gates that did not pass."""

    period: str
    release: str
    scores: tuple[float | None, ...]
    failed: int
    overlap: float | None
    error: float | None


@dataclass(frozen=True)
class ColumnDrift:
    """A column, and how far its input is from before."""

    column: str
    told: Drift


@dataclass(frozen=True)
class SeriesRow:
    """A figure of an indicator over the periods, the newest first."""

    group: Markup
    statistic: Label
    is_share: bool
    real: tuple[float | None, ...]
    synthetic: tuple[float | None, ...]

    def pairs(self) -> Iterator[tuple[float | None, float | None]]:
        return zip(self.real, self.synthetic, strict=True)


@dataclass(frozen=True)
class IndicatorHistory:
    """An indicator over the periods."""

    label: Label
    series: tuple[SeriesRow, ...]
    left_out: int


@dataclass(frozen=True)
class History:
    """`releases` begin with this one; `since`: the period that drift and codes are against."""

    releases: tuple[ReleaseRow, ...]
    since: str | None
    drift: tuple[ColumnDrift, ...]
    codes: Mapping[str, ChangedCodes]
    periods: tuple[str, ...]
    indicators: tuple[IndicatorHistory, ...]

    @property
    def is_first(self) -> bool:
        return len(self.releases) < 2


def make_history(
    spec: SurveySpec,
    release: Mapping[str, Any],
    quality: Quality,
    indicators: Sequence[IndicatorFigures],
    comparison: Comparison,
) -> History:
    """The section's figures; only this release's where there is no other.

    `release`: the manifest's entries; `indicators`: this release's.
    """
    own = _row(
        release["period"],
        release["release"],
        quality,
        sum(not gate["passed"] for gate in release.get("gates", ())),
        indicators,
    )
    drift = [ColumnDrift(name, told) for name, told in comparison.drift.items()]
    return History(
        releases=(own, *(_earlier(told) for told in comparison.previous)),
        since=comparison.compared_with,
        drift=tuple(sorted(drift, key=lambda one: -one.told.distance)),
        codes=comparison.codes,
        periods=comparison.periods,
        indicators=tuple(_indicator(spec, told) for told in comparison.indicators),
    )


def _earlier(told: EarlierSummary) -> ReleaseRow:
    failed = sum(not passed for passed in told.gates.values())
    return _row(told.period, told.release, told, failed, told.indicators.values())


def _row(
    period: str,
    release: str,
    scores: Quality | EarlierSummary,
    failed: int,
    indicators: Collection[Summary],
) -> ReleaseRow:
    return ReleaseRow(
        period=period,
        release=release,
        scores=(scores.overall, scores.column_shapes, scores.column_pair_trends),
        failed=failed,
        overlap=_mean([i.mean_overlap for i in indicators]),
        error=_mean([i.median_absolute_relative_error for i in indicators]),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _indicator(spec: SurveySpec, told: IndicatorSeries) -> IndicatorHistory:
    declared = next((i for i in spec.indicators if i.name == told.name), None)
    shown = told.figures[:_MOST_SERIES]
    rows = []
    for figure in shown:
        parts = labels_of_group(spec, declared, figure.group)
        if figure.category:
            column = spec.columns.get(declared.of.strip()) if declared else None
            label = column.code_label(figure.category) if column else None
            parts.append(label_text(label, figure.category))
        statistic = figure.statistic
        rows.append(
            SeriesRow(
                Markup(" · ").join(parts),
                STATISTICS.get(statistic, Label.same(statistic)),
                statistic == "share",
                figure.real,
                figure.synthetic,
            )
        )
    return IndicatorHistory(told.label, tuple(rows), len(told.figures) - len(shown))
