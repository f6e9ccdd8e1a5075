"""The audit measured: its time and memory at national size, and what it catches of planted leaks.

    python -m bench.disclosure scale NATIONAL.csv [--rows N] [--threads 2]
    python -m bench.disclosure splits INPUT.csv [--period 2015T2] [--splits 20] [--holdout 0.2 0.3]
        [--synthetic 0.33]

Both print JSON. `scale` takes a national file whose people repeat, so it is jittered: the figures
are of time and memory alone. Memory is the process's own, with reading the file apart; besides
the seconds it tells how far the kernel is from the machine's limit, the pace of a loop that does
one comparison and addition a byte in the L1 cache. `splits` parts a real file by household into
train, holdout and an independent table (as large as train, or the share given), plants leaks in
the latter, and tells how often each gate closed. No row leaves the process.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from include.espejo.disclose import Audit
from include.espejo.disclose.audit import run_audit
from include.espejo.disclose.distance import kernel
from include.espejo.disclose.distance.distances import measure_distances
from include.espejo.disclose.distance.encode import Encoded, encode_population
from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.process.resources import PeakMemory
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.survey.model import Geography
from include.espejo.table.frames import to_frame
from include.espejo.table.people import gather
from include.espejo.table.rules import group_numbers

SURVEY = "enoe_sdem"
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


def measure_splits(
    rows: pd.DataFrame,
    spec: SurveySpec,
    period: Period,
    shares: Iterable[float],
    splits: int,
    synthetic_share: float | None = None,
) -> list[dict[str, Any]]:
    """Every leak, and none, on every split: how often caught, by which gate, and how clearly."""
    found = []
    for share in shares:
        told: dict[str, list[Audit]] = defaultdict(list)
        for seed in range(splits):
            random = np.random.default_rng([seed, 11])
            clean = keep_floor(split_rows(rows, spec, share, seed, synthetic_share), spec)
            told["none"].append(_audit(clean, spec, period, seed))
            for name, (plant, _) in LEAKS.items():
                told[name].append(_audit(plant(clean, spec, random), spec, period, seed))
            print(f"holdout {share:.0%}, split {seed + 1} of {splits}", file=sys.stderr)
        found += [_summary(share, name, audits) for name, audits in told.items()]
    return found


def _audit(split: Split, spec: SurveySpec, period: Period, seed: int) -> Audit:
    return run_audit(split.train, split.holdout, split.synthetic, spec, period, seed)


def _summary(share: float, leak: str, audits: list[Audit]) -> dict[str, Any]:
    meant = LEAKS[leak][1] if leak in LEAKS else ()
    closed = Counter(name for told in audits for name in told.failed)
    p_values: dict[str, list[float]] = defaultdict(list)
    for told in audits:
        for gate in told.gates:
            if gate.p is not None and gate.applicable:
                p_values[gate.name].append(gate.p)
    shown = {n: p for n, p in p_values.items() if n in meant or n in closed}
    least = min((p for values in p_values.values() for p in values), default=None)
    return {
        "holdout_share": share,
        "leak": leak,
        "splits": len(audits),
        "rows": {k: n for k, n in audits[0].information.items() if k.endswith("_rows")},
        "passed": sum(told.passed for told in audits),
        "caught_by_meant": sum(bool(set(meant) & set(told.failed)) for told in audits),
        "closed": dict(closed),
        "least_p": least,
        "worst_p": {name: max(values) for name, values in shown.items()},
    }


# --- scale -------------------------------------------------------------------------------------


def jitter(rows: pd.DataFrame, spec: SurveySpec, seed: int) -> pd.DataFrame:
    """The rows with ages, birthdays, schooling and incomes drawn anew, so that few are alike."""
    random, rows = np.random.default_rng([seed, 5]), rows.copy()
    known = (rows["EDA"].between(12, 84) & rows["EDA"].notna()).to_numpy()
    years = np.where(known, random.integers(-6, 7, len(rows)), 0)
    rows["EDA"], rows["NAC_ANIO"] = rows["EDA"] + years, rows["NAC_ANIO"] - years
    for name, top in (("NAC_DIA", 28), ("NAC_MES", 12)):
        drawn = pd.Series([f"{n:02}" for n in random.integers(1, top + 1, len(rows))])
        rows[name] = rows[name].where(~known, drawn)
    rows["INGOCUP"] = np.rint(rows["INGOCUP"] * random.lognormal(0, 0.2, len(rows)))
    return rows


def measure_scale(
    rows: pd.DataFrame, spec: SurveySpec, period: Period, threads: int
) -> dict[str, Any]:
    """Time and memory of one audit of these rows against as many synthetic ones."""
    real = jitter(rows, spec, 1)
    household = group_numbers(real[[n for n in spec.key("household") if n in real]])
    held = np.random.default_rng(3).random(household.max() + 1)[household] < 0.2
    synthetic = jitter(rows, spec, 2)[list(spec.model_columns())].sample(frac=1, random_state=4)
    categories = {n: "category" for n, c in spec.model_columns().items() if c.is_code()}
    real, synthetic = real.astype(categories), synthetic.astype(categories)
    split = Split(real[~held], real[held], synthetic)
    with PeakMemory() as memory:
        started = perf_counter()
        told = run_audit(split.train, split.holdout, split.synthetic, spec, period, 1, threads)
        seconds = perf_counter() - started
    return {
        "rows": len(real),
        "synthetic_rows": len(synthetic),
        "seconds": round(seconds, 1),
        "peak_mb": round(memory.peak_mb),
        "threads": threads,
        "gates": len(told.gates),
        "kernel": measure_kernel(split, spec, threads),
    }


def measure_kernel(split: Split, spec: SurveySpec, threads: int) -> dict[str, Any]:
    """The two passes alone, beside the machine's limit: what a byte costs in the L1 cache."""
    population = gather(split.train, split.holdout, split.synthetic, spec, 1)
    encoded = encode_population(population, spec)
    started = perf_counter()
    measure_distances(encoded, population, threads)
    seconds = perf_counter() - started
    rows, queries = encoded.real.shape[1], encoded.synthetic.shape[1]
    pairs, comparisons = rows * queries + rows * rows, comparisons_of(encoded)
    least = pairs * comparisons * seconds_of_a_byte() / threads
    return {
        "seconds": round(seconds, 1),
        "pairs": pairs,
        "comparisons_of_a_pair": comparisons,
        "nanoseconds_of_a_pair_and_thread": round(seconds * threads / pairs * 1e9, 3),
        "limit_seconds": round(least, 1),
        "times_the_limit": round(seconds / least, 2),
    }


