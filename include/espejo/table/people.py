"""The tables under audit, checked and brought into one form: real people, and synthetic rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.errors import InputError
from include.espejo.survey import SurveySpec
from include.espejo.table.households import panel_unit
from include.espejo.table.rules import group_numbers


@dataclass(frozen=True)
class Population:
    """Train and holdout as one table of real people, beside the synthetic rows.

    `real` (rows, model columns): training first, then the holdout, the rows of a household side
    by side. `household` int64 (rows,): 0, 1, ... in that order. `synthetic` in a seeded order.
    The code columns of both tables share their categories.
    """

    real: pd.DataFrame
    household: np.ndarray
    train_rows: int
    synthetic: pd.DataFrame

    @property
    def in_train(self) -> np.ndarray:
        """Boolean, shape (rows,)."""
        return np.arange(len(self.real)) < self.train_rows

    @property
    def household_in_train(self) -> np.ndarray:
        """Boolean, shape (households,)."""
        members = np.zeros(int(self.household.max(initial=-1)) + 1, dtype=bool)
        members[self.household[: self.train_rows]] = True
        return members

    @property
    def has_holdout(self) -> bool:
        return self.train_rows < len(self.real)


def gather(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    seed: int,
    across_periods: bool = False,
) -> Population:
    """Check the three tables and join them.

    `across_periods`: the real rows are of several quarters, and a household is all that the
    panel's key names, so that nobody is a stranger to herself a quarter later. Raises InputError
    on other columns, types that cannot be read, an empty table, a key without its columns, or a
    household on both sides.
    """
    names = list(spec.model_columns())
    _check_columns("synthetic", list(synthetic.columns), names, names)
    sides = [_typed(train, "train", spec)]
    if holdout is not None and len(holdout):
        sides.append(_typed(holdout, "holdout", spec))
    rows = _typed(synthetic, "synthetic", spec)[names]
    *sides, rows = _with_shared_categories([*sides, rows], spec)
    _check_same_key(sides, names)
    one = sides[0]
    key = (
        panel_unit(one, spec) if across_periods else [n for n in spec.key("household") if n in one]
    )
    households = _households(sides, key, names)
    order = np.lexsort((households, np.repeat(np.arange(len(sides)), [len(s) for s in sides])))
    shuffled, train_rows = np.random.default_rng([seed, 0]).permutation(len(rows)), len(one)
    return Population(
        real=_arranged(sides, names, order),
        household=pd.factorize(households[order])[0].astype(np.int64),
        train_rows=train_rows,
        synthetic=_arranged([rows], names, shuffled),
    )


def _arranged(frames: list[pd.DataFrame], names: Sequence[str], order: np.ndarray) -> pd.DataFrame:
    """The tables as one, its rows in this order. Each column leaves its table, so that there are
    never two copies of all of them."""
    found = {}
    for name in names:
        values = pd.concat([frame.pop(name) for frame in frames], ignore_index=True)
        found[name] = values.iloc[order].reset_index(drop=True)
    return pd.DataFrame(found, copy=False)


def _typed(frame: pd.DataFrame, source: str, spec: SurveySpec) -> pd.DataFrame:
    """The model and key columns: codes as categoricals of text, numbers as float64."""
    names = list(spec.model_columns())
    if source != "synthetic":
        household = spec.key("household")
        names += [name for name in household if not spec.columns[name].optional]
        known = [*household, *spec.panel_key(), *spec.key("person")]
        names += [name for name in known if name in frame.columns]
    names = list(dict.fromkeys(names))
    _check_columns(source, list(frame.columns), names, None)
    if not len(frame):
        raise InputError(source, ["rule rows: the table is empty; give a table with rows"])
    found, problems = {}, []
    for name in names:
        try:
            read = _as_codes if spec.columns[name].is_code() else _as_numbers
            found[name] = read(frame[name])
        except (TypeError, ValueError):
            kind = "text codes" if spec.columns[name].is_code() else "numbers"
            problems.append(
                f"column {name}, rule types: not {kind}; read it as the spec declares it"
            )
    if problems:
        # Raised outside the handler: the cause may quote a value.
        raise InputError(source, problems)
    return pd.DataFrame(found)


def _check_columns(
    source: str, have: list[str], needed: Sequence[str], allowed: Sequence[str] | None
) -> None:
    missing = [name for name in needed if name not in have]
    other = [] if allowed is None else [name for name in have if name not in allowed]
    problems = []
    if missing:
        problems.append(
            f"column {', '.join(missing)}: not in the table; give all modelled columns, and of "
            "real people those of the household key"
        )
    if other or len(set(have)) < len(have):
        # A foreign header may be a value, in a file without one: only their number is told.
        count = len(other) or len(have) - len(set(have))
        problems.append(f"rule columns: {count} are not modelled, or appear twice; remove them")
    if problems:
        raise InputError(source, problems)


def _as_codes(values: pd.Series) -> pd.Series:
    codes = values.reset_index(drop=True).astype("category").cat.remove_unused_categories()
    if not all(isinstance(code, str) for code in codes.cat.categories):
        raise TypeError
    return codes


def _as_numbers(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype) or values.dtype == object:
        raise TypeError
    numbers = values.reset_index(drop=True).astype("float64")
    if np.isinf(numbers).any():
        raise ValueError
    return numbers


def _with_shared_categories(frames: list[pd.DataFrame], spec: SurveySpec) -> list[pd.DataFrame]:
    """The frames with the same, sorted, categories in each code column."""
    for name in {name: None for frame in frames for name in frame}:
        if spec.columns[name].is_code():
            having = [frame for frame in frames if name in frame]
            codes = sorted(set().union(*(frame[name].cat.categories for frame in having)))
            for frame in having:
                # Not astype(): it leaves the same codes in another order as they are.
                frame[name] = frame[name].cat.set_categories(codes)
    return frames


def _check_same_key(sides: list[pd.DataFrame], names: list[str]) -> None:
    """A key without one of its columns on one side would match nobody on the other."""
    of_train, *others = [set(side.columns) - set(names) for side in sides]
    for other in others:
        if odd := sorted(of_train ^ other):
            problem = f"column {', '.join(odd)}: in only one of train and holdout; give it in both"
            raise InputError("holdout", [problem])


def _households(sides: list[pd.DataFrame], key: list[str], modelled: list[str]) -> np.ndarray:
    """One number a household over all sides, int64 (rows,); without a key, one a row.

    Protection may have blanked a `modelled` column of the key: households of one side that then
    have the same key are taken for one, and those of different sides are not.
    """
    if not key:
        return np.arange(sum(map(len, sides)))
    keys = pd.concat([side[key] for side in sides], ignore_index=True)
    blanked = keys[[name for name in modelled if name in key]].isna()
    whole = ~blanked.loc[:, ~blanked.all()].any(axis=1).to_numpy()
    number, train = group_numbers(keys), np.arange(len(keys)) < len(sides[0])
    shared = np.intersect1d(number[train & whole], number[~train & whole]).size
    if shared:
        problem = f"rule household split: {shared} households are also in train; split by household"
        raise InputError("holdout", [problem])
    return np.asarray(2 * number + train)
