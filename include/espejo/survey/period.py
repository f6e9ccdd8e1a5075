"""Periods: how each kind is written, what it covers, and which one has been published by a day."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from include.espejo.errors import ParameterError
from include.espejo.language import message

PeriodKind = Literal[
    "year", "half", "four_month", "quarter", "month", "week", "day", "wave", "none"
]


@dataclass(frozen=True)
class PeriodForm:
    """How periods of a kind are written and called.

    `parts`: what a pattern may hold of one beside {period}. `months`: how many it covers, 0 where
    months do not measure it. `every` opens a sentence; both are English, for `text`.
    """

    pattern: str
    written: str
    example: str
    called: str
    every: str
    parts: tuple[str, ...]
    months: int = 0

    @property
    def has_year(self) -> bool:
        return "year" in self.parts


_YEAR = "(?P<year>(?:19|20)[0-9]{2})"
# Letters are those of the Spanish words: semestre, cuatrimestre, trimestre, mes, semana, ronda.
FORMS: dict[PeriodKind, PeriodForm] = {
    "year": PeriodForm(
        pattern=_YEAR,
        written="{year}",
        example="2026",
        called=message("a year"),
        every=message("Each year"),
        parts=("year",),
        months=12,
    ),
    "half": PeriodForm(
        pattern=_YEAR + "S(?P<number>[12])",
        written="{year}S{number}",
        example="2026S1",
        called=message("a half-year"),
        every=message("Each half-year"),
        parts=("year", "half"),
        months=6,
    ),
    "four_month": PeriodForm(
        pattern=_YEAR + "C(?P<number>[1-3])",
        written="{year}C{number}",
        example="2026C2",
        called=message("a four-month period"),
        every=message("Every four months"),
        parts=("year", "four_month"),
        months=4,
    ),
    "quarter": PeriodForm(
        pattern=_YEAR + "T(?P<number>[1-4])",
        written="{year}T{number}",
        example="2026T3",
        called=message("a quarter"),
        every=message("Each quarter"),
        parts=("year", "quarter"),
        months=3,
    ),
    "month": PeriodForm(
        pattern=_YEAR + "M(?P<number>0[1-9]|1[0-2])",
        written="{year}M{number:02}",
        example="2026M03",
        called=message("a month"),
        every=message("Each month"),
        parts=("year", "month"),
        months=1,
    ),
    "week": PeriodForm(
        pattern=_YEAR + "W(?P<number>0[1-9]|[1-4][0-9]|5[0-3])",
        written="{year}W{number:02}",
        example="2026W07",
        called=message("a week"),
        every=message("Each week"),
        parts=("year", "week"),
    ),
    "day": PeriodForm(
        pattern=_YEAR + "-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12][0-9]|3[01])",
        written="{year}-{month:02}-{day:02}",
        example="2026-03-31",
        called=message("a day"),
        every=message("Each day"),
        parts=("year", "month", "day"),
    ),
    "wave": PeriodForm(
        pattern="R(?P<number>[1-9][0-9]{0,3})",
        written="R{number}",
        example="R7",
        called=message("a wave"),
        every=message("In each wave"),
        parts=("wave",),
    ),
    "none": PeriodForm(
        pattern="once",
        written="once",
        example="once",
        called=message("the only period"),
        every=message("Once"),
        parts=(),
    ),
}


def period_pattern(kind: PeriodKind | None = None) -> str:
    """The regular expression of a kind's periods, or of all; forms and schemas read it, too."""
    chosen = [FORMS[kind]] if kind else list(FORMS.values())
    unnamed = [re.sub(r"\?P<[a-z]+>", "", form.pattern) for form in chosen]
    return f"^({'|'.join(unnamed)})$"


