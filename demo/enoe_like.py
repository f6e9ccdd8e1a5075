"""A made-up survey with the shape of ENOE's person table (SDEM), for the demo and the tests.

No row comes from a real interview: codes, ranges and overall rates are the survey's, every row
is drawn. Each quarter is a fresh sample of the same places; the panel's overlap of households
between quarters is not modelled. The layout is that of 2005-Q1 to 2020-Q1, whatever the period.

    python -m demo.enoe_like OUT.csv --period 2015T2 --people 5000 --seed 1
"""

import argparse
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from demo.enoe_households import build_frame, draw_members, keep_households, place_households

Integers = npt.NDArray[np.int64]

COLUMNS = (
    *("R_DEF", "LOC", "MUN", "MAN", "AGEB", "T_LOC", "CD_A", "ENT", "CON", "UPM", "V_SEL"),
    *("N_HOG", "H_MUD", "N_ENT", "PER", "N_REN", "C_RES", "SEX", "EDA", "NAC_DIA", "NAC_MES"),
    *("NAC_ANIO", "CS_P13_1", "FAC", "CLASE1", "CLASE2", "POS_OCU", "INGOCUP"),
)
PERSON_COLUMNS = ("SEX", "EDA", "NAC_DIA", "NAC_MES", "NAC_ANIO", "CS_P13_1")
WIDTHS = {"V_SEL": 2, "N_REN": 2, "EDA": 2, "NAC_DIA": 2, "NAC_MES": 2, "CS_P13_1": 2}
BLANK = " "

SCHOOLING_FROM_AGE = 5
WORK_FROM_AGE = 12
OLDEST_CODED_AGE = 97
AGE_UNKNOWN = 98

# Share employed from each age on.
WORK_AGES = np.array([12, 15, 20, 25, 55, 65, 75])
MEN_EMPLOYED = np.array([0.06, 0.32, 0.69, 0.91, 0.74, 0.46, 0.19])
WOMEN_EMPLOYED = np.array([0.03, 0.19, 0.46, 0.60, 0.45, 0.22, 0.07])

# Amounts are told by the round week, times 4.3, or by the round month; few give odd amounts.
INCOME_UNITS = np.array([430, 1000, 500, 200, 215, 43])
INCOME_UNIT_SHARES = np.array([0.44, 0.28, 0.06, 0.12, 0.06, 0.04])


