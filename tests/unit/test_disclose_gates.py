"""The gates without statistics, the matches by equality, and what closes a gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from include.espejo.disclose.attacks.attack import Attack
from include.espejo.disclose.attacks.matches import match_attacks
from include.espejo.disclose.audit import _gate
from include.espejo.disclose.checks import check_floors, check_rules
from include.espejo.disclose.gates import Audit, Gate, Outcome
from include.espejo.disclose.statistics.excess import Excess
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.disclosure import Floor
from include.espejo.table.classes import classes
from include.espejo.table.people import Population, gather

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


def people(*groups: tuple[int, dict[str, Any]], first: int = 0, size: int = 2) -> pd.DataFrame:
    """So many copies of PERSON with each change, in households of `size`."""
    rows = [PERSON | change for count, change in groups for _ in range(count)]
    key = {
        "CON": [f"{first + k // size:05}" for k in range(len(rows))],
        "V_SEL": "01",
        "N_HOG": "1",
        "H_MUD": "0",
    }
    return pd.DataFrame(rows).assign(**key)


def synthetic_rows(*changes: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([PERSON | change for change in changes])


def population(real: pd.DataFrame, synthetic: pd.DataFrame, spec: SurveySpec) -> Population:
    return gather(real, None, synthetic, spec, 1)


# --- rules -------------------------------------------------------------------------------------


def rules(spec: SurveySpec, period: Period, **change: Any) -> Gate:
    """The gate of rules for one synthetic row, beside real ones of two places."""
    village = {"LOC": "0002", "T_LOC": "4", "CD_A": "86", "SEX": "2"}
    real = people((20, {}), (20, village), (20, {"NAC_DIA": "31", "NAC_MES": "05"}))
    synthetic = synthetic_rows(change).astype({"INGOCUP": float, "EDA": float})
    return check_rules(population(real, synthetic, spec), spec, period)


def test_rows_like_the_real_ones_break_nothing(enoe: SurveySpec, period: Period):
    gate = rules(enoe, period)
    assert gate.passed
    assert gate.figure == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"EDA": 31.0}, "column EDA, NAC_ANIO, rule age_birth_year: 1 rows"),
        ({"NAC_DIA": "32"}, "column NAC_DIA, rule code_list: 1 rows"),
        ({"MUN": "008"}, "column MUN, rule code_that_no_real_row_has: 1 rows"),
        ({"INGOCUP": -1.0}, "column INGOCUP, rule range: 1 rows"),
        ({"INGOCUP": 10.5}, "column INGOCUP, rule whole_numbers: 1 rows"),
        ({"POS_OCU": None, "INGOCUP": 0.0}, "column POS_OCU, rule not_blank: 1 rows"),
        ({"T_LOC": "4", "CD_A": "86"}, "rule cd_a_of_loc_of_real_places: 1 rows"),
    ],
)
def test_a_row_that_breaks_a_rule_closes(
    change: dict[str, Any], told: str, enoe: SurveySpec, period: Period
):
    gate = rules(enoe, period, **change)
    assert not gate.passed
    assert gate.figure == 1
    assert told in gate.reason
    assert gate.remedy


# --- floors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "size", "passes"),
    [
        (10, 2, True),
        (9, 2, False),  # too few people
        (12, 4, True),
        (12, 6, False),  # of too few households
    ],
)
def test_floor_behind_places(count: int, size: int, passes: bool, enoe: SurveySpec):
    block = {"MAN": "011"}
    real = people((36, {}), (count, block), size=size)
    place, codes = check_floors(population(real, synthetic_rows({}, block), enoe), enoe)
    assert (place.name, codes.name) == ("floor", "floor_codes")
    assert place.figure == count
    assert place.passed == codes.passed == passes


def test_floor_counts_whole_tuples_and_blanks(enoe: SurveySpec):
    """Each of the two blocks has people enough in its own locality; swapped they have none."""
    other = {"LOC": "0002", "MAN": "011"}
    real = people((20, {}), (20, other), (9, {"MAN": None}))
    swapped, _ = check_floors(population(real, synthetic_rows({"MAN": "011"}), enoe), enoe)
    assert (swapped.figure, swapped.passed) == (0, False)
    blank, codes = check_floors(population(real, synthetic_rows({"MAN": None}), enoe), enoe)
    assert (blank.figure, blank.passed) == (9, False)
    assert codes.passed  # a blank is no code


def test_floor_counts_train_and_holdout_together(enoe: SurveySpec):
    train, holdout = people((6, {})), people((6, {}), first=50)
    both = gather(train, holdout, synthetic_rows({}), enoe, 1)
    assert check_floors(both, enoe)[0].figure == 12


@pytest.mark.parametrize(
    ("count", "size", "passes"),
    [
        (10, 2, True),
        (9, 2, False),
        (12, 6, False),
        (0, 2, False),
    ],
)
def test_floor_behind_the_special_codes_of_a_number(
    count: int, size: int, passes: bool, enoe: SurveySpec
):
    unknown = {"EDA": 99.0}
    real = people((36, {}), (count, unknown), (1, {"EDA": 31.0}), size=size)
    _, codes = check_floors(population(real, synthetic_rows({}, unknown), enoe), enoe)
    assert (codes.figure, codes.passed) == (count, passes)
    assert ("column EDA, rule floor: 1 released values are below it" in codes.reason) == (
        not passes
    )
    _, codes = check_floors(population(real, synthetic_rows({}, {"EDA": 31.0}), enoe), enoe)
    assert codes.passed  # another number is no code


def test_floor_of_a_survey_without_geography(parks: SurveySpec):
    row = {
        "park": "Peñón",
        "age": 30.0,
        "birth_year": 1985.0,
        "month": "05",
        "day": "07",
        "member": "no",
        "pass_type": None,
        "hours": 2.0,
        "spent": 1.0,
        "rating": 3.0,
        "returns": "sí",
        "dog": None,
    }
    rows = pd.DataFrame([row] * 5)
    place, codes = check_floors(population(rows, rows[:1], parks), parks)
    assert not place.applicable
    assert place.passed
    assert "no geography" in place.reason
    assert (codes.figure, codes.passed) == (5, True)  # of as many households: each row is one


# --- matches -----------------------------------------------------------------------------------


def score_of(attacks: list[Attack], name: str) -> list[float]:
    return list(next(a for a in attacks if a.name == name).scores[0].values)


def test_uniques_and_what_keys_disclose(enoe: SurveySpec):
    # Two alone with their age, two who share theirs; the synthetic rows know ages 40 to 42.
    ages: list[dict[str, Any]]
    ages = [{"EDA": 40.0}, {"EDA": 41.0, "POS_OCU": "3"}, {"EDA": 42.0}, {"EDA": 42.0}]
    real = people(*((1, age) for age in ages), size=1)
    told = [{"EDA": 40.0}, {"EDA": 41.0}, {"EDA": 42.0}, {"EDA": 43.0}, {"EDA": 43.0}]
    attacks = match_attacks(population(real, synthetic_rows(*told), enoe), enoe)
    assert score_of(attacks, "unique_matches") == [1, 0, 0, 0]
    assert score_of(attacks, "replicated_uniques:neighbour") == [1, 1, 0, 0]
    assert score_of(attacks, "disclosive:neighbour:POS_OCU") == [1, 0, 1, 1]
    mixed = synthetic_rows(*told, {"EDA": 42.0, "POS_OCU": "4"})
    attacks = match_attacks(population(real, mixed, enoe), enoe)
    assert score_of(attacks, "disclosive:neighbour:POS_OCU") == [1, 0, 0, 0]


def test_rare_numbers_are_those_under_the_floor(enoe: SurveySpec):
    real = people((10, {}), (1, {"INGOCUP": 777.0}), (1, {"INGOCUP": 778.0}), size=1)
    synthetic = synthetic_rows({}, {"INGOCUP": 777.0})
    attacks = match_attacks(population(real, synthetic, enoe), enoe)
    assert score_of(attacks, "rare_numbers") == [0] * 10 + [1, 0]


def test_classes_are_brackets_and_special_codes(parks: SurveySpec):
    spent = classes(pd.Series([0.0, 9.99, 10.0, 39.0, 40.0, np.nan]), parks.columns["spent"])
    assert list(spent) == [0, 0, 1, 2, 3, -1]
    age = classes(pd.Series([0.0, 98.0, 90.0]), parks.columns["age"])
    assert age[0] == age[2] != age[1]


# --- what closes a gate ------------------------------------------------------------------------


def gate(figure: float, p: float, limit: float = 0.07, **change: Any) -> Gate:
    detectable = change.pop("detectable", 0.02)
    excess = Excess(figure, (figure - 0.01, figure + 0.01), p, detectable)
    return _gate(Attack("attack", (), "share", limit, **change), excess, p, 0.001)


def test_a_gate_closes_on_an_excess_that_is_significant_and_above_its_limit():
    assert not gate(0.08, 0.001).passed
    assert gate(0.07, 0.001).passed
    assert gate(0.08, 0.0011).passed
    assert "0.0800" in gate(0.08, 0.001).reason


def test_a_figure_that_is_missing_is_a_failed_gate():
    lost = gate(float("nan"), 1.0)
    assert (lost.figure, lost.interval, lost.outcome) == (None, None, Outcome.NOT_COMPUTED)
    assert not lost.passed
    blind = gate(0.0, 1.0, detectable=None)
    assert (blind.passed, blind.outcome) == (False, Outcome.TOO_FEW)


def test_what_is_only_reported_closes_nothing():
    reported = gate(0.5, 1e-9, only_reported="too few to gate")
    assert (reported.passed, reported.applicable, reported.figure) == (True, False, 0.5)


def test_an_audit_without_gates_is_not_passed():
    assert not Audit(gates=()).passed
    assert Audit(gates=(gate(0.0, 1.0),)).passed
    failed = Audit(gates=(gate(0.0, 1.0), gate(0.08, 0.001)))
    assert (failed.passed, failed.failed) == (False, ("attack",))


def test_a_floor_of_more_households_than_people_is_refused() -> None:
    with pytest.raises(ValidationError, match="5 households have at least as many people"):
        Floor(people=3, households=5)
    assert Floor(people=5, households=5).households == 5
