"""The columns of a release as the page shows them: one card each, the drawing that suits it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from include.espejo.report.drawings.charts import Posts, Steps, draw_histogram, draw_posts
from include.espejo.report.drawings.distributions import Bar, Distribution, Histogram
from include.espejo.report.page.scores import Track, track
from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.rules import BirthYearRule

_MOST_ROWS = 14  # of bars with labels, before they are drawn as posts

Figures = Mapping[str, Any]


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
    moments: tuple[tuple[str, Any, Any], ...] = ()
    plain: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.rows or self.posts or self.steps)


def make_cards(
    spec: SurveySpec, columns: Mapping[str, Distribution], utility: Figures
) -> list[Card]:
    """A card for each column, in the release's order."""
    general = utility.get("general") or {}
    scores = (general.get("column_shapes") or {}).get("columns") or {}
    numbers = general.get("numbers") or {}
    years = {rule.birth_year for rule in spec.rules if isinstance(rule, BirthYearRule)}
    return [
        replace(
            _card(name, spec.columns[name], shown, scores.get(name) or {}, numbers.get(name) or {}),
            plain=name in years or spec.columns[name].width is not None,
        )
        for name, shown in columns.items()
    ]


def _card(
    name: str, column: Column, shown: Distribution, scores: Figures, numbers: Figures
) -> Card:
    score, ceiling, floor = (scores.get(key) for key in ("score", "ceiling", "uniform"))
    place = None if score is None else track(score, ceiling, floor)
    as_posts = shown.histogram is None and _are_many_and_short(shown.bars, column)
    return Card(
        name=name,
        column=column,
        score=score,
        ceiling=ceiling,
        track=place,
        rows=tuple(_rows(shown.bars)),
        posts=draw_posts(shown.bars) if as_posts else None,
        steps=draw_histogram(shown.histogram) if shown.histogram else None,
        bins=tuple(_bins(shown.histogram)) if shown.histogram else (),
        moments=tuple(_moments(numbers)),
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


def _moments(numbers: Figures) -> Iterator[tuple[str, Any, Any]]:
    """Mean, deviation and quantiles, real and synthetic; those that neither has are left out."""
    real, other = numbers.get("real") or {}, numbers.get("synthetic") or {}
    sides = [
        {name: side.get(name) for name in ("mean", "standard_deviation")}
        | (side.get("quantiles") or {})
        for side in (real, other)
    ]
    for name, value in sides[0].items():
        if value is not None or sides[1].get(name) is not None:
            yield name, value, sides[1].get(name)
