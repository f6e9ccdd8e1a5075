"""Expressions of a spec: what they mean on whole columns, and what is no expression."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.survey import Period
from include.espejo.survey.expression import ExpressionError, parse_expression, quoted, written
from include.espejo.table.conditions import rows_that_meet

PERIOD = Period(2015, 2)
CODES = {
    "SEX": frozenset({"1", "2"}),
    "HEAD_SEX": frozenset({"1", "2"}),
    "PLACE": frozenset(),
    "AGE": None,
    "YEAR": None,
}
#  row:      0     1      2     3
FRAME = pd.DataFrame(
    {
        "SEX": pd.Categorical(["1", "2", None, "2"]),
        "HEAD_SEX": pd.Categorical(["1", None, "2", "1"]),
        "PLACE": pd.Categorical(["Peñón", "01", None, "1"]),
        "AGE": [5.0, 17.0, np.nan, 98.0],
        "YEAR": [2010.0, np.nan, 1980.0, 9999.0],
    }
)


def rows_where(text: str) -> list[int]:
    """The rows of FRAME on which a condition holds."""
    result = rows_that_meet(parse_expression(text, CODES), FRAME, PERIOD)
    assert result.shape == (4,)
    assert result.dtype == bool
    return list(np.flatnonzero(result))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # comparisons, both sides of the bound
        *(("AGE < 5", []), ("AGE <= 5", [0]), ("AGE > 17", [3]), ("AGE >= 17", [1, 3])),
        *(("AGE == 17", [1]), ("AGE != 17", [0, 3])),
        *(('SEX == "1"', [0]), ('SEX != "1"', [1, 3]), ('"1" == SEX', [0])),
        # a comparison with a blank is false, also of != and not in
        *(('SEX == "2"', [1, 3]), ('SEX not in ("1",)', [1, 3]), ('SEX in ("1", "2")', [0, 1, 3])),
        *(("AGE in (5, 98)", [0, 3]), ("AGE not in (5, 98)", [1])),
        *(("AGE in [17]", [1]), ("-AGE in (-5, -98)", [0, 3]), ("1 <= AGE in (5, 17)", [0, 1])),
        # only blank() holds on a blank, and `not` turns a false comparison into a true one
        *(("blank(SEX)", [2]), ("not blank(SEX)", [0, 1, 3]), ("blank(AGE) or AGE < 6", [0, 2])),
        *(('not (SEX == "1")', [1, 2, 3]), ("not (AGE < 18)", [2, 3])),
        # logic and its precedence
        *(('SEX == "2" and AGE > 17', [3]), ('SEX == "1" or AGE > 17', [0, 3])),
        *(('SEX == "1" or SEX == "2" and AGE > 17', [0, 3]),),
        *(('(SEX == "1" or SEX == "2") and AGE > 17', [3]),),
        *(("AGE > 1 and AGE < 90 and YEAR > 0", [0]),),
        # chains
        *(("5 <= AGE < 98", [0, 1]), ("5 < AGE <= 98", [1, 3]), ("98 > AGE > 5", [1])),
        # arithmetic, the survey's period
        *(("AGE + 1 == 6", [0]), ("AGE * 2 - 4 >= 30", [1, 3]), ("-AGE < -17", [3])),
        *(("survey_year - YEAR - AGE == 0", [0]), ("YEAR > survey_year", [3])),
        *(("survey_quarter == 2", [0, 1, 2, 3]), ("survey_quarter == 3", [])),
        *(("AGE < YEAR", [0, 3]), ("AGE * 1000 > YEAR", [0, 3])),
        # two code columns, whose lists of categories differ
        *(("SEX == HEAD_SEX", [0]), ("SEX != HEAD_SEX", [3])),
        *(("SEX == PLACE", []), ("SEX != PLACE", [0, 1, 3])),
        # codes are text: accents stay, and zeros in front tell codes apart
        *(('PLACE == "Peñón"', [0]), ('PLACE == "01"', [1]), ('PLACE == "1"', [3])),
    ],
)
def test_a_condition_holds_where_it_says(text: str, rows: list[int]) -> None:
    assert rows_where(text) == rows


def test_a_value_is_worked_out_row_by_row_and_blank_stays_blank() -> None:
    result = rows_that_meet(parse_expression("survey_year - YEAR", CODES), FRAME, PERIOD)
    assert np.array_equal(result, [5, np.nan, 35, -7984], equal_nan=True)


def test_a_constant_fills_every_row_even_of_an_empty_frame() -> None:
    assert list(rows_that_meet(parse_expression("survey_year", CODES), FRAME, PERIOD)) == [2015] * 4
    assert rows_that_meet(parse_expression("AGE > 1", CODES), FRAME.head(0), PERIOD).shape == (0,)


def test_the_columns_read_are_told() -> None:
    read = parse_expression('blank(SEX) or AGE + YEAR in (1, 2) or "1" == HEAD_SEX', CODES).columns
    assert read == {"SEX", "AGE", "YEAR", "HEAD_SEX"}
    assert parse_expression("survey_year > 2000", CODES).columns == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        *("AGE.real", "AGE.__class__", "blank(AGE).shape", '"x".format', "AGE[0]", "AGE[0:1]"),
        *(
            "open('f')",
            "__import__('os')",
            "eval('1')",
            "abs(AGE, 1)",
            "min(AGE)",
            "AGE.max()",
        ),
        *("blank(AGE, SEX)", 'blank("AGE")', "blank()", "blank(AGE + 1)", "blank(x=AGE)"),
        *("blank(*AGE)", "lambda: 1", "(lambda AGE: AGE)(1)", "[AGE for AGE in (1,)]"),
        *("AGE if SEX else 1", "(AGE := 5)", "f'{AGE}'", "{1: 2}", "{1, 2}"),
        *("AGE // 2", "AGE % 2", "AGE ** 2", "AGE @ AGE", "AGE << 1", "AGE & 1"),
        *("~AGE", "+AGE", "AGE == None", "AGE == ...", "AGE == 1j", "b'1' in (1,)"),
        "await AGE",
    ],
)
def test_anything_beyond_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"is not allowed: write|cannot be read"):
        parse_expression(text, CODES)


@pytest.mark.parametrize(
    "text",
    ["", " ", "AGE ==", "AGE = 5", "AGE >< 5", "import os", "AGE == 1; 2", "AGE \x00", "(AGE"],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="cannot be read"):
        parse_expression(text, CODES)


@pytest.mark.parametrize("name", ["HEIGHT", "age", "blank", "__class__", "self", "np"])
def test_a_name_that_is_no_column_is_refused(name: str) -> None:
    for text in (f"{name} == 1", f"{name} in (1, 2)", f"AGE < 1 + {name}", f"not {name}"):
        with pytest.raises(ExpressionError, match=f"it names {name}, which is not a column"):
            parse_expression(text, CODES)
    with pytest.raises(ExpressionError, match=re.escape(f"blank() needs a column, and {name} is")):
        parse_expression(f"blank({name})", CODES)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_codes_have_no_order(operator: str) -> None:
    for text in (f'SEX {operator} "2"', f'"1" {operator} SEX', f"SEX {operator} HEAD_SEX"):
        with pytest.raises(ExpressionError, match="codes have no order, use ==, != or in"):
            parse_expression(text, CODES)
    assert parse_expression(f"AGE {operator} 2", CODES)


@pytest.mark.parametrize("text", ["SEX == 1", "SEX in (1, 2)", 'SEX in ("1", 2)', "1 == SEX"])
def test_a_code_is_written_in_quotes(text: str) -> None:
    with pytest.raises(ExpressionError, match="SEX is a code: write its codes in quotes"):
        parse_expression(text, CODES)


@pytest.mark.parametrize("text", ['AGE == "5"', 'AGE < "5"', 'AGE in ("5",)', '1 < AGE < "5"'])
def test_a_number_is_written_without_quotes(text: str) -> None:
    with pytest.raises(ExpressionError, match="AGE is a number: compare it with unquoted numbers"):
        parse_expression(text, CODES)


def test_a_code_is_of_its_columns_list_where_it_has_one() -> None:
    for text in ('SEX == "3"', 'SEX in ("1", "3")', 'SEX != "01"'):
        with pytest.raises(ExpressionError, match=r"'(3|01)' is no code of SEX"):
            parse_expression(text, CODES)
    assert parse_expression('PLACE == "3"', CODES)


LIST = "`in` needs a list of constants, such as"
MIXES = {
    # would fail when evaluated, after the data has been read
    "AGE is 5": "`is` is not allowed: write == or blank(COLUMN)",
    "AGE is not 5": "`is` is not allowed: write == or blank(COLUMN)",
    **dict.fromkeys(["AGE in 5", 'SEX in ("1")', "AGE in (YEAR, 5)", "AGE in ((1, 2), 5)"], LIST),
    **dict.fromkeys(["AGE == (1, 2)", "(1, 2)", "AGE in (5, 6) in (7, 8)"], "is not allowed"),
    "blank(survey_year)": "blank() needs a column, and survey_year is not one",
    'SEX + "1" == "11"': "'SEX' is a code; a number is expected here",
    "SEX + 1 > 2": "'SEX' is a code; a number is expected here",
    '-SEX == "1"': "'SEX' is a code; a number is expected here",
    'AGE + "1"': "\"'1'\" is a code; a number is expected here",
    "AGE + blank(SEX)": "'blank(SEX)' is a condition; a number is expected here",
    # would be evaluated to something else than what they seem to say
    **dict.fromkeys(['"1" in SEX', "AGE in YEAR"], LIST),
    "AGE == SEX": "AGE is a number: compare it with unquoted numbers",
    "SEX == survey_year": "survey_year is a number",
    "not SEX": "'SEX' is a code; a condition is expected here",
    "AGE and SEX": "'AGE' is a number; a condition is expected here",
    "blank(AGE) or 1": "'1' is a number; a condition is expected here",
    "blank(AGE) == blank(SEX)": "conditions cannot be compared; join them with and, or, not",
    "(AGE > 5) == 1": "conditions cannot be compared",
    # hold everywhere or nowhere
    **dict.fromkeys(["AGE in ()", "AGE not in ()", "SEX in []"], LIST),
}


@pytest.mark.parametrize(("text", "words"), MIXES.items(), ids=MIXES)
def test_a_mix_of_kinds_is_refused_at_loading(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(words)):
        parse_expression(text, CODES)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("AGE > 5", "condition"), ("blank(SEX)", "condition"), ('SEX in ("1",)', "condition")),
        *(("not (AGE > 5)", "condition"), ("AGE > 5 or blank(AGE)", "condition")),
        *(("AGE", "number"), ("survey_year - YEAR", "number"), ("-AGE * 2", "number")),
        *(("SEX", "code"), ('"1"', "code"), ("5", "number")),
    ],
)
def test_what_an_expression_gives_is_told(text: str, kind: str) -> None:
    assert parse_expression(text, CODES).kind == kind


@pytest.mark.parametrize("text", ["not " * 900 + "blank(AGE)", "-" * 1500 + "AGE > 1"])
def test_an_expression_nested_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text, CODES)


@pytest.mark.parametrize("text", ["AGE == " + "9" * 400, "AGE + " + "9" * 400 + " > 1"])
def test_a_number_too_large_to_compare_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text, CODES)


@pytest.mark.parametrize("text", ["SEX == -1", "SEX in (-1,)"])
def test_a_negative_number_for_a_code_is_told_the_right_remedy(text: str) -> None:
    with pytest.raises(ExpressionError, match="SEX is a code: write its codes in quotes"):
        parse_expression(text, CODES)


NAMED = pd.DataFrame(
    {
        "Ingreso mensual": [10.0, np.nan, 0.0, 30.0],
        "AÑO": [1.0, 2.0, 3.0, 4.0],
        "Nº": [1.0, 1.0, 0.0, 2.0],
        "a`b": [4.0, 3.0, 2.0, 1.0],
        "in": pd.Categorical(["x", "`y`", None, "x"]),
        "max": [0.0, 0.0, 9.0, 9.0],
        "DAY": [0.0, 1.0, 59.0, np.nan],
    }
)
NAMES: Any = {name: None for name in NAMED} | {"in": frozenset(), "DAY": "date"}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("`Ingreso mensual` > 5", [0, 3]),
        ("AÑO >= 3", [2, 3]),
        ("Nº == 1", [0, 1]),
        ("`Nº` == 1 and AÑO == 2", [1]),
        ("`a``b` > AÑO", [0, 1]),
        ('`in` == "x"', [0, 3]),
        ('`in` == "`y`"', [1]),
        ("max > 1", [2, 3]),
        ("max(AÑO, `a``b`) == 4", [0, 3]),
        ("min(AÑO, `a``b`, 2) == 2", [1, 2]),
        ("abs(AÑO - `a``b`) == 1", [1, 2]),
        ("`Ingreso mensual` / AÑO > 8", [0]),
        ("AÑO / Nº == 1", [0]),
        ("AÑO / Nº != 1", [1, 3]),
        ("AÑO / 2 == 1", [1]),
        ("AÑO / 0 == 1 or AÑO / 0 != 1", []),
        ("blank(`Ingreso mensual`)", [1]),
        ('DAY >= "1970-01-02"', [1, 2]),
        ('"1970-01-01" < DAY <= "1970-03-01"', [1, 2]),
        ('DAY in ("1970-01-01", "1970-03-01")', [0, 2]),
        ('DAY - "1970-01-01" > 1', [2]),
        ("DAY - DAY == 0", [0, 1, 2]),
        ('DAY + 1 == "1970-01-02"', [0]),
    ],
)
def test_names_arithmetic_and_moments(text: str, rows: list[int]) -> None:
    expression = parse_expression(text, NAMES)
    assert list(np.flatnonzero(rows_that_meet(expression, NAMED, PERIOD))) == rows
    again = parse_expression(written(expression.tree), NAMES)
    assert list(np.flatnonzero(rows_that_meet(again, NAMED, PERIOD))) == rows


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ingreso mensual > 5", "in backticks, such as `Ingreso mensual`"),
        ("`Ingreso anual` > 5", "it names Ingreso anual, which is not a column"),
        ('DAY > "yesterday"', "'yesterday' is no date; write it such as '2026-03-31'"),
        ("DAY > 5", "they cannot be compared"),
        ("DAY * 2 == 4", "'DAY' is a date; a number is expected here"),
        ("DAY + DAY == 0", "'DAY' is a date; a number is expected here"),
        ("abs(`in`) == 1", "'`in`' is a code; a number is expected here"),
        ("`in` / 2 == 1", "'`in`' is a code; a number is expected here"),
    ],
)
def test_what_does_not_fit_says_how_to_write_it(text: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(told)):
        parse_expression(text, NAMES)


def test_names_are_quoted_where_they_are_no_plain_word() -> None:
    for name in NAMED:
        assert parse_expression(f"not blank({quoted(name)})", NAMES).columns == {name}
    assert [quoted(name) for name in ("AÑO", "in", "Nº", "a`b")] == [
        "AÑO",
        "`in`",
        "`Nº`",
        "`a``b`",
    ]
