"""Between periods: a release beside those that came before it.

Scores, gates and indicators of earlier releases are those that they published, and so rounded.
Each release is learnt alone: that two of them tell different figures is no estimate of a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.espejo.releases.previous import EarlierRelease

SCORES = ("overall", "column_shapes", "column_pair_trends")
AGREEMENT = ("mean_overlap", "median_absolute_relative_error", "disjoint", "missing")
_KEY = ("statistic", "group", "category")

Figures = dict[str, Any]


def compare_periods(
    period: str,
    utility: Mapping[str, Any],
    previous: Sequence[EarlierRelease],
    compared_with: str | None,
    inputs: Mapping[str, Any],
) -> Figures:
    """The content of comparison.json. `utility`: of the release at hand; `previous`: newest first.

    `compared_with`: the period whose rows `inputs`, from `drift.compare_inputs`, was found with;
    None where there are none. Under `indicators`, `real` and `synthetic` are one value a period
    of `periods`, the present one first, None where that one told nothing.
    """
    told = [utility["specific"], *(_specific(release) for release in previous)]
    return {
        "periods": [period, *(release.period for release in previous)],
        "compared_with": compared_with,
        "previous": [_summary(release) for release in previous],
        "codes": inputs.get("codes", {}),
        "drift": inputs.get("drift", {}),
        "indicators": _indicators(told),
    }


def _specific(release: EarlierRelease) -> Figures:
    return {"indicators": []} if release.utility is None else dict(release.utility["specific"])


def _summary(release: EarlierRelease) -> Figures:
    return {
        "period": release.period,
        "release": release.name,
        **{name: release.quality[name] for name in SCORES},
        "equal_rows": _equal_rows(release.quality),
        # The first releases of all were published before there were gates.
        "gates": {g["name"]: g["passed"] for g in release.manifest.get("gates", [])},
        "indicators": {
            indicator["name"]: {name: indicator[name] for name in AGREEMENT}
            for indicator in _specific(release)["indicators"]
        },
    }


def _equal_rows(quality: Mapping[str, Any]) -> Figures:
    """The scores on as many rows as their references have; early releases have none."""
    references = quality.get("references") or {}
    return {name: references[name]["score"] for name in SCORES if name in references}


def _indicators(told: Sequence[Figures]) -> list[Figures]:
    """The present release's indicators, each figure with those of the same name before."""
    by_key = [
        {
            (indicator["name"], *(figure[part] for part in _KEY)): figure
            for indicator in specific["indicators"]
            for figure in indicator["figures"]
        }
        for specific in told
    ]
    return [
        {
            "name": indicator["name"],
            "label": indicator["label"],
            "figures": [
                {part: figure[part] for part in _KEY}
                | _series(
                    [
                        side.get((indicator["name"], *(figure[part] for part in _KEY)), {})
                        for side in by_key
                    ]
                )
                for figure in indicator["figures"]
            ],
        }
        for indicator in told[0]["indicators"]
    ]


def _series(figures: Sequence[Figures]) -> Figures:
    return {side: [figure.get(side) for figure in figures] for side in ("real", "synthetic")}
