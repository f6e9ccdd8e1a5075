"""A spec is loaded whole or refused with file, line, key and remedy; periods and schedules."""

import dataclasses
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from include.espejo.errors import ParameterError, SpecError
from include.espejo.language import Label
from include.espejo.survey import Period, SurveySpec, find_specs, load_spec
from include.espejo.survey.load import SURVEYS_VARIABLE, parse_spec, spec_digest
from include.espejo.survey.schedule import Schedule
from tests.surveys.parks import COLUMNS as PARKS_COLUMNS
from tests.surveys.parks import SPEC

TEXT = SPEC.read_text(encoding="utf-8")


def changed(old: str, new: str) -> str:
    """The spec of parks with one piece of text replaced."""
    assert TEXT.count(old) == 1, f"{old!r} must be there once"
    return TEXT.replace(old, new)


def line_of(text: str, marker: str) -> int:
    return text[: text.index(marker)].count("\n") + 1


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "parks.yaml")
    assert caught.value.exit_code == 2
    assert not caught.value.retryable
    return str(caught.value)


# --- loading -----------------------------------------------------------------------------------


def test_every_spec_of_the_project_loads_by_name() -> None:
    paths = find_specs()
    assert "enoe_sdem" in {path.stem for path in paths}
    for path in paths:
        assert load_spec(path.stem).survey == path.stem


def test_a_spec_loads_by_path(parks: SurveySpec) -> None:
    assert parks.survey == "parks"
    assert tuple(parks.columns) == PARKS_COLUMNS
    assert parks.connections.ingest == "espejo_ingest"


def test_the_surveys_directory_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SURVEYS_VARIABLE, str(SPEC.parent))
    assert [path.name for path in find_specs()] == ["parks.yaml"]
    assert load_spec("parks").survey == "parks"
    with pytest.raises(SpecError, match=r"known surveys: parks$"):
        load_spec("enoe_sdem")


def test_a_missing_spec_names_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"survey 'enoe_sden': no spec at .*enoe_sdem") as caught:
        load_spec("enoe_sden")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("content", [None, "título: x".encode("latin-1")], ids=["folder", "latin1"])
def test_an_unreadable_spec_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(SpecError, match=r"broken\.yaml: cannot be read as UTF-8 text"):
        load_spec(path)


