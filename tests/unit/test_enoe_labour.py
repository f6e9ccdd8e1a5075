"""The labour survey: a second table of the same files, made by a YAML file alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.protect import hold_floors
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.table.frames import to_frame
from include.espejo.table.indicators import compute_indicators
from include.espejo.table.rules import relations
from include.espejo.validate import check_survey

PERIOD = Period(2015, 2)
EXTRACT = Path(__file__).parents[3] / "shared/data/enoe/sdem_2015t2_ent09.csv"

WORKER = {
    "ENT": "09",
    "MUN": "002",
    "T_LOC": "1",
    "CD_A": "01",
    "C_RES": "1",
    "SEX": "1",
    "EDA": 40,
    "CS_P13_1": "07",
    "CLASE1": "1",
    "CLASE2": "1",
    "POS_OCU": "1",
    "RAMA_EST1": "3",
    "SUB_O": "0",
    "INGOCUP": 5000,
    "EMP_PPAL": "2",
}
AT_HOME = WORKER | {
    "CLASE1": "2",
    "CLASE2": "4",
    "POS_OCU": "0",
    "RAMA_EST1": "0",
    "INGOCUP": 0,
    "EMP_PPAL": "0",
}
CHILD = AT_HOME | {"EDA": 3, "CS_P13_1": None, "CLASE1": "0", "CLASE2": "0"}
ABSENTEE = CHILD | {"C_RES": "2", "SEX": None, "EDA": np.nan}
SEEKER = AT_HOME | {"CLASE1": "1", "CLASE2": "2"}


@pytest.fixture(scope="module")
def labour() -> SurveySpec:
    return load_spec("enoe_labour")


def table(spec: SurveySpec, *rows: Mapping[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    return frame.astype({n: "category" if spec.columns[n].is_code() else float for n in frame})


def broken(spec: SurveySpec, row: Mapping[str, Any]) -> set[str]:
    return {b.rule for b in relations(table(spec, row), spec, PERIOD) if b.count}


@pytest.mark.parametrize("row", [WORKER, AT_HOME, CHILD, ABSENTEE, SEEKER])
def test_everyday_rows_break_no_rule(labour: SurveySpec, row: dict[str, Any]) -> None:
    assert broken(labour, row) == set()


@pytest.mark.parametrize(
    ("row", "change", "rules"),
    [
        (WORKER, {"SEX": None}, {"absentee_blank", "absentee_is_blank"}),
        (ABSENTEE, {"C_RES": "1"}, {"absentee_is_blank"}),
        (CHILD, {"CS_P13_1": "01"}, {"schooling_from_5"}),
        (AT_HOME, {"EDA": 11}, {"work_from_12"}),
        (AT_HOME, {"CLASE2": "0"}, {"activity_known"}),
        (SEEKER, {"CLASE1": "2"}, {"active_employed_or_not"}),
        (WORKER, {"POS_OCU": "0", "INGOCUP": 0}, {"employed_position"}),
        (SEEKER, {"RAMA_EST1": "3"}, {"employed_sector"}),
        (WORKER, {"EMP_PPAL": "0"}, {"employed_formality"}),
        (WORKER, {"POS_OCU": "4", "INGOCUP": 0}, {"unpaid_informal"}),
        (SEEKER, {"SUB_O": "1"}, {"underemployed_employed"}),
        (SEEKER, {"INGOCUP": 100}, {"income_employed"}),
        (WORKER, {"CD_A": "86"}, {"rural_city"}),
    ],
)
def test_each_rule_finds_the_row_that_breaks_it(
    labour: SurveySpec, row: dict[str, Any], change: dict[str, Any], rules: set[str]
) -> None:
    assert broken(labour, row | change) == rules


def test_the_rates_are_over_their_own_populations(labour: SurveySpec) -> None:
    informal = WORKER | {"EMP_PPAL": "1", "SUB_O": "1"}
    rows = [WORKER] * 2 + [informal] + [SEEKER] + [AT_HOME] * 4 + [CHILD] * 5 + [ABSENTEE]
    young = [informal | {"EDA": 14}] * 3  # asked, but under the age of the indicators
    figures = compute_indicators(table(labour, *rows, *young), labour, PERIOD)
    rates = figures[figures["group"] == "ENT=09, SEX=1"].set_index("indicator")["value"]
    assert rates.to_dict() == pytest.approx(
        {
            "participation": 4 / 8,
            "unemployment": 1 / 4,
            "informality": 1 / 3,
            "underemployment": 1 / 3,
        }
    )


def test_it_shares_no_place_and_no_day_with_the_other_table(labour: SurveySpec) -> None:
    other = load_spec("enoe_sdem")
    assert labour.places.raw != other.places.raw
    assert labour.schedule.cron("quarter") != other.schedule.cron("quarter")
    assert labour.panel_key() == other.panel_key()
    assert labour.geography_levels() == ("ENT", "MUN")
    assert not {"NAC_DIA", "NAC_MES", "NAC_ANIO", "LOC", "MAN"} & set(labour.columns)


def test_columns_that_both_tables_hold_are_the_same(labour: SurveySpec) -> None:
    other = load_spec("enoe_sdem")
    for name in set(labour.columns) & set(other.columns) - {"T_LOC", "CD_A", "CLASE2", "FAC"}:
        assert labour.columns[name] == other.columns[name], name


@pytest.mark.skipif(not EXTRACT.exists(), reason=f"the real extract is not at {EXTRACT}")
def test_the_real_extract_is_valid_and_can_be_protected(labour: SurveySpec) -> None:
    ingested = read_survey(open_lake(str(EXTRACT)), str(EXTRACT), labour)
    check_survey(to_frame(ingested.table), labour, PERIOD, ingested.warnings).require("the extract")
    frame = to_frame(ingested.table)
    assert [breach.rule for breach in relations(frame, labour, PERIOD) if breach.count] == []
    protected = hold_floors(frame, labour, PERIOD, seed=1)
    assert protected.touched.geography_lost == ()
    assert [b.rule for b in relations(protected.frame, labour, PERIOD) if b.count] == []
