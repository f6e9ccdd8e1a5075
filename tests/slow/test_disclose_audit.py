"""The audit as a whole: honest tables pass, planted leaks are caught, bad input is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.leaks import LEAKS, Split, keep_floor, plain, read_rows, split_rows
from demo.enoe_like import generate_survey, write_survey
from include.espejo.disclose import Audit
from include.espejo.disclose.audit import run_audit
from include.espejo.disclose.gates import Outcome
from include.espejo.errors import InputError
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.model import Total, Weight
from tests.surveys.parks import write_parks

NEEDS_CONTROL = {"identical", "near_identical", "isolated_matched", "closest_record", "membership"}
CANARY = 777777


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory, enoe: SurveySpec) -> Split:
    """Three equal parts of a made-up survey: train, holdout, and an independent table."""
    path = tmp_path_factory.mktemp("audit") / "survey.csv"
    write_survey(generate_survey(2015, 2, people=4500, seed=5), path)
    return keep_floor(split_rows(read_rows(str(path), enoe), enoe, 0.5, 3), enoe)


@pytest.fixture(scope="module")
def clean(split: Split, enoe: SurveySpec, period: Period) -> Audit:
    return run(split, enoe, period)


def run(split: Split, spec: SurveySpec, period: Period, seed: int = 1, threads: int = 2) -> Audit:
    return run_audit(split.train, split.holdout, split.synthetic, spec, period, seed, threads)


def test_an_independent_table_passes(clean: Audit):
    assert clean.failed == ()
    assert clean.passed
    assert {gate.name for gate in clean.gates} >= NEEDS_CONTROL | {
        "rules",
        "floor",
        "floor_codes",
        "identical_quasi",
        "membership_outliers",
        "near_identical_households",
        "unique_matches",
        "rare_numbers",
        "replicated_uniques:neighbour",
        "disclosive:neighbour:POS_OCU",
        "attribute_inference:POS_OCU:nearest",
        "attribute_inference:INGOCUP:boosted",
    }


def test_every_tested_gate_says_what_it_would_have_caught(clean: Audit):
    tested = [gate for gate in clean.gates if gate.p is not None]
    assert len(tested) > 15
    for gate in tested:
        assert gate.detectable is not None
        assert gate.detectable > 0
        assert gate.interval is not None
        assert gate.figure is not None
        assert gate.interval[0] <= gate.figure <= gate.interval[1]


def test_the_audit_is_plain_json(clean: Audit):
    told = json.loads(clean.to_json())
    assert told["passed"] is True
    assert told["gates"][0]["name"] == "rules"
    assert told["information"]["distance_to_holdout_p5"] >= 0


def test_a_seed_gives_one_answer_and_no_global_generator_is_touched(
    clean: Audit, split: Split, enoe: SurveySpec, period: Period
):
    before: Any = np.random.get_state()  # noqa: NPY002  it is what must not change
    again = run(split, enoe, period, threads=1)
    after: Any = np.random.get_state()  # noqa: NPY002
    assert again == clean
    assert (before[1] == after[1]).all()
    assert before[2] == after[2]


@pytest.mark.parametrize(
    "leak",
    [
        "copied rows",
        "copied households, age",
        "isolated memorised",
        "under-floor block",
        "memorised canary",
    ],
)
def test_a_planted_leak_closes_the_gate_meant_for_it(
    leak: str, split: Split, enoe: SurveySpec, period: Period, monkeypatch: pytest.MonkeyPatch
):
    """With as many people as a test can wait for, 1 % of them are too few to tell from chance."""
    monkeypatch.setattr("bench.leaks.ISOLATED_SHARE", 0.02)
    plant, meant = LEAKS[leak]
    found = run(plant(split, enoe, np.random.default_rng(8)), enoe, period)
    assert not found.passed
    assert set(meant) & set(found.failed)
    for gate in found.gates:
        assert gate.passed == (not gate.reason) or not gate.applicable
        assert gate.passed or gate.remedy


def test_without_a_holdout_nothing_that_needs_one_passes(
    split: Split, enoe: SurveySpec, period: Period
):
    found = run_audit(split.train, None, split.synthetic, enoe, period, 1)
    assert {g.name for g in found.gates if g.outcome is Outcome.NO_CONTROL} >= NEEDS_CONTROL
    assert set(found.failed) >= NEEDS_CONTROL
    assert {g.name: g.passed for g in found.gates}["rules"]


def test_a_holdout_too_small_to_tell_is_no_pass(split: Split, enoe: SurveySpec, period: Period):
    found = run_audit(split.train, split.holdout[:1], split.synthetic, enoe, period, 1)
    assert {g.outcome for g in found.gates if g.name in NEEDS_CONTROL} == {Outcome.TOO_FEW}
    assert set(found.failed) >= NEEDS_CONTROL


def test_a_number_that_the_synthetic_table_never_tells_is_left_out(
    split: Split, clean: Audit, enoe: SurveySpec, period: Period
):
    blank = split.synthetic.assign(NAC_ANIO=np.nan)
    found = {g.name: g for g in run(with_rows(split, synthetic=blank), enoe, period).gates}
    for gate in clean.gates:
        if gate.name.startswith("attribute_inference"):
            assert found[gate.name].passed
            assert found[gate.name].figure is not None


def test_a_table_that_tells_of_no_quasi_identifier_gives_no_figure(
    split: Split, enoe: SurveySpec, period: Period
):
    blank = split.synthetic.assign(**dict.fromkeys(enoe.with_role("quasi"), np.nan))
    codes = {n: "category" for n, c in enoe.model_columns().items() if c.is_code()}
    found = run(with_rows(split, synthetic=blank.astype(codes)), enoe, period)
    inference = [g for g in found.gates if g.name.startswith("attribute_inference")]
    assert len(inference) == 2 * len(enoe.with_role("sensitive"))
    for gate in inference:
        assert (gate.passed, gate.figure, gate.outcome) == (False, None, Outcome.NOT_COMPUTED)


# --- a survey without geography and households --------------------------------------------------


@pytest.fixture(scope="module")
def visitors(tmp_path_factory: pytest.TempPathFactory, parks: SurveySpec) -> Split:
    path = tmp_path_factory.mktemp("audit") / "parks.csv"
    write_parks(path, rows=1200, seed=2)
    rows = read_rows(str(path), parks)
    parts = rows[:400], rows[400:800], rows.loc[800:, list(parks.model_columns())]
    return Split(*(part.reset_index(drop=True) for part in parts))


def test_a_survey_of_single_rows_is_audited(visitors: Split, parks: SurveySpec, period: Period):
    found = run(visitors, parks, period)
    assert found.failed == ()
    skipped = {gate.name for gate in found.gates if not gate.applicable}
    assert skipped == {"floor", "near_identical_households", "membership_outliers"}
    copies = visitors.train.sample(40, random_state=1)[list(visitors.synthetic)]
    leaky = pd.concat([visitors.synthetic, copies], ignore_index=True)
    found = run_audit(visitors.train, visitors.holdout, leaky, parks, period, 1)
    assert "identical" in found.failed


# --- bad input ----------------------------------------------------------------------------------


def with_rows(split: Split, **sides: pd.DataFrame) -> Split:
    return Split(
        **({"train": split.train, "holdout": split.holdout, "synthetic": split.synthetic} | sides)
    )


def shared_household(split: Split) -> Split:
    return with_rows(split, holdout=pd.concat([split.holdout, split.train[:1]]))


def text_for_numbers(split: Split) -> Split:
    values = split.synthetic["EDA"].astype(object)
    values.iloc[3] = f"age {CANARY}"
    return with_rows(split, synthetic=split.synthetic.assign(EDA=values))


def numbers_for_codes(split: Split) -> Split:
    return with_rows(split, synthetic=split.synthetic.assign(SEX=CANARY))


BAD_INPUT: dict[str, tuple[Callable[[Split], Split], str]] = {
    "another column": (
        lambda s: with_rows(s, synthetic=s.synthetic.assign(**{str(CANARY): "1"})),
        "rule columns: 1 are not modelled",
    ),
    "a column less": (
        lambda s: with_rows(s, synthetic=s.synthetic.drop(columns="SEX")),
        "column SEX: not in the table",
    ),
    "a real column less": (lambda s: with_rows(s, train=s.train.drop(columns="SEX")), "SEX"),
    "no key": (
        lambda s: with_rows(s, train=s.train[list(s.synthetic)].drop(columns=["ENT", "CD_A"])),
        "those of the household key",
    ),
    "no rows": (lambda s: with_rows(s, synthetic=s.synthetic[:0]), "rule rows"),
    "a household on both sides": (shared_household, "1 households are also in train"),
    "text for numbers": (text_for_numbers, "column EDA, rule types"),
    "numbers for codes": (numbers_for_codes, "column SEX, rule types"),
    "no finite numbers": (
        lambda s: with_rows(s, train=s.train.assign(INGOCUP=np.inf)),
        "column INGOCUP, rule types",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_tables_that_cannot_be_compared_are_refused(
    case: str,
    split: Split,
    enoe: SurveySpec,
    period: Period,
    assert_no_canary: Callable[[object], None],
):
    change, told = BAD_INPUT[case]
    with pytest.raises(InputError) as caught:
        run(change(split), enoe, period)
    assert told in str(caught.value)
    assert_no_canary(caught.value)


def test_gates_tell_no_value(
    split: Split, enoe: SurveySpec, period: Period, assert_no_canary: Callable[[object], None]
):
    """A value that one training household has, and codes that nobody has, come out."""
    train, synthetic = split.train.copy(), split.synthetic.copy()
    train.loc[0, "INGOCUP"] = synthetic.loc[0, "INGOCUP"] = CANARY
    synthetic.loc[1, "MUN"] = "ZQX7"
    found = run(with_rows(split, train=train, synthetic=synthetic), enoe, period)
    assert "rules" in found.failed
    assert_no_canary(found.to_json().decode())


def test_the_order_of_rows_and_categories_is_nothing_to_the_floor(
    split: Split, enoe: SurveySpec, period: Period, clean: Audit, tmp_path: Path
):
    codes = {n: "category" for n, c in enoe.model_columns().items() if c.is_code()}
    shuffled = split.synthetic.sample(frac=1, random_state=1).astype(codes)
    found = run(with_rows(split, synthetic=plain(shuffled).astype(codes)), enoe, period)
    figures = [{g.name: g.figure for g in told.gates} for told in (clean, found)]
    for name in ("rules", "floor", "floor_codes", "identical", "near_identical", "membership"):
        assert figures[0][name] == figures[1][name]


def test_a_copy_with_a_weight_of_its_own_is_still_a_copy(
    split: Split, enoe: SurveySpec, period: Period
) -> None:
    """A released weight is raked: it must not tell a copied row from its original."""
    weight = Weight(column="FAC", totals=(Total(by=("ENT",)),))
    columns = enoe.columns | {"FAC": enoe.columns["FAC"].model_copy(update={"role": "weight"})}
    model = enoe.model.model_copy(update={"columns": (*enoe.model.columns, "FAC")})
    weighted = enoe.model_copy(update={"weight": weight, "columns": columns, "model": model})
    copies = split.train[list(enoe.model_columns())].reset_index(drop=True)
    train, holdout, synthetic = (
        table.assign(FAC=np.arange(len(table)) % number + 1.0)
        for table, number in ((split.train, 900), (split.holdout, 900), (copies, 700))
    )
    found = run_audit(train, holdout, synthetic, weighted, period, seed=1)
    plain_audit = run_audit(split.train, split.holdout, copies, enoe, period, seed=1)
    assert found == plain_audit
    assert "identical" in found.failed
