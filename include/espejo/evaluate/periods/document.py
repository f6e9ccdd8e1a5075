"""comparison.json: a release beside those that came before it."""

from __future__ import annotations

from include.espejo.evaluate.specific.document import Measured, Summary
from include.espejo.lake.publication import Amount, FigureDocument, Rounded
from include.espejo.language import Label


class EarlierSummary(FigureDocument):
    """What an earlier release says of itself.

    `equal_rows`: its scores on as many rows as their references have; early releases have none.
    """

    period: str
    release: str
    overall: Rounded[float | None]
    column_shapes: Rounded[float | None]
    column_pair_trends: Rounded[float | None]
    equal_rows: Rounded[dict[str, float | None]]
    gates: dict[str, bool]
    indicators: dict[str, Summary]


class ChangedCodes(FigureDocument):
    """Codes that stand on the floor in one period, and on nobody in the other."""

    appeared: tuple[str, ...]
    vanished: tuple[str, ...]


class Drift(FigureDocument):
    """How far a column's input is from before; `chance`: what chance alone gives."""

    distance: Rounded[float]
    chance: Rounded[float]
    moved: bool


class Inputs(FigureDocument):
    """How the input of a period differs from an earlier one, by column."""

    drift: dict[str, Drift]
    codes: dict[str, ChangedCodes]


class Series(Measured):
    """A figure of each period, the present one first; None where a period has no figure."""

    real: Amount[tuple[float | None, ...]]
    synthetic: Amount[tuple[float | None, ...]]


class IndicatorSeries(FigureDocument):
    """An indicator over the periods."""

    name: str
    label: Label
    figures: tuple[Series, ...]


class Comparison(FigureDocument):
    """`previous`: newest first; `compared_with`: the period of `codes` and `drift`, if any."""

    periods: tuple[str, ...]
    compared_with: str | None
    previous: tuple[EarlierSummary, ...]
    codes: dict[str, ChangedCodes]
    drift: dict[str, Drift]
    indicators: tuple[IndicatorSeries, ...]
