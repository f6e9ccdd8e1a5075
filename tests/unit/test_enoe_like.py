"""The demo survey holds every relation of the real table, in its dialect and near its rates."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demo.enoe_households import keep_households
from demo.enoe_like import COLUMNS, generate_survey, main, write_survey

HOUSEHOLD_KEY = ["CD_A", "ENT", "CON", "V_SEL", "N_HOG", "H_MUD"]
LOCALITY = ["ENT", "MUN", "LOC"]
BLOCK = [*LOCALITY, "MAN"]
PERSON_COLUMNS = ["SEX", "EDA", "NAC_DIA", "NAC_MES", "NAC_ANIO", "CS_P13_1"]
LABOUR_COLUMNS = ["CLASE1", "CLASE2", "POS_OCU", "INGOCUP"]

# The codes each column may hold, as a regular expression over the whole cell.
SPELLING = {
    "R_DEF": "00|15",
    "LOC": r"\d{4}",
    "MUN": r"\d{3}",
    "MAN": r"\d{3}",
    "AGEB": "00000",
    "T_LOC": "[1-4]",
    "CD_A": "01|02|03|08|16|31|82|83|86",
    "ENT": "0[1-9]|[12][0-9]|3[0-2]",
    "CON": r"\d{5}",
    "UPM": r"\d{7}",
    "V_SEL": r"\d{2}",
    "N_HOG": "[1-9]",
    "H_MUD": "[0-4]",
    "N_ENT": "[1-5]",
    "PER": r"[1-4]\d{2}",
    "N_REN": "0[1-9]|[1-9][0-9]",
    "C_RES": "[123]",
    "SEX": "[12]| ",
    "EDA": "[0-8][0-9]|9[0-8]| ",
    "NAC_DIA": "0[1-9]|[12][0-9]|3[01]|99| ",
    "NAC_MES": "0[1-9]|1[0-2]|99| ",
    "NAC_ANIO": r"(19|20)\d{2}|9999| ",
    "CS_P13_1": "0[0-9]|99| ",
    "FAC": "[1-9][0-9]*",
    "CLASE1": "[012]",
    "CLASE2": "[0-4]",
    "POS_OCU": "[0-5]",
    "INGOCUP": "0|[1-9][0-9]*",
}

# Year, quarter and seed; the second is the quarter that holds a 29 February.
SURVEYS = [(2015, 2, 1), (2016, 1, 2), (2019, 4, 3)]


@pytest.fixture(scope="module", params=SURVEYS, ids=lambda survey: f"{survey[0]}T{survey[1]}")
def survey(request: pytest.FixtureRequest) -> tuple[int, int, pd.DataFrame]:
    year, quarter, seed = request.param
    return year, quarter, generate_survey(year, quarter, seed=seed)


@pytest.fixture(scope="module")
def table(survey: tuple[int, int, pd.DataFrame]) -> pd.DataFrame:
    return survey[2]


@pytest.fixture(scope="module")
def present(table: pd.DataFrame) -> pd.DataFrame:
    """The people who still live in their household, with their ages and amounts as numbers."""
    numbers = ["EDA", "NAC_DIA", "NAC_MES", "NAC_ANIO", "INGOCUP"]
    people = table[table["C_RES"] != "2"]
    return people.assign(**{column: people[column].astype(int) for column in numbers})


def test_columns_keep_the_order_of_the_source(table: pd.DataFrame) -> None:
    assert tuple(table.columns) == COLUMNS == tuple(SPELLING)


@pytest.mark.parametrize("column", SPELLING)
def test_every_cell_is_spelled_as_in_the_source(table: pd.DataFrame, column: str) -> None:
    assert table[column].str.fullmatch(SPELLING[column]).all()


def test_period_is_the_quarter_and_the_year(survey: tuple[int, int, pd.DataFrame]) -> None:
    year, quarter, table = survey
    assert set(table["PER"]) == {f"{quarter}{year % 100}"}


@pytest.mark.parametrize(("people", "kept"), [(1, 2), (2, 2), (3, 5), (5, 5), (6, 6)])
def test_the_last_household_is_kept_whole(people: int, kept: int) -> None:
    members = pd.DataFrame({"household": [0, 0, 1, 1, 1, 2]})
    assert len(keep_households(members, people)) == kept


def test_size_is_the_people_asked_for_in_whole_households(table: pd.DataFrame) -> None:
    largest_household = table.groupby(HOUSEHOLD_KEY).size().max()
    assert 5000 <= len(table) < 5000 + largest_household
    # Each household's people are numbered 1, 2, 3 without a gap.
    people = table.groupby(HOUSEHOLD_KEY)["N_REN"].agg(["size", "nunique", "max"])
    assert (people["size"] == people["nunique"]).all()
    assert (people["size"] == people["max"].astype(int)).all()


def test_one_survey_year_holds_age_and_birth_year_together(
    survey: tuple[int, int, pd.DataFrame], present: pd.DataFrame
) -> None:
    known = present[present["EDA"] < 97]
    assert set(survey[0] - known["NAC_ANIO"] - known["EDA"]) == {0, 1}
    oldest = present[present["EDA"] == 97]
    assert (survey[0] - oldest["NAC_ANIO"] >= 97).all()


def test_birth_dates_exist_and_fall_before_the_end_of_the_quarter(
    survey: tuple[int, int, pd.DataFrame], present: pd.DataFrame
) -> None:
    year, quarter, _ = survey
    known = present[present["NAC_DIA"] != 99]
    parts = {"year": known["NAC_ANIO"], "month": known["NAC_MES"], "day": known["NAC_DIA"]}
    births = pd.to_datetime(pd.DataFrame(parts))  # raises on a date that does not exist
    assert births.max() <= pd.Period(f"{year}Q{quarter}").end_time
    month_known = present[(present["NAC_MES"] != 99) & (present["NAC_ANIO"] == year)]
    assert (month_known["NAC_MES"] <= 3 * quarter).all()


def test_an_unknown_year_takes_month_and_day_with_it(present: pd.DataFrame) -> None:
    no_year, no_month = present["NAC_ANIO"] == 9999, present["NAC_MES"] == 99
    no_day = present["NAC_DIA"] == 99
    assert ((present["EDA"] == 98) == no_year).all()
    assert no_month[no_year].all()
    assert no_day[no_month].all()
    assert no_year.sum() < no_month.sum() < no_day.sum()


def test_position_is_given_exactly_for_the_employed(present: pd.DataFrame) -> None:
    assert ((present["POS_OCU"] != "0") == (present["CLASE2"] == "1")).all()


def test_income_needs_a_paid_position(present: pd.DataFrame) -> None:
    paid = present[present["INGOCUP"] > 0]
    assert (paid["CLASE2"] == "1").all()
    assert paid["POS_OCU"].isin(["1", "2", "3", "5"]).all()
    assert (present.loc[present["POS_OCU"] == "4", "INGOCUP"] == 0).all()
    assert paid["INGOCUP"].max() <= 90_000


def test_the_two_activity_codes_agree(table: pd.DataFrame) -> None:
    pairs = set(zip(table["CLASE1"], table["CLASE2"], strict=True))
    assert pairs == {("0", "0"), ("1", "1"), ("1", "2"), ("2", "3"), ("2", "4")}


def test_work_is_asked_of_complete_interviews_from_age_12(present: pd.DataFrame) -> None:
    asked = (present["EDA"] >= 12) & (present["R_DEF"] == "00")
    assert ((present["CLASE1"] != "0") == asked).all()


def test_absentees_are_blank_and_zero(table: pd.DataFrame) -> None:
    absent = table["C_RES"] == "2"
    assert (table.loc[absent, PERSON_COLUMNS] == " ").all(axis=None)
    assert (table.loc[absent, LABOUR_COLUMNS] == "0").all(axis=None)
    others = table.loc[~absent, PERSON_COLUMNS].drop(columns="CS_P13_1")
    assert (others != " ").all(axis=None)
    assert (table.loc[table["N_ENT"] == "1", "C_RES"] == "1").all()


def test_schooling_is_blank_below_age_5_alone(present: pd.DataFrame) -> None:
    assert ((present["CS_P13_1"] == " ") == (present["EDA"] < 5)).all()


def test_locality_size_and_city_follow_from_the_place(table: pd.DataFrame) -> None:
    assert (table.groupby(LOCALITY)[["T_LOC", "CD_A"]].nunique() == 1).all(axis=None)
    assert ((table["T_LOC"] == "4") == (table["CD_A"] == "86")).all()
    large = table[table["T_LOC"] == "1"]
    assert (large.groupby(["ENT", "MUN"])["CD_A"].nunique() == 1).all()
    assert (large["CD_A"] < "81").all()


def test_person_key_is_unique(table: pd.DataFrame) -> None:
    assert not table.duplicated([*HOUSEHOLD_KEY, "N_REN"]).any()


def test_a_household_has_one_place_visit_and_weight(table: pd.DataFrame) -> None:
    constant = ["R_DEF", "LOC", "MUN", "MAN", "UPM", "N_ENT", "FAC"]
    assert (table.groupby(HOUSEHOLD_KEY)[constant].nunique() == 1).all(axis=None)


def test_a_sampling_unit_lies_in_one_block_and_has_one_number(table: pd.DataFrame) -> None:
    assert (table["UPM"].str[:2] == table["ENT"]).all()
    assert (table.groupby("UPM")[[*BLOCK, "CON", "FAC"]].nunique() == 1).all(axis=None)
    assert (table.groupby(["ENT", "CON"])["UPM"].nunique() == 1).all()


def test_places_have_the_promised_sizes(table: pd.DataFrame) -> None:
    assert table["ENT"].nunique() == 5
    assert table.groupby(["ENT", "MUN"]).ngroups == 6
    assert 10 <= table.groupby(LOCALITY).ngroups <= 20
    block_sizes = table.groupby(BLOCK).size()
    assert 100 <= len(block_sizes) <= 140
    assert (block_sizes > 10).mean() > 0.6
    assert (block_sizes <= 10).any()


def test_some_block_holds_a_single_household(table: pd.DataFrame) -> None:
    households = table.drop_duplicates(HOUSEHOLD_KEY).groupby(BLOCK).size()
    assert (households == 1).any()


@pytest.mark.parametrize(
    ("column", "code", "low", "high"),
    [
        ("C_RES", "2", 0.012, 0.024),
        ("NAC_DIA", "99", 0.058, 0.080),
        ("NAC_MES", "99", 0.046, 0.068),
        ("INGOCUP", "0", 0.73, 0.79),
        ("CLASE2", "1", 0.41, 0.48),
        ("SEX", "2", 0.48, 0.53),
    ],
)
def test_rates_are_near_those_of_the_real_table(
    table: pd.DataFrame, column: str, code: str, low: float, high: float
) -> None:
    assert low < (table[column] == code).mean() < high


def test_income_is_heaped_and_often_untold(present: pd.DataFrame) -> None:
    employed = present[present["CLASE2"] == "1"]
    assert 0.41 < (employed["INGOCUP"] == 0).mean() < 0.49
    income = present.loc[present["INGOCUP"] > 0, "INGOCUP"]
    assert 3500 <= income.median() <= 5000
    assert 120 < income.nunique() < 260
    assert (income % 430 == 0).mean() > 0.35
    assert (income % 1000 == 0).mean() > 0.25
    assert (income % 100 == 0).mean() > 0.4


def test_income_and_parents_schooling_go_with_ones_own(present: pd.DataFrame) -> None:
    known = present[~present["CS_P13_1"].isin([" ", "99"])]
    known = known.assign(schooling=known["CS_P13_1"].astype(int))
    paid = known[known["INGOCUP"] > 0]
    assert np.corrcoef(paid["schooling"], np.log(paid["INGOCUP"]))[0, 1] > 0.25
    heads = known[known["N_REN"] == "01"].set_index(HOUSEHOLD_KEY)["schooling"]
    adult_children = known[(known["N_REN"] >= "03") & known["EDA"].between(18, 35)]
    pairs = adult_children.join(heads.rename("head"), on=HOUSEHOLD_KEY, how="inner")
    assert pairs["schooling"].corr(pairs["head"]) > 0.2


def test_more_people_give_as_many_amounts_as_the_real_extract() -> None:
    income = generate_survey(2015, 2, people=9598)["INGOCUP"]
    assert 170 < income[income != "0"].nunique() < 260


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("first.csv", "again.csv", "other.csv")]
    for path, seed in zip(files, (1, 1, 2), strict=True):
        write_survey(generate_survey(2015, 2, people=300, seed=seed), path)
    first, again, other = (path.read_bytes() for path in files)
    assert first == again
    assert first != other


def test_global_random_state_is_left_alone() -> None:
    np.random.seed(7)  # noqa: NPY002 (the state under test is the global one)
    expected = np.random.random()  # noqa: NPY002 (as above)
    np.random.seed(7)  # noqa: NPY002 (as above)
    generate_survey(2015, 2, people=50)
    assert np.random.random() == expected  # noqa: NPY002 (as above)


def test_quarters_of_a_seed_share_places_but_not_people() -> None:
    second, third = (generate_survey(2015, quarter, people=2000) for quarter in (2, 3))
    described = [*LOCALITY, "T_LOC", "CD_A"]
    places = pd.concat([second, third])[described].drop_duplicates()
    assert not places.duplicated(LOCALITY).any()
    assert second["SEX"].tolist() != third["SEX"].tolist()


def test_another_seed_draws_other_people() -> None:
    first, other = (generate_survey(2015, 2, people=300, seed=seed) for seed in (1, 2))
    assert first["SEX"].tolist() != other["SEX"].tolist()


@pytest.mark.parametrize("people", [1, 2, 20, 21])
def test_tiny_surveys_are_whole_too(people: int) -> None:
    table = generate_survey(2015, 2, people=people)
    assert len(table) >= people
    assert not table.duplicated([*HOUSEHOLD_KEY, "N_REN"]).any()


@pytest.mark.parametrize(("quarter", "people"), [(0, 10), (5, 10), (1, 0)])
def test_bad_quarter_or_size_is_refused(quarter: int, people: int) -> None:
    with pytest.raises(ValueError, match=r"use 1, 2, 3 or 4|ask for at least 1"):
        generate_survey(2015, quarter, people=people)


def test_file_has_the_dialect_of_the_source(tmp_path: Path) -> None:
    path = tmp_path / "survey.csv"
    table = generate_survey(2015, 2, people=200)
    write_survey(table, path)
    content = path.read_bytes()
    lines = content.decode("latin-1").split("\r\n")
    assert lines[0] == ",".join(COLUMNS)
    assert lines[-1] == ""
    assert len(lines) == len(table) + 2
    assert content.count(b"\n") == content.count(b"\r\n")
    assert b'"' not in content
    read_back = pd.read_csv(path, dtype=str, encoding="latin-1", keep_default_na=False)
    pd.testing.assert_frame_equal(read_back, table, check_index_type=False)


def test_command_writes_the_same_file_as_the_functions(tmp_path: Path) -> None:
    by_command, by_function = tmp_path / "command.csv", tmp_path / "function.csv"
    main([str(by_command), "--period", "2016T3", "--people", "100", "--seed", "4"])
    write_survey(generate_survey(2016, 3, people=100, seed=4), by_function)
    assert by_command.read_bytes() == by_function.read_bytes()


def test_command_refuses_a_misspelled_period(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "survey.csv"), "--period", "2015-T5"])
    assert "2015T2" in capsys.readouterr().err
