"""Every format and spelling that a spec can declare, and what is told of files that do not fit."""

from __future__ import annotations

import gzip
import io
import json
import pickle
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from include.espejo.errors import InputError, SpecError
from include.espejo.ingest import Ingested, find_input, read_survey
from include.espejo.ingest.formats import unpack
from include.espejo.lake import Lakes, open_lake
from include.espejo.lake.keys import Workspace
from include.espejo.parameters import Parameters
from include.espejo.report.files.csv import source_csv
from include.espejo.steps.ingest import ingest
from include.espejo.steps.run import Job, Run
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import parse_spec
from include.espejo.table.frames import from_parquet, to_frame, to_parquet, to_table
from tests.support.made import COLUMNS, content_of, spec_of, zipped

ROWS: list[list[Any]] = [
    ["a1", "009", "1", 30, 1234.5, date(1990, 5, 1), True],
    ["a2", "010", "2", None, 99.9, date(1980, 12, 31), False],
    ["a3", "011", None, 7, None, None, None],
]


def read(tmp_path: Path, content: bytes, spec: SurveySpec, name: str = "made") -> Ingested:
    (tmp_path / name).write_bytes(content)
    return read_survey(open_lake(str(tmp_path)), str(tmp_path / name), spec)


def values(ingested: Ingested) -> list[list[Any]]:
    table = ingested.table.to_pydict()
    return [list(row) for row in zip(*table.values(), strict=True)]


EXPECTED = [
    ["a1", "009", "1", 30, 1234.5, date(1990, 5, 1), "true"],
    ["a2", "010", "2", None, 99.9, date(1980, 12, 31), "false"],
    ["a3", "011", None, 7, None, None, None],
]
CSV = b"""ID,MUN,SEX,AGE,INC,BORN,WORKS
a1,9,1,30,1234.5,1990-05-01,true
a2,010,2,,99.9,1980-12-31,No
a3,11,,7,,,
"""


def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=list(COLUMNS))


def as_parquet() -> bytes:
    sink = io.BytesIO()
    arrays = {name: pa.array([row[at] for row in ROWS]) for at, name in enumerate(COLUMNS)}
    arrays["MUN"] = pa.array([9, 10, 11])
    arrays["SEX"] = pa.array([1.0, 2.0, None])
    pq.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def labelled(write: Callable[..., None], suffix: str, tmp_path: Path) -> bytes:
    table = frame()
    table["MUN"] = [9.0, 10.0, 11.0]
    table["SEX"] = [1.0, 2.0, np.nan]
    table["WORKS"] = [1.0, 0.0, np.nan]
    path = tmp_path / f"file.{suffix}"
    write(table, str(path))
    return path.read_bytes()


def as_excel() -> bytes:
    sink = io.BytesIO()
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(list(COLUMNS))
    for row in ROWS:
        book.active.append([int(v) if i == 1 else v for i, v in enumerate(row)])
    book.save(sink)
    return sink.getvalue()


LAYOUT = {
    "ID": [1, 4],
    "MUN": [5, 7],
    "SEX": [8, 8],
    "AGE": [9, 11],
    "INC": [12, 19],
    "BORN": [20, 29],
    "WORKS": [30, 34],
}
TEXTS = [line.split(",") for line in CSV.decode().splitlines()[1:]]
FIXED = "".join(
    "".join(
        text.ljust(end - start + 1) for text, (start, end) in zip(row, LAYOUT.values(), strict=True)
    )
    + "\n"
    for row in TEXTS
).encode()


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ({}, lambda _: CSV),
        ({}, lambda _: gzip.compress(CSV)),
        ({}, lambda _: zipped(CSV)),
        ({"format": "fixed_width", "layout": LAYOUT}, lambda _: FIXED),
        ({"format": "fixed_width", "layout": LAYOUT}, lambda _: gzip.compress(FIXED)),
        ({"format": "parquet"}, lambda _: as_parquet()),
        ({"format": "stata"}, lambda p: labelled(pyreadstat.write_dta, "dta", p)),
        ({"format": "spss"}, lambda p: labelled(pyreadstat.write_sav, "sav", p)),
        ({"format": "spss"}, lambda p: labelled(pyreadstat.write_por, "por", p)),
        ({"format": "sas"}, lambda p: labelled(pyreadstat.write_xport, "xpt", p)),
        ({"format": "excel"}, lambda _: as_excel()),
    ],
    ids=[
        "csv",
        "gzip",
        "zip",
        "fixed_width",
        "fixed_width_gzip",
        "parquet",
        "stata",
        "spss",
        "por",
        "xport",
        "excel",
    ],
)
def test_every_format_gives_the_same_table(
    source: dict[str, Any], content: Callable[[Path], bytes], tmp_path: Path
) -> None:
    found = read(tmp_path, content(tmp_path), spec_of(**source))
    assert values(found) == EXPECTED
    assert to_frame(found.table).equals(to_frame(from_parquet(to_parquet(found.table))))
    assert to_table(to_frame(found.table), spec_of()).to_pydict() == found.table.to_pydict()


