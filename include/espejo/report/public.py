"""The figures as a release holds them: each as its document declares that it may be published.

Exact ones can be asked back into rows (Ganev and De Cristofaro 2023, arXiv 2312.05114).
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import BaseModel

from include.espejo.errors import UnexpectedError
from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.general.document import NumberComparison
from include.espejo.evaluate.periods.document import Comparison, IndicatorSeries
from include.espejo.evaluate.quality.document import Quality
from include.espejo.evaluate.specific.document import IndicatorFigures, Measured
from include.espejo.lake.publication import PublishedAs
from include.espejo.report.page.formats import DECIMALS

DIGITS = 3  # of an amount whose spread is not known
_EXACT = 9  # decimals that keep a difference of two cut figures what it is


def public_figures(exact: Mapping[str, bytes]) -> dict[str, bytes]:
    """Cut the exact figures to what may be published.

    `exact`: quality.json, utility.json, comparison.json and the CSV files of the details, by name.
    Raises UnexpectedError for a number whose document does not declare how it is published.
    """
    tables = {name: _table(content) for name, content in exact.items() if name.endswith(".csv")}
    quality = Quality.of_json(exact["quality.json"])
    utility = Utility.of_json(exact["utility.json"])
    comparison = Comparison.of_json(exact["comparison.json"])
    columns = _column_steps(utility.general.numbers)
    indicators = {i.name: columns.get(i.of) for i in utility.specific.indicators}
    cut = Cut(columns, indicators)
    return {
        **tables,
        "quality.json": _json(cut.document(quality)),
        "utility.json": _json(cut.document(utility)),
        "comparison.json": _json(cut.document(comparison)),
    }


def _table(content: bytes) -> bytes:
    text: str = pd.read_csv(io.BytesIO(content)).round(DECIMALS).to_csv(index=False)
    return text.encode()


def _json(figures: Mapping[str, object]) -> bytes:
    return json.dumps(figures, indent=1, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True)
class Cut:
    """Cuts documents. `columns`, `indicators`: what the amounts of each are multiples of."""

    columns: Mapping[str, float | None]
    indicators: Mapping[str, float | None]

    def document(
        self, told: BaseModel, how: PublishedAs | None = None, step: float | None = None
    ) -> dict[str, Any]:
        """What may be published of a document; `how`: as declared where the document stands."""
        if isinstance(told, IndicatorFigures | IndicatorSeries):
            step = self.indicators.get(told.name)
        declared = {
            name: next((m for m in field.metadata if isinstance(m, PublishedAs)), how)
            for name, field in type(told).model_fields.items()
            if name in told.model_fields_set
        }
        if isinstance(told, Measured) and not told.is_amount:
            amount = PublishedAs.AMOUNT
            declared = {n: PublishedAs.ROUNDED if h is amount else h for n, h in declared.items()}
        cut: dict[str, Any] = {}
        for name, how in declared.items():
            if how is PublishedAs.DIFFERENCE:
                # No second cut of the same: it would tell more of the exact figures than both do.
                cut[name] = _less(cut["synthetic"], cut["real"])
            elif how is not PublishedAs.RESTRICTED:
                cut[name] = self._value(getattr(told, name), how, step)
        return cut

    def _value(self, told: object, how: PublishedAs | None, step: float | None) -> Any:
        match told:
            case BaseModel():
                return self.document(told, how, step)
            case dict():
                # Of figures by column, each has its own.
                steps = self.columns if step is None else {}
                return {k: self._value(v, how, steps.get(k, step)) for k, v in told.items()}
            case list() | tuple():
                return [self._value(part, how, step) for part in told]
            case bool() | str() | None:
                return told
            case int() | float():
                return _number(told, how, step)
        raise UnexpectedError(f"figures: {type(told).__name__} cannot be published")


def _number(told: float, how: PublishedAs | None, step: float | None) -> float:
    match how:
        case PublishedAs.AMOUNT:
            return _to_step(told, step)
        case PublishedAs.ROUNDED if isinstance(told, float):
            return round(told, DECIMALS)
        case PublishedAs.WHOLE if isinstance(told, float):
            return round(told)
        case PublishedAs.ROUNDED | PublishedAs.WHOLE | PublishedAs.EXACT:
            return told
    raise UnexpectedError("figures: a number without a declaration of how it is published")


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


def _column_steps(numbers: Mapping[str, NumberComparison]) -> dict[str, float | None]:
    """What the amounts of each number column are multiples of.

    A hundredth of the column's standard deviation, a power of ten: what two decimals are of a
    standardised figure.
    """
    return {name: _step(sides.real.standard_deviation) for name, sides in numbers.items()}


def _step(deviation: float | None) -> float | None:
    return 10.0 ** math.floor(math.log10(deviation / 100)) if deviation else None


def _to_step(amount: float, step: float | None) -> float:
    """An amount as a multiple of `step`; without one, to DIGITS significant digits."""
    unit = step or 10.0 ** (math.floor(math.log10(abs(amount) or 1)) + 1 - DIGITS)
    # Written out, not as a product: 3 * 0.1 is 0.30000000000000004.
    return float(f"{round(amount / unit) * unit:.{max(0, -round(math.log10(unit)))}f}")