@pytest.mark.parametrize(
    "change",
    [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n")],
    ids=["byte-order mark", "crlf"],
)
def test_a_spec_saved_by_another_editor_is_the_same(change, parks: SurveySpec) -> None:
    assert parse_spec(change(TEXT), "parks.yaml") == parks


def test_a_spec_is_frozen(parks: SurveySpec) -> None:
    part: Any
    for part in (parks, parks.source, parks.columns["age"], parks.rules[0], parks.model):
        with pytest.raises(ValidationError, match="frozen"):
            part.survey = "other"
    assert isinstance(parks.model.columns, tuple)
    assert isinstance(parks.columns["age"].aliases, tuple)


def test_code_ranges_and_codes_make_one_list(parks: SurveySpec) -> None:
    day = parks.columns["day"]
    assert list(day.listed_codes()) == ["99", *(f"{number:02}" for number in range(1, 32))]
    assert "00" not in day.code_set
    assert "32" not in day.code_set


# --- what is refused: file, line, key and remedy -----------------------------------------------

REFUSED = {
    # name: (old text, new text, what stands on the line told, key, words of the message)
    "unknown key with the nearest": (
        *("  max_rows: 5000", "  max_rows: 5000\n  delimeter: x", "delimeter"),
        *("source.delimeter", "unknown key; did you mean `delimiter`?"),
    ),
    "unknown key without any near": (
        *("  max_rows: 5000", "  max_rows: 5000\n  zzzz: x", "zzzz"),
        *("source.zzzz", "unknown key; remove it"),
    ),
    "unknown key of a column": (
        *("    top_code: 90", "    topcode: 90", "topcode"),
        *("columns.age.topcode", "did you mean `top_code`?"),
    ),
    "unknown key of a rule": (
        *("[rating, returns]", "[rating, returns]\n    colums: x", "colums: x"),
        *("rules.1.colums", "unknown key; did you mean `columns`?"),
    ),
    "required key absent": (
        *("  months_after: 1\n", "", "schedule:"),
        *("schedule", "`months_after` and `day` go together; write both, or neither"),
    ),
    "range the wrong way round": (
        *("range: [0, 90]", "range: [90, 0]", "  age:"),
        *("columns.age", "`range` has its bounds in the wrong order; write the lower one first"),
    ),
    "gap the wrong way round": (
        *("gap: [0, 1]", "gap: [1, 0]", "gap:"),
        *("rules.3.gap", "bounds in the wrong order; write the lower one first"),
    ),
    "code range the wrong way round": (
        *('["01-12"]', '["12-01"]', "  month:"),
        *("columns.month", "'12-01' has its bounds in the wrong order"),
    ),
    "code range of unequal widths": (
        *('["01-12"]', '["1-12"]', "  month:"),
        *("columns.month", "write it such as '001-570'"),
    ),
    "rows the wrong way round": (
        *("min_rows: 50", "min_rows: 5001", "source:"),
        *("source", "`min_rows` is above `max_rows`; write the lower bound first"),
    ),
    "code without quotes": (
        *('"1": {es: Mensual', "1: {es: Mensual", "1: {es: Mensual"),
        *("columns.pass_type.codes", "1 was read as a int; write it in quotes"),
    ),
    "code of another width": (
        *('"3": {es: De honor', '"03": {es: De honor', "  pass_type:"),
        *("columns.pass_type", "code '03' does not have the declared width 1"),
    ),
    "codes of a number": (
        *("range: [1, 5]", 'codes: {"1": uno}', "  rating:"),
        *("columns.rating", "`codes` cannot be used with kind integer"),
    ),
    "range of a code": (
        *('    code_ranges: ["01-12"]', "    range: [1, 12]", "  month:"),
        *("columns.month", "`range` cannot be used with kind code"),
    ),
    "text for a number": (
        *("min_rows: 50", 'min_rows: "50"', "min_rows"),
        *("source.min_rows", "it must be a whole number"),
    ),
    "kind of a column": (
        *("kind: decimal\n    blank: never", "kind: float\n    blank: never", "kind: float"),
        *("columns.hours.kind", "'code', 'integer', 'decimal', 'boolean', 'date'"),
    ),
    "kind of a rule": (
        *("kind: together", "kind: togethr", "  - kind: togethr"),
        *("rules.1", "'blank', 'together', 'implies', 'birth_year', 'date'"),
    ),
    "rule naming no column": (
        *("columns: [rating, returns]", "columns: [rating, return]", "  - kind: together"),
        *("rules.1", "it names return, which is not a column of the spec"),
    ),
    "condition naming no column": (
        *('when: member == "no"', 'when: members == "no"', "when:"),
        *("rules.0.when", "it names members, which is not a column of the spec"),
    ),
    "condition under the key if": (
        *('if: pass_type == "3"', 'if: pass_type == "4"', "if: pass_type"),
        *("rules.2.if", "'4' is no code of pass_type"),
    ),
    "condition without quotes": (
        *('if: pass_type == "3"', "if: pass_type == 3", "if: pass_type"),
        *("rules.2.if", "pass_type is a code: write its codes in quotes"),
    ),
    "condition that is no expression": (
        *("then: spent == 0", "then: spent = 0", "then: spent"),
        *("rules.2.then", "cannot be read"),
    ),
    "indicator naming no column": (
        *("of: spent\n", "of: spend\n", "of: spend"),
        *("indicators.0.of", "it names spend, which is not a column of the spec"),
    ),
    "grouping by no column": (
        *("by: [park]", "by: [parks]", "by: [parks]"),
        *("indicators.0.by", "it names parks, which is not a column of the spec"),
    ),
    "modelling no column": (
        *("returns, dog]", "returns, dogs]", "columns: [park"),
        *("model.columns", "it names dogs, which is not a column of the spec"),
    ),
    "key of no column": (
        *("person_key: [visitor]", "person_key: [visit]", "person_key"),
        *("person_key", "it names visit, which is not a column of the spec"),
    ),
    "period in no column": (
        *("period_column: quarter", "period_column: period", "period_column"),
        *("source.period_column", "it names period, which is not a column of the spec"),
    ),
    "geography of no column": (
        *("geography: none", "geography: {levels: [zone]}", "geography:"),
        *("geography.levels", "it names zone, which is not a column of the spec"),
    ),
    "geography of a number": (
        *("geography: none", "geography: {levels: [age]}", "geography:"),
        *("geography.levels", "age is no code column"),
    ),
    "function of no level": (
        *("geography: none", "geography: {levels: [park], functions: {dog: day}}", "geography:"),
        *("geography.functions.dog", "day is no level of the geography"),
    ),
    "alias of two columns": (
        *("aliases: [edad]", "aliases: [hours]", "  hours:"),
        *("columns.hours", "the name hours is already used by column age"),
    ),
    "alias in another case": (
        *("aliases: [edad]", "aliases: [HOURS]", "  hours:"),
        *("columns.hours", "the name hours is already used by column age"),
    ),
    "batch size no multiple": (
        *("batch_size: 50", "batch_size: 55", "batch_size"),
        *("model.batch_size", "multiple of 10"),
    ),
}


@pytest.mark.parametrize(("old", "new", "marker", "key", "words"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_file_line_key_and_remedy(
    old: str, new: str, marker: str, key: str, words: str
) -> None:
    text = changed(old, new)
    message = refusal(text)
    found = [told for told in message.splitlines() if words in told]
    assert found, message
    assert found[0].startswith(f"parks.yaml line {line_of(text, marker)}: `{key}")


def test_what_yaml_1_2_reads_as_text_is_text() -> None:
    text = changed('"no": {es: "No", en: "No"}\n  pass_type', "no: No\n  pass_type")
    text = text.replace('      "99": {es: No', "      099: Yes\n      99: {es: No")
    assert "`columns.day.codes" in refusal(text)  # 99 is a number, 099 and Yes are not
    text = changed('"no": {es: "No", en: "No"}\n  pass_type', "no: No\n  pass_type")
    spec = parse_spec(text, "parks.yaml")
    assert spec.columns["member"].codes["no"] == Label.same("No")


def test_a_label_may_be_plain_in_one_language_or_in_another() -> None:
    member = '"no": {es: "No", en: "No"}\n  pass_type'
    for written, label in {
        "Sí": Label.same("Sí"),
        "1": Label.same("1"),
        "{en: Only}": Label.same("Only"),
        "{fr: Seul}": Label.same("Seul"),
        "{fr: Seul, es: Solo}": Label.same("Solo"),
        "{es: Solo, en: Only, pt: Só}": Label(es="Solo", en="Only"),
    }.items():
        spec = parse_spec(
            changed(member, member.replace('{es: "No", en: "No"}', written)), "parks.yaml"
        )
        assert spec.columns["member"].codes["no"] == label
    assert "unknown key" in refusal(
        changed(member, member.replace('{es: "No", en: "No"}', "{ess: x, en: y}"))
    )


def test_an_unknown_key_of_a_birth_year_rule_is_told_by_its_own_line() -> None:
    text = changed("gap: [0, 1]", "gap: [0, 1]\n    gaps: x")
    assert f"line {line_of(text, 'gaps: x')}: `rules.3.gaps`" in refusal(text)


def test_a_key_of_another_place_is_not_its_own_remedy() -> None:
    assert "did you mean `range`" not in refusal(
        changed("min_rows: 50", "min_rows: 50\n  range: 1")
    )


def test_every_problem_is_told_at_once() -> None:
    text = changed("min_rows: 50", "min_row: 50").replace("hour: 4", "hour: 25")
    message = refusal(text)
    assert "source.min_row" in message
    assert "source.min_rows" in message
    assert "schedule.hour" in message


@pytest.mark.parametrize(
    ("old", "new", "line_marker"),
    [
        ("  max_rows: 5000", "  max_rows: 5000\n  max_rows: 6000", "  max_rows: 6000"),
        ("geography: none", "geography: none\nsurvey: again", "survey: again"),
        ("  rating:\n", "  age:\n", "  age:\n    kind: integer\n    role: sensitive"),
    ],
    ids=["setting", "top", "column"],
)
def test_a_key_given_twice_is_refused(old: str, new: str, line_marker: str) -> None:
    text = changed(old, new)
    key = line_marker.strip().partition(":")[0]
    line = line_of(text, line_marker)
    assert refusal(text) == f"parks.yaml line {line}: key {key!r} is given twice; remove one"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("survey: [a", r"parks\.yaml line \d+: not valid YAML"),
        ("survey: parks\n\ttitle: x", r"parks\.yaml line 2: not valid YAML"),
        ("- survey", r"parks\.yaml: a spec is a YAML mapping"),
        ("just words", r"parks\.yaml: a spec is a YAML mapping"),
        ("", r"parks\.yaml: a spec is a YAML mapping"),
    ],
    ids=["bracket", "tab", "list", "text", "empty"],
)
def test_what_is_no_yaml_mapping_is_refused(text: str, message: str) -> None:
    assert re.match(message, refusal(text))


@pytest.mark.parametrize(
    "licence",
    ["!!python/object:os.x 1", "{? [a] : b}", "&a [*a]"],
    ids=["foreign tag", "list as key", "endless"],
)
def test_yaml_that_cannot_be_built_is_a_spec_error(licence: str) -> None:
    refusal(changed("licence: Invented data, free of any right", f"licence: {licence}"))


SILENTLY_WRONG = {
    "two rules of one name": ("name: opinion_whole", "name: pass_of_members"),
    "modelled twice": ("columns: [park, age,", "columns: [park, park, age,"),
    "period format's field": ('"{year}-{quarter}"', '"{year}-{quarte}"'),
    "period format's brace": ('"{year}-{quarter}"', '"{year}-{quarter"'),
    "raw place's field": ("parks/{period}/", "parks/{perod}/"),
    "column like the survey's year": ("  dog:\n", "  survey_year:\n"),
    "condition without comparison": ('when: member == "no"', "when: member"),
    "mean of a code": ("of: spent\n", "of: park\n"),
    "bands of a code": ("by: [park]", "by: [{column: park, cuts: [1]}]"),
    "birth year in a code": ("birth_year: birth_year", "birth_year: month"),
    "unknown time zone": ("Europe/Madrid", "Europe/Madri"),
}


@pytest.mark.parametrize(("old", "new"), SILENTLY_WRONG.values(), ids=SILENTLY_WRONG)
def test_what_cannot_work_is_refused_at_loading(old: str, new: str) -> None:
    text = changed(old, new)
    if "survey_year" in new:
        text = text.replace("returns, dog]", "returns]").replace("blank(dog) or dog", "member")
    refusal(text)


@pytest.mark.parametrize(
    "written",
    [
        "kind: {}",
        "kind: [date]",
        "kind: ~",
        "kind: boolean, codes: 3",
        "kind: boolean, codes: [a]",
        "kind: date, range: 3",
        "kind: date, special: [a]",
        "kind: date, residual: 3",
        "kind: date, residual: {2015-01-01: 3}",
        "kind: date, residual: {2015-01-01: ~}",
        "kind: date, brackets: 2015-01-01",
    ],
)
def test_what_has_another_form_than_its_kind_wants_is_told_with_its_line(written: str) -> None:
    text = changed("  hours:\n", "  odd: {label: {es: a, en: b}, " + written + "}\n  hours:\n")
    told = refusal(text)
    assert told.startswith(f"parks.yaml line {line_of(text, '  odd:')}: `columns.odd.")
    assert "it must be" in told
    assert "dictionary" not in told
    assert "tuple" not in told


@pytest.mark.parametrize("name", ["dog_of_park", "geography_levels"])
def test_a_rule_of_a_name_that_the_geography_gives_is_refused(name: str) -> None:
    geography = "geography: {levels: [park], functions: {dog: park}}"
    text = changed("geography: none", geography)
    parse_spec(text, "parks.yaml")
    text = text.replace("name: opinion_whole", f"name: {name}")
    assert f"the name {name} is used by another rule" in refusal(text)


@pytest.mark.parametrize("delimiter", [",", ";", ":", "|", "\\t", " "])
def test_a_delimiter_is_one_of_six(delimiter: str) -> None:
    spec = parse_spec(changed('delimiter: ";"', f'delimiter: "{delimiter}"'), "parks.yaml")
    assert spec.source.delimiter == delimiter.replace("\\t", "\t")


@pytest.mark.parametrize("delimiter", ["", ";;", "x", "1", "'", "\\n", ";\\n", "\\0", "é"])
def test_anything_else_is_no_delimiter(delimiter: str) -> None:
    text = changed('delimiter: ";"', f'delimiter: "{delimiter}"')
    line = line_of(text, "delimiter:")
    assert refusal(text).startswith(f"parks.yaml line {line}: `source.delimiter`: ")


# --- the digest --------------------------------------------------------------------------------


def test_the_digest_is_of_the_content_and_not_of_the_layout(parks: SurveySpec) -> None:
    relaid = "# another comment\n\n" + changed("range: [0, 90]", "range:\n      - 0\n      - 90")
    assert spec_digest(parse_spec(relaid, "other.yaml")) == spec_digest(parks)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("range: [0, 90]", "range: [0, 91]"),
        ("min_rows: 50", "min_rows: 51"),
        ("gap: [0, 1]", "gap: [0, 2]"),
        ("then: spent == 0", "then: spent == 1"),
        ("Visitors of parks", "Visitors of gardens"),
    ],
)
def test_the_digest_changes_with_the_content(old: str, new: str, parks: SurveySpec) -> None:
    assert spec_digest(parse_spec(changed(old, new), "parks.yaml")) != spec_digest(parks)