@pytest.mark.parametrize("kind", ["parquet", "stata", "spss", "sas", "excel"])
def test_what_is_of_another_format_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"rule {kind}: not readable as"):
        read(tmp_path, CSV, spec_of(format=kind))


def test_declared_missing_values_of_stata_are_told_apart(tmp_path: Path) -> None:
    table = frame()[["ID", "MUN"]].assign(AGE=[30, "a", 7])
    path = tmp_path / "file.dta"
    pyreadstat.write_dta(table, str(path), missing_user_values={"AGE": ["a"]})
    columns = {name: COLUMNS[name] for name in ("ID", "MUN", "AGE")}
    with pytest.raises(InputError, match="column AGE, rule integer: 1 rows"):
        read(tmp_path, path.read_bytes(), spec_of(columns, format="stata"))
    columns["AGE"] = COLUMNS["AGE"] | {"missing": [".a"]}
    found = read(tmp_path, path.read_bytes(), spec_of(columns, format="stata"))
    assert found.table["AGE"].to_pylist() == [30, None, 7]


def test_a_layout_may_be_a_file_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "layout.csv").write_text(
        "VAR,POS,LEN\n" + "".join(f"{n},{a},{b - a + 1}\n" for n, (a, b) in LAYOUT.items())
    )
    content = content_of(
        format="fixed_width",
        layout={"file": "layout.csv", "name": "VAR", "start": "POS", "width": "LEN"},
    )
    spec = parse_spec(content, "made.yaml", tmp_path)
    assert values(read(tmp_path, FIXED, spec)) == EXPECTED
    (tmp_path / "layout.csv").write_text("VAR,POS,LEN\nID,x,4\n")
    with pytest.raises(SpecError, match="ID has no whole numbers for its place"):
        parse_spec(content, "made.yaml", tmp_path)
    (tmp_path / "layout.csv").unlink()
    with pytest.raises(SpecError, match=r"there is no layout\.csv beside the spec"):
        parse_spec(content, "made.yaml", tmp_path)


