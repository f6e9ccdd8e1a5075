"""Between periods: a release beside those that came before it.

Scores, gates and indicators of earlier releases are those that they published, and so rounded.
Each release is learnt alone: that two of them tell different figures is no estimate of a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from include.espejo.evaluate.periods.document import (
    Comparison,
    EarlierSummary,
    IndicatorSeries,
    Inputs,
    Series,
)
from include.espejo.evaluate.specific.document import IndicatorFigures, Measured, Summary
from include.espejo.releases.previous import EarlierFigure, EarlierIndicator, EarlierRelease

SCORES = ("overall", "column_shapes", "column_pair_trends")

Key = tuple[str, str, str, str]  # indicator, statistic, group, category
Told = tuple[float | None, float | None]  # real, synthetic

_NOTHING: Told = (None, None)


def compare_periods(
    period: str,
    indicators: Sequence[IndicatorFigures],
    previous: Sequence[EarlierRelease],
    compared_with: str | None,
    inputs: Inputs,
) -> Comparison:
    """A release at hand, with its `indicators`, beside the `previous` ones, newest first.

    `compared_with`: the period whose rows `inputs`, from `drift.compare_inputs`, was found with;
    None where there are none.
    """
    told = [_by_key(indicators), *(_by_key(release.indicators) for release in previous)]
    return Comparison(
        periods=(period, *(release.period for release in previous)),
        compared_with=compared_with,
        previous=tuple(_summary(release) for release in previous),
        codes=inputs.codes,
        drift=inputs.drift,
        indicators=tuple(_series(indicator, told) for indicator in indicators),
    )


def _summary(release: EarlierRelease) -> EarlierSummary:
    quality = release.quality
    return EarlierSummary(
        period=release.period,
        release=release.name,
        **{name: getattr(quality, name) for name in SCORES},
        equal_rows={n: quality.references[n].score for n in SCORES if n in quality.references},
        # The first releases of all were published before there were gates.
        gates={gate.name: gate.passed for gate in release.manifest.gates},
        indicators={
            indicator.name: Summary(
                **{name: getattr(indicator, name) for name in Summary.model_fields}
            )
            for indicator in release.indicators
        },
    )


def _by_key(indicators: Iterable[IndicatorFigures | EarlierIndicator]) -> dict[Key, Told]:
    return {
        _key(indicator.name, figure): (figure.real, figure.synthetic)
        for indicator in indicators
        for figure in indicator.figures
    }


def _key(indicator: str, figure: Measured | EarlierFigure) -> Key:
    return indicator, figure.statistic, figure.group, figure.category


def _series(indicator: IndicatorFigures, told: Sequence[Mapping[Key, Told]]) -> IndicatorSeries:
    """An indicator of the present release, each figure with those of the same name before."""
    series = []
    for figure in indicator.figures:
        found = [side.get(_key(indicator.name, figure), _NOTHING) for side in told]
        series.append(
            Series(
                statistic=figure.statistic,
                group=figure.group,
                category=figure.category,
                real=tuple(real for real, _ in found),
                synthetic=tuple(synthetic for _, synthetic in found),
            )
        )
    return IndicatorSeries(name=indicator.name, label=indicator.label, figures=tuple(series))