# --- periods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1900T1", "2015T2", "2026T4", "2099T3"])
def test_a_quarter_is_read_and_written_alike(text: str) -> None:
    assert str(Period.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "2015", "2015T0", "2015T5", "2015t2", "2015Q2", "2015-2", "215T2", "20155T2"),
        *(" 2015T2", "2015T2 ", "2015T2\n", "1899T4", "2100T1", "٢٠١٥T2", "2015T22"),
    ],
)
def test_anything_else_is_no_quarter(text: str) -> None:
    with pytest.raises(ParameterError, match="not a quarter; write it such as 2026T3") as caught:
        Period.parse(text, "quarter")
    assert caught.value.exit_code == 2


def test_quarters_are_ordered_and_frozen() -> None:
    assert Period(2015, 4) < Period(2016, 1) < Period(2016, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Period(2015, 4).year = 2016  # type: ignore[misc]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{quarter}{yy}", "205"),
        ("{period}", "2005T2"),
        ("s3://raw/{year}/{period}/*.csv", "s3://raw/2005/2005T2/*.csv"),
        ("constant", "constant"),
    ],
)
def test_a_pattern_is_filled_with_the_quarter(pattern: str, expected: str) -> None:
    assert Period(2005, 2).format(pattern) == expected


def last_out(day: str, months_after: int = 2, day_of_month: int = 26) -> str:
    schedule = Schedule(months_after=months_after, day=day_of_month)
    return str(schedule.last_out("quarter", date.fromisoformat(day)))