@pytest.mark.parametrize(
    ("layout", "content", "told"),
    [
        ({"WORKS": [30, 60]}, FIXED, "reads up to character 60, and most lines have 34"),
        ({}, FIXED.replace(b"7 ", b"7", 1), "1 lines do not have the 34 characters"),
        ({}, FIXED + b"a4", "1 lines do not have the 34 characters"),
        ({}, b"\xff" + FIXED[1:], "rule encoding: not utf-8"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(
    layout: dict[str, Any], content: bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        read(tmp_path, content, spec_of(format="fixed_width", layout=LAYOUT | layout))


def test_a_layout_is_declared_with_its_format_and_without_overlaps() -> None:
    for source in ({"layout": LAYOUT}, {"format": "fixed_width"}):
        with pytest.raises(SpecError, match="go together"):
            spec_of(**source)
    with pytest.raises(SpecError, match="MUN and SEX in the same place"):
        spec_of(format="fixed_width", layout=LAYOUT | {"SEX": [7, 8]})
    with pytest.raises(SpecError, match="its first and last character, from 1"):
        spec_of(format="fixed_width", layout=LAYOUT | {"ID": [0, 4]})


@pytest.mark.parametrize("pack", [gzip.compress, zipped])
def test_a_bomb_is_refused_before_it_has_grown(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "_HARMLESS", 1 << 20)
    with pytest.raises(InputError, match="it grows more than 100-fold, which no survey does"):
        read(tmp_path, pack(CSV + b"a3,11,,7,,,\n" * 400_000), spec_of())


# --- spellings -----------------------------------------------------------------------------------


def test_decimal_comma_thousands_and_marks_of_missing(tmp_path: Path) -> None:
    spec = spec_of(delimiter=";", decimal=",", thousands=".", missing=["NA", "."])
    content = b"""ID;MUN;SEX;AGE;INC;BORN;WORKS
a1;009;1;30;1.234,5;1990-05-01;S\xc3\xad
a2;010;2;NA;99,9;1980-12-31;0
a3;011;.;7;;;
"""
    found = read(tmp_path, content, spec)
    assert values(found) == EXPECTED
    written = source_csv(found.table, spec).decode()
    assert "1234,5" in written
    assert values(read(tmp_path, written.encode(), spec)) == EXPECTED


def test_moments_may_be_written_otherwise_and_are_written_back_so(tmp_path: Path) -> None:
    columns = COLUMNS | {
        "BORN": COLUMNS["BORN"] | {"format": "%d/%m/%Y", "range": ["1900-01-01", "2026-12-31"]},
        "SEEN": {"kind": "datetime", "role": "free", "label": "Seen"},
        "HOUR": {"kind": "time", "role": "free", "label": "Hour"},
    }
    spec = spec_of(columns)
    content = b"""ID,MUN,SEX,AGE,INC,BORN,WORKS,SEEN,HOUR
a1,009,1,30,1234.5,01/05/1990,true,2026-03-31T14:30:00,23:59
a2,010,2,,99.9,31/12/1980,false,2026-03-31 14:30,00:00:00
"""
    found = read(tmp_path, content, spec)
    assert found.table["BORN"].to_pylist() == [date(1990, 5, 1), date(1980, 12, 31)]
    assert [str(moment) for moment in found.table["SEEN"].to_pylist()] == [
        "2026-03-31 14:30:00"
    ] * 2
    assert [str(moment) for moment in found.table["HOUR"].to_pylist()] == ["23:59:00", "00:00:00"]
    back = source_csv(to_table(to_frame(found.table), spec), spec)
    assert b"01/05/1990" in back
    assert read(tmp_path, back, spec).table.equals(found.table)


def test_aliases_of_codes_and_of_booleans(tmp_path: Path) -> None:
    columns = COLUMNS | {
        "SEX": COLUMNS["SEX"] | {"code_aliases": {"H": "1", "M": "2"}},
        "WORKS": COLUMNS["WORKS"] | {"code_aliases": {"X": "true", "-": "false"}},
    }
    content = CSV.replace(b",9,1,", b",9,H,").replace(b"true", b"X").replace(b"No\n", b"-\n")
    assert values(read(tmp_path, content, spec_of(columns))) == EXPECTED
    with pytest.raises(SpecError, match="`code_aliases` names '3', which is not a listed code"):
        spec_of(COLUMNS | {"SEX": COLUMNS["SEX"] | {"code_aliases": {"H": "3"}}})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1234.5", '"1234,5"', "some have a decimal comma: write `source.decimal: ','`"),
        ("1234.5", '"1,234.5"', "a sign between thousands: name it in `source.thousands`"),
        ("1234.5", '"1,234"', "a sign between thousands.*or, if it is a decimal comma"),
        ("1234.5", "$1234", "some hold a currency sign: remove it"),
        ("1234.5", "NA", "some hold NA, a mark of missing: name it in `missing`"),
        ("1234.5", "12 %", "some end in a per cent sign"),
        ("1234.5", "about 10", "write plain digits, or a blank if there is no answer"),
        (",30,", ",30.5,", "some have decimals: write kind: decimal"),
        ("1990-05-01", "01/05/1990", "name how they are written in `format`"),
        ("1990-05-01", "1990-02-30", "name how they are written in `format`"),
        ("1990-05-01", "May", "write a date such as 2026-03-31"),
        ("true", "maybe", "write true or false, or name the spellings in `code_aliases`"),
    ],
)
def test_what_is_no_value_of_its_kind_names_the_pattern(
    old: str, new: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        read(tmp_path, CSV.replace(old.encode(), new.encode()), spec_of())


def test_codes_that_were_exported_as_numbers_are_read_with_a_warning(tmp_path: Path) -> None:
    found = read(tmp_path, CSV.replace(b"a1,9,1", b"a1,9.0,1.0"), spec_of())
    assert values(found) == EXPECTED
    told = [w for w in found.warnings if "written as decimal numbers" in w]
    assert [w.partition(":")[0] for w in told] == ["column MUN", "column SEX"]
    kept = spec_of(COLUMNS | {"SEX": COLUMNS["SEX"] | {"codes": {"1.0": "a", "1": "b", "2": "c"}}})
    assert read(tmp_path, CSV.replace(b",9,1,", b",9,1.0,"), kept).table["SEX"][0].as_py() == "1.0"


# --- what is silently another --------------------------------------------------------------------


def test_two_encodings_in_one_file_are_told_with_their_counts(tmp_path: Path) -> None:
    town = {"TOWN": {"kind": "code", "role": "direct", "label": "Town"}}
    lines = [
        f"a{at},009,1,30,1,,,Peñón".encode("utf-8" if at < 2 else "latin-1") for at in range(5)
    ]
    content = b"\n".join([b"ID,MUN,SEX,AGE,INC,BORN,WORKS,TOWN", *lines, b""])
    spec = spec_of(COLUMNS | town, encodings=["UTF-8", "ISO-8859-1"])
    warnings = read(tmp_path, content, spec).warnings
    assert any(
        "column TOWN: 2 rows look like UTF-8 in a file that is read as latin-1" in w
        for w in warnings
    )
    warnings = read(tmp_path, b"\xef\xbb\xbf" + content, spec).warnings
    assert any("column TOWN: 3 rows are not UTF-8" in w for w in warnings)
    smart = (
        CSV.replace(b"true\n", b"true,\x93x\x94\n")
        .replace(b"No\n", b"No,y\n")
        .replace(b",,\n", b",,,z\n")
        .replace(b"WORKS\n", b"WORKS,TOWN\n")
    )
    warnings = read(tmp_path, smart, spec).warnings
    assert any("column TOWN: 1 rows hold control characters" in w for w in warnings)
    assert not read(tmp_path, CSV.replace(b"No\n", b"No\n"), spec_of()).warnings


@pytest.mark.parametrize("name", ["utf8", "UTF-8", "Latin1", "ISO-8859-1", "Windows-1252"])
def test_encodings_are_known_by_any_of_their_names(name: str) -> None:
    assert spec_of(encodings=[name]).source.encodings[0] in ("utf-8", "latin-1", "cp1252")
    with pytest.raises(SpecError, match="is no encoding that is known; write one of utf-8"):
        spec_of(encodings=["klingon"])


def test_rows_without_any_answer_are_no_persons(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"100 rows of 103 are blank.*all at the end"):
        read(tmp_path, CSV + b",,,,,,\n" * 100, spec_of())
    lines = CSV.splitlines(keepends=True)
    with pytest.raises(InputError, match="1 rows of 4 are blank in every column that the spec"):
        read(tmp_path, b"".join([*lines[:2], b" ,, ,,,,\n", *lines[2:]]), spec_of())


def test_the_exact_spelling_of_a_name_wins(tmp_path: Path) -> None:
    content = CSV.replace(b"WORKS\n", b"WORKS,Id,sex\n").replace(b"true\n", b"true,x,9\n")
    content = content.replace(b"No\n", b"No,y,9\n").replace(b",,\n", b",,,z,9\n")
    assert values(read(tmp_path, content, spec_of())) == EXPECTED
    content = content.replace(b"ID,", b"iD,", 1)
    with pytest.raises(InputError, match=r"column ID, rule once: given 2 times \(iD, Id\)"):
        read(tmp_path, content, spec_of())


def test_only_a_name_that_no_column_claims_is_suggested(tmp_path: Path) -> None:
    columns = {"SEXO1": COLUMNS["SEX"], "SEXO2": COLUMNS["SEX"]} | COLUMNS
    spec = spec_of(columns)
    content = CSV.replace(b"WORKS\n", b"WORKS,SEXO2,SEXOO1\n")
    with pytest.raises(InputError) as caught:
        read(tmp_path, content, spec)
    assert "column SEXO1" in str(caught.value)
    assert "the file has SEXOO1" in str(caught.value)
    with pytest.raises(InputError) as caught:
        read(tmp_path, CSV.replace(b"WORKS\n", b"WORKS,SEXO2,OTHER\n"), spec)
    assert "SEXO1" in str(caught.value)
    assert "SEXO2" not in str(caught.value)


def test_a_line_end_within_quotes_is_declared(tmp_path: Path) -> None:
    content = CSV.replace(b"WORKS\n", b"WORKS,NOTE\n").replace(b"true\n", b'true,"two\nlines"\n')
    content = content.replace(b"No\n", b"No,\n").replace(b",,\n", b",,,\n")
    with pytest.raises(InputError, match=r"`source\.quoted_line_ends: true`"):
        read(tmp_path, content, spec_of())
    assert values(read(tmp_path, content, spec_of(quoted_line_ends=True))) == EXPECTED


# --- several files -------------------------------------------------------------------------------


def test_the_parts_of_a_table_are_read_as_one(tmp_path: Path) -> None:
    header, *rows = CSV.splitlines(keepends=True)
    for at, row in enumerate(rows):
        (tmp_path / f"part{at}.csv").write_bytes(header + row)
    lake, pattern = open_lake(str(tmp_path)), str(tmp_path / "part*.csv")
    spec = spec_of(parts=3)
    sources = find_input(lake, pattern, 3)
    whole = read(tmp_path, CSV, spec)
    found = read_survey(lake, sources, spec)
    assert values(found) == values(whole) == EXPECTED
    assert found.sha256 != whole.sha256
    with pytest.raises(InputError, match="3 files match; leave exactly 4 files"):
        find_input(lake, pattern, 4)
    (tmp_path / "part2.csv").write_bytes((header + rows[2]).replace(b"SEX", b"SE"))
    columns = COLUMNS | {"SEX": COLUMNS["SEX"] | {"optional": True}}
    with pytest.raises(InputError, match="column SEX, rule parts: 2 of 3 files have it"):
        read_survey(lake, sources, spec_of(columns, parts=3))


HOUSEHOLDS = b"MUN,BORN,WORKS\n009,1990-05-01,true\n10,1980-12-31,No\n11,,\n012,,true\n"
PERSONS = b"ID,MUN,SEX,AGE,INC\na1,9,1,30,1234.5\na2,010,2,,99.9\na3,11,,7,\n"
JOIN = {"raw": "s3://a/homes/*.csv", "keys": ["MUN"], "columns": ["BORN", "WORKS"]}


def joined(tmp_path: Path, persons: bytes, households: bytes) -> Ingested:
    for name, content in (("persons.csv", persons), ("homes.csv", households)):
        (tmp_path / name).write_bytes(content)
    lake = open_lake(str(tmp_path))
    homes = str(tmp_path / "homes.csv")
    return read_survey(lake, str(tmp_path / "persons.csv"), spec_of(join=JOIN), homes)


def test_persons_take_the_columns_of_their_household(tmp_path: Path) -> None:
    found = joined(tmp_path, PERSONS, HOUSEHOLDS)
    assert values(found) == EXPECTED
    assert any("1 of its 4 rows have none here" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("persons", "households", "told"),
    [
        (
            PERSONS + b"a4,99,1,1,1\n",
            HOUSEHOLDS,
            "1 of 4 rows have no counterpart.*1 of its 4 rows",
        ),
        (PERSONS, HOUSEHOLDS + b"9,,true\n", "1 of 5 rows repeat a key; give each key one row"),
        (PERSONS, b"MUN,BORN\n009,\n", "column WORKS, rule present: missing"),
    ],
)
def test_keys_that_do_not_match_are_told_with_the_counts_of_both_sides(
    persons: bytes, households: bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        joined(tmp_path, persons, households)


def test_the_joined_file_is_given_exactly_where_the_spec_joins_one(tmp_path: Path) -> None:
    (tmp_path / "persons.csv").write_bytes(PERSONS)
    lake, path = open_lake(str(tmp_path)), str(tmp_path / "persons.csv")
    with pytest.raises(InputError, match="the spec joins another file; give one"):
        read_survey(lake, path, spec_of(join=JOIN))
    with pytest.raises(InputError, match="the spec joins no other file; give none"):
        read_survey(lake, path, spec_of(), path)
    with pytest.raises(SpecError, match="a key is in both files"):
        spec_of(join=JOIN | {"columns": ["MUN", "BORN"]})


def test_a_name_that_nearly_fits_the_pattern_is_told(tmp_path: Path) -> None:
    lake, pattern = open_lake(str(tmp_path)), str(tmp_path / "2015T2" / "*.csv")
    old = tmp_path / "2015T2" / "old"
    old.mkdir(parents=True)
    (old / "sdem.csv").write_bytes(CSV)
    with pytest.raises(InputError, match=r"no file matches; nearly fitting: .*old/sdem\.csv"):
        find_input(lake, pattern)
    (tmp_path / "2015T2" / "SDEM.CSV").write_bytes(CSV)
    with pytest.raises(InputError, match=r"SDEM\.CSV"):
        find_input(lake, pattern)


def test_numbers_keep_all_their_digits(tmp_path: Path) -> None:
    spec = spec_of()
    content = CSV.replace(b"1234.5", b"12345678901.25").replace(b"99.9", b"0.00001")
    written = source_csv(read(tmp_path, content, spec).table, spec)
    assert b"12345678901.25" in written
    assert b"0.00001" in written
    assert b"e-" not in written.lower()


# --- lists beside the spec ------------------------------------------------------------------------

LISTED = COLUMNS | {
    "MUN": {
        **{"kind": "code", "width": 3, "role": "quasi", "label": "Municipality"},
        "codes_from": {"file": "mun.csv", "code": "CVE", "label": "NOM", "label_en": "NAME"},
        "codes": {"010": "Own label"},
    }
}


def test_a_code_list_may_be_a_file_beside_the_spec(tmp_path: Path) -> None:
    listed = "CVE,NOM,NAME\n009,Nueve,Nine\n010,Diez,\n011,,Eleven\n,x,y\n012,,\n"
    (tmp_path / "mun.csv").write_text(listed, encoding="utf-8-sig")
    spec = parse_spec(content_of(LISTED), "made.yaml", tmp_path)
    codes = spec.columns["MUN"].codes
    assert {code: label and (label.es, label.en) for code, label in codes.items()} == {
        "009": ("Nueve", "Nine"),
        "010": ("Own label", "Own label"),
        "011": ("Eleven", "Eleven"),
        "012": None,
    }
    assert values(read(tmp_path, CSV, spec)) == EXPECTED


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, r"there is no mun\.csv beside the spec"),
        ("CVE,NAME\n009,x\n", r"mun\.csv has no column NOM"),
        ("", r"mun\.csv has no column CVE"),
        ("CVE,NOM,NAME\n009,a,b\n009,c,d\n", "code '009' has two labels; keep one"),
        ("CVE,NOM,NAME\n9,a,b\n", "code '9' does not have the declared width 3"),
    ],
)
def test_a_code_list_that_cannot_be_used_is_told(
    content: str | None, told: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "mun.csv").write_text(content)
    with pytest.raises(SpecError, match=told):
        parse_spec(content_of(LISTED), "made.yaml", tmp_path)


def test_a_code_list_lies_beside_the_spec_and_nowhere_else(tmp_path: Path) -> None:
    for file in ("../mun.csv", "/etc/passwd"):
        listed = COLUMNS | {"MUN": COLUMNS["MUN"] | {"codes_from": {"file": file, "code": "C"}}}
        with pytest.raises(SpecError, match="must lie beside the spec; give its name alone"):
            parse_spec(content_of(listed), "made.yaml", tmp_path)


def test_what_could_not_be_read_stands_in_the_restricted_area_alone(tmp_path: Path) -> None:
    spec = spec_of()
    (tmp_path / "made.csv").write_bytes(CSV.replace(b"1234.5", b"ZQX7").replace(b",7,", b",x,"))
    lake = open_lake(str(tmp_path))
    run = Run(
        job=Job(spec, Period.parse("once"), Parameters.of(spec, {})),
        lakes=Lakes(lake, lake, lake),
        source=str(tmp_path / "made.csv"),
        scratch=str(tmp_path / "restricted" / "scratch"),
        workspaces=Workspace,
    )
    with pytest.raises(InputError) as caught:
        ingest(run)
    assert "ZQX7" not in str(caught.value)
    assert "ZQX7" not in repr(caught.value)
    assert not pickle.loads(pickle.dumps(caught.value)).refused
    told = json.loads((tmp_path / "restricted" / "refused.json").read_text())["refused"]
    assert told == {
        "AGE": {"rows": [3], "values": ["x"]},
        "INC": {"rows": [1], "values": ["ZQX7"]},
    }
