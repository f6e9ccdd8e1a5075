"""A spec for a file that has none: it loads, the file keeps it, and it names nobody."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from include.espejo.__main__ import main
from include.espejo.draft import Asked, draft_spec
from include.espejo.errors import InputError, ParameterError
from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import parse_spec
from include.espejo.table.frames import to_frame
from include.espejo.validate import check_survey

PEOPLE = 1200
ONCE = Period.parse("once")


def people(seed: int = 1) -> pd.DataFrame:
    """An invented survey: codes, a number with a special code, a rare code, a skip rule."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "home": np.arange(PEOPLE) // 3,
            "line": np.arange(PEOPLE) % 3 + 1,
            "sex": random.integers(1, 3, PEOPLE),
            "age": random.integers(0, 90, PEOPLE),
            "region": [f"{n:02}" for n in random.integers(1, 9, PEOPLE)],
            "town": random.choice(["A", "B", "C"], PEOPLE),
            "pay": np.round(random.gamma(2, 5000, PEOPLE), 2).astype(object),
        }
    )
    frame.loc[random.random(PEOPLE) < 0.1, "age"] = 99
    frame.loc[:2, "town"] = "Zyx"
    frame.loc[frame["sex"] == 1, "pay"] = None
    return frame


def draft(tmp_path: Path, name: str, content: bytes, **asked: Any) -> tuple[str, SurveySpec]:
    (tmp_path / name).write_bytes(content)
    source, lake = str(tmp_path / name), open_lake(str(tmp_path))
    text = draft_spec(lake, source, Asked("made", **asked)).text
    spec = parse_spec(text, "draft.yaml")
    found = read_survey(lake, source, spec)
    check_survey(to_frame(found.table), spec, ONCE, found.warnings).require(source)
    return text, spec


def csv(frame: pd.DataFrame, **how: Any) -> bytes:
    return str(frame.to_csv(index=False, **how)).encode()


def test_a_draft_of_a_csv_finds_kinds_keys_special_codes_and_rules(tmp_path: Path) -> None:
    text, spec = draft(tmp_path, "made.csv", csv(people()))
    kinds = {name: column.kind for name, column in spec.columns.items()}
    assert kinds == {
        **{"home": "integer", "line": "code", "sex": "code", "age": "integer"},
        **{"region": "code", "town": "code", "pay": "decimal"},
    }
    assert spec.columns["region"].width == 2
    assert list(spec.columns["age"].special) == [99]
    assert (spec.person_key, spec.household_key) == (("home", "line"), ("home",))
    assert {spec.columns[name].role for name in ("home", "line")} == {"direct"}
    assert spec.columns["pay"].blank == "allowed"
    assert spec.columns["sex"].blank == "never_in_input"
    (rule,) = spec.rules
    assert (rule.kind, set(spec.columns) >= {"pay"}) == ("blank", True)
    assert "rows" not in spec.survey
    assert text.count("?\n") > 10


def test_nothing_that_a_draft_says_stands_on_fewer_people_than_the_floor(tmp_path: Path) -> None:
    frame = people()
    frame.loc[5, "age"] = 97
    frame.loc[6, "pay"] = 777777.77
    text, spec = draft(tmp_path, "made.csv", csv(frame))
    assert "Zyx" not in text
    assert "777" not in text
    assert "97" not in text
    for name, column in spec.columns.items():
        counts = frame[name].astype(str).value_counts()
        assert all(counts[code] >= 10 for code in column.codes), name
    real = frame["pay"].dropna().astype(float)
    assert not {float(b) for b in spec.columns["pay"].bounds} & set(real)


@pytest.mark.parametrize(
    ("delimiter", "decimal", "encoding"),
    [(",", ".", "utf-8"), (";", ",", "latin-1"), ("\t", ".", "utf-8"), ("|", ",", "cp1252")],
)
def test_the_look_of_a_file_is_found(
    delimiter: str, decimal: str, encoding: str, tmp_path: Path
) -> None:
    frame = people().rename(columns={"pay": "ingreso en año"})
    frame["ingreso en año"] = frame["ingreso en año"].astype(float)
    frame["town"] = frame["town"].map({"A": "Peñón", "B": "Ávila", "C": "C", "Zyx": "Zyx"})
    frame["seen"] = [f"{n % 28 + 1:02}/{n % 12 + 1:02}/2025" for n in range(PEOPLE)]
    frame["works"] = np.where(frame["sex"] == 1, "Sí", "No")
    frame["hours"] = np.where(frame["age"] > 80, "NA", (frame["age"] / 2).astype(str))
    frame["hours"] = frame["hours"].str.replace(".", decimal)
    content = frame.to_csv(index=False, sep=delimiter, decimal=decimal)
    if decimal == ",":
        content = content.replace('"', "")
    _, spec = draft(tmp_path, "made.csv.gz", gzip.compress(content.encode(encoding)))
    assert spec.source.delimiter == delimiter
    assert spec.source.decimal == (decimal if decimal != delimiter else ".")
    assert spec.source.missing == ("NA",)
    kinds = {name: column.kind for name, column in spec.columns.items()}
    assert (kinds["seen"], kinds["works"], kinds["hours"]) == ("date", "boolean", "decimal")
    assert spec.columns["seen"].format == "%d/%m/%Y"


