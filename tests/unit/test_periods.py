"""Periods of every kind: how they are read and written, when they are out, what patterns hold."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta

import pytest
import yaml

from include.espejo.errors import ParameterError, SpecError
from include.espejo.survey import Period, in_order, period_pattern
from include.espejo.survey.expression import ExpressionError, parse_expression
from include.espejo.survey.period import FORMS, PeriodKind
from include.espejo.survey.schedule import Schedule
from tests.support.invented import code, invented_spec, number

DATED: list[PeriodKind] = ["year", "half", "four_month", "quarter", "month", "week", "day"]
SOME = {
    "year": ["1900", "2026"],
    "half": ["2026S1", "2026S2"],
    "four_month": ["2026C1", "2026C3"],
    "quarter": ["2026T1", "2026T4"],
    "month": ["2026M01", "2026M12"],
    "week": ["2026W01", "2020W53"],
    "day": ["2026-03-31", "2024-02-29"],
    "wave": ["R1", "R7", "R10", "R9999"],
    "none": ["once"],
}
NONE_OF_ITS_KIND = {
    "year": ["26", "2026T1", "1899"],
    "half": ["2026S0", "2026S3", "2026s1"],
    "four_month": ["2026C0", "2026C4"],
    "quarter": ["2026T0", "2026T5", "2026Q1"],
    "month": ["2026M00", "2026M13", "2026M3", "2026-03"],
    "week": ["2026W00", "2026W54", "2021W53"],
    "day": ["2026-02-29", "2026-13-01", "2026-04-31", "2026-3-1"],
    "wave": ["R0", "R01", "7", "R10000"],
    "none": ["Once", "", "2026"],
}


@pytest.mark.parametrize("kind", FORMS)
def test_a_period_is_read_and_written_alike(kind: PeriodKind) -> None:
    for written in SOME[kind]:
        assert str(Period.parse(written)) == str(Period.parse(written, kind)) == written
        assert Period.parse(written).kind == kind
    assert FORMS[kind].example in {str(Period.parse(FORMS[kind].example, kind))}


@pytest.mark.parametrize("kind", FORMS)
def test_what_is_no_period_of_the_kind_is_refused_with_an_example(kind: PeriodKind) -> None:
    others = [SOME[other][0] for other in FORMS if other != kind]
    for written in (*NONE_OF_ITS_KIND[kind], *others):
        with pytest.raises(ParameterError, match=f"write it such as {FORMS[kind].example}"):
            Period.parse(written, kind)


@pytest.mark.parametrize("kind", DATED)
def test_periods_follow_each_other_without_a_gap(kind: PeriodKind) -> None:
    day = date(2019, 12, 28)
    period = Period.containing(kind, day)
    for _ in range(60):
        first, last = period.days()
        assert first <= day <= last
        assert Period.containing(kind, first) == Period.containing(kind, last) == period
        assert Period.parse(str(period)) == period
        following = Period.containing(kind, last + timedelta(days=1))
        assert following.before() == period < following
        assert following.since(period) == 1
        assert in_order(str(period)) < in_order(str(following))
        period, day = following, last + timedelta(days=1)


def test_waves_are_ordered_by_number_not_by_letter() -> None:
    assert Period.parse("R9") < Period.parse("R10")
    assert in_order("R9") < in_order("R10")
    assert in_order("nonsense") < in_order("R9")
    assert Period.parse("R10").since(Period.parse("R7")) == 3


@pytest.mark.parametrize(
    ("kind", "schedule", "cron"),
    [
        ("year", {"months_after": 6, "day": 3}, "0 6 3 6 *"),
        ("half", {"months_after": 1, "day": 3}, "0 6 3 1,7 *"),
        ("four_month", {"months_after": 1, "day": 3}, "0 6 3 1,5,9 *"),
        ("quarter", {"months_after": 2, "day": 26}, "0 6 26 2,5,8,11 *"),
        ("month", {"months_after": 2, "day": 5}, "0 6 5 1,2,3,4,5,6,7,8,9,10,11,12 *"),
        ("week", {"days_after": 3}, "0 6 * * 3"),
        ("day", {"days_after": 1}, "0 6 * * *"),
        ("wave", {}, None),
        ("none", {}, None),
        ("year", {}, None),
    ],
)
def test_the_schedule_wakes_when_a_period_is_out(
    kind: PeriodKind, schedule: dict[str, int], cron: str | None
) -> None:
    assert Schedule(**schedule).cron(kind) == cron  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", DATED)
def test_a_period_is_out_from_its_day_on(kind: PeriodKind) -> None:
    by_months = bool(FORMS[kind].months)
    schedule = Schedule(months_after=14, day=9) if by_months else Schedule(days_after=10)
    out = [schedule.last_out(kind, date(2025, 1, 1) + timedelta(days=n)) for n in range(800)]
    assert all(0 <= after.since(before) <= 1 for before, after in itertools.pairwise(out))
    changed = [date(2025, 1, 2) + timedelta(days=n) for n in range(799) if out[n + 1] != out[n]]
    for day in changed:
        last = schedule.last_out(kind, day).days()[1]
        waited = (day.year - last.year) * 12 + day.month - last.month
        assert (waited, day.day) == (14, 9) if by_months else day - last == timedelta(days=10)


def test_what_a_pattern_may_hold_is_what_the_kind_has() -> None:
    assert Period.parse("2026M03").format("{year}/{month:02}/{yy}") == "2026/03/26"
    assert Period.parse("2026-03-31").format("{year}{month:02}{day:02}") == "20260331"
    assert Period.parse("R7").format("wave{wave}/{period}") == "wave7/R7"
    assert Period.parse("once").format("census/{period}") == "census/once"
    for period, part in {"2026": "quarter", "R7": "year", "once": "yy"}.items():
        with pytest.raises(KeyError):
            Period.parse(period).format("{" + part + "}")


@pytest.mark.parametrize(
    ("period", "schedule", "told"),
    [
        ("wave", "{months_after: 1, day: 1}", "a period of kind wave has no date"),
        ("week", "{months_after: 1, day: 1}", "a week is out by `days_after`"),
        ("month", "{days_after: 1}", "a month is out by `months_after` and `day`"),
        ("month", "{months_after: 1}", "`months_after` and `day` go together"),
        ("fortnight", "{}", "it must be 'year', 'half'"),
    ],
)
def test_a_schedule_that_does_not_fit_the_kind_is_refused(
    period: str, schedule: str, told: str
) -> None:
    with pytest.raises(SpecError) as caught:
        invented_spec(
            {"sex": code("1", "2"), "age": number()},
            [],
            period=period,
            schedule=yaml.safe_load(schedule),
            source={"encodings": ["utf-8"], "min_rows": 1, "max_rows": 2},
        )
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "known", "unknown"),
    [
        ("month", ["survey_year", "survey_month"], ["survey_quarter", "survey_wave"]),
        ("wave", ["survey_wave"], ["survey_year"]),
        ("none", [], ["survey_year", "survey_none"]),
    ],
)
def test_expressions_know_the_parts_of_the_survey_s_periods(
    kind: PeriodKind, known: list[str], unknown: list[str]
) -> None:
    for name in known:
        assert parse_expression(f"AGE > {name}", {"AGE": None}, kind).kind == "condition"
    for name in unknown:
        with pytest.raises(ExpressionError, match=f"it names {name}"):
            parse_expression(f"AGE > {name}", {"AGE": None}, kind)


def test_the_pattern_of_all_kinds_takes_each() -> None:
    for written in itertools.chain.from_iterable(SOME.values()):
        assert re.fullmatch(period_pattern(), written)
    assert re.fullmatch(period_pattern("month"), "2026M03")
    assert not re.fullmatch(period_pattern("month"), "2026T3")
