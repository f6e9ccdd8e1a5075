"""What the tests of engine ctgan share: tables of several surveys, and models trained on them.

Cached functions rather than fixtures, so that all the modules have the same models.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
import yaml

from demo.enoe_like import generate_survey, write_survey
from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.survey import Period, load_spec
from include.espejo.survey.load import parse_spec
from include.espejo.synthesis.ctgan.encoding.encode import encode
from include.espejo.synthesis.ctgan.fit import Trained, fit
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.interface.engine import (
    EpochProgress,
    FitSettings,
    Learning,
    NoStore,
    SampleRequest,
    Store,
)
from include.espejo.synthesis.train import prepare_learning
from include.espejo.table.frames import to_frame, to_table
from tests.surveys.parks import SPEC as PARKS_SPEC
from tests.surveys.parks import write_parks

torch.set_num_threads(1)

PERIOD = Period(2015, 2)
SETTINGS = FitSettings(epochs=2, batch_size=50, seed=3)


def quiet(_: EpochProgress) -> None:
    """Progress that nobody reads."""


@functools.cache
def enoe_learning(people: int = 1200) -> Learning:
    spec = load_spec("enoe_sdem")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "sdem.csv")
        write_survey(generate_survey(2015, 2, people=people, seed=1), path)
        return prepare_learning(read_survey(open_lake(path), path, spec).table, spec, PERIOD)


@functools.cache
def parks_learning(rows: int = 1200) -> Learning:
    spec = load_spec(PARKS_SPEC)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "parks.csv")
        write_parks(path, rows)
        return prepare_learning(read_survey(open_lake(path), path, spec).table, spec, PERIOD)


def hand_made(
    columns: Mapping[str, Iterable[Any]],
    kinds: Mapping[str, Mapping[str, Any]] | None = None,
    rules: Iterable[Mapping[str, Any]] = (),
    geography: Mapping[str, Any] | str = "none",
) -> Learning:
    """A table of one's own, every column modelled. A list of text is a code column, else a number
    (integer unless `kinds` says otherwise); None is a blank."""
    content = yaml.safe_load(PARKS_SPEC.read_text(encoding="utf-8"))
    values = {name: list(cells) for name, cells in columns.items()}
    for key in ("period_column", "period_format"):
        content["source"].pop(key)
    content |= {
        "geography": geography,
        "rules": [dict(r) for r in rules],
        "indicators": [],
        "person_key": "none",
        "household_key": "none",
    }
    content["columns"] = {
        name: {"label": name, "role": "quasi", "kind": "code" if _is_text(cells) else "integer"}
        | dict((kinds or {}).get(name, {}))
        for name, cells in values.items()
    }
    content["model"] |= {"columns": list(values)}
    content["disclosure"] = {"key_sets": {"all": list(values)}}
    if len(values) == 1:  # a spec has two columns at least: the other one is blank throughout
        content["columns"]["void"] = {"label": "void", "role": "quasi", "kind": "code"}
        content["model"]["columns"].append("void")
        values["void"] = [None] * len(next(iter(values.values())))
    spec = parse_spec(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "made.yaml")
    frame = pd.DataFrame(
        {
            name: pd.Series(cells, dtype=object if spec.columns[name].is_code() else float)
            for name, cells in values.items()
        }
    )
    return Learning(to_table(frame, spec), spec, PERIOD)


def _is_text(cells: list[Any]) -> bool:
    return any(isinstance(cell, str) for cell in cells)


def fitted(
    learning: Learning,
    settings: FitSettings = SETTINGS,
    store: Store | None = None,
    progress: Callable[[EpochProgress], None] = quiet,
    **changes: Any,
) -> Trained:
    return fit(learning, replace(settings, **changes), progress, store or NoStore())


@functools.cache
def trained_enoe() -> Trained:
    return fitted(enoe_learning())


@functools.cache
def trained_parks() -> Trained:
    return fitted(parks_learning())


def drawn(trained: Trained, rows: int, seed: int = 5, **asked: Any) -> pa.Table:
    return pa.concat_tables(sample_rows(trained.model, SampleRequest(rows, seed, **asked)))


def weights_of(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.model.generator.state_dict()


def same_weights(one: Trained, other: Trained) -> bool:
    mine, theirs = weights_of(one), weights_of(other)
    return set(mine) == set(theirs) and all(torch.equal(mine[n], theirs[n]) for n in mine)


def there_and_back(learning: Learning, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame, Any]:
    """The table, the same encoded and decoded, and the encoding."""
    frame = to_frame(learning.table)
    encoding, leaves, codes = encode(frame, learning.spec, learning.period)
    back = to_frame(encoding.decode(leaves, codes, np.random.default_rng(seed)))
    return frame, back, encoding


def as_text(values: pd.Series) -> list[str | None]:
    """A column to compare: categories differ in order, not in what they say."""
    return [None if pd.isna(v) else str(v) for v in values]