def comparisons_of(encoded: Encoded) -> int:
    """Bytes that are compared for one pair of rows."""
    return int(sum(2 if kind == kernel.WORD else 1 for kind in encoded.operations[:, 0]))


def seconds_of_a_byte(times: int = 300_000) -> float:
    """One comparison and one addition of a byte, both operands in the L1 cache, best of five."""
    sums, codes = np.zeros(kernel.BLOCK, np.uint8), np.zeros(kernel.BLOCK, np.uint8)
    taken = []
    for _ in range(5):
        started = perf_counter()
        kernel.add_bytes(sums, codes, times)
        taken.append(perf_counter() - started)
    return min(taken) / times / kernel.BLOCK


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the disclosure audit.")
    parser.add_argument("mode", choices=("scale", "splits"))
    parser.add_argument("input", help="a survey file; for `scale` of national size")
    parser.add_argument("--period", type=Period.parse, default=Period(2015, 2))
    parser.add_argument("--rows", type=int, help="the first rows alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--holdout", type=float, nargs="+", default=[0.2, 0.3])
    parser.add_argument("--synthetic", type=float, help="share of the households; else as train")
    options = parser.parse_args(arguments)
    spec = load_spec(SURVEY)
    rows = read_rows(options.input, spec)[: options.rows]
    if options.mode == "scale":
        result: Any = measure_scale(rows, spec, options.period, options.threads)
    else:
        sides = (options.holdout, options.splits, options.synthetic)
        result = measure_splits(rows, spec, options.period, *sides)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
