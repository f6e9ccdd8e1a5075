"""Turns the rows into bytes for the kernel, and says what each column weighs in a distance.

The weights come from the spec alone:

    a code                        the full weight where it differs, a blank being a code; less
                                  for the next codes of a list of some thirty at most, since
                                  lists are often steps (schooling, months) and a copy one step
                                  off is a copy
    a number                      1 where it differs at all, and up to the rest of the full weight
                                  by the difference of ranks among real people (full from half of
                                  all ranks on); special codes and blanks are far from all else
    a level of the geography      half the full weight, compared together with the levels above,
                                  within which alone it means something
    what another column fixes     1: a function of a modelled level, a birth year beside the age.
                                  It says nothing new, but rows that differ in it are not identical

The full weight is 16, or less where many columns would sum above 254: of 128 and more it is 1, and
a distance is how many differ. So a distance is 0 only for equal rows, and a half-forgotten copy
(an age off by one, a school grade) stays far nearer than the nearest stranger. Quasi-identifiers
come first: their partial sum is a distance, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.disclose.distance.kernel import BYTE, FAR, GRADE, WIDE, WORD
from include.espejo.errors import InputError
from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.model import Geography
from include.espejo.survey.rules import BirthYearRule
from include.espejo.table.people import Population

FULL_WEIGHT = 16
_MOST_CODES = 1 << 24  # three bytes, whole numbers of a float32
_MOST_NUMBERS = 1 << 16  # numbers more than these share cells of ranks
_STEPS = 4  # the least weight that has room for steps


@dataclass(frozen=True)
class Encoded:
    """Planes uint8 (planes, rows) of both tables, and the operations of the kernel (see there).

    The first `quasi` operations are those of the quasi-identifiers.
    """

    real: np.ndarray
    synthetic: np.ndarray
    operations: np.ndarray
    quasi: int


class _Planes:
    """Collects planes and the operations on them."""

    def __init__(self) -> None:
        self.lines: list[np.ndarray] = []
        self.operations: list[tuple[int, int, int, int]] = []

    def add_codes(self, name: str, codes: np.ndarray, weight: int) -> None:
        """Codes 0, 1, ... (rows,); a column with a single one says nothing and is left out."""
        most = int(codes.max(initial=0))
        if most >= _MOST_CODES:
            problem = (
                f"column {name}, rule codes: more than {_MOST_CODES}; drop the column or group "
                "its codes"
            )
            raise InputError("audit", [problem])
        if not most:
            return
        plane, width = len(self.lines), -(-most.bit_length() // 8)
        kind, second = (BYTE, 0) if width == 1 else (WORD if width == 2 else WIDE, plane + 1)
        self.operations.append((kind, plane, second, weight))
        # The highest byte first.
        self.lines += [(codes >> 8 * at & 255).astype(np.uint8) for at in reversed(range(width))]

    def add_grades(self, grades: np.ndarray, weight: int) -> None:
        if weight and np.ptp(grades):
            self.operations.append((GRADE, len(self.lines), 0, weight))
            self.lines.append(grades.astype(np.uint8))


def encode_population(population: Population, spec: SurveySpec) -> Encoded:
    """Encode both tables together. Raises InputError where a column has too many codes."""
    weigh = weights(spec)
    quasi = spec.with_role("quasi")
    planes, count = _Planes(), 0
    for name in (*quasi, *(n for n in weigh if n not in quasi)):
        _add_column(planes, name, weigh[name], population, spec)
        if name in quasi:
            count = len(planes.operations)
    rows = len(population.real)
    lines = np.array(planes.lines, dtype=np.uint8).reshape(
        len(planes.lines), rows + len(population.synthetic)
    )
    return Encoded(
        real=np.ascontiguousarray(lines[:, :rows]),
        synthetic=np.ascontiguousarray(lines[:, rows:]),
        operations=np.array(planes.operations, dtype=np.int64).reshape(-1, 4),
        quasi=count,
    )


def weights(spec: SurveySpec) -> dict[str, int]:
    """What each modelled column weighs, by the spec; together at most 254."""
    fixed, levels = fixed_columns(spec, spec.model.columns), spec.geography_levels()
    for full in range(FULL_WEIGHT, 0, -1):
        found = {
            name: 1 if name in fixed else max(full // 2, 1) if name in levels else full
            for name in spec.model_columns()
        }
        if sum(found.values()) < FAR:
            return found
    problem = (
        f"rule columns: {len(spec.model.columns)} are too many to compare; model fewer columns"
    )
    raise InputError("audit", [problem])


def fixed_columns(spec: SurveySpec, known: tuple[str, ...]) -> set[str]:
    """The modelled columns that `known` ones fix: functions of the geography, birth years.

    A function needs its own level; a birth year its age, up to the rule's gap.
    """
    fixed = {r.birth_year for r in spec.rules if isinstance(r, BirthYearRule) and r.age in known}
    if isinstance(spec.geography, Geography):
        fixed |= {name for name, level in spec.geography.functions.items() if level in known}
    return fixed & set(spec.model.columns)


def _add_column(
    planes: _Planes, name: str, weight: int, population: Population, spec: SurveySpec
) -> None:
    values = pd.concat([population.real[name], population.synthetic[name]], ignore_index=True)
    column = spec.columns[name]
    if name in spec.geography_levels():
        planes.add_codes(name, _codes_of_place(name, population, spec), weight)
    elif column.is_code() and weight >= _STEPS and (places := _steps(column, weight)):
        planes.add_grades(_stepped(values, places, weight), weight)
    elif column.is_code():
        planes.add_codes(name, _renumber(values.cat.codes.to_numpy()), weight)
    else:
        numbers = values.to_numpy()
        planes.add_codes(name, _ordinals(numbers), 1)
        planes.add_grades(_grades(numbers, len(population.real), column, weight), weight - 1)


def _steps(column: Column, weight: int) -> dict[str, int]:
    """Places of the listed codes, a step apart; those that stand for others, apart from all.

    Empty where there is no list, or one too long for a byte with a blank's place and FAR.
    """
    step = weight * 3 // 8
    codes = [code for code in column.listed_codes() if code not in column.residual]
    last = (len(codes) - 1) * step + weight * (len(column.residual) + 1)
    if not codes or last >= FAR:
        return {}
    places = {code: step * place for place, code in enumerate(codes)}
    for code in column.residual:
        places[str(code)] = max(places.values()) + weight
    return places


def _stepped(values: pd.Series, places: dict[str, int], weight: int) -> np.ndarray:
    """Places of the rows' codes; a blank beyond the last, and unlisted codes at FAR."""
    beyond = max(places.values()) + weight
    of_code = np.array([*(places.get(code, FAR) for code in values.cat.categories), beyond])
    return np.asarray(of_code[values.cat.codes.to_numpy()])


