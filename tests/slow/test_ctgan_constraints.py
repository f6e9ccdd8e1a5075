"""Engine ctgan, constraints: rows keep the declared rules whatever the network says."""

from __future__ import annotations

import copy
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from include.espejo.errors import ParameterError
from include.espejo.synthesis.ctgan import sampling
from include.espejo.synthesis.ctgan.encoding.constraints import find_constraints
from include.espejo.synthesis.ctgan.encoding.encode import encode
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.places import MOST_PLACE_CODES
from include.espejo.synthesis.ctgan.fit import Trained
from include.espejo.synthesis.ctgan.model import Model, load_model, save_model
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.interface.engine import Learning, SampleRequest
from include.espejo.synthesis.sample import broken_rules
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import relations
from tests.support.learning import (
    PERIOD,
    drawn,
    enoe_learning,
    fitted,
    hand_made,
    parks_learning,
    same_weights,
    trained_enoe,
    trained_parks,
)

ROWS = 1200
SURVEYS: dict[str, tuple[Callable[[], Trained], Callable[[], Learning]]] = {
    "enoe": (trained_enoe, enoe_learning),
    "parks": (trained_parks, parks_learning),
}


def with_random_weights(trained: Trained, scale: float, seed: int = 1) -> Model:
    model = copy.deepcopy(trained.model)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random) * scale)
    return model


