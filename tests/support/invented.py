"""What the tests of protection share: a small invented survey, its spec, and an own count."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import yaml

from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import parse_spec
from tests.surveys.parks import SPEC as PARKS_SPEC

PERIOD = Period(2015, 2)
LABEL = "x"


def code(*codes: str, blank: str = "allowed", role: str = "quasi", **more: Any) -> dict[str, Any]:
    column = {"kind": "code", "label": LABEL, "blank": blank, "role": role, **more}
    return column | ({"codes": dict.fromkeys(codes, LABEL)} if codes else {})


def number(**more: Any) -> dict[str, Any]:
    return {"kind": "integer", "label": LABEL, "role": "quasi", **more}


COLUMNS: dict[str, Any] = {
    "home": code(role="direct", blank="never"),
    "line": code(role="direct", blank="never"),
    "region": code(),
    "town": code(),
    "size": code("1", "2"),
    "block": code(),
    "sex": code("1", "2"),
    "age": number(
        range=[0, 97],
        top_code=97,
        special={98: LABEL, 99: LABEL},
        residual={98: [12, 97], 99: [0, 11]},
    ),
    "born": number(range=[1900, 2099], special={9999: LABEL}, residual={9999: [1900, 2099]}),
    "month": code(*(f"{n:02}" for n in range(1, 13)), "99", residual={"99": []}),
    "day": code(*(f"{n:02}" for n in range(1, 32)), "99", residual={"99": []}),
    "school": code("0", "1", "2", "3", "9", residual={"9": []}),
    "work": code("0", "1", "2", "3", "5", blank="never", residual={"5": ["1", "2", "3"]}),
    "pay": number(range=[0, 999999], role="sensitive", brackets=[1, 1000]),
}
RULES: list[dict[str, Any]] = [
    {"kind": "birth_year", "name": "r_born", "age": "age", "birth_year": "born", "gap": [0, 1]},
    {"kind": "date", "name": "r_date", "day": "day", "month": "month", "year": "born"},
    {
        "kind": "implies",
        "name": "r_year",
        "if": "age in (98, 99)",
        "then": "born == 9999",
        "both_ways": True,
    },
    {"kind": "implies", "name": "r_month", "if": "born == 9999", "then": 'month == "99"'},
    {"kind": "implies", "name": "r_day", "if": 'month == "99"', "then": 'day == "99"'},
    {
        "kind": "blank",
        "name": "r_school",
        "columns": ["school"],
        "when": "age < 5",
        "unless": "age == 99",
    },
    {"kind": "implies", "name": "r_pay", "if": "pay > 0", "then": 'work in ("1", "2", "5")'},
]
MODELLED = [name for name in COLUMNS if name not in ("home", "line")]


def invented_spec(
    columns: Mapping[str, Any] | None = None,
    rules: list[dict[str, Any]] | None = None,
    floor: Mapping[str, int] | None = None,
    **top: Any,
) -> SurveySpec:
    """The invented survey's spec; without `region` it has no geography, without `home` no key."""
    given = dict(COLUMNS if columns is None else columns)
    spec = yaml.safe_load(PARKS_SPEC.read_text(encoding="utf-8"))
    spec |= {"survey": "invented", "columns": given, "indicators": []}
    spec["source"] |= {"period_column": None, "min_rows": 1}
    spec["rules"] = RULES if rules is None else rules
    levels = [name for name in ("region", "town", "block") if name in given]
    functions = {"size": "town"} if "size" in given else {}
    spec["geography"] = {"levels": levels, "functions": functions} if levels else "none"
    spec["household_key"] = ["home"] if "home" in given else "none"
    spec["person_key"] = ["home", "line"] if "home" in given else "none"
    modelled = [name for name, column in given.items() if column["role"] != "direct"]
    spec["model"] |= {"columns": modelled}
    spec["disclosure"] = {"key_sets": {"all": modelled[:1]}, "floor": dict(floor or {})}
    return parse_spec(yaml.safe_dump(spec | top, allow_unicode=True), "invented.yaml")


