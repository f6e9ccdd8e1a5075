"""Every rule of a spec is checked, told with its count and remedy, and never with a value."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.espejo.errors import InputError, MetricError
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.frames import to_frame
from include.espejo.validate import Validation, check, check_survey
from tests.support.sheets import Sheet

# Columns that a file must have to be told apart by person; a rule on some of them needs all.
KEY = ("CD_A", "ENT", "CON", "V_SEL", "N_HOG", "H_MUD", "N_REN")
BIRTH = ("EDA", "NAC_DIA", "NAC_MES", "NAC_ANIO")
PERSONAL = ("C_RES", "SEX", *BIRTH)
WORK = ("SEX", "CLASE2", "POS_OCU", "INGOCUP")


def broken(validation: Validation) -> dict[str, int]:
    """The rules that must hold and do not, with how many rows break them."""
    told = [(finding.rule, finding.rows) for finding in validation.errors]
    assert len(told) == len(dict(told))
    return dict(told)


def warned(validation: Validation) -> dict[str, int]:
    found = [f for f in validation.findings if not f.passed and f.severity == "warning"]
    return {finding.rule: finding.rows for finding in found}


@pytest.fixture
def adult(sheet: Sheet) -> int:
    """An employee of 34 whose date of birth is known."""
    return sheet.find(C_RES="1", POS_OCU="1", EDA="34", NAC_ANIO="1980", NAC_MES="11", T_LOC="1")


@pytest.fixture
def validate_sheet(ingest_bytes, enoe, period) -> Callable[..., Validation]:
    """Ingest an edited file and validate some of its columns, or all."""

    def run(sheet: Any, *columns: str) -> Validation:
        read = ingest_bytes(sheet.to_bytes())
        table = read.table.select(list(columns)) if columns else read.table
        return check_survey(to_frame(table), enoe, period, read.warnings)

    return run


@pytest.fixture
def validate_parks(ingest_bytes, parks, period) -> Callable[..., Validation]:
    def run(sheet: Any) -> Validation:
        read = ingest_bytes(sheet.to_bytes(";", "utf-8", "\n"), parks)
        return check_survey(to_frame(read.table), parks, period)

    return run


@pytest.fixture(scope="module")
def whole(ingested, enoe, period) -> Validation:
    """The valid file, all of its columns."""
    return check_survey(to_frame(ingested.table), enoe, period, ingested.warnings)


# --- a valid survey ----------------------------------------------------------------------------


def test_a_valid_survey_passes(whole: Validation, ingested) -> None:
    assert broken(whole) == {}
    assert warned(whole) == {}
    assert all(finding.passed for finding in whole.findings)
    assert whole.rows == ingested.table.num_rows
    whole.require("survey.csv")


def test_what_the_ingest_warned_of_is_passed_on(whole: Validation, ingested) -> None:
    assert whole.warnings == ingested.warnings
    assert any("MES_CAL" in warning for warning in whole.warnings)


def test_every_rule_of_the_spec_has_its_finding(whole: Validation, enoe: SurveySpec) -> None:
    rules = [finding.rule for finding in whole.findings]
    for rule in enoe.rules:
        assert rules.count(f"relation {rule.name}") == 1
    for expected in ("relation t_loc_of_loc", "relation cd_a_of_loc", "period 2015T2"):
        assert rules.count(expected) == 1
    listed = {f.columns[0] for f in whole.findings if f.rule == "code list"}
    assert listed == {n for n, c in enoe.columns.items() if c.code_set} - {"TIPO", "MES_CAL"}
    never = {f.columns[0] for f in whole.findings if f.rule == "never blank"}
    assert never == {n for n, c in enoe.columns.items() if c.blank == "never"}
    assert whole.unchecked == ()


def test_the_findings_can_be_kept_as_json(whole: Validation) -> None:
    again = json.loads(whole.to_json())
    assert again["rows"] == whole.rows
    assert len(again["findings"]) == len(whole.findings)
    assert set(again["findings"][0]) == {
        *("rule", "columns", "severity", "passed", "rows", "of", "remedy", "refused")
    }


def test_the_survey_of_parks_passes_with_no_geography(parks_sheet, validate_parks) -> None:
    validation = validate_parks(parks_sheet)
    assert broken(validation) == {}
    assert validation.warnings == ()
    assert not any("geography" in finding.rule for finding in validation.findings)


# --- planted violations ------------------------------------------------------------------------

AGE_RANGE = "range 0 to 97 or 98, 99"
PLANTED = {
    # name: (cells of the adult's row, columns validated, rules broken)
    "sex outside its list": ({"SEX": "9"}, ["SEX"], {"code list": 1}),
    "code of letters": ({"SEX": "ZQX7"}, ["SEX"], {"code list": 1}),
    "code too long": ({"ENT": "009"}, ["ENT", *KEY[2:]], {"code list": 1}),
    "width without a list": ({"AGEB": "ZQX7"}, ["AGEB"], {"width 5": 1}),
    "age of 250": (
        *({"EDA": "250"}, BIRTH),
        {AGE_RANGE: 1, "relation age_birth_year": 1},
    ),
    "negative age": ({"EDA": "-1"}, ["EDA"], {AGE_RANGE: 1}),
    "unknown age of a known year": (
        *({"EDA": "98"}, BIRTH),
        {"relation unknown_age_year": 1},
    ),
    "unknown age under 12 of a known year": (
        *({"EDA": "99"}, BIRTH),
        {"relation unknown_age_year": 1},
    ),
    "unknown year of a known age": (
        *({"NAC_ANIO": "9999", "NAC_MES": "99", "NAC_DIA": "99"}, BIRTH),
        {"relation unknown_age_year": 1},
    ),
    "unknown year of a known month": (
        *({"EDA": "98", "NAC_ANIO": "9999", "NAC_DIA": "99"}, BIRTH),
        {"relation unknown_year_month": 1},
    ),
    "unknown month of a known day": (
        *({"NAC_MES": "99"}, BIRTH),
        {"relation unknown_month_day": 1},
    ),
    "impossible date": (
        *({"NAC_DIA": "31", "NAC_MES": "11"}, BIRTH),
        {"relation birth_date_exists": 1},
    ),
    "29 February of no leap year": (
        *({"NAC_DIA": "29", "NAC_MES": "02", "NAC_ANIO": "1981"}, BIRTH),
        {"relation birth_date_exists": 1},
    ),
    "born too late for the age": (
        *({"NAC_ANIO": "1982"}, BIRTH),
        {"relation age_birth_year": 1},
    ),
    "thirteenth month": ({"NAC_MES": "13"}, ["NAC_MES"], {"code list": 1}),
    "no schooling of an adult": (
        *({"CS_P13_1": " "}, ["EDA", "CS_P13_1"]),
        {"relation schooling_from_5": 1},
    ),
    "position blank": (
        *({"POS_OCU": " "}, WORK),
        {"never blank": 1, "relation employed_position": 1},
    ),
    "position of the unemployed": (
        *({"CLASE2": "2", "INGOCUP": "0"}, WORK),
        {"relation employed_position": 1},
    ),
    "income of the unpaid": (
        *({"POS_OCU": "4", "INGOCUP": "777777"}, WORK),
        {"relation income_employed": 1},
    ),
    "income of nobody employed": (
        *({"CLASE2": "0", "POS_OCU": "0", "INGOCUP": "777777"}, WORK),
        {"relation income_employed": 1},
    ),
    "state blank": ({"ENT": " "}, ["ENT", *KEY[2:]], {"never blank": 1}),
    "no weight": ({"FAC": "0"}, ["FAC"], {"range 1 to 999999": 1}),
    "another period": ({"PER": "315"}, ["PER"], {"period 2015T2": 1}),
    "period blank": ({"PER": " "}, ["PER"], {"never blank": 1}),
    "a rural city in a town": (
        *({"CD_A": "86"}, ["T_LOC", "CD_A", *KEY[2:], "ENT"]),
        {"relation rural_city": 1},
    ),
    "locality size changes within the locality": (
        *({"T_LOC": "2"}, ["MUN", "LOC", "T_LOC", *KEY]),
        {"relation t_loc_of_loc": 1},
    ),
    "locality size blank": (
        *({"T_LOC": " "}, ["MUN", "LOC", "T_LOC", *KEY]),
        {"relation t_loc_of_loc": 1},
    ),
}


@pytest.mark.parametrize(("cells", "columns", "rules"), PLANTED.values(), ids=PLANTED)
def test_a_violation_is_found_under_its_rule(
    cells, columns, rules, sheet, adult, validate_sheet, assert_no_canary
) -> None:
    validation = validate_sheet(sheet.edit(adult, **cells), *columns)
    assert broken(validation) == rules
    told = json.loads(validation.to_json())
    for finding in told["findings"]:
        finding.pop("refused")
    assert_no_canary(told)
    for finding in validation.errors:
        assert 0 < finding.of <= len(sheet.rows)


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ({"EDA": "97", "NAC_ANIO": "1917"}, BIRTH),
        ({"EDA": "98", "NAC_ANIO": "9999", "NAC_MES": "99", "NAC_DIA": "99"}, BIRTH),
        ({"NAC_MES": "99", "NAC_DIA": "99"}, BIRTH),
        ({"NAC_DIA": "99"}, BIRTH),
        ({"NAC_DIA": "29", "NAC_MES": "02"}, BIRTH),
        ({"EDA": "99", "CS_P13_1": " "}, ["EDA", "CS_P13_1"]),
        ({"EDA": "99", "CS_P13_1": "02"}, ["EDA", "CS_P13_1"]),
        ({"POS_OCU": "4", "INGOCUP": "0"}, WORK),
        ({"POS_OCU": "5", "INGOCUP": "1"}, WORK),
        ({"LOC": " ", "T_LOC": "2"}, ["MUN", "LOC", "T_LOC", *KEY]),
    ],
)
def test_an_unusual_but_allowed_row_passes(cells, columns, sheet, adult, validate_sheet) -> None:
    assert broken(validate_sheet(sheet.edit(adult, **cells), *columns)) == {}


def test_schooling_of_a_child_of_three(sheet, validate_sheet) -> None:
    child = sheet.edit(sheet.find(EDA="03"), CS_P13_1="00")
    assert broken(validate_sheet(child, "EDA", "CS_P13_1")) == {"relation schooling_from_5": 1}


@pytest.mark.parametrize(
    ("cells", "rules"),
    [
        ({"SEX": "1"}, {"relation absentee_blank": 1, "relation absentee_is_blank": 1}),
        ({"C_RES": "1"}, {"relation absentee_is_blank": 1}),
    ],
)
def test_an_absentee_is_blank_and_only_an_absentee(cells, rules, sheet, validate_sheet) -> None:
    absentee = sheet.find(C_RES="2")
    assert broken(validate_sheet(sheet.edit(absentee, **cells), *PERSONAL)) == rules


def test_a_relation_names_the_columns_it_reads(sheet, adult, validate_sheet) -> None:
    validation = validate_sheet(sheet.edit(adult, NAC_ANIO="1982"), *BIRTH)
    (finding,) = validation.errors
    assert finding.columns == ("EDA", "NAC_ANIO")
    assert str(finding) == (
        f"column EDA, NAC_ANIO, rule relation age_birth_year: 1 rows of {len(sheet.rows):,} "
        "(0.07%); "
        "correct the file, or the spec if the survey has changed"
    )


def test_a_function_of_geography_names_its_column(sheet, adult, validate_sheet) -> None:
    validation = validate_sheet(sheet.edit(adult, T_LOC="2"), "MUN", "LOC", "T_LOC", "MAN", *KEY)
    (finding,) = validation.errors
    assert finding.columns == ("ENT", "MUN", "LOC", "T_LOC")


@pytest.mark.parametrize(
    ("column", "value", "rules"),
    [
        *(("EDA", "97", {}), ("EDA", "100", {AGE_RANGE: 1}), ("EDA", "0", {})),
        *(("NAC_ANIO", "1900", {}), ("NAC_ANIO", "1899", {"range 1900 to 2099 or 9999": 1})),
        *(("NAC_ANIO", "2099", {}), ("NAC_ANIO", "2100", {"range 1900 to 2099 or 9999": 1})),
        *(("NAC_ANIO", "9999", {}), ("NAC_ANIO", "9998", {"range 1900 to 2099 or 9999": 1})),
        *(("INGOCUP", "999998", {}), ("INGOCUP", "999999", {"range 0 to 999998": 1})),
        *(("NAC_DIA", "31", {}), ("NAC_DIA", "32", {"code list": 1}), ("NAC_DIA", "99", {})),
        *(("NAC_DIA", "01", {}), ("NAC_DIA", "00", {"code list": 1})),
    ],
)
def test_both_sides_of_a_bound(column, value, rules, sheet, adult, validate_sheet) -> None:
    assert broken(validate_sheet(sheet.edit(adult, **{column: value}), column)) == rules


@pytest.mark.parametrize("special", ["98", "99"])
def test_a_column_of_special_codes_only_is_in_its_range(special, sheet, validate_sheet) -> None:
    assert broken(validate_sheet(sheet.fill("EDA", lambda _: special), "EDA")) == {}


# --- the whole table ---------------------------------------------------------------------------


def test_a_person_given_twice_counts_both_rows(sheet, adult, validate_sheet) -> None:
    other = adult + 1
    twice = sheet.edit(other, **{name: sheet.rows[adult][name] for name in KEY})
    validation = validate_sheet(twice, *KEY)
    assert broken(validation) == {"person key unique": 2}
    assert "remove repeats, or complete the key in the spec" in str(validation.errors[0])
    # One part of the key tells them apart again.
    assert broken(validate_sheet(twice.edit(other, N_REN="29"), *KEY)) == {}


@pytest.mark.parametrize(
    ("months", "rules"), [((" ", " "), {"person key unique": 2}), ((" ", "4"), {})]
)
def test_a_blank_in_the_key_is_a_value(months, rules, sheet, adult, validate_sheet) -> None:
    twice = sheet.add("MES_CAL", "5").edit(adult, MES_CAL=months[0])
    same = {name: sheet.rows[adult][name] for name in KEY}
    twice = twice.edit(adult + 1, MES_CAL=months[1], **same)
    assert broken(validate_sheet(twice, *KEY, "MES_CAL")) == rules


@pytest.mark.parametrize(("rows", "rules"), [(1000, {}), (999, {"at least 1,000 rows": 999})])
def test_too_few_rows(rows, rules, sheet, validate_sheet) -> None:
    assert broken(validate_sheet(sheet.head(rows), "SEX")) == rules


def test_the_file_of_another_period(ingested, enoe) -> None:
    table = ingested.table.select(["PER"])
    assert broken(check_survey(to_frame(table), enoe, Period(2015, 2))) == {}
    for other in (Period(2015, 3), Period(2014, 2), Period(1915, 4)):
        validation = check_survey(to_frame(table), enoe, other)
        assert broken(validation) == {f"period {other}": table.num_rows}
        assert f"or give the file of {other}" in str(validation.errors[0])


def test_require_names_every_broken_rule(sheet, adult, validate_sheet) -> None:
    validation = validate_sheet(sheet.edit(adult, SEX="9", EDA="250"), "SEX", "EDA")
    with pytest.raises(InputError) as caught:
        validation.require("s3://raw/survey.csv")
    assert caught.value.exit_code == 2
    assert str(caught.value).splitlines() == [
        "s3://raw/survey.csv: refused",
        *(f"  - {finding}" for finding in validation.errors),
    ]
    assert [finding.rule for finding in validation.errors] == ["code list", AGE_RANGE]


# --- warnings do not stop ----------------------------------------------------------------------


def with_source(spec: SurveySpec, **settings: Any) -> SurveySpec:
    return spec.model_copy(update={"source": spec.source.model_copy(update=settings)})


@pytest.mark.parametrize("spare", [0, -1])
def test_more_rows_than_expected_are_a_warning(spare, ingested, enoe, period) -> None:
    rows = ingested.table.num_rows
    spec = with_source(enoe, max_rows=rows + spare)
    validation = check_survey(to_frame(ingested.table.select(["SEX"])), spec, period)
    assert broken(validation) == {}
    assert warned(validation) == ({f"at most {rows - 1:,} rows": rows} if spare else {})
    assert any("raise max_rows" in w for w in validation.warnings) is bool(spare)
    validation.require("survey.csv")


@pytest.mark.parametrize(("blanks", "expected"), [(150, {}), (151, {"blank in at most 10%": 151})])
def test_a_share_of_blanks_above_its_bound_is_a_warning(
    blanks, expected, sheet, validate_sheet
) -> None:
    # 150 of 1,502 rows are 9.99 %, 151 are 10.05 %.
    answered = [i for i, row in enumerate(sheet.rows) if row["SEX"] != " "]
    more = blanks - (len(sheet.rows) - len(answered))
    rows = [r | {"SEX": " "} if i in answered[:more] else r for i, r in enumerate(sheet.rows)]
    validation = validate_sheet(type(sheet)(sheet.columns, tuple(rows)), "SEX")
    assert broken(validation) == {}
    assert warned(validation) == expected
    validation.require("survey.csv")


def test_a_share_of_blanks_at_its_bound_passes(parks_sheet, validate_parks) -> None:
    for blanks, expected in ((30, {}), (31, {"blank in at most 10%": 31})):
        sheet = parks_sheet.fill("age", lambda _: "", stop=blanks)
        assert warned(validate_parks(sheet)) == expected


def test_an_absent_optional_column_leaves_its_rules_unchecked_and_says_so(
    sheet, validate_sheet
) -> None:
    validation = validate_sheet(sheet.drop("C_RES", "MAN", "PER"))
    assert broken(validation) == {}
    assert validation.unchecked == ("absentee_is_blank",)
    told = "relation absentee_is_blank: not checked: the file lacks one of its columns"
    assert told in validation.warnings
    assert (
        "column MAN: absent from the file; it is optional, and blank in every row"
        in validation.warnings
    )
    validation.require("survey.csv")


def test_localities_blanked_for_confidentiality_are_a_warning(sheet, validate_sheet) -> None:
    validation = validate_sheet(sheet.fill("LOC", lambda _: " "), "MUN", "LOC", "MAN", *KEY)
    assert broken(validation) == {}
    assert warned(validation) == {"relation geography_levels": len(sheet.rows)}
    # Blank from a level down to the last is no gap.
    below = sheet.fill("LOC", lambda _: " ").fill("MAN", lambda _: " ")
    assert warned(validate_sheet(below, "MUN", "LOC", "MAN", *KEY)) == {}


# --- the survey of parks -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "rules"),
    [
        ({"park": "Alamo"}, {"code list": 1}),
        ({"visitor": "000001"}, {"person key unique": 2}),
        ({"hours": "0.24"}, {"range 0.25 to 12": 1}),
        ({"hours": "0.25"}, {}),
        ({"hours": "12"}, {}),
        ({"hours": "12.01"}, {"range 0.25 to 12": 1}),
        ({"quarter": "2015-3"}, {"period 2015T2": 1}),
        ({"pass_type": ""}, {"relation pass_of_members": 1}),
        ({"member": "no"}, {"relation pass_of_members": 1}),
        ({"member": "no", "pass_type": ""}, {}),
        ({"rating": ""}, {"relation opinion_whole": 1}),
        ({"rating": "", "returns": ""}, {}),
        ({"pass_type": "3", "spent": "1"}, {"relation honorary_pays_nothing": 1}),
        ({"pass_type": "3", "spent": "0"}, {}),
        ({"day": "31", "month": "04"}, {"relation visit_date_exists": 1}),
        ({"day": "30", "month": "04"}, {}),
        ({"park": "Peñón", "dog": "sí"}, {"relation no_dogs_in_penon": 1}),
        ({"park": "Peñón", "dog": ""}, {}),
    ],
)
def test_the_rules_of_parks(cells, rules, parks_sheet, validate_parks) -> None:
    row = next(
        i for i, r in enumerate(parks_sheet.rows) if i > 0 and r["pass_type"] == "1" and r["rating"]
    )
    assert broken(validate_parks(parks_sheet.edit(row, **cells))) == rules


@pytest.mark.parametrize(("rows", "rules"), [(50, {}), (49, {"at least 50 rows": 49})])
def test_too_few_visitors(rows, rules, parks_sheet, validate_parks) -> None:
    assert broken(validate_parks(parks_sheet.head(rows))) == rules


# --- nothing of a person leaves ----------------------------------------------------------------


def test_no_value_of_a_row_is_in_anything_told(
    sheet, validate_sheet, assert_no_canary, caplog, capfd, recwarn
) -> None:
    planted = sheet
    for row in range(0, 1500, 7):
        planted = planted.edit(row, SEX="ZQX7", AGEB="ZQX7", POS_OCU="ZQX7", CS_P13_1="ZQX7")
        planted = planted.edit(row, EDA="777777", INGOCUP="777777", FAC="777777", N_REN="ZQX7")
    caplog.set_level("DEBUG")
    validation = validate_sheet(planted)
    assert {"code list", "width 5", AGE_RANGE} <= {f.rule for f in validation.errors}
    assert_no_canary(validation)
    told = json.loads(validation.to_json())
    refused = [finding.pop("refused") for finding in told["findings"]]
    assert_no_canary(json.dumps(told))
    # Which rows and codes were refused is for the restricted area alone.
    assert any("ZQX7" in some["values"] for some in refused)
    assert all(len(some["rows"]) <= 100 for some in refused)
    for finding in validation.findings:
        assert_no_canary(finding)
    with pytest.raises(InputError) as caught:
        validation.require("survey.csv")
    assert_no_canary(caught.value)
    assert_no_canary(caplog.text)
    printed = capfd.readouterr()
    assert_no_canary(printed.out + printed.err)
    assert_no_canary([str(warning.message) for warning in recwarn])


def test_great_expectations_is_not_asked_for_values(
    sheet, adult, ingest_bytes, enoe, period, assert_no_canary
) -> None:
    from include.espejo.validate.suite import build_suite, with_relations

    # A second fence: what leaves is a whitelist, and what it is picked from holds no value either.
    planted = sheet.edit(adult, SEX="ZQX7", EDA="777777").to_bytes()
    table = ingest_bytes(planted).table.select(["SEX", "EDA"])
    frame, about = with_relations(to_frame(table), enoe, period)
    results = check._run(build_suite(enoe, frame, period, about).expectations, frame, check._COUNTS)
    assert sum(not result.success for result in results) == 2
    for result in results:
        assert_no_canary(result.result)


# --- a check that cannot be made fails the run -------------------------------------------------


def raised(**info: Any) -> SimpleNamespace:
    """A result of Great Expectations whose rule raised, and would only be a warning."""
    config = SimpleNamespace(
        meta={"rule": "code list", "columns": ["SEX"], "remedy": "x"},
        severity=SimpleNamespace(value="warning"),
    )
    return SimpleNamespace(
        expectation_config=config, success=True, result={}, exception_info=dict(info)
    )


CAUSE = {"exception_message": "value ZQX7", "exception_traceback": "ZQX7"}


def test_a_rule_that_could_not_be_evaluated_fails(
    ingested, enoe, period, monkeypatch, assert_no_canary
) -> None:
    table = ingested.table.select(["SEX"])
    monkeypatch.setattr(check, "_run", lambda *_: [raised(raised_exception=True, **CAUSE)])
    with pytest.raises(MetricError, match="rule code list: could not be evaluated") as caught:
        check_survey(to_frame(table), enoe, period)
    assert caught.value.exit_code == 1
    assert_no_canary(caught.value)
    monkeypatch.setattr(check, "_run", lambda *_: [raised(raised_exception=False)])
    assert check_survey(to_frame(table), enoe, period).errors == ()


def test_a_metric_that_raised_fails(ingested, enoe, period, monkeypatch) -> None:
    nested = {"MetricConfigurationID(...)": {"raised_exception": True, **CAUSE}}
    monkeypatch.setattr(check, "_run", lambda *_: [raised(**nested)])
    with pytest.raises(MetricError):
        check_survey(to_frame(ingested.table.select(["SEX"])), enoe, period)


def test_an_expectation_on_a_column_that_is_not_there_fails(
    ingested, enoe, period, monkeypatch
) -> None:
    from include.espejo.validate import suite

    absent = [*suite._blanks("NOWHERE", enoe.columns["EDA"])]
    monkeypatch.setattr(suite, "_blanks", lambda *_: absent)
    with pytest.raises(MetricError):
        check_survey(to_frame(ingested.table.select(["SEX"])), enoe, period)


def test_a_column_of_another_type_is_an_error(ingested, enoe, period) -> None:
    rows = ingested.table.num_rows
    table = pa.table({"SEX": pa.array([1] * rows), "AGEB": pa.array([1.0] * rows)})
    found = {(f.columns, f.rule) for f in check_survey(to_frame(table), enoe, period).errors}
    assert {(("SEX",), "type code"), (("AGEB",), "type code")} <= found


def test_text_in_place_of_a_number_fails(ingested, enoe, period, assert_no_canary) -> None:
    table = pa.table({"EDA": pa.array(["ZQX7"] * ingested.table.num_rows)})
    with pytest.raises(MetricError, match=r"rule range .* could not be evaluated") as caught:
        check_survey(to_frame(table), enoe, period)
    assert_no_canary(caught.value)


@pytest.mark.long
def test_a_large_table_is_checked_by_columns_with_the_same_findings(
    enoe: SurveySpec, period: Period, ingested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = to_frame(ingested.table)
    frame.loc[frame.index[:3], "EDA"] = 150.0
    frame.loc[frame.index[5:9], "SEX"] = None
    frame = pd.concat([frame, frame.iloc[[20]]], ignore_index=True)  # a person twice
    whole = check_survey(frame, enoe, period)
    assert len(whole.errors) >= 3
    monkeypatch.setattr(check, "_LARGE", 10)
    assert check_survey(frame, enoe, period) == whole