def count_draws(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows are drawn each time, filled as they are."""
    counted, draw = list[int](), sampling._draw

    def count(model: Any, size: int, *rest: Any) -> Any:
        counted.append(size)
        return draw(model, size, *rest)

    monkeypatch.setattr(sampling, "_draw", count)
    return counted


def table_of(model: Model, rows: int, seed: int = 2) -> pd.DataFrame:
    request = SampleRequest(rows, seed, calibrate=False)
    return pd.concat([to_frame(t) for t in sample_rows(model, request)])


@pytest.mark.parametrize("name", SURVEYS)
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_rules_hold_whatever_the_weights(name: str, scale: float) -> None:
    train, learn = SURVEYS[name]
    real = learn()
    for seed in (1, 2):
        table = table_of(with_random_weights(train(), scale, seed), 600, seed)
        found = relations(table.reset_index(drop=True), real.spec, PERIOD)
        assert {b.rule: b.count for b in found if b.count} == {}
        assert len(found) >= 6


@pytest.mark.parametrize("name", SURVEYS)
def test_hardly_any_row_has_to_be_drawn_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction, not by rejection: one row in a hundred at most is drawn again (a leap day
    hangs on the year within an interval of ages)."""
    counted = count_draws(monkeypatch)
    table_of(with_random_weights(SURVEYS[name][0](), 1.0), 4000)
    assert counted[0] == 4000
    assert sum(counted[1:]) <= 40


def test_the_constraints_leave_every_training_row() -> None:
    """A constraint that forbids a row of the table would be a bug of the constraint."""
    for learn in (enoe_learning, parks_learning):
        learning = learn()
        encoding, leaves, codes = encode(to_frame(learning.table), learning.spec, PERIOD)
        rows = Layout.of(encoding).rows(leaves, codes)
        constraints, too_many = find_constraints(encoding)
        assert too_many == []
        assert constraints
        for c in constraints:
            allowed = c.allowed[rows[:, list(c.given)] @ np.array(c.strides, dtype=int), :]
            assert allowed[np.arange(len(rows)), rows[:, c.target]].mean() > 0.999


def test_no_place_that_training_lacks_and_functions_of_places_right() -> None:
    real = to_frame(enoe_learning().table)
    columns = ["ENT", "MUN", "LOC", "MAN", "T_LOC", "CD_A"]
    known = {tuple(row) for row in real[columns].astype(object).fillna("-").to_numpy()}
    table = table_of(with_random_weights(trained_enoe(), 30.0), 3000)
    places = [tuple(row) for row in table[columns].astype(object).fillna("-").to_numpy()]
    assert set(places) <= known
    assert len(set(places)) > 0.5 * len(known)
    # Places come by their true frequency, not from the network.
    share = real["ENT"].value_counts(normalize=True).sort_index()
    drawn_share = table["ENT"].value_counts(normalize=True).reindex(share.index).fillna(0)
    assert (share - drawn_share).abs().max() < 0.04


@pytest.mark.parametrize("name", SURVEYS)
def test_codes_and_special_numbers_only_from_those_seen(name: str) -> None:
    train, learn = SURVEYS[name]
    real, table = to_frame(learn().table), table_of(with_random_weights(train(), 30.0), 2000)
    spec = learn().spec
    for column in real:
        if spec.columns[column].is_code():
            assert set(table[column].dropna()) <= set(real[column].dropna()), column
            assert table[column].notna().all() or real[column].isna().any(), column
        else:
            if column not in ("birth_year", "NAC_ANIO"):
                known = table[column].dropna()
                assert known.between(real[column].min(), real[column].max()).all(), column
            special = set(spec.columns[column].special)
            assert set(table[column]) & special <= set(real[column]) & special


def test_an_unknown_age_has_no_birth_year_made_of_its_code() -> None:
    """98 is no age: 2015 - 98 is no birth year."""
    table = table_of(with_random_weights(trained_parks(), 0.0), 3000)
    unknown = table["age"] == 98
    assert unknown.sum() > 20  # every code is as likely as another
    assert set(table.loc[unknown, "birth_year"]) == {9999.0}


def test_a_rule_with_a_column_that_is_blank_throughout() -> None:
    random = np.random.default_rng(1)
    a = random.choice(["1", "2"], ROWS).astype(object)
    b = np.where(a == "1", "2", random.choice(["1", "2", "3"], ROWS)).astype(object)
    learning = hand_made(
        {"a": a, "b": b, "c": [None] * ROWS},
        kinds={"c": {"kind": "code"}},
        rules=[{"kind": "implies", "name": "r", "if": "a == '1'", "then": "blank(c) and b == '2'"}],
    )
    encoding = encode(to_frame(learning.table), learning.spec, PERIOD)[0]
    assert [c.target for c in find_constraints(encoding)[0]] == [1]


def test_rules_that_wait_for_each_other_are_kept() -> None:
    """Eight flags of which one is set, tied to a ninth column: most tuples of flags are dead ends
    that no rule by itself forbids."""
    random = np.random.default_rng(2)
    who = random.integers(0, 8, ROWS)
    columns = {f"flag{i}": np.where(who == i, "1", "0").astype(object) for i in range(8)}
    columns["which"] = np.array([f"{w}" for w in who], dtype=object)
    rules = [
        {
            "kind": "implies",
            "name": f"r{i}",
            "if": f"flag{i} == '1'",
            "then": f"which == '{i}'",
            "both_ways": True,
        }
        for i in range(8)
    ]
    learning = hand_made(columns, rules=rules)
    table = drawn(fitted(learning, epochs=1), 1500)
    assert broken_rules(to_frame(table), to_frame(learning.table), learning.spec, PERIOD) == []


def test_numbers_that_are_compared_with_each_other() -> None:
    random = np.random.default_rng(3)
    gross = np.round(random.gamma(2, 1000, ROWS), 2)
    net = np.round(gross * random.uniform(0.6, 1, ROWS), 2)
    learning = hand_made(
        {"gross": gross, "net": net},
        kinds={"gross": {"kind": "decimal"}, "net": {"kind": "decimal"}},
        rules=[{"kind": "implies", "name": "r", "if": "not blank(gross)", "then": "net <= gross"}],
    )
    table = drawn(fitted(learning, epochs=1), 1000)
    assert broken_rules(to_frame(table), to_frame(learning.table), learning.spec, PERIOD) == []


def test_a_rule_over_too_many_combinations_is_named_and_still_kept() -> None:
    random = np.random.default_rng(4)
    codes = np.array([f"{i:03}" for i in range(300)], dtype=object)
    same = random.choice(codes, ROWS)
    learning = hand_made(
        {"a": same, "b": same, "c": random.choice(codes, ROWS)},
        rules=[{"kind": "implies", "name": "wide", "if": "not blank(c)", "then": "a == b"}],
    )
    trained = fitted(learning, epochs=1)
    assert find_constraints(trained.model.encoding)[1] == ["wide"]
    table = drawn(trained, 300, calibrate=False)
    assert broken_rules(to_frame(table), to_frame(learning.table), learning.spec, PERIOD) == []


def placed_learning(*rules: Mapping[str, Any], towns: int = 90, rows: int = ROWS) -> Learning:
    """A nation with two states and `towns` towns, one of them not told, where these rules hold."""
    random = np.random.default_rng(5)
    town = np.arange(rows) % towns
    columns = {
        "nation": np.full(rows, "N", dtype=object),
        "state": np.where(town % 3 == 0, "A", "B").astype(object),
        "town": np.array([None if t == 5 else f"T{t:05}" for t in town], dtype=object),
        "x": random.choice(np.array(["p", "q", "r", None], dtype=object), rows).astype(object),
        "y": random.choice(["1", "2"], rows).astype(object),
        "born": np.array([f"T{t:05}" for t in random.integers(0, 80, rows)], dtype=object),
    }
    geography = {"levels": ["nation", "state", "town"]}
    made = hand_made(columns, rules=rules, geography=geography)
    wrong = [b.rows for b in relations(to_frame(made.table), made.spec, PERIOD)]
    kept = ~np.logical_or.reduce(wrong)
    return hand_made({n: c[kept] for n, c in columns.items()}, rules=rules, geography=geography)


def implies(premise: str, conclusion: str, **more: Any) -> dict[str, Any]:
    return {"kind": "implies", "name": "r", "if": premise, "then": conclusion} | more


ABOUT_PLACES = {
    "one way": [implies("state == 'A'", "x == 'p'")],
    "both ways": [implies("state == 'A'", "x == 'p'", both_ways=True)],
    "the place concluded": [implies("x == 'p'", "state != 'A'")],
    "three columns": [implies("state == 'A' and x == 'p'", "y == '1'")],
    "skipped": [{"kind": "blank", "name": "r", "columns": ["x"], "when": "state == 'A'"}],
    "blank together": [{"kind": "together", "name": "r", "columns": ["town", "x"]}],
    "a blank town": [implies("blank(town) or town == 'T00003'", "x == 'p'")],
    "one code of many": [implies("town == 'T00003'", "x == 'p'")],
    "some codes of many, both ways": [
        implies("town in ('T00003', 'T00004')", "blank(x)", both_ways=True)
    ],
    "narrow and wide": [implies("state == 'A' and town != 'T00003' and y == '2'", "x == 'q'")],
    "wide against wide": [implies("town != nation and y == '1'", "x == 'q'")],
    "the same everywhere": [implies("nation == 'N' and y == '2'", "x == 'q'")],
    "nowhere": [implies("town == 'T99999'", "x == 'q'")],
    "two rules": [
        implies("town == 'T00003'", "x == 'p'"),
        implies("state == 'A' and x == 'p'", "y == '1'", name="s"),
    ],
}


@pytest.mark.parametrize("name", ABOUT_PLACES)
def test_the_constraints_leave_the_rows_that_keep_a_rule_about_places_and_no_other(
    name: str,
) -> None:
    """Every place with every combination of codes: the tables say what the rules say."""
    learning = placed_learning(*ABOUT_PLACES[name])
    encoding, _, _ = encode(to_frame(learning.table), learning.spec, PERIOD)
    constraints, too_many = find_constraints(encoding)
    assert too_many == []
    assert encoding.places is not None
    sizes = [f.size if f.column != "born" else 1 for f in encoding.fields]
    shape = (len(encoding.places.counts), *sizes)
    leaves, *codes = np.unravel_index(np.arange(np.prod(shape)), shape)
    drawn_codes = np.stack(codes, axis=1).astype(np.int32)
    table = to_frame(encoding.decode(leaves, drawn_codes, np.random.default_rng(1)))
    keeps = ~np.logical_or.reduce([b.rows for b in relations(table, learning.spec, PERIOD)])
    rows = Layout.of(encoding).rows(leaves, drawn_codes)
    left = np.ones(len(rows), dtype=bool)
    for c in constraints:
        prefix = rows[:, list(c.given)] @ np.array(c.strides, dtype=int)
        left &= c.allowed[prefix, rows[:, c.target]]
    np.testing.assert_array_equal(left, keeps)
    assert keeps.all() == (name == "nowhere")


@pytest.mark.parametrize("name", ["both ways", "three columns", "one code of many", "two rules"])
def test_rules_about_places_are_kept_at_the_first_draw(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning = placed_learning(*ABOUT_PLACES[name])
    counted = count_draws(monkeypatch)
    table = table_of(with_random_weights(fitted(learning, epochs=1), 1.0), 3000)
    assert counted == [3000]
    share = to_frame(learning.table)["town"].value_counts(normalize=True)
    found = table["town"].value_counts(normalize=True).reindex(share.index).fillna(0)
    assert (share - found).abs().max() < 0.01


def test_rules_about_the_place_do_not_change_how_often_it_is_drawn() -> None:
    random = np.random.default_rng(5)
    state = random.choice(["A", "B"], ROWS).astype(object)
    x = np.where(state == "A", "p", random.choice(list("pqrs"), ROWS)).astype(object)
    learning = hand_made(
        {"state": state, "x": x, "y": random.choice(["1", "2"], ROWS).astype(object)},
        geography={"levels": ["state"]},
        rules=[{"kind": "implies", "name": "r", "if": "state == 'A'", "then": "x == 'p'"}],
    )
    table = table_of(with_random_weights(fitted(learning, epochs=1), 1.0), 3000)
    assert not ((table["state"] == "A") & (table["x"] != "p")).any()
    assert abs((table["state"] == "A").mean() - (state == "A").mean()) < 0.05


def test_a_condition_on_a_code_that_some_places_forbid() -> None:
    trained = fitted(placed_learning(implies("state == 'A'", "x == 'p'")), epochs=1)
    table = to_frame(drawn(trained, 500, conditions={"x": "q"}))
    assert set(table["x"]) == {"q"}
    assert set(table["state"]) == {"B"}
    with pytest.raises(ParameterError, match="breaking r"):
        drawn(trained, 100, conditions={"x": "q", "state": "A"})


def test_the_wide_column_of_a_rule_becomes_the_classes_that_it_tells_apart() -> None:
    rule = implies("town in ('T00003', 'T00004') or town == 'T00007'", "x == 'p'")
    learning = placed_learning(rule)
    encoding, _, _ = encode(to_frame(learning.table), learning.spec, PERIOD)
    assert [(f.columns, f.size, f.rule) for f in encoding.given] == [
        (("state",), 2, None),
        (("town",), 3, "r"),
    ]
    assert Layout.of(encoding).sizes[:2] == (2, 3)


def test_a_model_with_classes_of_places_is_the_same_each_time_and_from_its_file(
    tmp_path: Path,
) -> None:
    learning = placed_learning(*ABOUT_PLACES["one code of many"])
    one, other = fitted(learning, epochs=1), fitted(learning, epochs=1)
    assert same_weights(one, other)
    save_model(one.model, tmp_path)
    (table,) = sample_rows(load_model(tmp_path, learning.spec), SampleRequest(400, 5))
    assert table.equals(drawn(other, 400))


def test_a_rule_that_compares_a_wide_place_with_a_drawn_column_is_named_and_still_kept() -> None:
    """Each of 90 towns is a class of its own: too many to be a field."""
    learning = placed_learning(implies("y == '1'", "born != town"))
    trained = fitted(learning, epochs=1)
    assert find_constraints(trained.model.encoding)[1] == ["r"]
    assert [f.rule for f in trained.model.encoding.given] == [None]
    table = drawn(trained, 3000, calibrate=False)
    assert broken_rules(to_frame(table), to_frame(learning.table), learning.spec, PERIOD) == []


def test_as_many_classes_of_places_as_a_field_may_have_and_one_more() -> None:
    for towns, unforced in ((MOST_PLACE_CODES, []), (MOST_PLACE_CODES + 1, ["r"])):
        names = ", ".join(f"'T{t:05}'" for t in range(90))
        rule = implies(f"nation == 'N' and town in ({names}) and y == '1'", "born != town")
        learning = placed_learning(rule, towns=towns)
        encoding = encode(to_frame(learning.table), learning.spec, PERIOD)[0]
        assert find_constraints(encoding)[1] == unforced
        assert max(f.size for f in encoding.given) == (2 if unforced else MOST_PLACE_CODES)


def test_rules_among_columns_of_the_geography_cost_nothing() -> None:
    """They hold in every place there is: no field of theirs, and no table that names a place."""
    learning = enoe_learning()
    encoding = encode(to_frame(learning.table), learning.spec, PERIOD)[0]
    assert {"T_LOC", "CD_A"} <= {f.columns[0] for f in encoding.given}
    assert {f.rule for f in encoding.given} == {None}
    for c in find_constraints(encoding)[0]:
        assert min(c.given, default=c.target) >= len(encoding.given)


def test_sixty_thousand_places_take_memory_by_places_and_classes() -> None:
    """Not by places times codes: 60,000 towns by 80 places of birth would be gigabytes."""
    learning = placed_learning(
        implies("town in ('T00003', 'T00004') and born == 'T00009'", "x == 'p' and y == '1'"),
        towns=60_000,
        rows=60_000,
    )
    encoding = encode(to_frame(learning.table), learning.spec, PERIOD)[0]
    assert encoding.places is not None
    assert len(encoding.places.counts) > 59_000
    tracemalloc.start()
    constraints, too_many = find_constraints(encoding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert too_many == []
    assert constraints
    assert encoding.given[-1].size == 2
    assert peak < 40e6


def test_a_total_of_many_values_is_refused_before_training() -> None:
    """A sum of numbers in bins is met by chance only."""
    random = np.random.default_rng(6)
    parts = np.round(random.gamma(2, 1000, (2, ROWS)), 2)
    learning = hand_made(
        {"p": parts[0], "q": parts[1], "total": np.round(parts.sum(0), 2)},
        kinds={n: {"kind": "decimal"} for n in ("p", "q", "total")},
        rules=[
            {"kind": "implies", "name": "adds_up", "if": "not blank(p)", "then": "total == p + q"}
        ],
    )
    with pytest.raises(ParameterError, match="adds_up"):
        fitted(learning, epochs=1)


def test_conditions_that_contradict_a_rule_are_refused() -> None:
    with pytest.raises(ParameterError, match="pass_of_members"):
        drawn(trained_parks(), 100, conditions={"member": "no", "pass_type": "1"})