def codes(*values: str | None) -> pd.Categorical:
    return pd.Categorical(list(values))


def invented_rows(seed: int, people: int = 300) -> pd.DataFrame:
    """Rows that keep every rule: heaps and tails, rare codes, unknowns, uneven places."""
    random = np.random.default_rng(seed)
    home = np.sort(random.integers(0, max(people // 3, 4), people))
    place = (random.pareto(0.8, home.max() + 1) * 3).astype(int)[home]
    town = np.where(random.random(home.max() + 1)[home] < 0.05, -1, place // 4 % 5)
    block = np.where(town < 0, -1, place % 4)
    age = np.minimum((random.beta(1.2, 2, people) * 105).astype(int), 97)
    born = 2015 - age - random.integers(0, 2, people)
    month, day = random.integers(1, 13, people), random.integers(1, 29, people)
    leap = (born % 4 == 0) & (random.random(people) < 0.3)
    month, day = np.where(leap, 2, month), np.where(leap, 29, day)
    unknown = random.random(people) < random.choice([0.0, 0.01, 0.1])
    no_month = unknown | (random.random(people) < 0.04)
    no_day = no_month | (random.random(people) < 0.02)
    work = random.choice(5, people, p=[0.4, 0.4, 0.15, 0.04, 0.01])
    pay = np.where(np.isin(work, [1, 2, 4]), np.round(random.lognormal(7, 1, people), -1), 0)
    school = random.choice(5, people, p=[0.1, 0.3, 0.57, 0.02, 0.01])
    text = {
        "home": [f"h{n}" for n in home],
        "line": [str(n) for n in range(people)],
        "region": [f"R{n}" for n in place // 20 % 3],
        "town": [None if n < 0 else f"T{n}" for n in town],
        "size": [None if n < 0 else str(n % 2 + 1) for n in town],
        "block": [None if n < 0 else f"B{n}" for n in block],
        "sex": random.choice(["1", "2"], people),
        "month": [f"{m:02}" for m in np.where(no_month, 99, month)],
        "day": [f"{d:02}" for d in np.where(no_day, 99, day)],
        "school": [None if a < 5 else "01239"[s] for a, s in zip(age, school, strict=True)],
        "work": ["01235"[w] for w in work],
    }
    frame = pd.DataFrame({name: pd.Categorical(values) for name, values in text.items()})
    frame["age"] = np.where(unknown, np.where(age < 12, 99, 98), age).astype(float)
    frame["born"] = np.where(unknown, 9999, born).astype(float)
    # Under five and unknown is "99": schooling may then be told or not.
    frame["pay"] = pay.astype(float)
    return frame[list(COLUMNS)]


def under_floor(
    frame: pd.DataFrame, columns: list[str], household: np.ndarray, people: int, households: int
) -> int:
    """Values of some columns, jointly and blanks included, on too few: counted row by row."""
    behind: dict[tuple[str, ...], list[int]] = {}
    rows = frame[columns].astype(object).itertuples(index=False, name=None)
    for values, home in zip(rows, household, strict=True):
        key = tuple("blank" if pd.isna(value) else f"={value}" for value in values)
        behind.setdefault(key, []).append(int(home))
    return sum(len(h) < people or len(set(h)) < households for h in behind.values())


def all_under_floor(result: pd.DataFrame, spec: SurveySpec, household: np.ndarray) -> list[str]:
    """The columns of a result that do not hold their floor; the geography is counted jointly."""
    floor = (spec.disclosure.floor.people, spec.disclosure.floor.households)
    places = list(spec.geography_columns())
    sets = [[name] for name in spec.model.columns if name not in places]
    sets += [places] if places else []
    return [", ".join(names) for names in sets if under_floor(result, names, household, *floor)]
