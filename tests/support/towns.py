"""An invented survey of two towns, with indicators, and its specific utility as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from include.espejo.evaluate.specific.utility import specific_utility
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import parse_spec
from tests.support.documents import json_of

PERIOD = Period(2015, 2)
SPEC = """
survey: towns
title: Towns
description: Towns
source: {encodings: [utf-8], min_rows: 1, max_rows: 100000}
places:
  raw: "s3://raw/towns/{period}/*.csv"
  restricted: "s3://restricted"
  public: "s3://public"
  downstream: "s3://downstream"
schedule: {months_after: 1, day: 1}
columns:
  home: {kind: code, label: Home, role: direct}
  town: {kind: code, label: Town, role: quasi, codes: {N: North, S: South, W: West}}
  job: {kind: code, label: Job, role: sensitive, codes: {y: "Yes", n: "No", u: Unknown}}
  age: {kind: integer, label: Age, role: quasi, range: [0, 99]}
  pay: {kind: integer, label: Pay, role: sensitive, brackets: [1, 100], range: [0, 1000]}
geography: none
household_key: [home]
person_key: none
model: {columns: [town, job, age, pay]}
disclosure: {floor: {people: 5, households: 3}, key_sets: {any: [town]}}
outputs: {licence: free, licence_url: "https://example.org", attribution: Own,
          caution: {es: Sin totales., en: No totals.}}
indicators:
  - {name: employed, label: Employed, statistics: [share], of: 'job == "y"', by: [town]}
  - {name: jobs, label: Jobs, statistics: [distribution], of: job, among: age >= 15}
  - {name: pay, label: Pay, statistics: [mean, median, quartiles], of: pay, among: pay > 0,
     by: [{column: age, cuts: [30]}]}
"""
FREE_SPEC = SPEC.replace("household_key: [home]", "household_key: none")


def spec_of(text: str = SPEC) -> SurveySpec:
    return parse_spec(text, "towns.yaml")


def people(rows: int, seed: int, *, start: int = 0) -> pd.DataFrame:
    """Households of two, in two towns; every second town's people work more."""
    generator = np.random.default_rng(seed)
    town = generator.choice(["N", "S"], rows)
    works = generator.random(rows) < np.where(town == "N", 0.7, 0.4)
    table = {
        "home": [f"h{start + row // 2}" for row in range(rows)],
        "town": town,
        "job": np.where(works, "y", "n"),
        "age": generator.integers(10, 60, rows).astype(float),
        "pay": np.where(works, generator.integers(1, 300, rows), 0).astype(float),
    }
    frame = pd.DataFrame(table)
    return frame.astype({name: "category" for name in ("home", "town", "job")})


def utility(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    text: str = SPEC,
    seed: int = 1,
) -> dict[str, Any]:
    return dict(json_of(specific_utility(train, holdout, synthetic, spec_of(text), PERIOD, seed)))


def without_key(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="home")


def indicator(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["indicators"] if one["name"] == name)
