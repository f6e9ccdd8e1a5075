"""Made-up tables and the specs that go with them, for tests of what no shipped survey has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from include.espejo.survey import SurveySpec
from include.espejo.survey.load import parse_spec

PERIOD = "2015T2"


def codes(values: np.ndarray, labels: list[str], blank: np.ndarray | None = None) -> pd.Series:
    """A code column from integers; `blank` are the rows without one."""
    at = np.asarray(values) if blank is None else np.where(blank, -1, values)
    return pd.Series(pd.Categorical.from_codes(at, categories=labels))


def content_of(frame: pd.DataFrame, household: str | None = None, **columns: Any) -> dict[str, Any]:
    """A spec's content for a table; `columns` have keys that replace what is made of a column."""
    made: dict[str, Any] = {}
    for name in frame.columns:
        column: dict[str, Any] = {"label": name, "role": "quasi"}
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            listed = {str(code): None for code in frame[name].cat.categories}
            column |= {"kind": "code"} | ({} if name == household else {"codes": listed})
        else:
            whole = (frame[name].dropna() % 1 == 0).all()
            column["kind"] = "integer" if whole else "decimal"
        column |= {"role": "direct"} if name == household else {}
        made[name] = {**column, **columns.get(name, {})}
    modelled = [name for name in frame.columns if name != household]
    return {
        "survey": "made",
        "title": "Made up",
        "description": "Made up",
        "source": {"encodings": ["utf-8"], "min_rows": 1, "max_rows": 1_000_000},
        "places": {
            "raw": "s3://raw/{period}/*.csv",
            "restricted": "s3://restricted",
            "public": "s3://public",
            "downstream": "s3://downstream",
        },
        "schedule": {"months_after": 1, "day": 1},
        "columns": made,
        "geography": "none",
        "person_key": "none",
        "household_key": [household] if household else "none",
        "rules": [],
        "model": {"columns": modelled},
        "disclosure": {"key_sets": {"some": modelled[:2]}},
        "outputs": {
            "licence": "none",
            "licence_url": "none",
            "attribution": "nobody",
            "caution": "none",
        },
    }


def spec_of(content: dict[str, Any]) -> SurveySpec:
    return parse_spec(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "made.yaml")


def write(frame: pd.DataFrame, content: dict[str, Any], folder: Path) -> tuple[str, str]:
    """The table as CSV and its spec as YAML; the paths of both."""
    table, spec = folder / "made.csv", folder / "made.yaml"
    frame.to_csv(table, index=False)
    spec.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return str(table), str(spec)


def independent(seed: int, rows: int, columns: int) -> pd.DataFrame:
    """Codes, some with blanks, and numbers, none of which says anything of another."""
    random = np.random.default_rng(seed)
    made = {}
    for k in range(columns):
        blank = random.random(rows) < 0.4
        if k % 5 == 0:
            numbers = np.rint(random.gamma(2, (3, 30, 3000)[k % 3], rows))
            made[f"n{k}"] = pd.Series(np.where(blank & (k % 2 == 0), np.nan, numbers))
        else:
            size = int(random.integers(2, 13))
            drawn = random.choice(size, rows, p=random.dirichlet(np.full(size, 0.7)))
            labels = [f"c{i}" for i in range(size)]
            made[f"c{k}"] = codes(drawn, labels, blank if k % 3 == 0 else None)
    return pd.DataFrame(made)
