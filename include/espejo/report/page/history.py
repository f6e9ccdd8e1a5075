"""This release beside the earlier ones of its survey: scores, gates, indicators, drift, codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from include.espejo.report.page.estimates import labels_of_group
from include.espejo.report.page.formats import label_text
from include.espejo.report.page.texts import STATISTICS
from include.espejo.survey import SurveySpec
from include.espejo.survey.column import Label

_MOST_SERIES = 24  # of an indicator: the others are in comparison.json

Figures = Mapping[str, Any]


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
class Drift:
    """How far a column's input is from before, what chance alone gives, and if it is much more."""

    column: str
    distance: float
    chance: float | None
    moved: bool


@dataclass(frozen=True)
class Series:
    """A figure of an indicator over the periods, the newest first."""

    group: Markup
    statistic: Label
    is_share: bool
    real: tuple[float | None, ...]
    synthetic: tuple[float | None, ...]

    def pairs(self) -> Iterator[tuple[float | None, float | None]]:
        return zip(self.real, self.synthetic, strict=True)


@dataclass(frozen=True)
class IndicatorSeries:
    """An indicator over the periods."""

    label: Label
    series: tuple[Series, ...]
    left_out: int


@dataclass(frozen=True)
class History:
    """`releases` begin with this one; `since`: the period that drift and codes are against."""

    releases: tuple[ReleaseRow, ...]
    since: str | None
    drift: tuple[Drift, ...]
    codes: Mapping[str, Mapping[str, list[str]]]
    periods: tuple[str, ...]
    indicators: tuple[IndicatorSeries, ...]

    @property
    def is_first(self) -> bool:
        return len(self.releases) < 2


_SCORES = ("overall", "column_shapes", "column_pair_trends")


def make_history(
    spec: SurveySpec, release: Figures, quality: Figures, specific: Figures, comparison: Figures
) -> History:
    """The section's figures; only this release's where there is no other."""
    own = {
        **{name: release[name] for name in ("period", "release")},
        **{name: quality.get(name) for name in _SCORES},
        "gates": {gate["name"]: gate["passed"] for gate in release.get("gates") or ()},
        "indicators": {told["name"]: told for told in specific.get("indicators") or ()},
    }
    drift = [
        Drift(name, told["distance"], told.get("chance"), bool(told.get("moved")))
        for name, told in (comparison.get("drift") or {}).items()
        if told.get("distance") is not None
    ]
    return History(
        releases=tuple(_release(r) for r in (own, *(comparison.get("previous") or ()))),
        since=comparison.get("compared_with"),
        drift=tuple(sorted(drift, key=lambda d: -d.distance)),
        codes=comparison.get("codes") or {},
        periods=tuple(comparison.get("periods") or ()),
        indicators=tuple(_indicator(spec, told) for told in comparison.get("indicators") or ()),
    )


def _release(told: Figures) -> ReleaseRow:
    indicators = (told.get("indicators") or {}).values()
    return ReleaseRow(
        period=told["period"],
        release=told["release"],
        scores=tuple(told.get(name) for name in _SCORES),
        failed=sum(not passed for passed in (told.get("gates") or {}).values()),
        overlap=_mean([i.get("mean_overlap") for i in indicators]),
        error=_mean([i.get("median_absolute_relative_error") for i in indicators]),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _indicator(spec: SurveySpec, told: Figures) -> IndicatorSeries:
    declared = next((i for i in spec.indicators if i.name == told["name"]), None)
    shown = told["figures"][:_MOST_SERIES]
    series = []
    for figure in shown:
        parts = labels_of_group(spec, declared, figure["group"])
        if figure["category"]:
            column = spec.columns.get(declared.of.strip()) if declared else None
            label = column.code_label(figure["category"]) if column else None
            parts.append(label_text(label, figure["category"]))
        statistic = figure["statistic"]
        series.append(
            Series(
                Markup(" · ").join(parts),
                STATISTICS.get(statistic, Label(es=statistic, en=statistic)),
                statistic == "share",
                tuple(figure["real"]),
                tuple(figure["synthetic"]),
            )
        )
    return IndicatorSeries(
        Label.model_validate(told["label"]), tuple(series), len(told["figures"]) - len(shown)
    )
