"""Sets of a column's classes that may be impossible beside a set of another column.

They are fixed before anything is counted, so that the chance of an empty one is known: each class,
all but one class ("not blank", "no other code than this one"), and both ends of a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.espejo.suggest.classes import Classes
from include.espejo.survey.disclosure import Floor
from include.espejo.table.floors import Counts
from include.espejo.table.structural import spread

FEW_VALUES = 24  # intervals: up to here each is named for itself, as codes are
_HEAP = 0.1  # share of the rows: an interval of one value that so many have is named, too
_CHUNK = 20_000  # households


@dataclass(frozen=True)
class Sets:
    """Sets of classes: `has`, boolean (sets, classes), whether each is only a stretch of a wide
    number, (sets,), the people who have each, and what one of them counts for: (sets,)."""

    has: np.ndarray
    stretch: np.ndarray
    people: np.ndarray
    spread: np.ndarray


def sets_of(
    classes: Classes, household: np.ndarray, floor: Floor, least: float, *, ends: bool = True
) -> Sets:
    """The sets that hold the floor and have `least` people. `household`: integers from 0.

    Without `ends` a number's blank and special codes are looked at, and none of its intervals.
    """
    size, intervals = classes.size, classes.intervals
    named = _named(classes) if ends else np.arange(size - 1) >= intervals
    one = np.eye(size, dtype=bool)[:-1][named]
    starts = np.tri(max(intervals - 1, 0) if ends else 0, size, dtype=bool)
    starts[:, intervals:] = False
    inside = np.arange(size) < intervals
    has = np.concatenate([one, ~one, starts, inside & ~starts])
    stretch = np.repeat([False, intervals > FEW_VALUES], [2 * len(one), 2 * len(starts)])
    counts = _behind(has, classes.codes, household)
    share = spread(counts, int(household.max(initial=0)) + 1)
    kept = counts.hold(floor) & (counts.people >= least)
    return Sets(has[kept], stretch[kept], counts.people[kept].astype(float), share[kept])


def _named(classes: Classes) -> np.ndarray:
    """Which classes are sets for themselves: boolean, all classes but the rest."""
    size, intervals = classes.size, classes.intervals
    if intervals <= FEW_VALUES:
        return np.ones(size - 1, dtype=bool)
    share = classes.people[:-1] / max(len(classes.codes), 1)
    heap = np.array([len(m.examples) == 1 for m in classes.members[:-1]]) & (share >= _HEAP)
    return np.asarray(heap | (np.arange(size - 1) >= intervals))


def _behind(has: np.ndarray, codes: np.ndarray, household: np.ndarray) -> Counts:
    """People and households behind each set. (sets, classes), (rows,), (rows,)."""
    size, homes = has.shape[1], int(household.max(initial=-1)) + 1
    people = has @ np.bincount(codes, minlength=size)
    if homes == len(codes):
        return Counts(people, people)
    pairs = np.unique(household.astype(np.int64) * size + codes)
    wanted = has.T.astype(np.float32)
    found = np.zeros(len(has), dtype=np.int64)
    for start in range(0, homes, _CHUNK):
        part = pairs[slice(*np.searchsorted(pairs, np.array([start, start + _CHUNK]) * size))]
        own = np.zeros((_CHUNK, size), dtype=np.float32)
        own[part // size - start, part % size] = 1
        found += (own @ wanted > 0).sum(axis=0)
    return Counts(people, found)
