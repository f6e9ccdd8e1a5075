"""The people of earlier quarters: a panel asks the same ones again, and releases add up."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from include.espejo.lake import Lakes
from include.espejo.lake.keys import Workspace
from include.espejo.releases.ledger import Ledger
from include.espejo.steps.job import read_sides
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.households import panel_unit
from include.espejo.table.rules import group_numbers

log = logging.getLogger(__name__)

Entry = tuple[Period, Workspace]  # a release's period, and where it was made
Sides = tuple[pd.DataFrame, pd.DataFrame]  # training rows and holdout


def earlier_releases(
    ledger: Ledger | None, period: Period, periods: int, lakes: Lakes
) -> list[Entry]:
    """The releases of the `periods` before this one, with it, whose people can be looked at."""
    found = []
    for then, work in [] if ledger is None else ledger.earlier(period, periods):
        if lakes.work.exists(work.train) and lakes.work.exists(work.holdout):
            found.append((then, work))
        else:
            log.warning("%s: its training rows are no longer there: not held against", then)
    return found


def join_periods(now: Sides, earlier: Iterable[Entry], lakes: Lakes, spec: SurveySpec) -> Sides:
    """This quarter's training rows with those of earlier releases, and the control of them all.

    Releases of one period share their people: each is taken once.
    """
    by_period: dict[Period, list[Sides]] = defaultdict(list)
    for period, work in earlier:
        by_period[period].append(read_sides(lakes, work))
    then = [
        [_each_once(tables, spec) for tables in zip(*sides, strict=True)]
        for sides in by_period.values()
    ]
    train, holdout = (
        pd.concat(tables, ignore_index=True) for tables in zip(now, *then, strict=True)
    )
    return train, _never_trained_on(holdout, train, spec)


def _each_once(tables: Sequence[pd.DataFrame], spec: SurveySpec) -> pd.DataFrame:
    key = [name for name in spec.key("person") if name in tables[0]]
    if not key:
        return tables[-1]  # nobody can be told from the people of another release
    return pd.concat(tables, ignore_index=True).drop_duplicates(key)


def _never_trained_on(holdout: pd.DataFrame, train: pd.DataFrame, spec: SurveySpec) -> pd.DataFrame:
    """The control without households that another quarter trained on, at another holdout share."""
    key = panel_unit(holdout, spec)
    if not key:
        return holdout
    household = group_numbers(pd.concat([holdout[key], train[key]], ignore_index=True))
    return holdout[~np.isin(household[: len(holdout)], household[len(holdout) :])]