def generate_survey(
    period_year: int, period_quarter: int, people: int = 5000, seed: int = 1
) -> pd.DataFrame:
    """A survey of whole households with at least `people` rows, one a person.

    All 28 columns (`COLUMNS`, in that order) are strings spelled as in INEGI's file: codes with
    leading zeros, INGOCUP and FAC without, one space where there is no answer. The places depend
    on `seed` alone; quarters of one seed share them. Raises ValueError for a bad quarter or size.
    """
    if period_quarter not in (1, 2, 3, 4):
        raise ValueError(f"quarter {period_quarter} does not exist: use 1, 2, 3 or 4")
    if people < 1:
        raise ValueError(f"people is {people}: ask for at least 1")
    random = np.random.default_rng([seed, period_year, period_quarter])
    members = keep_households(draw_members(people // 2 + 10, random), people)
    frame = build_frame(people, np.random.default_rng(seed))
    households = place_households(int(members["household"].max()) + 1, frame, random)
    survey = members.join(households, on="household")
    survey = add_residence(survey, random)
    survey = add_schooling(survey, random)
    survey = add_occupation(survey, random)
    survey = add_income(survey, random)
    survey = add_birth(survey, period_year, period_quarter, random)
    return spell_codes(survey, period_year, period_quarter)


def write_survey(table: pd.DataFrame, path: str | Path) -> None:
    """Writes the survey as INEGI's CSV: latin-1, CRLF line ends, upper-case header, commas."""
    table.to_csv(path, index=False, encoding="latin-1", lineterminator="\r\n")


def add_residence(survey: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """C_RES: 1 usual resident, 2 left for good, 3 new; heads stay and first visits see no change.

    At a first visit there is no earlier list of members to have left or joined.
    """
    draw = random.random(len(survey))
    changes = (survey["N_REN"] > 1) & (survey["N_ENT"] > 1)
    codes = np.select([changes & (draw < 0.031), changes & (draw < 0.056)], [2, 3], 1)
    return survey.assign(C_RES=codes)


def add_schooling(survey: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """CS_P13_1, as far as the age allows; parents and children share their household's part."""
    size = survey["household"].max() + 1
    household_part = random.normal(size=size)[survey["household"]]
    age = survey["age"].to_numpy()
    cohort_part = 0.022 * (45 - np.clip(age, 20, 90))
    place_part = survey["T_LOC"].map({1: 0.15, 2: -0.1, 3: -0.3, 4: -0.7}).to_numpy()
    own_part = random.normal(size=len(survey))
    score = 0.65 * household_part + 0.75 * own_part + cohort_part + place_part
    levels = np.array([0, 2, 3, 4, 7, 8, 9])
    reached = levels[np.searchsorted([-1.8, -0.6, 0.15, 0.95, 2.2, 2.9], score)]
    ceilings = np.array([1, 2, 3, 4, 7, 8, 9])
    ceiling = ceilings[np.searchsorted([6, 12, 15, 18, 24, 30], age, side="right")]
    # Children under 15 are in school whatever they will reach later.
    code = np.where(age < 15, ceiling - (random.random(len(survey)) < 0.15), reached)
    code = np.minimum(code, ceiling)
    side = random.random(len(survey))
    code = np.where((code == 4) & (age >= 18) & (side < 0.25), 6, code)
    code = np.where((code == 7) & (age >= 45) & (side < 0.12), 5, code)
    code = np.where(random.random(len(survey)) < 0.0004, 99, code)
    return survey.assign(CS_P13_1=code)


def add_occupation(survey: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """CLASE1, CLASE2 and POS_OCU by age and sex; all 0 for those the questions do not reach."""
    age = survey["age"].to_numpy()
    interviewed = (survey["C_RES"] != 2) & (survey["R_DEF"] == "00")
    asked = (interviewed & (age >= WORK_FROM_AGE)).to_numpy()
    band = np.clip(np.searchsorted(WORK_AGES, age, side="right") - 1, 0, None)
    rate = np.where(survey["SEX"] == 1, MEN_EMPLOYED[band], WOMEN_EMPLOYED[band])
    employed = asked & (random.random(len(survey)) < rate)
    seeks = asked & ~employed & (random.random(len(survey)) < np.where(age < 30, 0.09, 0.05))
    available = random.random(len(survey)) < 0.18
    class_two = np.select([~asked, employed, seeks, available], [0, 1, 2, 3], 4)
    class_one = np.select([~asked, employed | seeks], [0, 1], 2)
    unpaid = np.where(age < 20, 0.15, 0.025)
    employer = unpaid + np.where(age >= 30, 0.045, 0.01)
    own_account = employer + np.clip(0.05 + 0.0048 * (age - 15), 0.05, 0.45)
    draw = random.random(len(survey))
    position = np.select(
        [draw < unpaid, draw < employer, draw < own_account, draw > 0.999], [4, 2, 3, 5], 1
    )
    return survey.assign(
        CLASE1=class_one, CLASE2=class_two, POS_OCU=np.where(employed, position, 0)
    )


def add_income(survey: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """INGOCUP, pesos a month; 0 for the unpaid and for those who refuse, more often the rich."""
    known_schooling = survey["CS_P13_1"].where(survey["CS_P13_1"] != 99, 3)
    logarithm = (
        np.log(4500)
        + 0.14 * (known_schooling - 4)
        + survey["POS_OCU"].map({2: 0.55, 3: -0.2}).fillna(0.0)
        + np.where(survey["SEX"] == 1, 0.12, -0.12)
        - 0.0004 * (survey["age"] - 45) ** 2
        + random.normal(0.1, 0.55, len(survey))
    ).to_numpy()
    refuses = random.random(len(survey)) < 0.42 + 0.1 * (logarithm - np.log(4300))
    earns = (survey["POS_OCU"].isin([1, 2, 3, 5]) & ~refuses).to_numpy()
    return survey.assign(INGOCUP=np.where(earns, heap_amounts(np.exp(logarithm), random), 0))


def heap_amounts(amounts: npt.NDArray[np.float64], random: np.random.Generator) -> Integers:
    """Positive amounts rounded as people tell them: coarser above 10,000, at most 90,000."""
    unit = random.choice(INCOME_UNITS, size=len(amounts), p=INCOME_UNIT_SHARES)
    unit = unit * np.where(amounts > 10_000, 2, 1)
    times = np.maximum(np.rint(np.minimum(amounts, 85_000) / unit), 1)
    heaped: Integers = (times * unit).astype(np.int64)
    return heaped


def add_birth(
    survey: pd.DataFrame, period_year: int, period_quarter: int, random: np.random.Generator
) -> pd.DataFrame:
    """EDA and NAC_*, with unknowns: a missing year takes the month with it, a month the day."""
    start = np.datetime64(f"{period_year}-{3 * period_quarter - 2:02d}-01")
    interview = start + random.integers(0, 90, int(survey["household"].max()) + 1)
    # Going back under a year to the last birthday, then whole years, keeps age and date in step.
    days_back = random.integers(0, 365, len(survey))
    birthday = pd.DatetimeIndex(interview[survey["household"]] - days_back)
    age, day = survey["age"].to_numpy(), birthday.day.to_numpy()
    year, month = birthday.year.to_numpy() - age, birthday.month.to_numpy()
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    day = np.where((month == 2) & (day == 29) & ~leap, 28, day)
    draw = random.random(len(survey))
    no_year = (draw < 0.001) & (age >= WORK_FROM_AGE)
    no_month = no_year | (draw < 0.057)
    no_day = no_month | (draw < 0.070)
    return survey.assign(
        EDA=np.where(no_year, AGE_UNKNOWN, np.minimum(age, OLDEST_CODED_AGE)),
        NAC_DIA=np.where(no_day, 99, day),
        NAC_MES=np.where(no_month, 99, month),
        NAC_ANIO=np.where(no_year, 9999, year),
    )


def spell_codes(survey: pd.DataFrame, period_year: int, period_quarter: int) -> pd.DataFrame:
    """The survey as strings of INEGI's widths, blank where a person was not asked."""
    table = survey.assign(AGEB="00000", PER=f"{period_quarter}{period_year % 100:02d}")
    table = table[list(COLUMNS)].astype(str)
    for column, width in WIDTHS.items():
        table[column] = table[column].str.zfill(width)
    absent = survey["C_RES"] == 2
    table.loc[absent, list(PERSON_COLUMNS)] = BLANK
    table.loc[survey["age"] < SCHOOLING_FROM_AGE, "CS_P13_1"] = BLANK
    return table


def read_period(text: str) -> tuple[int, int]:
    """Year and quarter of a period written 2015T2."""
    match = re.fullmatch(r"(\d{4})T([1-4])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"period {text!r}: write year, T and quarter, as 2015T2")
    return int(match[1]), int(match[2])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write a made-up survey shaped like ENOE's SDEM.")
    parser.add_argument("path", metavar="OUT.csv", type=Path)
    parser.add_argument("--period", type=read_period, default=(2015, 2))
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    year, quarter = options.period
    write_survey(generate_survey(year, quarter, options.people, options.seed), options.path)


if __name__ == "__main__":
    main()
