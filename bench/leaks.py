"""Leaks that are planted in an independent table: what a gate must catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.disclose.distance.distances import measure_distances
from include.espejo.disclose.distance.encode import encode_population
from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.survey import SurveySpec
from include.espejo.survey.model import Geography
from include.espejo.table.frames import to_frame
from include.espejo.table.people import gather
from include.espejo.table.rules import group_numbers

LEAKED_SHARE = 0.05
ISOLATED_SHARE = 0.01

Random = np.random.Generator


@dataclass(frozen=True)
class Split:
    """Train and holdout with keys, and an independent synthetic table of modelled columns."""

    train: pd.DataFrame
    holdout: pd.DataFrame
    synthetic: pd.DataFrame

    @property
    def real(self) -> pd.DataFrame:
        return pd.concat([self.train, self.holdout], ignore_index=True)


def read_rows(path: str, spec: SurveySpec) -> pd.DataFrame:
    """A survey file as a typed frame; codes as plain text, so that tables can be joined."""
    return plain(to_frame(read_survey(open_lake(path), path, spec).table))


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    codes = [n for n in rows if isinstance(rows[n].dtype, pd.CategoricalDtype)]
    return rows.astype(dict.fromkeys(codes, object))


def split_rows(
    rows: pd.DataFrame,
    spec: SurveySpec,
    holdout_share: float,
    seed: int,
    synthetic_share: float | None = None,
) -> Split:
    """Part the households: a synthetic side (None: as large as train), the rest split in two."""
    household = group_numbers(rows[[n for n in spec.key("household") if n in rows]])
    draw = np.random.default_rng([seed, 7]).random(household.max() + 1)[household]
    if synthetic_share is None:
        synthetic_share = (1 - holdout_share) / (2 - holdout_share)
    train_share = (1 - synthetic_share) * (1 - holdout_share)
    in_train, in_synthetic = draw < train_share, draw >= 1 - synthetic_share
    synthetic = rows.loc[in_synthetic, list(spec.model_columns())]
    parts = rows[in_train], rows[~in_train & ~in_synthetic], synthetic
    return Split(*(part.reset_index(drop=True) for part in parts))


def keep_floor(split: Split, spec: SurveySpec) -> Split:
    """As protection leaves them: places under the floor coarsened in all three tables, counted in
    train and holdout, and the synthetic rows left out that are still under it."""
    place = list(spec.geography_columns())
    real, synthetic = split.real, split.synthetic
    for level in reversed(spec.geography_levels()[1:]):
        blanked = [level, *_functions_of(level, spec)]
        real, synthetic = (
            _blank(rows, blanked, ~_holds(rows, real, place, spec)) for rows in (real, synthetic)
        )
    synthetic = synthetic[_holds(synthetic, real, place, spec)]
    for name, column in spec.model_columns().items():
        values = synthetic[name]
        code = values.notna() if column.is_code() else values.isin(list(column.special))
        synthetic = synthetic[~code | _holds(synthetic, real, [name], spec)]
    train = len(split.train)
    holdout, synthetic = (rows.reset_index(drop=True) for rows in (real[train:], synthetic))
    return Split(real[:train], holdout, synthetic)


def _functions_of(level: str, spec: SurveySpec) -> list[str]:
    functions = spec.geography.functions if isinstance(spec.geography, Geography) else {}
    return [name for name, of in functions.items() if of == level]


def _blank(rows: pd.DataFrame, columns: list[str], which: np.ndarray) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].mask(which) for name in columns})


def _holds(
    rows: pd.DataFrame, real: pd.DataFrame, columns: list[str], spec: SurveySpec
) -> np.ndarray:
    """Which rows have a tuple with the floor of real people and households: (rows,)."""
    key = [n for n in spec.key("household") if n in real]
    both = group_numbers(pd.concat([real[columns], rows[columns]], ignore_index=True))
    group = pd.DataFrame({"group": both[: len(real)], "household": group_numbers(real[key])})
    people, households = (
        group.groupby("group").size(),
        group.groupby("group")["household"].nunique(),
    )
    floor = spec.disclosure.floor
    held = people.index[(people >= floor.people) & (households >= floor.households)]
    return np.isin(both[len(real) :], held)


# --- planted leaks -----------------------------------------------------------------------------


def _replace(split: Split, leaked: pd.DataFrame, random: Random) -> Split:
    """The leaked rows in the place of as many synthetic ones."""
    kept = split.synthetic.iloc[random.permutation(len(split.synthetic))[len(leaked) :]]
    synthetic = pd.concat([kept, leaked[list(split.synthetic)]], ignore_index=True)
    return Split(split.train, split.holdout, synthetic)


def copy_rows(split: Split, spec: SurveySpec, random: Random) -> Split:
    """5 % of the training rows, taken row by row, are among the synthetic ones."""
    count = int(LEAKED_SHARE * len(split.train))
    return _replace(split, split.train.iloc[random.permutation(len(split.train))[:count]], random)


def copy_households(change: Callable[[pd.DataFrame, Random], pd.DataFrame]) -> Callable[..., Split]:
    """As many rows, of whole training households, each changed a little within the rules."""

    def plant(split: Split, spec: SurveySpec, random: Random) -> Split:
        household = group_numbers(
            split.train[[n for n in spec.key("household") if n in split.train]]
        )
        order = random.permutation(household.max() + 1)[household]
        count = int(LEAKED_SHARE * len(split.train))
        chosen = order <= np.sort(order)[count]
        return _replace(split, change(split.train[chosen].copy(), random), random)

    return plant


def shift_age(rows: pd.DataFrame, random: Random) -> pd.DataFrame:
    """A year older or younger together with the birth year, where both are known."""
    known = (rows["EDA"].between(1, 95) & ~rows["EDA"].isin([4, 5])).to_numpy()
    years = np.where(known, random.choice([-1, 1], len(rows)), 0)
    return rows.assign(EDA=rows["EDA"] + years, NAC_ANIO=rows["NAC_ANIO"] - years)


def step_schooling(rows: pd.DataFrame, random: Random) -> pd.DataFrame:
    """The next level of schooling, where one is known; else a year older."""
    levels = [f"0{level}" for level in range(10)]
    following = dict(zip(levels, [*levels[1:], levels[-2]], strict=True))
    changed = rows["CS_P13_1"].map(following)
    aged = shift_age(rows, random)
    return rows.assign(
        CS_P13_1=changed.where(changed.notna(), rows["CS_P13_1"]),
        **{n: rows[n].where(changed.notna(), aged[n]) for n in ("EDA", "NAC_ANIO")},
    )


def raise_income(rows: pd.DataFrame, random: Random) -> pd.DataFrame:
    """A tenth more income, where there is one; else a year older."""
    aged, earns = shift_age(rows, random), rows["INGOCUP"] > 0
    return rows.assign(
        INGOCUP=np.rint(rows["INGOCUP"] * np.where(earns, 1.1, 1.0)),
        **{n: rows[n].where(earns, aged[n]) for n in ("EDA", "NAC_ANIO")},
    )


def memorise_isolated(split: Split, spec: SurveySpec, random: Random) -> Split:
    """The most isolated 1 % of the training rows come out as they are."""
    population = gather(split.train, None, split.synthetic, spec, 0)
    isolation = measure_distances(encode_population(population, spec), population, 1).to_other
    order = np.lexsort((random.random(len(isolation)), -isolation.astype(int)))
    chosen = order[: int(np.ceil(ISOLATED_SHARE * len(isolation)))]
    return _replace(split, plain(population.real.iloc[chosen]), random)


def release_small_block(split: Split, spec: SurveySpec, random: Random) -> Split:
    """A block of its own for few training people of one place, and two synthetic rows in it."""
    place, few = list(spec.geography_columns()), spec.disclosure.floor.people // 2
    known = split.train[place].notna().all(axis=1)
    chosen = split.train[known].iloc[int(random.integers(known.sum()))][place]
    there = np.flatnonzero((split.train[place] == chosen).all(axis=1))[:few]
    free = _unused("MAN", split, spec)
    train, synthetic = split.train.copy(), split.synthetic.copy()
    train.loc[there, "MAN"] = free
    for name in place:
        synthetic.loc[:1, name] = free if name == "MAN" else chosen[name]
    return Split(train, split.holdout, synthetic)


def _unused(name: str, split: Split, spec: SurveySpec) -> str:
    """A listed code that nobody has."""
    return max(spec.columns[name].code_set - set(split.real[name]))


def plant_canary(split: Split, spec: SurveySpec, random: Random) -> Split:
    """One synthetic row with a listed code that nobody has."""
    synthetic = split.synthetic.copy()
    synthetic.loc[int(random.integers(len(synthetic))), "MUN"] = _unused("MUN", split, spec)
    return Split(split.train, split.holdout, synthetic)


def memorise_canary(split: Split, spec: SurveySpec, random: Random) -> Split:
    """One training household has a code of its own, and one synthetic row has it, too."""
    train, synthetic = split.train.copy(), split.synthetic.copy()
    canary = _unused("MUN", split, spec)
    for rows in (train, synthetic):
        rows.loc[int(random.integers(len(rows))), "MUN"] = canary
    return Split(train, split.holdout, synthetic)


NEAR = ("near_identical", "near_identical_households")
# Each leak, and the gates of which one must close.
LEAKS: dict[str, tuple[Callable[..., Split], tuple[str, ...]]] = {
    "copied rows": (copy_rows, ("identical",)),
    "copied households, age": (copy_households(shift_age), NEAR),
    "copied households, schooling": (copy_households(step_schooling), NEAR),
    "copied households, income": (copy_households(raise_income), NEAR),
    "isolated memorised": (memorise_isolated, ("isolated_matched", "identical")),
    "under-floor block": (release_small_block, ("floor",)),
    "canary code": (plant_canary, ("rules",)),
    "memorised canary": (memorise_canary, ("floor_codes",)),
}
