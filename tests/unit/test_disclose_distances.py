"""The kernel beside plain NumPy, and the encoding that it is given."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from numba.core.caching import FunctionCache

from include.espejo.disclose.distance import kernel
from include.espejo.disclose.distance.compile import compile_kernel
from include.espejo.disclose.distance.distances import (
    Distances,
    join_shards,
    measure_distances,
    measure_shard,
)
from include.espejo.disclose.distance.encode import (
    FULL_WEIGHT,
    Encoded,
    _Planes,
    encode_population,
    fixed_columns,
    weights,
)
from include.espejo.disclose.distance.shards import Shard, shards_of
from include.espejo.errors import InputError
from include.espejo.survey import SurveySpec
from include.espejo.table.people import Population

OPERATIONS = np.array(
    [
        [kernel.BYTE, 0, 0, 16],
        [kernel.WORD, 1, 2, 8],
        [kernel.GRADE, 3, 0, 15],
        [kernel.BYTE, 4, 0, 1],
        [kernel.GRADE, 5, 0, 200],
    ]
)


def naive(left: np.ndarray, right: np.ndarray, operations: np.ndarray) -> np.ndarray:
    """All distances, shape (left rows, right rows), by the definition."""
    total = np.zeros((left.shape[1], right.shape[1]), dtype=np.int64)
    for kind, one, two, weight in operations:
        planes = {kernel.WORD: [one, two], kernel.WIDE: [one, two, two + 1]}.get(kind, [one])
        gaps = [left[p].astype(int)[:, None] - right[p].astype(int) for p in planes]
        if kind == kernel.GRADE:
            total += np.minimum(np.abs(gaps[0]), weight)
        else:
            total += weight * np.any(gaps, axis=0)
    return total


@pytest.fixture(scope="module")
def tables() -> tuple[Encoded, Population]:
    """Enough rows for several blocks a side, few codes, so that many rows tie."""
    random = np.random.default_rng(4)
    real = random.integers(0, 3, (6, 4173)).astype(np.uint8)
    synthetic = random.integers(0, 3, (6, 300)).astype(np.uint8)
    real[5] = random.integers(0, 40, real.shape[1])
    synthetic[5] = random.integers(0, 40, 300)
    household = np.sort(random.integers(0, 900, real.shape[1]))
    train_rows = int(np.searchsorted(household, 700))
    population = Population(
        pd.DataFrame(index=range(real.shape[1])),
        household,
        train_rows,
        pd.DataFrame(index=range(300)),
    )
    return Encoded(real, synthetic, OPERATIONS, 3), population


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_distances_are_those_of_the_definition(tables: tuple[Encoded, Population], threads: int):
    encoded, population = tables
    found = measure_distances(encoded, population, threads)
    pairs = naive(encoded.synthetic, encoded.real, OPERATIONS)
    quasi = naive(encoded.synthetic, encoded.real, OPERATIONS[:3])
    train = population.train_rows
    np.testing.assert_array_equal(found.to_synthetic, pairs.min(axis=0))
    np.testing.assert_array_equal(found.quasi_to_synthetic, quasi.min(axis=0))
    np.testing.assert_array_equal(found.nearest_quasi, quasi.argmin(axis=0))
    np.testing.assert_array_equal(found.to_train, pairs[:, :train].min(axis=1))
    np.testing.assert_array_equal(found.to_holdout, pairs[:, train:].min(axis=1))


def test_ties_share_a_synthetic_row(tables: tuple[Encoded, Population]):
    encoded, population = tables
    found = measure_distances(encoded, population, 2)
    pairs = naive(encoded.synthetic, encoded.real, OPERATIONS)
    nearest = pairs == pairs.min(axis=1, keepdims=True)
    assert nearest.sum() > len(pairs)  # there are ties, or this tests nothing
    shares = nearest / nearest.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.shares, shares.sum(axis=0), atol=1e-8)
    in_train = shares[:, : population.train_rows].sum(axis=1)
    np.testing.assert_allclose(found.train_shares, in_train)


def test_isolation_is_the_distance_to_another_household(tables: tuple[Encoded, Population]):
    encoded, population = tables
    found = measure_distances(encoded, population, 2).to_other
    some = slice(None, None, 11)
    pairs = naive(encoded.real[:, some], encoded.real, OPERATIONS)
    own = population.household[some, None] == population.household
    np.testing.assert_array_equal(found[some], np.where(own, kernel.FAR, pairs).min(axis=1))
    alone = replace(population, household=np.zeros(len(population.household), dtype=np.int64))
    assert set(measure_distances(encoded, alone, 1).to_other) == {kernel.FAR}


def surveyed(seed: int) -> tuple[Encoded, Population]:
    """Tables of any shape: few rows and many, skewed codes, equal rows, households of many."""
    random = np.random.default_rng([seed, 77])
    count, rows, synthetic = (int(random.integers(1, most)) for most in (9, 900, 500))
    operations: list[tuple[int, ...]] = []
    lines: list[np.ndarray] = []
    for _ in range(count):
        kind, most, weight = (int(random.integers(*ends)) for ends in ((0, 4), (1, 256), (1, 28)))
        skew = random.uniform(0.2, 6)
        planes = {kernel.WORD: 2, kernel.WIDE: 3}.get(kind, 1)
        operations.append((kind, len(lines), len(lines) + min(planes - 1, 1), weight))
        for _ in range(planes):
            lines.append(random.random(rows + synthetic) ** skew * most)
    matrix = np.array(lines).astype(np.uint8)
    household = np.sort(random.integers(0, max(rows // int(random.integers(1, 6)), 1), rows))
    train = int(np.searchsorted(household, household[rows * 2 // 3], side="right"))
    population = Population(
        pd.DataFrame(index=range(rows)), household, train, pd.DataFrame(index=range(synthetic))
    )
    real, drawn = np.ascontiguousarray(matrix[:, :rows]), np.ascontiguousarray(matrix[:, rows:])
    given = np.array(operations, dtype=np.int64).reshape(-1, 4)
    return Encoded(real, drawn, given, int(random.integers(0, count + 1))), population


@pytest.mark.parametrize("seed", range(40))
def test_a_search_finds_what_comparing_every_pair_finds(seed: int):
    encoded, population = surveyed(seed)
    found = measure_distances(encoded, population, 2)
    pairs = naive(encoded.synthetic, encoded.real, encoded.operations)
    quasi = naive(encoded.synthetic, encoded.real, encoded.operations[: encoded.quasi])
    among = naive(encoded.real, encoded.real, encoded.operations)
    own = population.household[:, None] == population.household
    train = population.train_rows
    np.testing.assert_array_equal(found.to_synthetic, pairs.min(axis=0))
    np.testing.assert_array_equal(found.quasi_to_synthetic, quasi.min(axis=0))
    np.testing.assert_array_equal(found.nearest_quasi, quasi.argmin(axis=0))
    np.testing.assert_array_equal(found.to_train, pairs[:, :train].min(axis=1))
    held = pairs[:, train:].min(axis=1, initial=kernel.FAR)
    np.testing.assert_array_equal(found.to_holdout, held)
    np.testing.assert_array_equal(found.to_other, np.where(own, kernel.FAR, among).min(axis=1))
    nearest = pairs == pairs.min(axis=1, keepdims=True)
    shares = nearest / nearest.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.shares, shares.sum(axis=0), atol=1e-8)
    np.testing.assert_allclose(found.train_shares, shares[:, :train].sum(axis=1))


def test_a_row_of_hundreds_of_columns_is_searched_exactly():
    """As many as a spec may model: all rows lie far apart, and little is left out."""
    random = np.random.default_rng(3)
    matrix = random.integers(0, 4, (254, 700)).astype(np.uint8)
    operations = np.array([(kernel.BYTE, n, 0, 1) for n in range(254)], dtype=np.int64)
    encoded = Encoded(matrix[:, :400].copy(), matrix[:, 400:].copy(), operations, 5)
    population = Population(
        pd.DataFrame(index=range(400)), np.arange(400), 300, pd.DataFrame(index=range(300))
    )
    found = measure_distances(encoded, population, 2)
    pairs = naive(encoded.synthetic, encoded.real, operations)
    np.testing.assert_array_equal(found.to_synthetic, pairs.min(axis=0))
    np.testing.assert_array_equal(found.to_train, pairs[:, :300].min(axis=1))


# --- encoding ----------------------------------------------------------------------------------


def encoded_distances(real: pd.DataFrame, synthetic: pd.DataFrame, spec: SurveySpec) -> np.ndarray:
    """Distances of each synthetic row to each real one, after the encoding."""
    for name in real:
        if spec.columns[name].is_code():
            codes = sorted(set(real[name].dropna()) | set(synthetic[name].dropna()))
            real[name] = pd.Categorical(real[name], codes)
            synthetic[name] = pd.Categorical(synthetic[name], codes)
        else:
            real[name], synthetic[name] = real[name].astype(float), synthetic[name].astype(float)
    population = Population(real, np.arange(len(real)), len(real), synthetic)
    encoded = encode_population(population, spec)
    return naive(encoded.synthetic, encoded.real, encoded.operations)


PERSON = {
    "LOC": "0001",
    "MUN": "007",
    "T_LOC": "1",
    "MAN": "010",
    "CD_A": "01",
    "ENT": "09",
    "SEX": "1",
    "EDA": 30.0,
    "NAC_DIA": "05",
    "NAC_MES": "07",
    "NAC_ANIO": 1985.0,
    "CS_P13_1": "03",
    "POS_OCU": "1",
    "INGOCUP": 4300.0,
}


def changed_distance(spec: SurveySpec, **changes: object) -> int:
    """How far a row goes from PERSON by these changes, among people of all kinds."""
    others = [
        PERSON | {"EDA": float(age), "NAC_ANIO": 2015.0 - age, "INGOCUP": 86.0 * age}
        for age in range(98)
    ]
    others += [PERSON | {"ENT": "15"}, PERSON | {"SEX": "2", "CS_P13_1": None, "LOC": "0002"}]
    real = pd.DataFrame([PERSON, *others])
    return int(encoded_distances(real, pd.DataFrame([PERSON | changes]), spec)[0, 0])


def test_only_equal_rows_have_no_distance(enoe: SurveySpec):
    assert changed_distance(enoe) == 0
    for name, value in PERSON.items():
        other = value + 1 if isinstance(value, float) else None
        assert changed_distance(enoe, **{name: other}) >= 1, name
        assert changed_distance(enoe, **{name: None}) >= 1, name


def test_small_changes_are_near_and_large_ones_far(enoe: SurveySpec):
    assert changed_distance(enoe, EDA=31.0, NAC_ANIO=1984.0) <= 3
    assert changed_distance(enoe, EDA=90.0) == FULL_WEIGHT
    assert changed_distance(enoe, EDA=98.0) == FULL_WEIGHT  # unknown: no neighbour of 97
    assert changed_distance(enoe, INGOCUP=None) == FULL_WEIGHT
    step, leap = (changed_distance(enoe, CS_P13_1=code) for code in ("04", "08"))
    assert 0 < step < leap == FULL_WEIGHT
    assert changed_distance(enoe, CS_P13_1="99") == FULL_WEIGHT  # not known: beside no level


def test_a_place_means_something_only_within_its_parent(enoe: SurveySpec):
    block = changed_distance(enoe, MAN="011")
    state = changed_distance(enoe, ENT="15")
    assert block == FULL_WEIGHT // 2
    # The same codes in another state are another municipality, locality and block.
    assert state == 4 * block


def test_a_fact_that_others_fix_hardly_counts(enoe: SurveySpec):
    fixed = fixed_columns(enoe, enoe.model.columns)
    assert fixed == {"T_LOC", "CD_A", "NAC_ANIO"}
    assert {weights(enoe)[name] for name in fixed} == {1}
    assert fixed_columns(enoe, ("LOC",)) == {"T_LOC", "CD_A"}


def test_codes_take_one_byte_two_or_three_and_above_three_are_refused(enoe: SurveySpec):
    real = pd.DataFrame([PERSON | {"INGOCUP": float(k)} for k in range(600)])
    found = encoded_distances(real, pd.DataFrame([PERSON | {"INGOCUP": 299.0}]), enoe)[0]
    assert list(np.flatnonzero(found == 0)) == [299]
    planes = _Planes()
    planes.add_codes("X", np.arange(1 << 16), 16)
    assert planes.operations == [(kernel.WORD, 0, 1, 16)]
    codes = np.arange((1 << 16) + 1)
    planes.add_codes("X", codes, 16)
    assert planes.operations[1:] == [(kernel.WIDE, 2, 3, 16)]
    first, second, third = (line.astype(int) for line in planes.lines[2:])
    assert (first * 65536 + second * 256 + third == codes).all()
    with pytest.raises(InputError, match="column X, rule codes"):
        planes.add_codes("X", np.array([0, 1 << 24]), 16)


def test_places_beyond_two_bytes_are_told_apart(enoe: SurveySpec):
    """A census has more places than 65,536: no two of them may look like one."""
    count = 70_000
    places = [
        {"ENT": f"{1 + k // 10_000:02d}", "MUN": "001", "LOC": f"{1 + k % 10_000 // 10:04d}"}
        | {"MAN": f"{1 + k % 10:03d}"}
        for k in range(count)
    ]
    real = pd.DataFrame([PERSON | place for place in places])
    synthetic = pd.DataFrame([PERSON | places[at] for at in (0, 65_536, 69_999)])
    found = encoded_distances(real, synthetic, enoe)
    assert [list(np.flatnonzero(row == 0)) for row in found] == [[0], [65_536], [69_999]]


def test_weights_fit_a_byte_or_are_refused(enoe: SurveySpec):
    def with_columns(count: int) -> SurveySpec:
        more = {f"X{k}": enoe.columns["SEX"] for k in range(count)}
        model = enoe.model.model_copy(update={"columns": tuple(more)})
        return enoe.model_copy(update={"columns": more, "model": model})

    assert set(weights(with_columns(15)).values()) == {16}
    assert set(weights(with_columns(60)).values()) == {4}
    assert set(weights(with_columns(127)).values()) == {2}
    assert set(weights(with_columns(254)).values()) == {1}
    with pytest.raises(InputError, match="too many to compare"):
        weights(with_columns(255))


def test_one_command_compiles_all_that_an_audit_searches_with() -> None:
    compile_kernel()
    for search in (kernel.lower_nearest, kernel.find_first, kernel.count_ties, kernel.share_out):
        assert search.signatures


def test_where_nothing_can_be_written_each_process_compiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in an image that is read-only, of a user without a home."""
    assert kernel._may_cache()
    monkeypatch.setattr(FunctionCache._impl_class, "_locator_classes", [])
    assert not kernel._may_cache()


@pytest.mark.parametrize("seed", range(20))
def test_shards_find_together_what_one_search_finds(seed: int):
    encoded, population = surveyed(seed)
    whole = measure_distances(encoded, population, 2)
    for count in (2, 5, 40):  # of few rows the last leaves some shards none
        shards = [Shard(number, count) for number in range(1, count + 1)]
        joined = join_shards(measure_shard(encoded, population, 1, shard) for shard in shards)
        for field in fields(Distances):
            found, wanted = (getattr(distances, field.name) for distances in (joined, whole))
            np.testing.assert_array_equal(found, wanted, err_msg=field.name)


@pytest.mark.parametrize("rows", [0, 1, 1_000_000, 1_000_001, 15_000_000, 2**40])
def test_every_row_is_of_one_shard(rows: int):
    shards = shards_of(rows)
    assert [Shard.named(shard.name) for shard in shards] == shards
    ends = [(shard.of(rows).start, shard.of(rows).stop) for shard in shards]
    assert [start for start, _ in ends] == [0, *(stop for _, stop in ends[:-1])]
    assert ends[-1][1] == rows
    assert len(shards) <= 8
