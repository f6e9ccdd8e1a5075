"""Encoding from the spec: a table becomes integer codes, and codes become a table again.

Nothing is one-hot: a row is one leaf of the geography and one small integer a field.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

from include.espejo.errors import ParameterError, UnexpectedError
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.model import Geography
from include.espejo.survey.rules import (
    BirthYearRule,
    BlankRule,
    DateRule,
    ImpliesRule,
    rule_columns,
)
from include.espejo.synthesis.ctgan.encoding.fields import (
    UNKNOWN,
    Field,
    code_field,
    gap_field,
    number_field,
)
from include.espejo.synthesis.ctgan.encoding.places import PlaceField, Places, place_fields
from include.espejo.table.cuts import find_cuts
from include.espejo.table.frames import to_table


@dataclass(frozen=True)
class Encoding:
    """How a survey's columns become fields. `fields` are in the order in which they are drawn."""

    spec: SurveySpec
    period: Period
    columns: tuple[str, ...]
    fields: tuple[Field, ...]
    places: Places | None

    @property
    def sizes(self) -> list[int]:
        """The number of codes of each field."""
        return [field.size for field in self.fields]

    @cached_property
    def given(self) -> tuple[PlaceField, ...]:
        """Fields that a row's place fixes, in the order in which they stand before the drawn."""
        if self.places is None:
            return ()
        drawn = {field.column for field in self.fields}
        return place_fields(self.places, self.spec, self.period, drawn)

    def decode(
        self, leaves: np.ndarray, codes: np.ndarray, generator: np.random.Generator
    ) -> pa.Table:
        """The table of these rows. `leaves`: (rows,); `codes`: (rows, fields)."""
        frame = self.frame(codes, generator)
        if self.places is not None:
            for name in self.places.tuples.columns:
                frame[name] = categorical(self.places.tuples[name], leaves)
        for name in self.columns:
            if name not in frame:
                frame[name] = np.nan  # blank throughout in the training table
        return to_table(frame[list(self.columns)], self.spec)

    def frame(
        self,
        codes: np.ndarray,
        generator: np.random.Generator | None = None,
        only: Mapping[int, int] | None = None,
        highest: Collection[int] = (),
    ) -> pd.DataFrame:
        """The fields' columns. Without a generator a bin stands for its lowest value, of the fields
        in `highest` for its highest.

        `only` maps the fields wanted to their position in `codes`; without it, all.
        """
        at = only if only is not None else {i: i for i in range(len(self.fields))}
        columns: dict[str, pd.Series] = {}
        for index, position in at.items():
            field = self.fields[index]
            if field.kind == "code":
                columns[field.column] = categorical(pd.Series(field.labels), codes[:, position])
            elif field.kind == "number":
                own = codes[:, position]
                ends = field.high if index in highest else field.low
                columns[field.column] = pd.Series(
                    ends[own]
                    if generator is None
                    else field.bins.draw(own, field.decimals, generator)
                )
        for index, position in at.items():
            field = self.fields[index]
            if field.kind == "gap":
                values = field.low[codes[:, position]]
                ages = columns[str(field.age)].to_numpy()
                years = self.period.year - ages - values
                own = codes[:, position] >= field.special_from
                columns[field.column] = pd.Series(np.where(own, values, years))
        return pd.DataFrame(columns)


def encode(
    table: pd.DataFrame, spec: SurveySpec, period: Period, households: np.ndarray | None = None
) -> tuple[Encoding, np.ndarray, np.ndarray]:
    """Learn an encoding from the model's columns and apply it. `households`: of each row, (rows,).

    Returns the encoding, each row's leaf (int64, (rows,)) and codes (int32, (rows, fields)).
    Columns that are blank throughout are left out, and blank again when decoded.
    """
    present = [n for n in table.columns if table[n].notna().any()]
    levels, functions = _geography(spec, present)
    places, leaves = None, np.zeros(len(table), dtype=np.int64)
    if levels:
        places = Places.of(table, levels, functions)
        leaves = Places.leaves(table, levels, functions)
    ages = _birth_years(spec, present)
    fields, codes = [], []
    for name in _drawing_order(spec, [n for n in present if n not in {*levels, *functions}]):
        field, column = _encode_column(table, name, spec, period, ages, households)
        fields.append(field)
        codes.append(column)
    if not fields:
        raise ParameterError("model columns: no column to draw, all are geography or blank")
    encoding = Encoding(spec, period, tuple(table.columns), tuple(fields), places)
    return encoding, leaves, np.stack(codes, axis=1)


