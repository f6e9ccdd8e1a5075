"""A score between its floor and its ceiling, so that 0.90 means something.

The ceiling is what held-out households score against the training rows: another sample of the
same people, as good as a table can honestly be. The floor is what the training columns score when
each is shuffled by itself: every column right, every relation lost. Scores of counts fall with
the number of rows for no other reason than chance, so the synthetic table, the ceiling and the
floor are compared on equally many rows; `all_rows` is the score of every synthetic row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from include.espejo.evaluate.scoring.coding import CodedColumn, Rows, code_tables
from include.espejo.lake.publication import FigureDocument, Rounded
from include.espejo.survey import SurveySpec
from include.espejo.table.households import household_numbers

# A table of fewer floors' worth of people is too small to score: chance is all it would show.
LEAST_FLOORS = 10
_NARROW = 0.005  # of ceiling over floor: less, and a position between them is noise

Contestants = dict[str, Rows]
Kind = TypeVar("Kind", bound="ReferencedScore")


class ReferencedScore(FigureDocument):
    """A score with its references; None where there is none.

    `all_rows`: of every synthetic row, where that was scored, too. `position`: 0 at the floor, 1 at
    the ceiling; above 1 is nearer to the training people than other people are. A table that
    copies its rows does that, and whether it does is for the disclosure gates.
    """

    score: float | None
    ceiling: float | None
    floor: float | None
    all_rows: float | None = None
    position: Rounded[float | None]

    def within(self, kind: type[Kind], **more: object) -> Kind:
        """The same, in a document with more figures."""
        return kind.model_validate({n: getattr(self, n) for n in self.model_fields_set} | more)


@dataclass(frozen=True)
class Contest:
    """The training rows, and what is held against them.

    `others`: "score", "floor" and, with a holdout, "ceiling": equally many rows of each;
    "all_rows": every synthetic row. `households`: int64, (rows,), of the tables of real people,
    "train" and "ceiling".
    """

    fields: tuple[CodedColumn, ...]
    train: Rows
    others: Contestants
    unscored: tuple[str, ...] = ()
    households: Mapping[str, np.ndarray] = field(default_factory=dict)

    def only(self, *names: str) -> Contest:
        return replace(self, others={n: r for n, r in self.others.items() if n in names})

    def sizes(self) -> dict[str, int]:
        return {name: count_rows(rows) for name, rows in self.others.items()}


def count_rows(rows: Rows) -> int:
    return len(next(iter(rows.values())))


def least_people(spec: SurveySpec) -> int:
    """The fewest real people that a score is given for."""
    return LEAST_FLOORS * spec.disclosure.floor.people


def open_contest(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    random: np.random.Generator,
) -> Contest:
    """Code the tables and draw equally many rows of each contestant. Raises MetricError.

    A holdout of fewer than `least_people` is none: there is no ceiling.
    """
    has_ceiling = holdout is not None and len(holdout) >= least_people(spec)
    frames = [synthetic, holdout] if has_ceiling and holdout is not None else [synthetic]
    coded = code_tables(train, frames, spec)
    real, every = coded.tables[:2]
    rows = min(len(train), *(len(frame) for frame in frames))
    others: Contestants = {"all_rows": every, "score": draw_rows(every, rows, random)}
    others["floor"] = _shuffled(real, rows, random)
    households = {"train": household_numbers(train, spec)}
    if has_ceiling and holdout is not None:
        chosen = draw_places(len(holdout), rows, random)
        others["ceiling"] = take_rows(coded.tables[2], chosen)
        households["ceiling"] = household_numbers(holdout, spec)[chosen]
    return Contest(coded.fields, real, others, coded.unscored, households)


def draw_rows(table: Rows, rows: int, random: np.random.Generator) -> Rows:
    """So many rows, without replacement; the table itself where it has no more."""
    if count_rows(table) <= rows:
        return table
    return take_rows(table, draw_places(count_rows(table), rows, random))


def draw_places(size: int, rows: int, random: np.random.Generator) -> np.ndarray:
    """The places of so many of `size` rows, without replacement; all in order if no more."""
    return np.arange(size) if size <= rows else random.choice(size, rows, replace=False)


def take_rows(table: Rows, chosen: np.ndarray) -> Rows:
    return {name: levels[chosen] for name, levels in table.items()}


def _shuffled(table: Rows, rows: int, random: np.random.Generator) -> Rows:
    return {name: random.permutation(levels)[:rows] for name, levels in table.items()}


def with_position(scores: Mapping[str, float | None]) -> ReferencedScore:
    """The scores by contestant, and where the score lies between them.

    `position` is None without a ceiling, or where that is not above the floor.
    """
    score, ceiling, floor = (scores.get(name) for name in ("score", "ceiling", "floor"))
    position = None
    if score is not None and ceiling is not None and floor is not None:
        position = (score - floor) / (ceiling - floor) if ceiling - floor > _NARROW else None
    named = ReferencedScore(score=score, ceiling=ceiling, floor=floor, position=position)
    if "all_rows" not in scores:
        return named
    return named.within(ReferencedScore, all_rows=scores["all_rows"])


def mean_scores(scores: Iterable[Mapping[str, float]]) -> ReferencedScore:
    """The mean of each contestant's scores; all None where there is nothing to score."""
    listed = list(scores)
    names = listed[0] if listed else ()
    return with_position({n: float(np.mean([s[n] for s in listed])) for n in names})


def each(contestants: Mapping[str, Any], score: Callable[[Any], float]) -> dict[str, float]:
    """The score of every contestant."""
    return {name: score(contestant) for name, contestant in contestants.items()}
