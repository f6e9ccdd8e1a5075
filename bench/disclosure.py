"""The audit measured: its time and memory at national size, and what it catches of planted leaks.

    python -m bench.disclosure scale NATIONAL.csv [--rows N] [--times 1] [--threads 2]
    python -m bench.disclosure splits INPUT.csv [--period 2015T2] [--splits 20] [--holdout 0.2 0.3]
        [--synthetic 0.33]

Both print JSON. `scale` takes a national file whose people repeat, so it is jittered: the figures
are of time and memory alone. Memory is the process's own, with reading the file apart. `--times`
repeats the file, each time with households and localities of its own. `splits` parts a real file
by household into train, holdout and an independent table (as large as train, or the share given),
plants leaks in the latter, and tells how often each gate closed. No row leaves the process.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from bench.leaks import LEAKS, Split, keep_floor, read_rows, split_rows
from include.espejo.disclose import Audit
from include.espejo.disclose.audit import run_audit
from include.espejo.disclose.distance.distances import measure_distances
from include.espejo.disclose.distance.encode import encode_population
from include.espejo.process.resources import PeakMemory
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.table.people import gather
from include.espejo.table.rules import group_numbers

SURVEY = "enoe_sdem"


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
        "search": measure_search(split, spec, threads),
    }


def measure_search(split: Split, spec: SurveySpec, threads: int) -> dict[str, Any]:
    """The searches for nearest rows alone, beside how many pairs of rows there are."""
    population = gather(split.train, split.holdout, split.synthetic, spec, 1)
    encoded = encode_population(population, spec)
    started = perf_counter()
    measure_distances(encoded, population, threads)
    seconds = perf_counter() - started
    rows, queries = encoded.real.shape[1], encoded.synthetic.shape[1]
    pairs = rows * queries + rows * rows
    return {"seconds": round(seconds, 1), "pairs": pairs}


def enlarged(rows: pd.DataFrame, spec: SurveySpec, times: int) -> pd.DataFrame:
    """So many copies of the rows, each with households and localities of its own, and jittered."""
    household, copies = spec.key("household")[0], []
    for copy in range(times):
        again = jitter(rows, spec, 100 + copy)
        for name in (household, "LOC"):
            again[name] = again[name].astype(object) + f"/{copy}"
        copies.append(again)
    return pd.concat(copies, ignore_index=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the disclosure audit.")
    parser.add_argument("mode", choices=("scale", "splits"))
    parser.add_argument("input", help="a survey file; for `scale` of national size")
    parser.add_argument("--period", type=Period.parse, default=Period(2015, 2))
    parser.add_argument("--rows", type=int, help="the first rows alone")
    parser.add_argument("--times", type=int, default=1, help="repeat the rows so many times")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--holdout", type=float, nargs="+", default=[0.2, 0.3])
    parser.add_argument("--synthetic", type=float, help="share of the households; else as train")
    options = parser.parse_args(arguments)
    spec = load_spec(SURVEY)
    rows = read_rows(options.input, spec)[: options.rows]
    if options.mode == "scale":
        rows = enlarged(rows, spec, options.times) if options.times > 1 else rows
        result: Any = measure_scale(rows, spec, options.period, options.threads)
    else:
        sides = (options.holdout, options.splits, options.synthetic)
        result = measure_splits(rows, spec, options.period, *sides)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
