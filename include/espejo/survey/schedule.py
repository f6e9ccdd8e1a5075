"""When the periods of a survey are out, and how long a run may take."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from include.espejo.survey.column import Strict
from include.espejo.survey.period import FORMS, Period, PeriodKind


class Schedule(Strict):
    """When a period is out, and limits in hours and days.

    Kinds that months measure are out on `day` of the month that is `months_after` their last one,
    weeks and days `days_after` their last day. Without either, runs are started by hand.
    """

    months_after: int | None = Field(default=None, ge=0, le=60)
    day: int | None = Field(default=None, ge=1, le=28)
    days_after: int | None = Field(default=None, ge=0, le=400)
    hour: int = Field(default=6, ge=0, le=23)
    timezone: str = "UTC"
    wait_days: int = Field(default=14, ge=1, le=90)
    step_hours: float = Field(default=2, gt=0)
    training_hours: float = Field(default=12, gt=0)
    deadline_hours: float = Field(default=24, gt=0)

    @model_validator(mode="after")
    def _check_day(self) -> Schedule:
        if (self.months_after is None) != (self.day is None):
            raise ValueError("`months_after` and `day` go together; write both, or neither")
        if self.day is not None and self.days_after is not None:
            raise ValueError("write `months_after` and `day`, or `days_after`, not all of them")
        return self

    @property
    def by_hand(self) -> bool:
        """Whether nothing starts a run but a person."""
        return self.day is None and self.days_after is None

    def cron(self, kind: PeriodKind) -> str | None:
        """The days on which periods of a kind come out, as a cron expression; None by hand."""
        if self.by_hand:
            return None
        if self.months_after is not None:
            ends = range(FORMS[kind].months, 13, FORMS[kind].months)
            months = sorted((last + self.months_after - 1) % 12 + 1 for last in ends)
            return f"0 {self.hour} {self.day} {','.join(map(str, months))} *"
        # A week ends on a Sunday, which is cron's day 0.
        weekday = (self.days_after or 0) % 7 if kind == "week" else "*"
        return f"0 {self.hour} * * {weekday}"

    def local(self, moment: datetime) -> date:
        """The day that a moment is on where the survey is."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def last_out(self, kind: PeriodKind, day: date) -> Period:
        """The last period of a kind that is out on a day, of a schedule that has dates."""
        period = Period.containing(kind, day)
        while self._out(period) > day:
            period = period.before()
        return period

    def _out(self, period: Period) -> date:
        last = period.days()[1]
        if self.months_after is None or self.day is None:
            return last + timedelta(days=self.days_after or 0)
        month = last.month + self.months_after - 1
        return date(last.year + month // 12, month % 12 + 1, self.day)
