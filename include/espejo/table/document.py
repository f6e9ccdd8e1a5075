"""Parts of documents that describe a table."""

from __future__ import annotations

from include.espejo.lake.document import Document
from include.espejo.lake.publication import Exact, FigureDocument, Rounded


class BrokenRule(FigureDocument):
    """A declared rule that some rows of a synthetic table break; `share`: of its rows."""

    rule: str
    columns: tuple[str, ...]
    rows: Exact[int]
    share: Rounded[float]


class Touched(Document):
    """How many rows protection changed: in all, and by column and measure. Counts only.

    `geography_lost`: levels that are blank throughout, since no place of theirs holds the floor.
    """

    rows: int
    rows_touched: int
    columns: dict[str, dict[str, int]]
    geography_lost: tuple[str, ...]


class TablePart(Document):
    """Codes of the column that partitions a table, blank being "", and their rows to learn from."""

    name: str
    codes: tuple[str, ...]
    rows: int
