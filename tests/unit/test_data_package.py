"""The data package: valid by the frictionless library, which reads the table by it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import frictionless
import pandas as pd
import pytest

from include.espejo.language import Label
from include.espejo.survey import Column, SurveySpec, load_spec
from include.espejo.table.frames import to_frame, to_table
from tests.support.releases import every_value, release_files
from tests.surveys.parks import SPEC as PARKS

SURVEYS = ["enoe_sdem", "enoe_labour", PARKS]


@pytest.fixture(params=SURVEYS, ids=lambda survey: Path(survey).stem)
def spec(request: pytest.FixtureRequest) -> SurveySpec:
    return load_spec(request.param)


def write_release(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "datapackage.json"


def problems(descriptor: Path) -> list[str]:
    """What frictionless holds against the package and its data, hashes and sizes among it."""
    report = frictionless.validate(str(descriptor))
    assert report.valid == (not report.flatten(["type"]))
    return [kind for (kind,) in report.flatten(["type"])]


def reversed_rows(csv: bytes) -> bytes:
    header, *rows = csv.splitlines(keepends=True)
    return b"".join([header, *reversed(rows)])


def described(files: dict[str, bytes]) -> dict[str, Any]:
    return dict(json.loads(files["datapackage.json"]))


def fields(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    return {f["name"]: f for f in described(files)["resources"][0]["schema"]["fields"]}


def test_frictionless_finds_package_and_data_valid(spec: SurveySpec, tmp_path: Path) -> None:
    """Whatever the spec allows in a column is valid by the descriptor, too."""
    files = release_files(spec, every_value(spec), "2015T2", "abc")
    assert problems(write_release(tmp_path, files)) == []


def test_frictionless_reads_what_was_written(spec: SurveySpec, tmp_path: Path) -> None:
    table = every_value(spec)
    write_release(tmp_path, release_files(spec, table, "2015T2", "abc"))
    package = frictionless.Package(str(tmp_path / "datapackage.json"))
    with package.get_resource("synthetic") as resource:
        read = pd.DataFrame([row.to_dict() for row in resource.row_stream])
    expected = to_frame(table)
    assert list(read) == list(expected)
    for name, column in spec.model_columns().items():
        assert read[name].isna().sum() == expected[name].isna().sum()
        left, right = read[name].dropna(), expected[name].dropna()
        if column.is_code():
            assert list(left) == list(right)
        else:
            assert list(left.map(float)) == pytest.approx(list(right), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda csv: csv.replace(b"\n", b"\nX", 1), "constraint-error"),
        (lambda csv: csv + b"\n", "byte-count"),
        (reversed_rows, "hash-count"),
    ],
    ids=["code", "size", "hash"],
)
def test_a_changed_table_is_found(
    spec: SurveySpec, tmp_path: Path, change: Any, problem: str
) -> None:
    files = release_files(spec, every_value(spec), "2015T2", "abc")
    files["synthetic.csv"] = change(files["synthetic.csv"])
    assert problem in problems(write_release(tmp_path, files))


def test_resources_have_bytes_and_hash(spec: SurveySpec) -> None:
    files = release_files(spec, every_value(spec), "2015T2", "abc")
    for resource in described(files)["resources"]:
        content = files[resource["path"]]
        assert resource["bytes"] == len(content)
        assert resource["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()


def test_labels_are_in_both_languages(enoe: SurveySpec) -> None:
    files = release_files(enoe, every_value(enoe), "2015T2", "abc")
    sex = fields(files)["SEX"]
    expected = [
        {"value": code, "label": label.en, "label_es": label.es}
        for code, label in enoe.columns["SEX"].codes.items()
        if label
    ]
    assert sex["categories"] == expected
    assert (sex["title"], sex["title_es"]) == (
        enoe.columns["SEX"].label.en,
        enoe.columns["SEX"].label.es,
    )
    special = {entry["value"] for entry in fields(files)["EDA"]["special"]}
    assert special == {str(code) for code in enoe.columns["EDA"].special}


def test_categories_leave_no_allowed_code_out(spec: SurveySpec) -> None:
    """To readers of the standard's second version any other value is an error."""
    found = fields(release_files(spec, every_value(spec), "2015T2", "abc"))
    with_categories = [name for name in found if "categories" in found[name]]
    assert with_categories
    for name in with_categories:
        values = {entry["value"] for entry in found[name]["categories"]}
        assert values == spec.columns[name].code_set


def test_labels_of_a_thousand_codes_are_no_categories(parks: SurveySpec, tmp_path: Path) -> None:
    column = Column(
        kind="code",
        label=Label(es="Día", en="Day"),
        codes={"9999": Label(es="Otro", en="Other")},
        code_ranges=("0001-1000",),
        width=4,
        role="quasi",
    )
    many = parks.model_copy(update={"columns": parks.columns | {"day": column}})
    files = release_files(many, every_value(many), "2015T2", "abc")
    day = fields(files)["day"]
    assert "categories" not in day
    assert day["special"] == [{"value": "9999", "label": "Other", "label_es": "Otro"}]
    assert problems(write_release(tmp_path, files)) == []


def test_a_column_that_is_blank_throughout_is_valid(parks: SurveySpec, tmp_path: Path) -> None:
    frame = to_frame(every_value(parks))
    frame["dog"] = pd.Categorical([None] * len(frame))
    frame["rating"] = float("nan")
    files = release_files(parks, to_table(frame, parks), "2015T2", "abc")
    assert problems(write_release(tmp_path, files)) == []
