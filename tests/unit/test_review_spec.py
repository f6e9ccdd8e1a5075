"""Specs whose parts do not fit together, and a blank that is written as a word."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import SpecError
from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.lake.keys import plot_file
from include.espejo.report.drawings.distributions import distribution
from include.espejo.survey import load_spec
from include.espejo.survey.load import parse_spec
from tests.surveys.parks import SPEC as PARKS_SPEC
from tests.surveys.parks import parks_csv, parks_rows

TEXT = PARKS_SPEC.read_text(encoding="utf-8")
PUBLIC = "public: s3://espejo-public"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (PUBLIC, "public: s3://espejo-restricted", "line 23: `places.public`.*restricted"),
        (PUBLIC, "public: s3://espejo-restricted/out/", "`places.public`.*restricted"),
        (PUBLIC, "public: s3://espejo-raw", "`places.public`.*raw"),
        ('blank: ""', "blank: 'no'", "`source.blank`.*code of member"),
        ("output_encoding: utf-8", "output_encoding: cp1252", None),
        ("      Peñón: Peñón", "      Peñón: Peñón\n      Łódź: x", None),
        ("quarter:\n    kind: code\n    width: 6", "quarter:\n    kind: decimal", "must be a code"),
    ],
)
def test_parts_that_do_not_fit_are_told(old: str, new: str, told: str | None) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new)
    if told is None:
        parse_spec(text, "parks.yaml")
        return
    with pytest.raises(SpecError, match=told):
        parse_spec(text, "parks.yaml")


def test_a_place_beside_another_is_no_part_of_it() -> None:
    parse_spec(TEXT.replace(PUBLIC, "public: s3://espejo-restricted-public"), "parks.yaml")


def test_codes_that_the_output_cannot_hold_are_told_before_training() -> None:
    text = TEXT.replace("      Peñón: Peñón", "      Peñón: Peñón\n      Łódź: x")
    text = text.replace("output_encoding: utf-8", "output_encoding: latin-1")
    with pytest.raises(SpecError, match=r"`columns.park.codes`.*latin-1"):
        parse_spec(text, "parks.yaml")


def test_a_plot_is_a_file_on_every_system_whatever_its_column_is_called() -> None:
    assert plot_file("POS_OCU") == "plots/POS_OCU.png"
    names = ["AÑO", "ANO", "Ingreso mensual", "a/b", "../x", ".", "%", "数", "ño", "nõ", "x" * 300]
    files = [plot_file(name) for name in names]
    assert len({file.lower() for file in files}) == len(names)
    assert all(re.fullmatch(r"plots/[A-Za-z0-9_-]{1,80}\.png", file) for file in files)


@pytest.mark.parametrize("name", ["", " ", '"a\\nb"', '"a\\tb"'])
def test_a_name_without_a_letter_or_with_a_line_end_is_refused(name: str) -> None:
    written = name if name.startswith('"') else f'"{name}"'
    text = TEXT.replace("  hours:\n", f"  {written}:\n").replace(
        "pass_type, hours", f"pass_type, {written}"
    )
    with pytest.raises(SpecError, match="a name needs a letter"):
        parse_spec(text, "parks.yaml")


def test_the_blank_that_a_survey_writes_is_missing(tmp_path: Path) -> None:
    spec = parse_spec(TEXT.replace('blank: ""', "blank: NA"), "parks.yaml")
    plain = parks_csv(parks_rows(60))
    lines = [line.replace(b";;", b";NA;").replace(b";;", b";NA;") for line in plain.splitlines()]
    (tmp_path / "plain.csv").write_bytes(plain)
    (tmp_path / "word.csv").write_bytes(b"\n".join([*lines, b""]))
    lake = open_lake(str(tmp_path))
    expected = read_survey(lake, str(tmp_path / "plain.csv"), load_spec(PARKS_SPEC))
    found = read_survey(lake, str(tmp_path / "word.csv"), spec)
    assert found.sha256 != expected.sha256
    assert found.table.equals(expected.table)


@pytest.mark.parametrize(("people", "shown"), [(9, False), (10, True)])
def test_no_bar_stands_on_fewer_people_than_the_floor(people: int, shown: bool) -> None:
    spec = load_spec(PARKS_SPEC)
    real = pd.Series([np.nan] * 90 + [float(3 * i) for i in range(people)])
    drawn = distribution(real, real, spec.columns["spent"], 10)
    assert (drawn.histogram is not None) == shown