@pytest.mark.parametrize(
    ("write", "name"), [(pyreadstat.write_dta, "made.dta"), (pyreadstat.write_sav, "made.sav")]
)
def test_the_labels_of_a_stata_and_of_an_spss_file_are_taken(
    write: Any, name: str, tmp_path: Path
) -> None:
    frame = people()
    frame["pay"] = frame["pay"].astype(float)
    labels = {"sex": {1: "Hombre", 2: "Mujer"}, "age": {99: "No sabe"}}
    titles = ["Hogar", "Renglón", "Sexo", "Edad", "Región", "Localidad", "Ingreso"]
    write(frame, str(tmp_path / name), column_labels=titles, variable_value_labels=labels)
    _, spec = draft(tmp_path, name, (tmp_path / name).read_bytes())
    assert [column.label.es for column in spec.columns.values()] == titles
    assert {c: label.es for c, label in spec.columns["sex"].codes.items() if label} == {
        "1": "Hombre",
        "2": "Mujer",
    }
    assert spec.columns["age"].special[99].es == "No sabe"


def test_a_fixed_width_file_and_a_code_book(tmp_path: Path) -> None:
    frame = people()
    lines = [
        f"{r.home:05}{r.line}{r.sex}{r.age:02}{r.region}{'' if r.pay is None else r.pay:>12}"
        for r in frame.itertuples()
    ]
    (tmp_path / "layout.csv").write_text(
        "name,start,width\nhome,1,5\nline,6,1\nsex,7,1\nage,8,2\nregion,10,2\npay,12,12\n"
    )
    book = "column,label,code,meaning\nsex,Sexo,,\nsex,,1,Hombre\nsex,,2,Mujer\n"
    (tmp_path / "book.csv").write_text(book)
    asked = {"layout": str(tmp_path / "layout.csv"), "book": str(tmp_path / "book.csv")}
    _, spec = draft(tmp_path, "made.txt", "\n".join([*lines, ""]).encode(), **asked)
    assert spec.source.layout["pay"] == (12, 23)
    assert spec.columns["sex"].label.es == "Sexo"
    other = book.replace("sex", "species")
    (tmp_path / "book.csv").write_text(other)
    with pytest.raises(InputError, match="it has 1 columns, and none of them is in the file"):
        draft(tmp_path, "made.txt", "\n".join([*lines, ""]).encode(), **asked)


def test_a_column_of_thousands_of_labels_is_refused_with_its_remedy(tmp_path: Path) -> None:
    frame = people()[["home", "sex", "age"]].assign(code=np.arange(PEOPLE) % 4 + 1.0)
    labels = {"code": {float(n): f"Place {n}" for n in range(5000)}}
    pyreadstat.write_sav(frame, str(tmp_path / "made.sav"), variable_value_labels=labels)
    content = (tmp_path / "made.sav").read_bytes()
    with pytest.raises(InputError, match=r"column code, rule labels: 5,000 codes.*--skip code"):
        draft(tmp_path, "made.sav", content)
    _, spec = draft(tmp_path, "made.sav", content, skip=["code"])
    assert len(spec.columns["code"].codes) == 4


def test_identifiers_free_text_and_blank_columns_are_not_modelled(tmp_path: Path) -> None:
    frame = people().assign(
        folio=[f"F{n:06}" for n in range(PEOPLE)],
        said=[f"I said {n % 7} times that all is well here" for n in range(PEOPLE)],
        empty=None,
    )
    _, spec = draft(tmp_path, "made.csv", csv(frame))
    assert not {"folio", "said", "empty"} & set(spec.model.columns)
    assert spec.columns["said"].kind == "text"
    assert spec.person_key == ("folio",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"1,2,3\n4,5,6\n", "the first line must name two columns or more"),
        (b"only\n1\n", "the first line must name two columns or more"),
        (b"a,A\n1,2\n", "the first line must name two columns or more"),
        (b"", "the file is empty|the first line must name"),
        (b"id,note\n" + b"".join(b"x%d,y%d\n" % (n, n) for n in range(99)), "fewer than two"),
    ],
)
def test_what_is_no_survey_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        draft(tmp_path, "made.csv", content)


def test_the_command_prints_the_draft_or_writes_a_new_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survey, out = tmp_path / "My Survey.csv", tmp_path / "draft.yaml"
    survey.write_bytes(csv(people()))
    assert main(["draft", str(survey), "--period", "year"]) == 0
    printed = capsys.readouterr().out
    assert "survey: my_survey\n" in printed
    assert "\nperiod: year" in printed
    told = json.loads(printed.splitlines()[-1])
    assert told["columns"] == {"integer": 2, "code": 4, "decimal": 1}
    assert main(["draft", str(survey), "--output", str(out)]) == 0
    assert parse_spec(out.read_text(), "draft.yaml").survey == "my_survey"
    assert main(["draft", str(survey), "--output", str(out)]) == 2
    with pytest.raises(ParameterError, match="write a name of small letters"):
        draft_spec(open_lake(str(tmp_path)), str(survey), Asked("My Survey"))


@pytest.mark.long
def test_a_draft_as_it_is_leads_to_a_release(tmp_path: Path) -> None:
    frame = people()
    frame["pay"] = frame["pay"].astype(float)
    labels: Any = {"sex": {1: "Hombre", 2: "Mujer"}, "age": {99: "No sabe"}}
    survey, spec = tmp_path / "made.dta", tmp_path / "made.yaml"
    pyreadstat.write_dta(frame, str(survey), variable_value_labels=labels)
    assert main(["draft", str(survey), "--output", str(spec)]) == 0
    command = ["synthesize", str(survey), str(tmp_path / "out"), "--survey", str(spec)]
    assert main([*command, "--period", "once", "--seed", "1", "--epochs", "1"]) == 0
    released = pd.read_parquet(tmp_path / "out" / "synthetic.parquet")
    assert list(released) == ["sex", "age", "region", "town", "pay"]
    assert len(released) == PEOPLE
    assert released.loc[released["sex"] == "1", "pay"].isna().all()
