"""Writes files of the invented survey of parks (`parks.yaml`)."""

import csv
import io
from pathlib import Path

import numpy as np

SPEC = Path(__file__).with_name("parks.yaml")
COLUMNS = (
    *("visitor", "quarter", "park", "age", "birth_year", "month", "day", "member", "pass_type"),
    *("hours", "spent", "rating", "returns", "dog"),
)
PARKS = ("Álamo", "Ciénega", "Peñón", "Río Hondo")
PASS_TYPES = ("1", "2", "3")
YES_NO = ("sí", "no")
OLDEST_CODED_AGE = 90


def parks_rows(
    rows: int = 300, seed: int = 1, year: int = 2015, quarter: int = 2
) -> list[dict[str, str]]:
    """Valid rows as text, by column; the first visitor of all is number 1."""
    random = np.random.default_rng([seed, year, quarter])
    return [_visitor(number + 1, year, quarter, random) for number in range(rows)]


def parks_csv(rows: list[dict[str, str]]) -> bytes:
    """The rows as the file that the survey's spec describes; the columns are the first row's."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def write_parks(path: str | Path, rows: int = 300, seed: int = 1, period: str = "2015T2") -> None:
    """Write a valid file of a quarter, written as `2015T2`."""
    year, _, quarter = period.partition("T")
    Path(path).write_bytes(parks_csv(parks_rows(rows, seed, int(year), int(quarter))))


def _visitor(number: int, year: int, quarter: int, random: np.random.Generator) -> dict[str, str]:
    park, member, opinion = random.choice(PARKS), random.choice(YES_NO), random.random() < 0.8
    pass_type = random.choice(PASS_TYPES) if member == "sí" else ""
    age, gap = int(random.integers(0, 97)), int(random.integers(0, 2))
    spends = pass_type != "3" and random.random() < 0.7
    unknown = random.random() < 0.03
    values = (
        f"{number:06}",
        f"{year}-{quarter}",
        park,
        98 if unknown else min(age, OLDEST_CODED_AGE),
        9999 if unknown else year - age - gap,
        f"{int(random.integers(3 * quarter - 2, 3 * quarter + 1)):02}",
        f"{int(random.integers(1, 29)) if random.random() < 0.95 else 99:02}",
        member,
        pass_type,
        f"{random.uniform(0.25, 8):.2f}",
        f"{random.gamma(2, 12) if spends else 0:.2f}",
        int(random.integers(1, 6)) if opinion else "",
        random.choice(YES_NO) if opinion else "",
        "no" if park == "Peñón" else random.choice(YES_NO),
    )
    return dict(zip(COLUMNS, (str(value) for value in values), strict=True))
