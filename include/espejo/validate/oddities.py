"""What breaks no rule and is odd all the same, and what no later step could do."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from include.espejo.survey import Column, SurveySpec
from include.espejo.table.weights import absent_groups
from include.espejo.validate.finding import Finding

_FAR = 0.1  # of the rows: a share of blanks that has moved so much since the period before
_LONG, _WORDS = 40, 5  # characters and words of an average distinct value that is free text
_FEWEST, _MOST_OWN = 200, 0.8  # of so many filled rows, a share with a value of its own


def blank_shares(frame: pd.DataFrame, spec: SurveySpec) -> dict[str, float]:
    """The share of blanks of each modelled column that the table has."""
    return {
        name: float(frame[name].isna().mean()) for name in spec.model_columns() if name in frame
    }


def unfit(frame: pd.DataFrame, spec: SurveySpec) -> Iterator[Finding]:
    """Errors of code columns: texts that the release cannot write, and what is no code at all."""
    for name, absent in absent_groups(frame, spec).items():
        yield Finding(
            rule="totals of weights",
            columns=(name,),
            severity="error",
            passed=False,
            rows=absent,
            of=0,
            remedy=f"{absent} groups have a total and no row here: correct `weight.totals`",
        )
    for name, column in spec.model_columns().items():
        if name in frame and column.is_code():
            yield from _unwritable(name, frame[name], spec)
            if not column.code_set:
                yield from _no_code(name, frame[name], column, spec)


def oddities(
    frame: pd.DataFrame, spec: SurveySpec, before: Mapping[str, float] | None
) -> Iterator[str]:
    """Warnings of the modelled columns. `before`: shares of blanks in the period before."""
    shares = blank_shares(frame, spec)
    for name, share in shares.items():
        filled = frame[name].dropna()
        if filled.empty:
            yield f"column {name}: blank in every row; check that the file has it"
        elif filled.nunique() == 1 and name not in spec.source.period_formats():
            yield f"column {name}: every filled row has the same value; nothing is learnt of it"
        then = (before or {}).get(name)
        if then is not None and abs(share - then) > _FAR:
            yield (
                f"column {name}: {share:.0%} of the rows are blank, {then:.0%} in the period "
                "before; ask the field"
            )
        column = spec.columns[name]
        if column.is_code() and not column.code_set:
            yield from _alike(name, frame[name])


def near_codes(values: pd.Series, column: Column) -> int:
    """How many rows have no listed code but one that differs by case or accent only."""
    listed = {_folded(code) for code in column.code_set}
    counts = values.value_counts()
    near = [c for c in counts.index if c not in column.code_set and _folded(str(c)) in listed]
    return int(counts[near].sum())


def _alike(name: str, values: pd.Series) -> Iterator[str]:
    """Codes that are the same but for case or accents, and so have a floor each."""
    counts = values.value_counts()
    counts = counts[counts > 0]
    groups = defaultdict(list)
    for code in counts.index:
        groups[_folded(str(code))].append(code)
    same = [codes for codes in groups.values() if len(codes) > 1]
    if same:
        rows = int(sum(counts[codes].sum() for codes in same))
        yield (
            f"column {name}: {len(same)} codes are written in more than one way, by case or "
            f"accents ({rows:,} rows); name the others in `code_aliases`"
        )


def _folded(code: str) -> str:
    """A code without case and accents."""
    parts = unicodedata.normalize("NFKD", code.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part)).strip()


def _unwritable(name: str, values: pd.Series, spec: SurveySpec) -> Iterator[Finding]:
    counts = values.value_counts()
    lost = [code for code in counts.index if not spec.source.can_write(str(code))]
    rows = int(counts[lost].sum())
    if rows:
        remedy = "write `output_encoding: utf-8`"
        yield _error(name, f"can be written in {spec.source.output_encoding}", rows, values, remedy)


def _no_code(name: str, values: pd.Series, column: Column, spec: SurveySpec) -> Iterator[Finding]:
    distinct = values.dropna().astype(str).unique()
    filled = int(values.notna().sum())
    if not len(distinct):
        return
    length = np.mean([len(text) for text in distinct])
    words = np.mean([len(text.split()) for text in distinct])
    if length > _LONG or words >= _WORDS:
        remedy = "free text is never modelled: leave it out of `model.columns`, or code it"
        yield _error(name, "codes, no free text", filled, values, remedy)
    elif (
        filled >= _FEWEST
        and len(distinct) > _MOST_OWN * filled
        and name not in spec.geography_columns()
    ):
        remedy = "it names persons rather than what they have in common: leave it out"
        yield _error(name, "codes that persons share", filled, values, remedy)


def _error(name: str, rule: str, rows: int, values: pd.Series, remedy: str) -> Finding:
    return Finding(rule, (name,), "error", False, rows, len(values), remedy)
