"""Quarters: how they are written, and which one has been published by a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from include.espejo.errors import ParameterError

PERIOD_PATTERN = r"^(19|20)[0-9]{2}T[1-4]$"


@dataclass(frozen=True, order=True)
class Period:
    """A quarter of a year, written `2026T3` ("tercer trimestre")."""

    year: int
    quarter: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `2026T3`. Raises ParameterError on anything else."""
        if not re.fullmatch(PERIOD_PATTERN, text):
            raise ParameterError(
                f"period {text!r}: not a quarter; write year, T and quarter, such as 2026T3"
            )
        return cls(int(text[:4]), int(text[5]))

    @classmethod
    def of_month(cls, year: int, month: int) -> Period:
        """The quarter that holds a month; months outside 1..12 count into other years."""
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        return cls(year, (month - 1) // 3 + 1)

    def __str__(self) -> str:
        return f"{self.year}T{self.quarter}"

    def quarters_since(self, earlier: Period) -> int:
        """How many quarters lie from another period to this one."""
        return 4 * (self.year - earlier.year) + self.quarter - earlier.quarter

    def format(self, pattern: str) -> str:
        """Fill `{period}`, `{year}`, `{yy}` and `{quarter}` of a path or code pattern."""
        return pattern.format(
            period=self, year=self.year, yy=f"{self.year % 100:02}", quarter=self.quarter
        )


def latest_published(day: datetime, months_after: int, day_of_month: int) -> Period:
    """The last quarter published by `day`.

    A quarter is published on `day_of_month` of the month that comes `months_after` months
    after its last month: ENOE's first quarter (to March) in late May is 2 and 25.
    """
    reached = day.month if day.day >= day_of_month else day.month - 1
    last_month = reached - months_after
    # Step back to the last month, at or before it, that ends a quarter.
    return Period.of_month(day.year, last_month - last_month % 3)
