"""Rules that are planted in made-up tables are suggested, and nothing of columns without any."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from include.espejo.__main__ import main
from include.espejo.suggest import Suggested, suggest, to_yaml
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.rules import TogetherRule
from include.espejo.table.rules import relations
from include.espejo.validate import check_survey
from tests.surveys.made import PERIOD, codes, content_of, independent, spec_of, write

ROWS = 4_000
QUARTER = Period.parse(PERIOD)


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    """Thirty columns that are independent, and a few that rules tie to one another."""
    random = np.random.default_rng(11)
    frame = independent(11, ROWS, 24)
    age = np.clip(np.rint(random.gamma(3, 12, ROWS)), 0, 97)
    sex = random.integers(0, 2, ROWS)
    student = np.where(age < 40, random.integers(0, 2, ROWS), 0)
    frame["age"] = age
    frame["sex"] = codes(sex, ["man", "woman"])
    frame["pregnant"] = codes(np.where(sex == 1, random.random(ROWS) < 0.1, 0), ["no", "yes"])
    frame["student"] = codes(student, ["no", "yes"])
    kind = np.where(student == 1, random.integers(1, 3, ROWS), 0)
    frame["study"] = codes(kind, ["none", "full-time student", "part-time student"])
    frame["school"] = codes(random.integers(0, 4, ROWS), list("abcd"), student == 0)
    frame["grade"] = pd.Series(np.where(student == 0, np.nan, random.integers(1, 7, ROWS)))
    frame["wage"] = np.where(age < 15, 0, 100 + np.rint(random.gamma(2, 2000, ROWS)))
    return frame


def rules_of(suggested: list[Suggested]) -> list[dict[str, Any]]:
    """What the YAML says, without names."""
    read = yaml.safe_load(to_yaml(suggested))
    return [{key: value for key, value in rule.items() if key != "name"} for rule in read]


def with_rules(content: dict[str, Any], suggested: list[Suggested]) -> SurveySpec:
    return spec_of(content | {"rules": content["rules"] + yaml.safe_load(to_yaml(suggested))})


def suggested_for(frame: pd.DataFrame, **columns: Any) -> list[dict[str, Any]]:
    return rules_of(suggest(frame, spec_of(content_of(frame, **columns)), QUARTER))


def test_every_planted_rule_is_suggested(wide: pd.DataFrame) -> None:
    told = suggested_for(wide)
    assert {"kind": "implies", "if": 'sex == "man"', "then": 'pregnant == "no"'} in told
    assert {
        "kind": "implies",
        "if": 'student == "no"',
        "then": 'study == "none"',
        "both_ways": True,
    } in told
    assert {"kind": "blank", "columns": ["school", "grade"], "when": 'student == "no"'} in told
    assert {"kind": "implies", "if": "wage > 0", "then": "age > 14", "both_ways": True} in told
    assert {"kind": "implies", "if": "age > 39", "then": 'student == "no"'} in told
    assert len(told) == 5


def test_with_the_suggestions_the_table_is_valid_and_nothing_more_is_suggested(
    wide: pd.DataFrame,
) -> None:
    content = content_of(wide)
    suggested = suggest(wide, spec_of(content), QUARTER)
    spec = with_rules(content, suggested)
    assert len(spec.rules) == len(suggested)
    assert [b.rule for b in relations(wide, spec, QUARTER) if b.count] == []
    checked = check_survey(wide, spec, QUARTER)
    assert [f for f in checked.findings if not f.passed] == []
    assert suggest(wide, spec, QUARTER) == []


def test_a_long_list_of_codes_is_said_in_parts_and_the_search_ends() -> None:
    """One expression cannot hold 125 codes; a rule that is there says the first sixty."""
    random = np.random.default_rng(0)
    rows, labels = 60_000, [f"occ{number:03d}" for number in range(150)]
    job = random.integers(0, 150, rows)
    paid = np.where(job < 125, random.integers(1, 3, rows), random.integers(0, 3, rows))
    frame = pd.DataFrame({"job": codes(job, labels), "paid": codes(paid, ["p", "q", "s"])})
    content = content_of(frame)
    listed = ", ".join(f'"{label}"' for label in labels[:60])
    content["rules"] = [
        {"kind": "implies", "name": "known", "if": f"job in ({listed})", "then": 'paid != "p"'}
    ]
    found = suggest(frame, spec_of(content), QUARTER)
    said = " ".join(str(rule) for rule in rules_of(found))
    assert sum(label in said for label in labels[60:125]) > 55  # the others are rarer
    assert with_rules(content, found)


def test_figures_never_exceed_what_is_true() -> None:
    rule = {"kind": "together", "name": "some", "columns": ("a", "b")}
    some = Suggested(TogetherRule.model_validate(rule), expected=29.9, people=19)
    assert "expected against it: 20; people behind each side: 10 or more" in to_yaml([some])


def test_independent_columns_give_no_suggestion() -> None:
    for seed in range(20):
        frame = independent(seed, 3_000, 30)
        assert suggested_for(frame) == []


def test_what_households_share_gives_no_suggestion() -> None:
    for seed in range(5):
        shared = independent(seed, 800, 15).loc[np.repeat(np.arange(800), 4)]
        frame = shared.reset_index(drop=True)
        own = independent(100 + seed, len(frame), 6)
        frame = pd.concat([frame, own.add_prefix("own_")], axis=1)
        frame["home"] = codes(np.repeat(np.arange(800), 4), [f"h{i}" for i in range(800)])
        assert suggest(frame, spec_of(content_of(frame, "home")), QUARTER) == []


def test_columns_that_are_blank_together_make_one_rule() -> None:
    random = np.random.default_rng(2)
    blank = random.random(ROWS) < 0.3
    frame = pd.DataFrame(
        {n: codes(random.integers(0, 3, ROWS), list("xyz"), blank) for n in "abcd"}
    )
    assert suggested_for(frame) == [{"kind": "together", "columns": ["a", "b", "c", "d"]}]


def test_a_special_code_is_told_apart_from_the_numbers_around_it() -> None:
    random = np.random.default_rng(3)
    age = random.integers(0, 98, ROWS).astype(float)
    asked = age >= 60
    age[random.random(ROWS) < 0.1] = 99
    pension = np.where(asked | (age == 99), random.integers(0, 2, ROWS), 0)
    frame = pd.DataFrame({"age": age, "pension": codes(pension, ["no", "yes"])})
    told = suggested_for(frame, age={"range": [0, 97], "special": {99: "unknown"}})
    assert told == [{"kind": "implies", "if": "age <= 59", "then": 'pension == "no"'}]


def test_what_a_rule_says_is_not_suggested(wide: pd.DataFrame) -> None:
    content = content_of(wide)
    content["rules"] = [
        {
            "kind": "implies",
            "name": "study",
            "if": 'student == "yes"',
            "then": 'study != "none"',
            "both_ways": True,
        },
        {"kind": "blank", "name": "school", "columns": ["school"], "when": 'study == "none"'},
        {"kind": "together", "name": "asked", "columns": ["school", "grade"]},
        {
            "kind": "implies",
            "name": "work",
            "if": "age < 15",
            "then": "wage == 0",
            "both_ways": True,
        },
    ]
    told = rules_of(suggest(wide, spec_of(content), QUARTER))
    assert [rule["if"] for rule in told] == ["age > 39", 'sex == "man"']


def test_nothing_under_the_floor_is_written() -> None:
    """A code of nine people is no part of a rule, nor is what stands on two households."""
    random = np.random.default_rng(4)
    first = random.integers(0, 2, ROWS)
    second = np.where(first == 1, random.integers(0, 2, ROWS), 2)
    second[np.flatnonzero(first == 1)[:9]] = 3
    frame = pd.DataFrame(
        {"a": codes(first, ["no", "yes"]), "b": codes(second, ["few", "many", "none", "RARE"])}
    )
    assert "RARE" not in to_yaml(suggest(frame, spec_of(content_of(frame)), QUARTER))
    (rule,) = suggested_for(frame)
    assert rule == {"kind": "implies", "if": 'a == "no"', "then": 'b == "none"', "both_ways": True}
    homes = np.arange(ROWS) // 2
    homes[second == 0] = np.arange((second == 0).sum()) % 2
    frame["home"] = codes(homes, [f"h{i}" for i in range(ROWS)])
    text = to_yaml(suggest(frame, spec_of(content_of(frame, "home")), QUARTER))
    assert '"few"' not in text


def test_figures_are_rounded(wide: pd.DataFrame) -> None:
    text = to_yaml(suggest(wide, spec_of(content_of(wide)), QUARTER))
    figures = [line for line in text.splitlines() if "expected against it" in line]
    assert len(figures) == 5
    for line in figures:
        numbers = [word.strip(";").replace(",", "") for word in line.split() if word[0].isdigit()]
        assert len(numbers) == 2
        assert all(number.endswith("0") for number in numbers)


def test_a_name_that_is_no_plain_word_is_quoted() -> None:
    random = np.random.default_rng(5)
    first = random.integers(0, 2, ROWS)
    frame = pd.DataFrame(
        {"is-student": codes(first, ["no", "yes"]), "study": codes(first, ["none", "some"])}
    )
    (rule,) = suggested_for(frame)
    assert (rule["if"], rule["then"]) == ('`is-student` == "no"', 'study == "none"')


def test_what_a_place_fixes_is_not_suggested(ingested, enoe, period) -> None:
    from include.espejo.table.frames import to_frame

    places = set(enoe.geography_columns())
    for some in suggest(to_frame(ingested.table), enoe, period):
        texts = " ".join(str(v) for v in some.rule.model_dump(by_alias=True).values())
        assert sum(name in texts.replace(",", " ").split() for name in places) <= 1


def test_the_command_prints_rules_before_its_line(
    wide: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = content_of(wide)
    table, spec = write(wide, content, tmp_path)
    asked = ("validate", table, "--survey", spec, "--period", PERIOD)
    assert main([*asked, "--suggest"]) == 0
    *text, last = capsys.readouterr().out.splitlines()
    assert json.loads(last)["suggested"] == len(yaml.safe_load("\n".join(text))) == 5
    assert main(asked) == 0
    (last,) = capsys.readouterr().out.splitlines()
    assert "suggested" not in json.loads(last)


def test_the_command_writes_rules_that_it_then_takes(
    wide: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = content_of(wide)
    table, spec = write(wide, content, tmp_path)
    asked = ("validate", table, "--survey", spec, "--period", PERIOD, "--suggest")
    file = tmp_path / "rules.yaml"
    assert main([*asked, str(file)]) == 0
    content["rules"] = yaml.safe_load(file.read_text())
    write(wide, content, tmp_path)
    capsys.readouterr()
    assert main([*asked, str(file)]) == 0
    (last,) = capsys.readouterr().out.splitlines()
    assert json.loads(last)["suggested"] == 0
    assert yaml.safe_load(file.read_text()) == []


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_read_is_not_written_over(
    wide: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], which: int
) -> None:
    paths = write(wide, content_of(wide), tmp_path)
    before = Path(paths[which]).read_bytes()
    asked = ("validate", paths[0], "--survey", paths[1], "--period", PERIOD)
    assert main([*asked, "--suggest", paths[which]]) == 2
    assert "name another one" in capsys.readouterr().err
    assert Path(paths[which]).read_bytes() == before
