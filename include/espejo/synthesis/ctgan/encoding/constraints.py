"""Which codes of a field the declared rules leave, given the fields drawn before it.

Every rule is evaluated once, by the code that checks tables, on all combinations of codes of
its fields. What the combinations allow is kept as tables by prefix: given the codes of the
rule's first fields, which codes of the next one can still be completed. A row drawn within
these tables keeps the rule by construction, whatever the network says; where a bin holds values
that keep a rule and values that break it, the sampler checks the row.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from include.espejo.survey.rules import Rule
from include.espejo.synthesis.ctgan.encoding.encode import Encoding, categorical
from include.espejo.table.rules import broken, columns_of

MOST_COMBINATIONS = 5_000_000


@dataclass(frozen=True)
class Constraint:
    """Allowed codes of field `target` given those of `given`: boolean, (prefixes, codes).

    Fields are counted as in the layout: what the place fixes, then what is drawn. A prefix's row
    is its codes read as a number in the mixed base of the given fields' sizes.
    """

    target: int
    given: tuple[int, ...]
    strides: tuple[int, ...]
    allowed: np.ndarray

    def at(self, rows: np.ndarray) -> np.ndarray:
        """The row of `allowed` for each of `rows`, (rows, fields): int64, (rows,)."""
        given = rows[:, list(self.given)].astype(np.int64)
        return np.asarray(given @ np.array(self.strides, dtype=np.int64), dtype=np.int64)


def find_constraints(
    encoding: Encoding, rows: np.ndarray | None = None
) -> tuple[list[Constraint], list[str]]:
    """The constraints of the spec's rules, and the names of rules with too many combinations.

    `rows`: codes of the training table, (rows, fields) as in the layout. What a row has is never
    forbidden to it: its own values keep the rule, even where its bins' ends do not.

    Rules among columns of the geography alone hold in every place there is. One that tells more
    than MOST_PLACE_CODES classes of places apart in wide columns (a town compared with the town of
    birth) counts as one with too many combinations: the sampler checks it and draws again.
    """
    found: list[Constraint] = []
    too_many = []
    sizes = [*(field.size for field in encoding.given), *encoding.sizes]
    for rule in encoding.spec.rules:
        columns = set(columns_of(rule, encoding.spec))
        drawn = _drawn_of(encoding, columns)
        others = columns - {f.column for f in encoding.fields} - _geography(encoding)
        if not drawn or not others <= _blank_throughout(encoding):
            continue  # nothing is drawn, or it needs a column that is not modelled
        given = _given_of(encoding, rule, columns & _geography(encoding))
        at = [*(given or ()), *drawn]
        shape = [sizes[i] for i in at]
        if given is None or np.prod(shape, dtype=float) > MOST_COMBINATIONS:
            too_many.append(rule.name)
            continue
        found += _by_prefix(_keeps(encoding, rule, at, others).reshape(shape), at)
    merged = _merge([*found, *_gaps_to_known_ages(encoding)], sizes)
    if rows is not None:
        for c in merged:
            c.allowed[c.at(rows), rows[:, c.target]] = True
    return merged, too_many


def _keeps(encoding: Encoding, rule: Rule, at: list[int], blank: Collection[str]) -> np.ndarray:
    """Whether any of the values at the ends of their bins keeps the rule, for each combination of
    codes of the fields `at`: boolean, (combinations,). `blank`: columns that have no value."""
    sizes = [*(field.size for field in encoding.given), *encoding.sizes]
    codes = _combinations([sizes[i] for i in at])
    first = len(encoding.given)
    wide = [i - first for i in at if i >= first and encoding.fields[i - first].has_wide_bins]
    keeps = np.zeros(len(codes), dtype=bool)
    for ends in product((False, True), repeat=len(wide)):
        highest = {field for field, high in zip(wide, ends, strict=True) if high}
        frame = _frame(encoding, codes, at, highest).assign(**dict.fromkeys(blank, np.nan))
        keeps |= ~broken(rule, frame, encoding.spec, encoding.period)
    return keeps


def _geography(encoding: Encoding) -> set[str]:
    return set() if encoding.places is None else set(encoding.places.tuples.columns)


def _blank_throughout(encoding: Encoding) -> set[str]:
    """Columns without a field: blank in every row that is drawn."""
    return set(encoding.columns) - {f.column for f in encoding.fields} - _geography(encoding)


def _drawn_of(encoding: Encoding, columns: set[str]) -> list[int]:
    """The drawn fields of these columns; a gap needs the age to become a birth year."""
    ages = {field.age for field in encoding.fields if field.column in columns}
    wanted = columns | ages
    return [i for i, f in enumerate(encoding.fields, len(encoding.given)) if f.column in wanted]


def _given_of(encoding: Encoding, rule: Rule, placed: set[str]) -> list[int] | None:
    """The given fields that stand for a rule's columns of the geography; None if nothing does."""
    own = [i for i, field in enumerate(encoding.given) if field.rule == rule.name]
    few = {f.columns[0]: i for i, f in enumerate(encoding.given) if f.rule is None}
    if own or not placed <= few.keys():
        return own or None
    return sorted(few[name] for name in placed)