@pytest.mark.parametrize(
    ("day_before", "day", "before", "after"),
    [
        ("2026-02-25", "2026-02-26", "2025T3", "2025T4"),
        ("2026-05-25", "2026-05-26", "2025T4", "2026T1"),
        ("2026-08-25", "2026-08-26", "2026T1", "2026T2"),
        ("2026-11-25", "2026-11-26", "2026T2", "2026T3"),
    ],
)
def test_a_quarter_is_out_from_its_publication_day_on(
    day_before: str, day: str, before: str, after: str
) -> None:
    assert last_out(day_before) == before
    assert last_out(day) == after


def test_nothing_new_is_out_over_the_turn_of_the_year() -> None:
    for day in ("2025-11-26", "2025-12-31", "2026-01-01", "2026-01-31", "2026-02-25"):
        assert last_out(day) == "2025T3"


@pytest.mark.parametrize(
    ("months_after", "day", "quarter"),
    [
        *((0, "2026-03-09", "2025T4"), (0, "2026-03-10", "2026T1")),
        *((3, "2026-03-09", "2025T3"), (3, "2026-03-10", "2025T4")),
        *((12, "2026-12-09", "2025T3"), (12, "2026-12-10", "2025T4")),
    ],
)
def test_the_shortest_and_longest_delays(months_after: int, day: str, quarter: str) -> None:
    assert last_out(day, months_after, 10) == quarter


@pytest.mark.parametrize(
    ("months_after", "cron"),
    [
        *((0, "0 6 26 3,6,9,12 *"), (1, "0 6 26 1,4,7,10 *"), (2, "0 6 26 2,5,8,11 *")),
        *((3, "0 6 26 3,6,9,12 *"), (12, "0 6 26 3,6,9,12 *")),
    ],
)
def test_the_schedule_wakes_on_the_publication_days(months_after: int, cron: str) -> None:
    assert Schedule(months_after=months_after, day=26).cron("quarter") == cron


def test_each_wake_up_has_a_new_quarter_and_the_day_before_has_not() -> None:
    for months_after in range(13):
        schedule = Schedule(months_after=months_after, day=10)
        _, _, day, months, _ = str(schedule.cron("quarter")).split()
        for month in map(int, months.split(",")):
            woken = date(2026, month, int(day))
            before = schedule.last_out("quarter", woken - timedelta(days=1))
            assert before < schedule.last_out("quarter", woken)
