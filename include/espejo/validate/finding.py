"""What one rule found in a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Refused:
    """Rows, counted from 1 below the header, that break a rule, and what they hold: for the
    restricted area alone. At most `MOST_REFUSED` of each."""

    rows: tuple[int, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What one rule found: how many rows break it, of how many that it looks at."""

    rule: str
    columns: tuple[str, ...]
    severity: Literal["error", "warning"]
    passed: bool
    rows: int
    of: int
    remedy: str
    refused: Refused = field(default=Refused(), repr=False)

    def __str__(self) -> str:
        about = f"column {', '.join(self.columns)}, " if self.columns else ""
        share = f" of {self.of:,} ({self.rows / self.of:.2%})" if self.of else ""
        return f"{about}rule {self.rule}: {self.rows:,} rows{share}; {self.remedy}"