def _codes_of_place(name: str, population: Population, spec: SurveySpec) -> np.ndarray:
    """A level joined with the modelled levels above it, as codes 0, 1, ... (rows,)."""
    levels = spec.geography_levels()
    place = np.zeros(len(population.real) + len(population.synthetic), dtype=np.int64)
    for level in levels[: levels.index(name) + 1]:
        if level in population.real:
            tables = (population.real, population.synthetic)
            codes = np.concatenate([table[level].cat.codes.to_numpy() for table in tables]) + 1
            place = _renumber(place * (int(codes.max(initial=0)) + 1) + codes)
    return place


def _renumber(codes: np.ndarray) -> np.ndarray:
    return np.asarray(pd.factorize(codes, sort=True)[0], dtype=np.int64)


def _ordinals(numbers: np.ndarray) -> np.ndarray:
    """The place of each number among all, a blank coming last; cells of ranks if too many."""
    ordinals = np.asarray(
        pd.factorize(numbers, sort=True, use_na_sentinel=False)[0], dtype=np.int64
    )
    most = int(ordinals.max(initial=0))
    return ordinals if most < _MOST_NUMBERS else ordinals * (_MOST_NUMBERS - 1) // most


def _grades(numbers: np.ndarray, real_rows: int, column: Column, weight: int) -> np.ndarray:
    """Ranks among the real rows in steps of 1/(2 weight); blanks and special codes out of reach.

    Those lie a weight apart from each other and from the ranks, as far as a byte allows.
    """
    apart = [np.isnan(numbers), *(numbers == code for code in column.special)]
    usual = ~np.logical_or.reduce(apart)
    known = np.sort(numbers[:real_rows][usual[:real_rows]])
    below = np.searchsorted(known, numbers, side="left")
    upto = np.searchsorted(known, numbers, side="right")
    grades = np.rint((below + upto) / 2 / max(len(known), 1) * 2 * weight)
    for place, rows in enumerate(apart):
        grades[rows] = min((3 + place) * weight, 254)
    return np.asarray(grades, dtype=np.int64)