def _frame(
    encoding: Encoding, codes: np.ndarray, at: list[int], highest: Collection[int] = ()
) -> pd.DataFrame:
    """The columns of these given and drawn fields. A class of places has those of one of its own,
    which are as good to its rule as any other's. `highest`: as `Encoding.frame` takes it."""
    first = len(encoding.given)
    drawn = {i - first: k for k, i in enumerate(at) if i >= first}
    frame = encoding.frame(codes, only=drawn, highest=highest)
    for position, field in ((k, encoding.given[i]) for k, i in enumerate(at) if i < first):
        assert encoding.places is not None
        examples = encoding.places.tuples.iloc[field.examples]
        for name in field.columns:
            frame[name] = categorical(examples[name], codes[:, position])
    return frame


def _gaps_to_known_ages(encoding: Encoding) -> list[Constraint]:
    """An age that is blank or a special code leaves no gap: the birth year is a code of its own."""
    found: list[Constraint] = []
    for index, gap in enumerate(encoding.fields, len(encoding.given)):
        if gap.kind != "gap":
            continue
        (at,) = _drawn_of(encoding, {str(gap.age)})
        size = encoding.sizes[at - len(encoding.given)]
        values = _frame(encoding, _combinations([size]), [at])[str(gap.age)].to_numpy(float)
        special = list(encoding.spec.columns[str(gap.age)].special)
        unknown = np.isnan(values) | np.isin(values, special)
        own = np.arange(gap.size) >= gap.special_from
        found += _by_prefix(~unknown[:, None] | own, [at, index])
    return found


def _merge(constraints: list[Constraint], sizes: list[int]) -> list[Constraint]:
    """One constraint for each target where the combinations allow: one look-up instead of many."""
    merged: list[Constraint] = []
    for target in sorted({c.target for c in constraints}):
        pending = [c for c in constraints if c.target == target]
        while pending:
            taken, given = [], set[int]()
            for c in sorted(pending, key=lambda c: len(c.allowed), reverse=True):
                wider = given | set(c.given)
                if np.prod([sizes[i] for i in (*wider, target)], dtype=float) <= MOST_COMBINATIONS:
                    taken.append(c)
                    given = wider
            taken = taken or pending[:1]
            merged.append(_conjunction(taken, sorted(given), target, sizes))
            pending = [c for c in pending if all(c is not t for t in taken)]
    return merged


def _conjunction(
    constraints: list[Constraint], given: list[int], target: int, sizes: list[int]
) -> Constraint:
    shape = [sizes[i] for i in given]
    codes = _combinations(shape)
    allowed = np.ones((len(codes), sizes[target]), dtype=bool)
    for c in constraints:
        at = [given.index(g) for g in c.given]
        allowed &= c.allowed[codes[:, at] @ np.array(c.strides, dtype=np.int64)]
    strides = tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
    return Constraint(target, tuple(given), strides, allowed)


def _by_prefix(keeps: np.ndarray, at: list[int]) -> list[Constraint]:
    found = []
    for position in range(len(at)):
        # What can still be completed: any later codes that keep the rule.
        prefix = keeps.any(axis=tuple(range(position + 1, keeps.ndim)))
        if prefix.all():
            continue
        sizes = prefix.shape[:-1]
        strides = tuple(int(np.prod(sizes[i + 1 :])) for i in range(len(sizes)))
        table = prefix.reshape(-1, prefix.shape[-1])
        found.append(Constraint(at[position], tuple(at[:position]), strides, table))
    return found


def _combinations(sizes: list[int]) -> np.ndarray:
    """All combinations of codes: (product of sizes, fields); one empty row for no field."""
    if not sizes:
        return np.zeros((1, 0), dtype=np.int64)
    return np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)
