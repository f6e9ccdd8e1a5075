"""Values of typed files as the texts that a CSV file would hold."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from include.espejo.survey.column import number_text


def text_of(value: Any) -> str:
    """A value's text: whole numbers without a point, moments by ISO 8601, nothing for missing."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value.strip()
        case bytes():
            return value.decode("utf-8", "replace").strip()
        case Decimal():
            return number_text(float(value)) if value.is_finite() else ""
        case datetime():
            at_midnight = value.time() == time()
            return (value.date() if at_midnight else value.replace(tzinfo=None)).isoformat()
        case date() | time():
            return value.isoformat()
    number = float(value)
    return number_text(number) if math.isfinite(number) else ""