def encode_part(encoding: Encoding, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Apply an encoding to a part of the rows that it was learnt with: leaves and codes as `encode`
    gives them. Raises UnexpectedError where a row has a label or a place that those do not have."""
    leaves = np.zeros(len(table), dtype=np.int64)
    if encoding.places is not None:
        leaves = encoding.places.known_leaves(table)
    codes = np.stack([_codes_of_part(encoding, f, table) for f in encoding.fields], axis=1)
    if (codes == UNKNOWN).any():
        raise UnexpectedError("a part of the table has a code that the table does not have")
    return leaves, codes


def _codes_of_part(encoding: Encoding, field: Field, table: pd.DataFrame) -> np.ndarray:
    spec, values = encoding.spec, table[field.column]
    if field.kind == "code":
        return field.codes_of_labels(values)
    if field.age is None:
        return field.codes_of_numbers(values.to_numpy(float))
    ages, special = _known_ages(table, field.age, spec), [*spec.columns[field.column].special]
    return field.codes_of_years(values.to_numpy(float), ages, encoding.period.year, special)


def _known_ages(table: pd.DataFrame, age: str, spec: SurveySpec) -> np.ndarray:
    """Where the age is a special code it says nothing of the year, which then stands for itself."""
    ages = table[age].to_numpy(float)
    return np.where(np.isin(ages, list(spec.columns[age].special)), np.nan, ages)


def _encode_column(
    table: pd.DataFrame,
    name: str,
    spec: SurveySpec,
    period: Period,
    ages: Mapping[str, str],
    households: np.ndarray | None,
) -> tuple[Field, np.ndarray]:
    column = spec.columns[name]
    if column.is_code():
        return code_field(name, table[name])
    values = table[name].to_numpy(float)
    special = list(column.special)
    if name in ages:
        age = _known_ages(table, ages[name], spec)
        return gap_field(name, values, ages[name], age, period.year, special)
    at_rules = find_cuts(spec, period, name)
    cuts = {*at_rules.below.tolist(), *at_rules.above.tolist(), *special}
    if column.top_code is not None:
        cuts.add(float(column.top_code))
    return number_field(name, values, special, sorted(cuts), households)


def _geography(spec: SurveySpec, present: list[str]) -> tuple[list[str], list[str]]:
    if not isinstance(spec.geography, Geography):
        return [], []
    levels = [n for n in spec.geography.levels if n in present]
    functions = [n for n in spec.geography.functions if n in present]
    return levels, functions if levels else []


def _birth_years(spec: SurveySpec, present: list[str]) -> dict[str, str]:
    """Birth-year columns and the age column that each is drawn as a gap to."""
    return {
        rule.birth_year: rule.age
        for rule in spec.rules
        if isinstance(rule, BirthYearRule) and {rule.age, rule.birth_year} <= set(present)
    }


def _drawing_order(spec: SurveySpec, names: list[str]) -> list[str]:
    """The spec's order, but what a rule concludes from is drawn before what it concludes, and what
    the table is parted by before all others, which then follow it.

    Age before birth year, month before day, the condition of a skip rule before what it blanks.
    """
    before: dict[str, set[str]] = {name: set() for name in names}
    for rule in spec.rules:
        for first, then in _precedence(rule, spec):
            if first in before and then in before and first != then:
                before[then].add(first)
    if spec.model.partition in names:
        names = [spec.model.partition, *(n for n in names if n != spec.model.partition)]
        before[spec.model.partition] = set()
    ordered: list[str] = []
    while len(ordered) < len(names):
        left = [n for n in names if n not in ordered]
        ready = [n for n in left if before[n] <= set(ordered)]
        ordered.append((ready or left)[0])  # a circle of rules is cut at the spec's first column
    return ordered


def _precedence(rule: object, spec: SurveySpec) -> list[tuple[str, str]]:
    match rule:
        case BirthYearRule():
            return [(rule.age, rule.birth_year)]
        case DateRule():
            earlier = [n for n in (rule.year, rule.month) if n]
            pairs = [(name, rule.day) for name in earlier]
            return pairs + ([(rule.year, rule.month)] if rule.year else [])
        case BlankRule():
            conditions = spec.expression(rule.when).columns
            return [(first, then) for first in conditions for then in rule_columns(rule)]
        case ImpliesRule():
            premise = spec.expression(rule.if_).columns
            return [(a, b) for a in premise for b in spec.expression(rule.then).columns]
        case _:
            return []


def categorical(labels: pd.Series, codes: np.ndarray) -> pd.Series:
    """Labels by code as a categorical; the label None is a blank."""
    known = [label for label in labels.drop_duplicates() if label is not None]
    place = {label: i for i, label in enumerate(known)}
    positions = np.array([place.get(label, -1) for label in labels], dtype=np.int64)
    return pd.Series(pd.Categorical.from_codes(positions[codes], categories=known))
