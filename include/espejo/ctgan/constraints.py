"""Which codes of a field the declared rules leave, given the fields drawn before it.

Every rule is evaluated once, by the code that checks tables, on all combinations of codes of
its fields. What the combinations allow is kept as tables by prefix: given the codes of the
rule's first fields, which codes of the next one can still be completed. A row drawn within
these tables keeps the rule by construction, whatever the network says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.espejo.ctgan.encode import Encoding
from include.espejo.rules import broken, columns_of

MOST_COMBINATIONS = 5_000_000


@dataclass(frozen=True)
class Constraint:
    """Allowed codes of field `target` given those of `given`: boolean, (prefixes, codes).

    A prefix's row is its codes read as a number in the mixed base of the given fields' sizes.
    """

    target: int
    given: tuple[int, ...]
    strides: tuple[int, ...]
    allowed: np.ndarray


def find_constraints(encoding: Encoding) -> tuple[list[Constraint], list[str]]:
    """The constraints of the spec's rules, and the names of rules with too many combinations."""
    found: list[Constraint] = []
    too_many = []
    for rule in encoding.spec.rules:
        columns = set(columns_of(rule, encoding.spec))
        at = [i for i, f in enumerate(encoding.fields) if f.column in columns]
        others = columns - {encoding.fields[i].column for i in at}
        if not others <= _blank_throughout(encoding):
            continue  # it needs a column that is not modelled, or the place
        at = sorted({*at, *_ages_of(encoding, at)})
        sizes = [encoding.fields[i].size for i in at]
        if np.prod(sizes, dtype=float) > MOST_COMBINATIONS:
            too_many.append(rule.name)
            continue
        codes = _combinations(sizes)
        frame = encoding.frame(codes, only={field: i for i, field in enumerate(at)})
        frame = frame.assign(**dict.fromkeys(others, np.nan))
        keeps = ~broken(rule, frame, encoding.spec, encoding.period).reshape(sizes)
        found += _by_prefix(keeps, at)
    found += _gaps_to_known_ages(encoding)
    return _merge(found, encoding.sizes), too_many


def _blank_throughout(encoding: Encoding) -> set[str]:
    """Columns without a field: blank in every row that is drawn."""
    placed = set() if encoding.places is None else set(encoding.places.tuples.columns)
    return set(encoding.columns) - {f.column for f in encoding.fields} - placed


def _gaps_to_known_ages(encoding: Encoding) -> list[Constraint]:
    """An age that is blank or a special code leaves no gap: the birth year is a code of its own."""
    found: list[Constraint] = []
    for index, gap in enumerate(encoding.fields):
        if gap.kind != "gap":
            continue
        at = next(i for i, f in enumerate(encoding.fields) if f.column == gap.age)
        ages = encoding.frame(np.arange(encoding.fields[at].size)[:, None], only={at: 0})
        values = ages[str(gap.age)].to_numpy(float)
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


def _ages_of(encoding: Encoding, at: list[int]) -> set[int]:
    """A gap needs the age to become a birth year."""
    ages = {encoding.fields[i].age for i in at} - {None}
    return {i for i, f in enumerate(encoding.fields) if f.column in ages}


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
