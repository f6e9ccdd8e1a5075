"""Survey weights: the totals that they add up to, in the survey and in a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.survey import SurveySpec
from include.espejo.survey.model import Total
from include.espejo.table.floors import count_behind
from include.espejo.table.households import household_numbers
from include.espejo.table.rules import group_numbers

_ROUNDS, _NEAR = 200, 1e-9


@dataclass(frozen=True)
class WeightMargin:
    """What the weights of each group of `by` add up to, by the group's codes."""

    by: tuple[str, ...]
    totals: Mapping[tuple[str, ...], float]


def weight_margins(frame: pd.DataFrame, spec: SurveySpec) -> list[WeightMargin]:
    """The totals of the survey's own rows, or those that the spec has; no group under the floor."""
    if spec.weight is None:
        return []
    weights = frame[spec.weight.column].fillna(0).to_numpy(float)
    household = household_numbers(frame, spec)
    return [_margin(frame, total, weights, household, spec) for total in spec.weight.totals]


def _margin(
    frame: pd.DataFrame, total: Total, weights: np.ndarray, household: np.ndarray, spec: SurveySpec
) -> WeightMargin:
    if total.values:
        return WeightMargin(total.by, {(code,): value for code, value in total.values.items()})
    keys = frame[list(total.by)].astype(object)
    group = group_numbers(keys)
    size = int(group.max(initial=-1)) + 1
    held = count_behind(group, size, household).hold(spec.disclosure.floor)
    sums = np.bincount(group, weights, minlength=size)
    first = pd.Series(np.arange(len(group))).groupby(group).first().to_numpy()
    codes = [tuple(keys.iloc[row]) for row in first]
    return WeightMargin(
        total.by,
        {
            code: float(value)
            for code, value, told in zip(codes, sums, held, strict=True)
            if told and not any(pd.isna(part) for part in code)
        },
    )


def absent_groups(frame: pd.DataFrame, spec: SurveySpec) -> dict[str, int]:
    """How many groups that the spec gives a total have no row here, by column."""
    found = {}
    for total in spec.weight.totals if spec.weight else ():
        present = set(frame[total.by[0]].dropna().astype(str)) if total.by[0] in frame else set()
        if absent := len(set(total.values) - present):
            found[total.by[0]] = absent
    return found


def raked_weights(
    synthetic: pd.DataFrame, margins: list[WeightMargin], spec: SurveySpec
) -> np.ndarray:
    """The drawn weights, multiplied so that each group adds up to its total: float64, (rows,).

    Iterative proportional fitting (Deming and Stephan 1940). A whole-number column is rounded so
    that each cell of all the groups keeps its sum to within one. A group that no row is in has
    nothing to carry its total.
    """
    if spec.weight is None:
        return np.ones(len(synthetic))
    column = spec.columns[spec.weight.column]
    drawn = synthetic[spec.weight.column].to_numpy(float)
    usual = np.nanmedian(drawn) if np.isfinite(drawn).any() else 1.0
    weights = np.where(np.isfinite(drawn) & (drawn > 0), drawn, max(usual, 1.0))
    groups = [numbered_groups(synthetic, margin) for margin in margins]
    for _ in range(_ROUNDS):
        furthest = 0.0
        for group, targets in groups:
            sums = np.bincount(group, weights, minlength=len(targets) + 1)[1:]
            factor = np.ones(len(targets) + 1)  # the first is of rows without a total
            np.divide(targets, sums, out=factor[1:], where=sums > 0)
            weights = weights * factor[group]
            furthest = max(furthest, float(np.abs(factor - 1).max(initial=0)))
        if furthest < _NEAR:
            break
    return _whole(weights, groups) if column.kind == "integer" else np.round(weights, 6)


def numbered_groups(frame: pd.DataFrame, margin: WeightMargin) -> tuple[np.ndarray, np.ndarray]:
    """The group of each row, 0 for none, and the totals of groups 1 and up."""
    number = {code: at + 1 for at, code in enumerate(margin.totals)}
    keys = zip(*(frame[name].astype(object) for name in margin.by), strict=True)
    group = np.array([number.get(tuple(key), 0) for key in keys], dtype=np.int64)
    return group, np.array(list(margin.totals.values()), dtype=float)


def _whole(weights: np.ndarray, groups: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Whole numbers, at least 1, whose sums run along with those of the weights within a cell."""
    cell = group_numbers(pd.DataFrame(dict(enumerate(group for group, _ in groups))))
    order = np.argsort(cell, kind="stable")
    ends = np.rint(np.cumsum(weights[order]))
    whole = np.empty(len(weights))
    whole[order] = np.diff(ends, prepend=0.0)
    return np.maximum(whole, 1.0)
