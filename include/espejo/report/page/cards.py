"""The columns of a release as the page shows them: one card each, the drawing that suits it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from include.espejo.evaluate.general.document import (
    ColumnShape,
    GeneralUtility,
    NumberComparison,
)
from include.espejo.report.drawings.charts import Posts, Steps, draw_histogram, draw_posts
from include.espejo.report.drawings.distributions import Bar, Distribution, Histogram
from include.espejo.report.page.scores import Track, track
from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.rules import BirthYearRule

_MOST_ROWS = 14  # of bars with labels, before they are drawn as posts


MomentRow = tuple[str, float | None, float | None]  # its name, real, synthetic


@dataclass(frozen=True)
class BarRow:
    """A bar and its lengths, in per cent of the longest."""

    bar: Bar
    real: float
    synthetic: float


@dataclass(frozen=True)
class Bin:
    """A bin of a histogram, for the table beside the drawing."""

    low: float
    high: float
    real: float
    synthetic: float


@dataclass(frozen=True)
class Card:
    """A column: what it is, how near it is, and one of the drawings.

    `plain`: its numbers are written as names are, such as years: no thousands are told apart.
    """

    name: str
    column: Column
    score: float | None
    ceiling: float | None
    track: Track | None
    rows: tuple[BarRow, ...] = ()
    posts: Posts | None = None
    steps: Steps | None = None
    bins: tuple[Bin, ...] = ()
    moments: tuple[MomentRow, ...] = ()
    plain: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.rows or self.posts or self.steps)


def make_cards(
    spec: SurveySpec, columns: Mapping[str, Distribution], general: GeneralUtility
) -> list[Card]:
    """A card for each column, in the release's order."""
    scores, numbers = general.column_shapes.columns, general.numbers
    years = {rule.birth_year for rule in spec.rules if isinstance(rule, BirthYearRule)}
    return [
        replace(
            _card(name, spec.columns[name], shown, scores.get(name), numbers.get(name)),
            plain=name in years or spec.columns[name].width is not None,
        )
        for name, shown in columns.items()
    ]


def _card(
    name: str,
    column: Column,
    shown: Distribution,
    shape: ColumnShape | None,
    numbers: NumberComparison | None,
) -> Card:
    score, ceiling = (None, None) if shape is None else (shape.score, shape.ceiling)
    place = None if shape is None or score is None else track(score, ceiling, shape.uniform)
    as_posts = shown.histogram is None and _are_many_and_short(shown.bars, column)
    return Card(
        name=name,
        column=column,
        score=score,
        ceiling=ceiling,
        track=place,
        rows=tuple(_rows(shown.bars)),
        posts=draw_posts(shown.bars) if as_posts else None,
        steps=draw_histogram(shown.histogram, column.moment) if shown.histogram else None,
        bins=tuple(_bins(shown.histogram)) if shown.histogram else (),
        moments=() if numbers is None else tuple(_moments(numbers)),
    )


def _are_many_and_short(bars: tuple[Bar, ...], column: Column) -> bool:
    """More bars than are read one by one, of codes that mean nothing more than themselves."""
    named = sum(column.code_label(bar.code) is not None for bar in bars if bar.kind == "code")
    return len(bars) > _MOST_ROWS and named < len(bars) / 2


def _rows(bars: tuple[Bar, ...]) -> Iterator[BarRow]:
    longest = max((max(bar.real, bar.synthetic) for bar in bars), default=0) or 1
    for bar in bars:
        yield BarRow(
            bar, round(100 * bar.real / longest, 1), round(100 * bar.synthetic / longest, 1)
        )


def _bins(histogram: Histogram) -> Iterator[Bin]:
    edges = histogram.edges.tolist()
    for at, (real, synthetic) in enumerate(zip(histogram.real, histogram.synthetic, strict=True)):
        yield Bin(edges[at], edges[at + 1], float(real), float(synthetic))


def _moments(numbers: NumberComparison) -> Iterator[MomentRow]:
    """Mean, deviation and quantiles, real and synthetic; those that neither has are left out."""
    real, other = (
        {"mean": side.mean, "standard_deviation": side.standard_deviation} | side.quantiles
        for side in (numbers.real, numbers.synthetic)
    )
    for name, value in real.items():
        if value is not None or other[name] is not None:
            yield name, value, other[name]
