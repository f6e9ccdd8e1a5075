"""Shapes and pair trends in each part of the widest geography, where enough real people live."""

from __future__ import annotations

import numpy as np

from include.espejo.evaluate.general.document import Part, Parts
from include.espejo.evaluate.general.shapes import pair_scores, shape_scores
from include.espejo.evaluate.scoring.coding import CodedColumn, Rows
from include.espejo.evaluate.scoring.references import Contest, mean_scores

OTHERS = "(others)"


def score_parts(contest: Contest, geography: CodedColumn | None, least: int) -> Parts:
    """Scores by part. A part is scored with at least `least` people in the training rows.

    Smaller ones, with those whose place is blank, are one part, `(others)`, if together they are
    enough; `left_out` says how many parts are not told. The ceiling is None where fewer than
    `least` people were held out; a part without synthetic rows scores 0. The floor keeps the
    country's columns, shuffled: what a table scores that knows nothing of places.
    """
    if geography is None:
        return Parts(level=None, parts={}, merged=0, left_out=0)
    people = np.bincount(contest.train[geography.name], minlength=geography.levels)
    own = (people >= least) & geography.ordinary
    rest = np.flatnonzero((people > 0) & ~own)
    enough = int(people[rest].sum()) >= least
    groups = {geography.labels[at]: np.array([at]) for at in np.flatnonzero(own)}
    if enough:
        groups[OTHERS] = rest
    tables = {"train": contest.train, **contest.others}
    by_place = {
        name: _SortedTable(rows, geography) for name, rows in tables.items() if name != "all_rows"
    }
    return Parts(
        level=geography.name,
        parts={n: _part(contest, by_place, places, least) for n, places in groups.items()},
        merged=len(rest) if enough else 0,
        left_out=0 if enough else len(rest),
    )


class _SortedTable:
    """A table sorted by place once, so that a part is a slice."""

    def __init__(self, rows: Rows, geography: CodedColumn) -> None:
        self.rows = rows
        places = rows[geography.name]
        self.order = np.argsort(places, kind="stable")
        self.starts = np.searchsorted(places[self.order], np.arange(geography.levels + 1))

    def at(self, places: np.ndarray) -> Rows:
        chosen = np.concatenate(
            [self.order[self.starts[place] : self.starts[place + 1]] for place in places]
        )
        return {name: levels[chosen] for name, levels in self.rows.items()}

    def count(self, places: np.ndarray) -> int:
        return int((self.starts[places + 1] - self.starts[places]).sum())


def _part(
    contest: Contest, tables: dict[str, _SortedTable], places: np.ndarray, least: int
) -> Part:
    others = {
        name: table.at(places)
        for name, table in tables.items()
        if name in ("score", "floor") or (name == "ceiling" and table.count(places) >= least)
    }
    part = Contest(contest.fields, tables["train"].at(places), others)
    pairs = pair_scores(part).values()
    return Part(
        column_shapes=mean_scores(shape_scores(part, field) for field in part.fields),
        pair_trends=mean_scores({n: s[n] for n in others} for s in pairs),
    )
