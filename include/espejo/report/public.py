"""The figures as a release holds them: rounded, and without a count of real people.

Exact ones can be asked back into rows (Ganev and De Cristofaro 2023, arXiv 2312.05114).
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.espejo.report.page.formats import DECIMALS

DIGITS = 3  # of an amount whose spread is not known
_EXACT = 9  # decimals that keep a difference of two cut figures what it is
_PER_MILLE = "k_marginal"  # from 0 to 1000: whole numbers
_AMOUNTS = ("mean", "median", "first_quartile", "third_quartile")

Figures = dict[str, Any]
Steps = Mapping[str, float | None]


def public_figures(exact: Mapping[str, bytes]) -> dict[str, bytes]:
    """Cut the exact figures to what may be published.

    `exact`: quality.json, utility.json, comparison.json and the CSV files of the details, by name.
    """
    tables = {name: _table(content) for name, content in exact.items() if name.endswith(".csv")}
    quality, utility, comparison = (
        json.loads(exact[name]) for name in ("quality.json", "utility.json", "comparison.json")
    )
    columns = _column_steps(utility["general"])
    steps = {i["name"]: columns.get(i["of"]) for i in utility["specific"]["indicators"]}
    return {
        **tables,
        "quality.json": _json(_quality(quality)),
        "utility.json": _json(
            {
                "general": _general(utility["general"], columns),
                "specific": _specific(utility["specific"], steps),
            }
        ),
        "comparison.json": _json(_with_figures(comparison, steps)),
    }


def _table(content: bytes) -> bytes:
    text: str = pd.read_csv(io.BytesIO(content)).round(DECIMALS).to_csv(index=False)
    return text.encode()


def _json(figures: Figures) -> bytes:
    return json.dumps(figures, indent=1, ensure_ascii=False).encode() + b"\n"


def _quality(quality: Figures) -> Figures:
    quality["settings"]["rows"].pop("real")
    for metric in quality["metrics"]["table"]:
        metric.pop("rows")
    return dict(_rounded(quality))


def _general(general: Figures, steps: Steps) -> Figures:
    """Without the sizes of the samples, and what they follow from."""
    general["settings"].pop("rows")
    for told_apart in ("propensity", "classifier"):
        general[told_apart].pop("rows")
    for model in general["propensity"].values():
        for figures in filter(None, model.values()):
            figures.pop("null")
    numbers = {
        name: _with_difference({side: _amounts(told, steps[name]) for side, told in sides.items()})
        for name, sides in general["numbers"].items()
    }
    return {
        **_rounded(general),
        _PER_MILLE: _whole(general[_PER_MILLE]),
        "numbers": numbers,
        "associations": _with_difference(_rounded(general["associations"])),
    }


def _with_difference(sides: Figures) -> Figures:
    """The difference is that of the sides as they are published: no second cut of the same."""
    return {**sides, "difference": _less(sides["synthetic"], sides["real"])}


def _less(synthetic: Any, real: Any) -> Any:
    match synthetic, real:
        case dict(), dict():
            return {name: _less(synthetic[name], figure) for name, figure in real.items()}
        case list(), list():
            return [_less(*pair) for pair in zip(synthetic, real, strict=True)]
        case (None, _) | (_, None):
            return None
        case _:
            return round(synthetic - real, _EXACT)


def _amounts(told: Figures, step: float | None) -> Figures:
    """One table's moments and quantiles; its shares are rounded like any other."""
    return {
        name: _rounded(value) if name == "shares" else _to_step(value, step)
        for name, value in told.items()
    }


def _specific(specific: Figures, steps: Steps) -> Figures:
    specific["settings"]["rows"].pop("real")
    specific["settings"].pop("households")
    for size in ("learnt_rows", "tested_rows", "tested_households"):
        specific["learning"].get("settings", {}).pop(size, None)
    return _with_figures(specific, steps)


def _with_figures(told: Figures, steps: Steps) -> Figures:
    """Rounded; the figures of its indicators that are amounts by the steps of these."""
    indicators = [
        {
            **_rounded(indicator),
            "figures": [_figure(f, steps.get(indicator["name"])) for f in indicator["figures"]],
        }
        for indicator in told["indicators"]
    ]
    return {**_rounded(told), "indicators": indicators}


def _figure(figure: Figures, step: float | None) -> Figures:
    if figure["statistic"] not in _AMOUNTS:
        return dict(_rounded(figure))
    sides = ("real", "real_interval", "synthetic", "synthetic_interval")
    cut = {name: _to_step(figure[name], step) for name in sides if name in figure}
    return {**_rounded(figure), **cut}


def _rounded(content: Any) -> Any:
    """Every number of a JSON content to DECIMALS; whole ones stay."""
    match content:
        case float():
            return round(content, DECIMALS)
        case dict():
            return {key: _rounded(value) for key, value in content.items()}
        case list():
            return [_rounded(value) for value in content]
        case _:
            return content


def _whole(content: Any) -> Any:
    """Every number to a whole one, but for positions between floor and ceiling."""
    match content:
        case float():
            return round(content)
        case dict():
            return {k: _rounded(v) if k == "position" else _whole(v) for k, v in content.items()}
        case _:
            return content


def _column_steps(general: Figures) -> dict[str, float | None]:
    """What the amounts of each number column are multiples of.

    A hundredth of the column's standard deviation, a power of ten: what two decimals are of a
    standardised figure.
    """
    return {
        name: _step(sides["real"]["standard_deviation"])
        for name, sides in general["numbers"].items()
    }


def _step(deviation: float | None) -> float | None:
    return 10.0 ** math.floor(math.log10(deviation / 100)) if deviation else None


def _to_step(content: Any, step: float | None) -> Any:
    """Amounts as multiples of `step`; without one, to DIGITS significant digits."""
    match content:
        case float() | int():
            unit = step or 10.0 ** (math.floor(math.log10(abs(content) or 1)) + 1 - DIGITS)
            # Written out, not as a product: 3 * 0.1 is 0.30000000000000004.
            return float(f"{round(content / unit) * unit:.{max(0, -round(math.log10(unit)))}f}")
        case dict():
            return {key: _to_step(value, step) for key, value in content.items()}
        case list():
            return [_to_step(value, step) for value in content]
        case _:
            return content
