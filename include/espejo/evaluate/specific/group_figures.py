"""Figures of groups that any survey has: each sensitive column by who people are and where.

Groups are those of each quasi-identifier and geography level, and of every two of them; numbers
are cut at the training rows' tenths, a level is read together with those above it. Figures are
the share of each class of a sensitive code; of a sensitive number the mean, of the logarithms of
positive values where they are lopsided, and then the share that has such a value, too. All follows
from the spec's roles and kinds: nothing here knows a column.

A figure counts if its group holds LEAST_PEOPLE training people and the floor of both, and if the
floor's people with and without the class are to be expected there (`Estimates.stand`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from include.espejo.evaluate.scoring.agreement import (
    LEAST_PEOPLE,
    Agreed,
    Agreement,
    Estimates,
    agree,
    agreement,
    means,
    shares,
)
from include.espejo.evaluate.scoring.coding import CodedColumn, Rows, joint_keys
from include.espejo.evaluate.scoring.references import Contest
from include.espejo.survey import SurveySpec
from include.espejo.survey.disclosure import Floor
from include.espejo.table.floors import few_of_each

MOST_VIEWS = 100  # of one grouping column, and of two: a view is a grouping and a sensitive column
_LOPSIDED = 3.0  # the 95th percentile over the median of the positive values

Keys = Mapping[str, np.ndarray]  # of each table, int64 (rows,)


@dataclass(frozen=True)
class Grouping:
    """Groups of people: `keys` of each table, 0 for rows of no group, up to `size` - 1."""

    names: tuple[str, ...]
    keys: Keys
    size: int


def group_agreement(
    contest: Contest, spec: SurveySpec, random: np.random.Generator
) -> tuple[dict[str, Agreement], list[Agreed]]:
    """What agrees by sensitive column, and every view's figures: boolean (figures,) each."""
    sides = {"train": contest.train, **contest.others}
    singles = _groupings(contest, spec, sides)
    fields = {f.name: f for f in contest.fields if f.name in spec.with_role("sensitive")}
    pairs = [(a, b) for a, b in combinations(singles, 2) if not _nested(a, b, spec)]
    views = _drawn([((one,), name) for one in singles for name in fields], random)
    views += _drawn([(pair, name) for pair in pairs for name in fields], random)
    some = few_of_each(contest.households["train"], spec.disclosure.floor)
    found: dict[str, list[Agreed]] = {name: [] for name in fields}
    for groups, name in views:
        if name not in {grouper for one in groups for grouper in one.names}:
            told = _judge(_joined(groups), fields[name], sides, some, spec.disclosure.floor)
            found[name] += told
    by_column = {name: agreement(told) for name, told in found.items()}
    return by_column, [one for told in found.values() for one in told]


def _drawn(views: list[Any], random: np.random.Generator) -> list[Any]:
    """At most MOST_VIEWS of them, in their order."""
    if len(views) <= MOST_VIEWS:
        return views
    return [views[at] for at in sorted(random.choice(len(views), MOST_VIEWS, replace=False))]


def _nested(one: Grouping, other: Grouping, spec: SurveySpec) -> bool:
    """Whether both are levels of the geography: the narrower one has the wider one's groups."""
    levels = spec.geography_levels()
    return one.names[0] in levels and other.names[0] in levels


def _groupings(contest: Contest, spec: SurveySpec, sides: Mapping[str, Rows]) -> list[Grouping]:
    """Of each quasi-identifier and level; a group of too few training people is none."""
    fields = {field.name: field for field in contest.fields}
    levels = [name for name in spec.geography_levels() if name in fields]
    least = max(LEAST_PEOPLE, spec.disclosure.floor.people)
    found = []
    for name in dict.fromkeys([*levels, *spec.with_role("quasi")]):
        if name in fields:
            upto = levels[: levels.index(name) + 1] if name in levels else [name]
            keys = (
                _place_keys(upto, fields, sides)
                if name in levels
                else {side: fields[name].pooled[rows[name]] for side, rows in sides.items()}
            )
            found.append(_renumbered((name,), keys, least))
    return [grouping for grouping in found if grouping.size > 1]


def _place_keys(
    levels: list[str], fields: Mapping[str, CodedColumn], sides: Mapping[str, Rows]
) -> Keys:
    """A level's code means a place only within the levels above it."""
    sizes = {name: fields[name].levels for name in levels}
    keys = [joint_keys(rows, sizes, tuple(levels)) for rows in sides.values()]
    number = np.unique(np.concatenate(keys), return_inverse=True)[1]
    return dict(zip(sides, np.split(number, np.cumsum([len(k) for k in keys])[:-1]), strict=True))


def _renumbered(names: tuple[str, ...], keys: Keys, least: int) -> Grouping:
    """Groups of `least` training people, from 1 up; all others are 0."""
    size = 1 + max(int(key.max(initial=0)) for key in keys.values())
    kept = np.bincount(keys["train"], minlength=size) >= least
    number = np.where(kept, np.cumsum(kept), 0)
    return Grouping(names, {side: number[key] for side, key in keys.items()}, int(kept.sum()) + 1)


def _joined(groups: tuple[Grouping, ...]) -> Grouping:
    """The groups of one grouping, or of two together."""
    if len(groups) == 1:
        return groups[0]
    one, other = groups
    keys = {}
    for side, key in one.keys.items():
        inside = (key > 0) & (other.keys[side] > 0)
        keys[side] = np.where(inside, key * other.size + other.keys[side], 0)
    return Grouping((*one.names, *other.names), keys, one.size * other.size)


def _judge(
    groups: Grouping, field: CodedColumn, sides: Mapping[str, Rows], some: np.ndarray, floor: Floor
) -> Iterator[Agreed]:
    """Of one sensitive column in these groups: which figures agree with those of training."""
    found = {
        side: list(_estimates(groups, groups.keys[side], field, rows[field.name], sides["train"]))
        for side, rows in sides.items()
    }
    behind = np.bincount(groups.keys["train"][some], minlength=groups.size) >= floor.people
    behind[0] = False
    for place, real in enumerate(found["train"]):
        told = behind & real.stand(floor)
        yield {
            side: agree(real, figures[place])[told]
            for side, figures in found.items()
            if side != "train"
        }


def _estimates(
    groups: Grouping, key: np.ndarray, field: CodedColumn, levels: np.ndarray, train: Rows
) -> Iterator[Estimates]:
    """The figures of each group, (groups,): one array a class, or a number's mean and share."""
    people = np.bincount(key, minlength=groups.size)
    if not field.number:
        classes = int(field.pooled.max()) + 1
        joint = key * classes + field.pooled[levels]
        counts = np.bincount(joint, minlength=groups.size * classes).reshape(-1, classes)
        for column in counts.T:
            yield shares(column, people)
        return
    values = _amounts(field, train[field.name])
    has = ~np.isnan(values)[levels]
    yield means(key[has], values[levels[has]], groups.size)
    yield shares(np.bincount(key[has], minlength=groups.size), people)


def _amounts(field: CodedColumn, train: np.ndarray) -> np.ndarray:
    """What a level of a number counts as in a mean: float64 (levels,), NaN for no amount."""
    values = np.where(field.ordinary, field.values, np.nan)
    told = values[train]
    positive = told[told > 0]
    lopsided = len(positive) and np.quantile(positive, 0.95) > _LOPSIDED * np.median(positive)
    if not lopsided or (told < 0).any():
        return values
    return np.log(values, where=values > 0, out=np.full(len(values), np.nan))
