"""Moments: dates, times of day and both, as the numbers that tables hold.

A date is days since 1970-01-01, a time of day seconds since midnight, a date with a time seconds
since 1970-01-01: whole numbers, ordered, whose differences are days or seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

MomentKind = Literal["date", "datetime", "time"]

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class _Moment:
    """How a kind is written by ISO 8601, and how it becomes a number and back."""

    form: str
    example: str
    number: Callable[[datetime], int]
    moment: Callable[[float], datetime]


MOMENTS: dict[str, _Moment] = {
    "date": _Moment(
        form="%Y-%m-%d",
        example="2026-03-31",
        number=lambda m: (m - _EPOCH) // timedelta(days=1),
        moment=lambda n: _EPOCH + timedelta(days=n),
    ),
    "datetime": _Moment(
        form="%Y-%m-%dT%H:%M:%S",
        example="2026-03-31T14:30:00",
        number=lambda m: (m - _EPOCH) // _SECOND,
        moment=lambda n: _EPOCH + timedelta(seconds=n),
    ),
    "time": _Moment(
        form="%H:%M:%S",
        example="14:30:00",
        number=lambda m: m.hour * 3600 + m.minute * 60 + m.second,
        moment=lambda n: _EPOCH + timedelta(seconds=n),
    ),
}


def read_moment(kind: MomentKind, written: str, form: str | None = None) -> int | None:
    """The number of a written moment, by a strptime `form` or ISO 8601; None if it is none."""
    try:
        if form is not None:
            return MOMENTS[kind].number(datetime.strptime(written, form))
        return MOMENTS[kind].number(_iso(kind, written))
    except (ValueError, OverflowError):
        return None


def _iso(kind: MomentKind, written: str) -> datetime:
    match kind:
        case "date":
            return datetime.combine(date.fromisoformat(written), time())
        case "time":
            return datetime.combine(_EPOCH.date(), time.fromisoformat(written))
        case "datetime":
            moment = datetime.fromisoformat(written)
            if moment.tzinfo is not None:
                raise ValueError("a moment of a survey has no time zone")
            return moment


def write_moment(kind: MomentKind, number: float, form: str | None = None) -> str:
    """A moment as it is written, by a strftime `form` or ISO 8601."""
    moment = MOMENTS[kind].moment(number)
    if form is None or "%Y" in form:
        # strftime writes years before 1000 without zeros.
        form = (form or MOMENTS[kind].form).replace("%Y", f"{moment.year:04}")
    return moment.strftime(form)
