"""What documents tell of a table."""

from __future__ import annotations

from include.espejo.lake.publication import Exact, FigureDocument, Rounded


class BrokenRule(FigureDocument):
    """A declared rule that some rows of a synthetic table break; `share`: of its rows."""

    rule: str
    columns: tuple[str, ...]
    rows: Exact[int]
    share: Rounded[float]
