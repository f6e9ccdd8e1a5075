"""What breaks no rule and is odd all the same; what may break one, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from include.espejo.errors import SpecError
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import parse_spec
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import without_tolerated
from include.espejo.validate import Validation, check_survey
from tests.support.made import COLUMNS, ROWS, content_of, table_of

PERIOD = Period.parse("once")
TOWN = {"kind": "code", "role": "free", "label": "Town"}


def spec_of(
    columns: Mapping[str, Any] = COLUMNS,
    rules: list[dict[str, Any]] | None = None,
    modelled: list[str] | None = None,
    **source: Any,
) -> SurveySpec:
    content = yaml.safe_load(content_of(dict(columns), **source))
    content["rules"] = rules or []
    if modelled:
        content["model"]["columns"] = modelled
    return parse_spec(yaml.safe_dump(content, allow_unicode=True), "made.yaml")


def check(spec: SurveySpec, before: dict[str, float] | None = None, **values: Any) -> Validation:
    return check_survey(to_frame(table_of(spec, **values)), spec, PERIOD, before=before)


def test_a_table_without_oddities_has_no_warning() -> None:
    validation = check(spec_of())
    assert (validation.errors, validation.warnings) == ((), ())
    assert validation.blank_shares["BORN"] == 0.5


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"INC": [None] * ROWS}, "column INC: blank in every row"),
        ({"AGE": [12] * ROWS}, "column AGE: every filled row has the same value"),
        ({"WORKS": ["true"] * ROWS}, "column WORKS: every filled row has the same value"),
        ({"AGE": [None] * 200 + [1, 2] * 50}, "column AGE: 67% of the rows are blank, 5% in the"),
    ],
)
def test_an_odd_column_is_told(values: dict[str, list[Any]], told: str) -> None:
    before = {"AGE": 0.05, "INC": 0.95, "GONE": 0.5}
    assert any(warning.startswith(told) for warning in check(spec_of(), before, **values).warnings)


def test_codes_that_differ_by_case_or_accents_are_told() -> None:
    spec = spec_of({**COLUMNS, "TOWN": TOWN})
    towns = ["PER", "per", "Pér", "Ica", "Lima", "LIMA"] * (ROWS // 6)
    told = [w for w in check(spec, TOWN=towns).warnings if "TOWN" in w]
    assert told == [
        "column TOWN: 2 codes are written in more than one way, by case or accents (250 rows); "
        "name the others in `code_aliases`"
    ]


def test_an_unlisted_code_near_a_listed_one_has_its_remedy() -> None:
    member = {"kind": "code", "role": "free", "label": "x", "codes": {"Sí": None, "No": None}}
    spec = spec_of({**COLUMNS, "MEMBER": member})
    validation = check(spec, MEMBER=["SI", "Sí", "no"] * (ROWS // 3))
    told = validation.errors[0]
    assert told.columns == ("MEMBER",)
    assert told.rows == 200
    assert "200 rows differ from a listed code by case or accents only" in told.remedy
    assert "`code_aliases`" in told.remedy
    lost = {"kind": "code", "role": "free", "label": "x", "codes": {"01": None, "02": None}}
    validation = check(spec_of({**COLUMNS, "MEMBER": lost}), MEMBER=["1", "02"] * (ROWS // 2))
    assert "if zeros in front are lost, write `width`" in validation.errors[0].remedy


def test_what_the_release_cannot_write_is_found_before_training() -> None:
    spec = spec_of({**COLUMNS, "TOWN": TOWN}, output_encoding="latin-1")
    validation = check(spec, TOWN=["Łódź", "Ávila", "Ica"] * (ROWS // 3))
    (error,) = validation.errors
    assert str(error).startswith("column TOWN, rule can be written in latin-1: 100 rows of 300")
    assert error.remedy == "write `output_encoding: utf-8`"
    assert check(spec, TOWN=["Lodz", "Ávila", None] * (ROWS // 3)).errors == ()


@pytest.mark.parametrize(
    ("town", "rule"),
    [
        (lambda row: f"I said {row % 9} times that it is so", "codes, no free text"),
        (lambda row: "x" * (41 + row % 3), "codes, no free text"),
        (lambda row: f"A{row}", "codes that persons share"),
    ],
)
def test_free_text_and_identifiers_are_refused_where_they_are_modelled(
    town: Any, rule: str
) -> None:
    towns = [town(row) for row in range(ROWS)]
    columns = {**COLUMNS, "TOWN": TOWN}
    (error,) = check(spec_of(columns), TOWN=towns).errors
    assert (error.rule, error.columns) == (rule, ("TOWN",))
    assert check(spec_of(columns, modelled=["MUN", "SEX", "AGE"]), TOWN=towns).errors == ()
    with pytest.raises(SpecError, match="TOWN is free text, which is never modelled"):
        spec_of({**COLUMNS, "TOWN": TOWN | {"kind": "text"}})


def test_a_tolerated_breach_is_counted_told_and_left_out() -> None:
    rule = {"kind": "implies", "name": "men", "if": "AGE > 80", "then": 'SEX == "1"'}
    sex = ["2" if row % 90 == 85 else "1" for row in range(ROWS)]
    strict = spec_of(rules=[rule])
    (error,) = check(strict, SEX=sex).errors
    assert error.rows == 3
    assert error.refused.rows == (86, 176, 266)
    for at_most in (3, "3 rows", "5 rows"):
        spec = spec_of(rules=[rule | {"at_most": at_most}])
        validation = check(spec, SEX=sex)
        assert validation.errors == ()
        assert any("relation men: 3 rows of 300" in told for told in validation.warnings)
        kept = without_tolerated(to_frame(table_of(spec, SEX=sex)), spec, PERIOD)
        assert list(np.flatnonzero(~kept) + 1) == [86, 176, 266]
    for at_most in (2, "2 rows"):
        assert check(spec_of(rules=[rule | {"at_most": at_most}]), SEX=sex).errors
    with pytest.raises(SpecError):
        spec_of(rules=[rule | {"at_most": "some rows"}])


def test_blank_may_be_forbidden_to_the_survey_alone() -> None:
    columns = {**COLUMNS, "SEX": COLUMNS["SEX"] | {"blank": "never_in_input"}}
    assert check(spec_of(columns)).errors == ()
    (error,) = check(spec_of(columns), SEX=[None, "1"] * (ROWS // 2)).errors
    assert error.rule == "never blank"


def test_a_period_in_several_columns_is_checked_in_each(tmp_path: Path) -> None:
    columns = {
        **COLUMNS,
        "YEAR": {"kind": "integer", "role": "direct", "label": "Year"},
        "QUARTER": {"kind": "code", "role": "direct", "label": "Quarter"},
    }
    content = yaml.safe_load(content_of(columns))
    content |= {"period": "quarter"}
    content["source"]["period_columns"] = {"YEAR": "{year}", "QUARTER": "T{quarter}"}
    spec = parse_spec(yaml.safe_dump(content), "made.yaml")
    values: dict[str, list[Any]] = {"YEAR": [2026] * ROWS, "QUARTER": ["T3"] * ROWS}
    table = table_of(spec, **values)
    assert check_survey(to_frame(table), spec, Period.parse("2026T3")).errors == ()
    late = check_survey(to_frame(table), spec, Period.parse("2026T4"))
    assert [(e.columns, e.rows) for e in late.errors] == [(("QUARTER",), ROWS)]
    other = check_survey(to_frame(table), spec, Period.parse("2025T3"))
    assert [(e.columns, e.rows) for e in other.errors] == [(("YEAR",), ROWS)]
