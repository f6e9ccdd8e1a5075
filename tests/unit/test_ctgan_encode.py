"""Engine ctgan, encoding: every table comes back to the last code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import UnexpectedError
from include.espejo.synthesis.ctgan.encoding.bins import MOST_BINS
from include.espejo.synthesis.ctgan.encoding.constraints import find_constraints
from include.espejo.synthesis.ctgan.encoding.encode import Encoding, encode, encode_part
from include.espejo.synthesis.ctgan.encoding.fields import Field
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.places import LEARNABLE_ROWS, Places
from include.espejo.synthesis.interface.engine import Learning
from include.espejo.table.frames import to_frame
from tests.support.learning import (
    PERIOD,
    as_text,
    enoe_learning,
    hand_made,
    parks_learning,
    there_and_back,
)

random = np.random.default_rng(7)
ROWS = 600
LEVELS = ["state", "town", "block"]
ONE_LEVEL = {"levels": ["state"]}
GEOGRAPHY = {"levels": LEVELS, "functions": {"size": "town"}}


def field_of(encoding: Encoding, column: str) -> Field:
    return next(f for f in encoding.fields if f.column == column)


def table_of_kinds() -> Learning:
    age = random.integers(0, 100, ROWS).astype(float)
    coded = np.minimum(age, 97)
    year = 2015 - age - random.integers(0, 2, ROWS)
    unknown = random.random(ROWS) < 0.05
    blank = random.random(ROWS) < 0.05
    coded[unknown], year[unknown] = 98, 9999
    coded[blank], year[blank] = np.nan, np.nan
    return hand_made(
        {
            "code": random.choice(["a", "b", "ñ", ""], ROWS).astype(object),
            "gappy": [None if i % 3 else "01" for i in range(ROWS)],
            "age": coded,
            "born": year,
            "heaped": random.choice([0, 100, 500, 1000, 99999], ROWS),
            "wide": random.integers(-5000, 5000, ROWS),
            "share": np.round(random.normal(size=ROWS), 3),
            "constant": np.full(ROWS, 7),
            "one": ["only"] * ROWS,
            "missing": [None] * ROWS,
            "missing_number": [np.nan] * ROWS,
            "thousand": [f"{i:04}" for i in random.permutation(np.arange(ROWS) + 400)],
        },
        kinds={
            "age": {"range": [0, 97], "top_code": 97, "special": {98: "unknown"}},
            "born": {"range": [1900, 2099], "special": {9999: "unknown"}},
            "share": {"kind": "decimal"},
            "heaped": {"special": {99999: "refused"}},
            "missing": {"kind": "code"},
        },
        rules=[
            {
                "kind": "birth_year",
                "name": "ages",
                "age": "age",
                "birth_year": "born",
                "gap": [0, 1],
            }
        ],
    )


def table_with_places() -> Learning:
    town = random.integers(0, 40, ROWS)
    block = random.integers(0, 9, ROWS)
    return hand_made(
        {
            "state": [f"{t % 5}" for t in town],
            "town": [None if t < 4 else f"{t // 5:03}" for t in town],
            "block": [None if t < 4 or b > 6 else f"{b}" for t, b in zip(town, block, strict=True)],
            "size": [None if t < 4 else f"{t % 3}" for t in town],
            "sex": random.choice(["1", "2"], ROWS).astype(object),
        },
        geography=GEOGRAPHY,
    )


LEARNINGS: dict[str, Callable[[], Learning]] = {
    "enoe": enoe_learning,
    "parks": parks_learning,
    "kinds": table_of_kinds,
    "places": table_with_places,
}


@pytest.mark.parametrize("name", LEARNINGS)
def test_every_table_comes_back(name: str) -> None:
    frame, back, encoding = there_and_back(LEARNINGS[name]())
    assert list(back.columns) == list(frame.columns)
    fields = {f.column: f for f in encoding.fields}
    for column in frame:
        field = fields.get(column)
        if field is not None and field.kind != "code":
            continue  # the numbers have tests of their own
        assert as_text(back[column]) == as_text(frame[column]), column
    for column, field in fields.items():
        if field.kind == "number":
            _numbers_within_their_intervals(frame[column], back[column], field)
        if field.kind == "gap":
            _birth_years_keep_their_gap(frame, back, field)


def _numbers_within_their_intervals(real: pd.Series, back: pd.Series, field: Field) -> None:
    assert (real.isna() == back.isna()).all()
    known = real.notna().to_numpy()
    real, back = real[known].to_numpy(), back[known].to_numpy()
    low, high = field.low[~np.isnan(field.low)], field.high[~np.isnan(field.high)]
    point = np.isin(real, low[low == high])
    np.testing.assert_array_equal(real[point], back[point])
    wide = low < high
    for value, drawn in zip(real[~point], back[~point], strict=True):
        inside = (low[wide] <= value) & (value <= high[wide])
        assert inside.sum() == 1, "an interval for each value, and only one"
        assert (low[wide][inside] <= drawn).all()
        assert (drawn <= high[wide][inside]).all()
    assert np.allclose(back, np.round(back, field.decimals), rtol=0, atol=1e-9)


def _birth_years_keep_their_gap(real: pd.DataFrame, back: pd.DataFrame, field: Field) -> None:
    age = str(field.age)
    assert (real[field.column].isna() == back[field.column].isna()).all()
    exact = (real[age] == back[age]) | real[age].isna()
    assert exact.mean() > 0.15  # ages of few rows come back within their interval
    np.testing.assert_array_equal(real[field.column][exact], back[field.column][exact])
    ordinary = real[field.column].between(1800, 2100) & real[age].notna()
    gap = (real[age] + real[field.column])[ordinary]
    np.testing.assert_array_equal(gap, (back[age] + back[field.column])[ordinary])


def test_heaps_special_codes_and_constants_of_rules_are_points() -> None:
    values = np.concatenate([np.repeat([0.0, 500.0], 40), np.arange(1, 400) + 0.5, [777.0, 60.0]])
    learning = hand_made(
        {"n": values, "c": ["x"] * len(values)},
        kinds={"n": {"kind": "decimal", "special": {777: "refused"}}},
        rules=[{"kind": "implies", "name": "cut", "if": "n > 60", "then": "c == 'x'"}],
    )
    encoding = there_and_back(learning)[2]
    field = field_of(encoding, "n")
    points = set(field.low[field.low == field.high])
    assert {0.0, 500.0, 777.0, 60.0} <= points
    assert field.size > 10
    across = (field.low < 60) & (field.high > 60)
    assert not across.any(), "an interval lies across a constant of a rule"


def test_no_interval_lies_across_a_negative_constant() -> None:
    values = np.arange(-301, 300) + 0.5
    learning = hand_made(
        {"n": values, "c": ["x" if v < -8 else "y" for v in values]},
        kinds={"n": {"kind": "decimal"}},
        rules=[
            {
                "kind": "implies",
                "name": "cold",
                "if": "n < -8",
                "then": "c == 'x'",
                "both_ways": True,
            }
        ],
    )
    field = field_of(there_and_back(learning)[2], "n")
    assert not ((field.low < -8) & (field.high > -8)).any()


def test_special_codes_are_never_drawn_out_of_an_interval() -> None:
    values = np.concatenate([np.arange(0, 97), [98.0] * 3, np.arange(100, 300)])
    learning = hand_made(
        {"n": values, "c": ["x"] * len(values)},
        kinds={"n": {"special": {98: "unknown", 99: "refused"}}},
    )
    frame, _, encoding = there_and_back(learning)
    for seed in range(20):
        back = there_and_back(learning, seed)[1]
        assert ((back["n"] == 98) == (frame["n"] == 98)).all()
        assert not (back["n"] == 99).any()
    assert ((field_of(encoding, "n").low < 99) & (field_of(encoding, "n").high > 99)).sum() == 0


def test_a_number_without_a_single_heap_has_few_codes() -> None:
    values = random.permutation(np.arange(5000) / 7)
    field = field_of(
        there_and_back(
            hand_made({"n": values, "c": ["x"] * 5000}, kinds={"n": {"kind": "decimal"}})
        )[2],
        "n",
    )
    assert 10 < field.size <= MOST_BINS


def test_a_column_blank_throughout_is_left_out_and_blank_again() -> None:
    frame, back, encoding = there_and_back(table_of_kinds())
    assert {"missing", "missing_number"}.isdisjoint(f.column for f in encoding.fields)
    assert back["missing"].isna().all()
    assert back["missing_number"].isna().all()
    assert list(back.columns) == list(frame.columns)


def test_types_of_the_decoded_table_are_the_tables() -> None:
    learning = table_of_kinds()
    frame = to_frame(learning.table)
    encoding, leaves, codes = encode(frame, learning.spec, PERIOD)
    assert encoding.decode(leaves, codes, random).schema.equals(learning.table.schema)


def test_one_single_field_encodes() -> None:
    frame, back, encoding = there_and_back(hand_made({"only": ["a", "b", None, "a"] * 30}))
    assert len(encoding.fields) == 1
    assert as_text(back["only"]) == as_text(frame["only"])


def test_a_thousand_codes_are_a_thousand_integers() -> None:
    cells = [f"{i % 1000:04}" for i in range(1500)]
    learning = hand_made({"many": cells, "n": np.arange(1500) % 12})
    frame, back, encoding = there_and_back(learning)
    assert field_of(encoding, "many").size == 1000
    assert as_text(back["many"]) == as_text(frame["many"])


@pytest.mark.parametrize("name", LEARNINGS)
def test_nothing_is_one_hot(name: str) -> None:
    learning = LEARNINGS[name]()
    encoding, leaves, codes = encode(to_frame(learning.table), learning.spec, PERIOD)
    rows = Layout.of(encoding).rows(leaves, codes)
    assert codes.dtype == np.int32
    assert rows.dtype == np.int32
    assert leaves.dtype == np.int64
    assert codes.shape == (learning.table.num_rows, len(encoding.fields))
    assert rows.shape[1] <= len(learning.table.column_names)
    assert (codes >= 0).all()
    assert (codes < np.array(encoding.sizes)).all()
    assert (rows < np.array(Layout.of(encoding).sizes)).all()


def test_codes_are_used_without_holes() -> None:
    for learn in LEARNINGS.values():
        learning = learn()
        encoding, _, codes = encode(to_frame(learning.table), learning.spec, PERIOD)
        for at, field in enumerate(encoding.fields):
            assert set(np.unique(codes[:, at])) == set(range(field.size)), field.column


def test_leaves_are_the_tuples_of_the_table_with_their_counts() -> None:
    frame = to_frame(table_with_places().table)
    places = Places.of(frame, LEVELS, ["size"])
    wanted = frame[[*LEVELS, "size"]].astype(object)
    wanted = wanted.where(wanted.notna(), None).value_counts(dropna=False)
    found = {
        tuple(t): c
        for t, c in zip(places.tuples.itertuples(index=False), places.counts, strict=True)
    }
    assert {tuple(None if pd.isna(v) else v for v in t): c for t, c in wanted.items()} == found
    assert places.counts.sum() == len(frame)
    assert places.paths.shape == (len(found), 3)


def test_paths_are_a_tree() -> None:
    """A node has one parent, and two leaves share a node exactly where they share the codes."""
    frame = to_frame(table_with_places().table)
    places = Places.of(frame, LEVELS, ["size"])
    for depth in range(1, 4):
        tuples = places.tuples[LEVELS[:depth]].apply(tuple, axis=1)
        nodes = places.paths[:, depth - 1]
        assert len(set(zip(tuples, nodes, strict=True))) == len(set(tuples)) == len(set(nodes))
    levels = [set(places.paths[:, d]) for d in range(3)]
    assert levels[0].isdisjoint(levels[1])
    assert levels[1].isdisjoint(levels[2])


def test_what_a_rule_concludes_from_is_drawn_first() -> None:
    order = [f.column for f in there_and_back(enoe_learning())[2].fields]
    for first, then in [
        ("EDA", "NAC_ANIO"),
        ("NAC_MES", "NAC_DIA"),
        ("EDA", "CS_P13_1"),
        ("NAC_ANIO", "NAC_DIA"),
    ]:
        assert order.index(first) < order.index(then)


def test_a_circle_of_rules_is_cut() -> None:
    rules = [
        {"kind": "implies", "name": f"r{a}", "if": f"{a} == 'x'", "then": f"{b} == 'x'"}
        for a, b in ("ab", "bc", "ca")
    ]
    cells = random.choice(["x", "y"], ROWS).astype(object)
    encoding = there_and_back(hand_made({n: cells for n in "abc"}, rules=rules))[2]
    assert sorted(f.column for f in encoding.fields) == ["a", "b", "c"]
    constraints, too_many = find_constraints(encoding)
    assert not too_many
    assert constraints


def test_only_geography_is_refused_in_words() -> None:
    learning = hand_made(
        {"state": ["a", "b"] * 60, "town": ["1", "2"] * 60}, geography={"levels": ["state", "town"]}
    )
    with pytest.raises(Exception, match="no column to draw"):
        encode(to_frame(learning.table), learning.spec, PERIOD)


def test_fields_survive_json() -> None:
    import json

    for field in there_and_back(table_of_kinds())[2].fields:
        content: dict[str, Any] = json.loads(json.dumps(field.as_dict(), allow_nan=False))
        again = Field.from_dict(content)
        assert again.as_dict() == field.as_dict()
        np.testing.assert_array_equal(again.low, field.low)
        np.testing.assert_array_equal(again.high, field.high)


def test_places_of_few_rows_share_one_node() -> None:
    """A small place has nothing of its own to learn: its path goes as far as there are rows."""
    counts = np.array([LEARNABLE_ROWS, LEARNABLE_ROWS - 1, 1])
    paths = np.array([[0, 1], [0, 2], [3, 4]])
    learnable, nodes = Places(pd.DataFrame(), paths, counts).learnable_paths()
    assert nodes == 3
    assert learnable.tolist() == [[1, 2], [1, 0], [0, 0]]


@pytest.mark.parametrize("name", LEARNINGS)
def test_a_part_has_the_codes_that_it_has_in_the_whole(name: str) -> None:
    learning = LEARNINGS[name]()
    frame = to_frame(learning.table)
    encoding, leaves, codes = encode(frame, learning.spec, learning.period, learning.households)
    rows = np.flatnonzero(np.arange(len(frame)) % 7 < 2)
    part = to_frame(learning.table.take(rows))
    assert [a.tolist() for a in encode_part(encoding, part)] == [
        leaves[rows].tolist(),
        codes[rows].tolist(),
    ]
    none = encode_part(encoding, part.iloc[:0])
    assert [len(a) for a in none] == [0, 0]


def test_what_the_whole_does_not_have_is_told_of_a_part() -> None:
    known = hand_made({"state": ["1", "2"] * 20, "code": ["a", "b"] * 20}, geography=ONE_LEVEL)
    encoding = encode(to_frame(known.table), known.spec, known.period)[0]
    cases: list[tuple[dict[str, list[Any]], str]] = [
        ({"state": ["1", "3"], "code": ["a", "b"]}, "place"),
        ({"state": ["1", "2"], "code": ["a", "c"]}, "code"),
        ({"state": ["1", "2"], "code": ["a", None]}, "code"),
    ]
    for strange, wrong in cases:
        part = hand_made(strange, geography=ONE_LEVEL)
        with pytest.raises(UnexpectedError, match=f"has a {wrong}"):
            encode_part(encoding, to_frame(part.table))


def test_what_parts_a_table_is_drawn_before_what_follows_it() -> None:
    learning = hand_made({"sex": ["1", "2"] * 20, "class": ["a", "b"] * 20})
    spec = learning.spec
    model = spec.model.model_copy(update={"partition": "class"})
    for asked, order in (
        (spec, ["sex", "class"]),
        (spec.model_copy(update={"model": model}), ["class", "sex"]),
    ):
        encoding = encode(to_frame(learning.table), asked, PERIOD)[0]
        assert [field.column for field in encoding.fields] == order