@dataclass(frozen=True, order=True)
class Period:
    """A period of a survey, written by its kind: `2026T3`, `2026M03`, `2026-03-31`, `R7`, `once`.

    `number` counts within the year (a day from 1 January), or is the wave's own; `year` is 0 where
    the kind has none. A week is that of ISO 8601, with the year to which it belongs.
    """

    year: int
    number: int
    kind: PeriodKind = "quarter"

    @classmethod
    def parse(cls, written: str, kind: PeriodKind | None = None) -> Period:
        """Read a period of this kind, or of any. Raises ParameterError on anything else."""
        for one in (kind,) if kind else FORMS:
            period = _read(written, one)
            if period is not None:
                return period
        called = FORMS[kind].called if kind else "a period"
        examples = [form.example for name, form in FORMS.items() if kind in (None, name)]
        raise ParameterError(
            f"period {written!r}: not {called}; write it such as {' or '.join(examples)}"
        )

    @classmethod
    def containing(cls, kind: PeriodKind, day: date) -> Period:
        """The period that holds a day. Raises ValueError for kinds without dates."""
        match kind:
            case "year":
                return cls(day.year, 1, kind)
            case "week":
                return cls(*day.isocalendar()[:2], kind)
            case "day":
                return cls(day.year, day.timetuple().tm_yday, kind)
            case "wave" | "none":
                raise ValueError(f"a period of kind {kind} has no dates")
            case _:
                return cls(day.year, (day.month - 1) // FORMS[kind].months + 1, kind)

    def __str__(self) -> str:
        return FORMS[self.kind].written.format(number=self.number, **self.parts())

    @property
    def has_dates(self) -> bool:
        """Whether it is known when it was: a wave's number does not say."""
        return self.kind not in ("wave", "none")

    def days(self) -> tuple[date, date]:
        """The first and the last day of a period that has dates."""
        if self.kind == "week":
            first = date.fromisocalendar(self.year, self.number, 1)
            return first, first + timedelta(days=6)
        if self.kind == "day":
            first = date(self.year, 1, 1) + timedelta(days=self.number - 1)
            return first, first
        months = FORMS[self.kind].months
        last = months * self.number
        end = date(self.year, last, monthrange(self.year, last)[1])
        return date(self.year, last - months + 1, 1), end

    def before(self) -> Period:
        """The period before this one, of a kind that has dates."""
        return Period.containing(self.kind, self.days()[0] - timedelta(days=1))

    def since(self, earlier: Period) -> int:
        """How many periods lie from another one of its kind to this one."""
        return self._ordinal() - earlier._ordinal()

    def _ordinal(self) -> int:
        if self.kind in ("week", "day"):
            return self.days()[0].toordinal() // (7 if self.kind == "week" else 1)
        months = FORMS[self.kind].months
        return self.number + (self.year * (12 // months) if months else 0)

    def parts(self) -> dict[str, int]:
        """What patterns and expressions may name of it: `year`, and the number by its kind."""
        known: dict[str, int] = {self.kind: self.number, "year": self.year}
        if self.kind == "day":
            first = self.days()[0]
            known |= {"month": first.month, "day": first.day}
        return {part: known[part] for part in FORMS[self.kind].parts}

    def format(self, pattern: str) -> str:
        """Fill {period}, {year}, {yy}, and {quarter} or what its kind has, in a pattern.

        Raises KeyError where the kind has no such part.
        """
        parts: dict[str, object] = dict(self.parts())
        if "year" in parts:
            parts["yy"] = f"{self.year % 100:02}"
        return pattern.format(period=self, **parts)


def _read(written: str, kind: PeriodKind) -> Period | None:
    found = re.fullmatch(FORMS[kind].pattern, written)
    if found is None:
        return None
    parts = {name: int(value) for name, value in found.groupdict().items()}
    try:
        if kind == "day":
            return Period.containing(kind, date(parts["year"], parts["month"], parts["day"]))
        if kind == "week":
            date.fromisocalendar(parts["year"], parts["number"], 1)
    except ValueError:
        return None  # a day or a week that this year does not have
    number = parts.get("number", 1 if kind == "year" else 0)
    return Period(parts.get("year", 0), number, kind)


def in_order(written: str) -> tuple[bool, int, int, str]:
    """A key that sorts written periods by time; what is no period comes before all."""
    try:
        period = Period.parse(written)
    except ParameterError:
        return (False, 0, 0, written)
    return (True, period.year, period.number, written)
