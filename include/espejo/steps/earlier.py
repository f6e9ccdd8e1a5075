"""The people of earlier quarters: a panel asks the same ones again, and releases add up."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from include.espejo.disclose.gates import Audit, read_audit
from include.espejo.lake import Lakes
from include.espejo.lake.keys import Workspace
from include.espejo.steps.run import Run, read_sides
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.households import panel_unit
from include.espejo.table.rules import group_numbers

if TYPE_CHECKING:
    from include.espejo.table.people import Population

log = logging.getLogger(__name__)

Sides = tuple[pd.DataFrame, pd.DataFrame]  # training rows and holdout


@dataclass(frozen=True)
class PastRelease:
    """An earlier release's period, and the workspace it was made in."""

    period: Period
    work: Workspace


def earlier_releases(run: Run) -> list[PastRelease]:
    """The releases of the periods before this one whose people can be looked at.

    The spec says how many periods count, this one among them; without a ledger there are none.
    """
    found = []
    for past in _recorded(run):
        if _has_rows(past, run.lakes):
            found.append(past)
        else:
            log.warning("%s: not compared: its training rows no longer exist", past.period)
    return found


def latest_release(run: Run) -> PastRelease | None:
    """The newest of them. Releases of one period share their people: the last by name is taken."""
    found = [past for past in _recorded(run) if _has_rows(past, run.lakes)]
    return max(found, key=lambda past: (past.period, past.work.base), default=None)


def _recorded(run: Run) -> list[PastRelease]:
    if run.ledger is None:
        return []
    periods = run.spec.disclosure.periods
    return [PastRelease(*entry) for entry in run.ledger.earlier(run.job.period, periods)]


def _has_rows(past: PastRelease, lakes: Lakes) -> bool:
    return lakes.work.exists(past.work.train) and lakes.work.exists(past.work.holdout)


def names_in_audit(releases: Iterable[PastRelease]) -> tuple[str, ...]:
    """Releases as an audit names those that it was made against."""
    return tuple(sorted(past.work.base for past in releases))


def valid_audit(run: Run, earlier: Iterable[PastRelease]) -> Audit | None:
    """The audit that an earlier run of the same release left, unless it is outdated."""
    stored = run.lakes.work.read_tagged(run.work.audit)
    audit = None if stored is None else read_audit(stored.content)
    return None if audit is None or is_outdated(audit, run, earlier) else audit


def is_outdated(audit: Audit, run: Run, earlier: Iterable[PastRelease]) -> bool:
    """Whether an audit has been made against other releases, and nothing was published by it."""
    if run.ledger is None or audit.against == names_in_audit(earlier):
        return False
    return not run.ledger.has_entered(run.job.period, run.release)


def audited_people(run: Run, earlier: Sequence[PastRelease]) -> Population:
    """This release's people beside its synthetic rows, together with those of earlier ones.

    The tables go when it returns: beside the population they would take twice the memory.
    """
    from include.espejo.disclose.audit import audited_population

    sides = join_periods(run.sides(), earlier, run.lakes, run.spec) if earlier else run.sides()
    return audited_population(*sides, run.synthetic(), run.spec, run.seed, bool(earlier))


def join_periods(
    now: Sides, earlier: Iterable[PastRelease], lakes: Lakes, spec: SurveySpec
) -> Sides:
    """This quarter's training rows with those of earlier releases, and the control of them all.

    Releases of one period share their people: each is taken once.
    """
    by_period: dict[Period, list[Sides]] = defaultdict(list)
    for past in earlier:
        by_period[past.period].append(read_sides(lakes, past.work))
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
