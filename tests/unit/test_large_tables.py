"""Tables larger than a process should hold: read by columns, written in parts, scored by a draw."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import frictionless
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from include.espejo.errors import InputError, SpecError
from include.espejo.evaluate.scoring.subsample import subsample_people, subsample_rows
from include.espejo.lake.keys import parquet_files, part_file
from include.espejo.lake.local import LocalLake
from include.espejo.releases.changes import read_contents
from include.espejo.releases.lineage import read_release
from include.espejo.releases.tables import read_released
from include.espejo.report.files import csv
from include.espejo.report.files.csv import source_csv
from include.espejo.survey import SurveySpec, load_spec
from include.espejo.survey.load import parse_spec
from include.espejo.table.frames import read_frame, to_frame, to_parquet
from include.espejo.table.households import household_numbers
from tests.support.made import content_of, spec_of, table_of
from tests.support.releases import every_value, release_files
from tests.surveys.parks import SPEC


@pytest.fixture(scope="module")
def parks() -> SurveySpec:
    return load_spec(SPEC)


def with_outputs(spec: SurveySpec, **outputs: Any) -> SurveySpec:
    return spec.model_copy(update={"outputs": spec.outputs.model_copy(update=outputs)})


def written(folder: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return str(folder)


def test_a_file_read_by_columns_is_the_same_frame(enoe: SurveySpec) -> None:
    for table in (table_of(spec_of()), every_value(enoe)):
        content = to_parquet(table)
        pd.testing.assert_frame_equal(read_frame(content), to_frame(table))
        some = table.column_names[::-2]
        pd.testing.assert_frame_equal(read_frame(content, some), to_frame(table.select(some)))


def test_a_csv_is_the_same_whatever_is_text_at_a_time(
    parks: SurveySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = every_value(parks)
    whole = source_csv(table, parks)
    monkeypatch.setattr(csv, "_BLOCK", 7)
    assert source_csv(table, parks) == whole
    assert source_csv(table.slice(0, 0), parks) == whole.splitlines(keepends=True)[0]


@pytest.mark.parametrize("rows", [1, 7, 33, 50])
def test_a_release_in_parts_holds_the_same_rows_in_their_order(
    parks: SurveySpec, tmp_path: Path, rows: int
) -> None:
    table = every_value(parks)
    spec = with_outputs(parks, rows_per_file=rows)
    files = release_files(spec, table, "2015T2", "abc")
    names = [name for name in files if name.endswith(".parquet")]
    assert names == [
        f"synthetic/part-{n:04d}.parquet" for n in range(1, -(-table.num_rows // rows) + 1)
    ]
    sizes = [pq.read_metadata(io.BytesIO(files[name])).num_rows for name in names]
    assert sizes[:-1] == [rows] * (len(names) - 1)
    assert sum(sizes) == table.num_rows
    lake, folder = LocalLake(), written(tmp_path, files)
    pd.testing.assert_frame_equal(
        to_frame(read_released(lake, folder)).astype(object), to_frame(table).astype(object)
    )
    package = json.loads(files["datapackage.json"])["resources"][1]
    assert package["path"] == (names if len(names) > 1 else names[0])
    assert frictionless.validate(str(tmp_path / "datapackage.json")).valid
    one = release_files(parks, table, "2015T2", "abc")
    assert files["synthetic.csv"] == one["synthetic.csv"]
    whole = read_contents(lake, written(tmp_path / "one", one))
    assert read_contents(lake, folder).codes == whole.codes
    assert read_release(spec, spec.parse_period("2015T2"), "abc").name.endswith("abc/synthetic")


def test_a_table_too_large_for_a_csv_is_released_without_one(
    parks: SurveySpec, tmp_path: Path
) -> None:
    table = every_value(parks)
    enough = with_outputs(parks, max_csv_rows=table.num_rows)
    assert "synthetic.csv" in release_files(enough, table, "2015T2", "abc")
    few = with_outputs(parks, max_csv_rows=table.num_rows - 1, rows_per_file=10)
    files = release_files(few, table, "2015T2", "abc")
    assert "synthetic.csv" not in files
    written(tmp_path, files)
    # Its columns are told all the same, and compared with those of other releases.
    assert set(read_contents(LocalLake(), str(tmp_path)).fields) == set(table.column_names)
    assert frictionless.validate(str(tmp_path / "datapackage.json")).valid


def test_parts_come_in_the_order_of_their_numbers() -> None:
    names = [part_file(number) for number in (1, 2, 9_999, 10_000, 10_001)]
    assert parquet_files([*reversed(names), "synthetic.csv", "synthetic/other.parquet"]) == names


def test_a_release_without_its_table_is_refused(parks: SurveySpec, tmp_path: Path) -> None:
    files = release_files(parks, every_value(parks), "2015T2", "abc")
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = [f for f in manifest["files"] if not f["name"].endswith(".parquet")]
    folder = written(tmp_path, files | {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(InputError, match="names no Parquet file"):
        read_released(LocalLake(), folder)


@pytest.mark.parametrize("outputs", [{"rows_per_file": 0}, {"max_csv_rows": -1}])
def test_a_number_of_rows_that_cannot_be_is_refused(outputs: dict[str, int]) -> None:
    content = yaml.safe_load(content_of())
    content["outputs"] |= outputs
    with pytest.raises(SpecError, match=next(iter(outputs))):
        parse_spec(yaml.safe_dump(content), "made.yaml")


def homes(enoe: SurveySpec, households: int, first: int) -> pd.DataFrame:
    """Households of one to five people, the keys that tell them, and an age."""
    sizes = np.arange(households) % 5 + 1
    number = np.repeat(np.arange(households), sizes) + first
    frame = pd.DataFrame({"CON": pd.Categorical([f"{n:05d}" for n in number])})
    for name in enoe.key("household"):
        if name != "CON" and not enoe.columns[name].optional:
            frame[name] = pd.Categorical(["1"] * len(frame))
    return frame.assign(EDA=np.arange(len(frame), dtype=float))


def test_people_are_drawn_by_households(enoe: SurveySpec) -> None:
    train, holdout = homes(enoe, 800, 0), homes(enoe, 200, 800)
    most = 600
    some = subsample_people(train, holdout, enoe, seed=4, most=most)
    again = subsample_people(train, holdout, enoe, seed=4, most=most)
    other = subsample_people(train, holdout, enoe, seed=5, most=most)
    assert not some[0]["EDA"].equals(other[0]["EDA"])
    for whole, drawn, same in zip((train, holdout), some, again, strict=True):
        pd.testing.assert_frame_equal(drawn, same)
        assert drawn["EDA"].is_monotonic_increasing
        assert list(drawn.index) == list(range(len(drawn)))
        # The same share of both tables, whole households each.
        share = len(np.unique(household_numbers(drawn, enoe))) / len(
            np.unique(household_numbers(whole, enoe))
        )
        assert share == pytest.approx(most / (len(train) + len(holdout)), abs=0.005)
        sizes = whole.groupby("CON", observed=True).size()
        found = drawn.groupby("CON", observed=True).size()
        assert (found == sizes[found.index]).all()
    assert sum(map(len, some)) == pytest.approx(most, rel=0.1)


def test_small_tables_are_scored_whole(enoe: SurveySpec) -> None:
    train, holdout = homes(enoe, 80, 0), homes(enoe, 20, 80)
    most = len(train) + len(holdout)
    assert subsample_people(train, holdout, enoe, 1, most) == (train, holdout)
    assert subsample_rows(train, 1, len(train)) is train


def test_synthetic_rows_are_drawn_in_their_order() -> None:
    frame = pd.DataFrame({"A": np.arange(1000.0)})
    drawn = subsample_rows(frame, seed=1, most=300)
    assert len(drawn) == 300
    assert drawn["A"].is_monotonic_increasing
    assert drawn["A"].is_unique
    assert drawn.equals(subsample_rows(frame, seed=1, most=300))
    assert not drawn.equals(subsample_rows(frame, seed=2, most=300))
    assert 350 < drawn["A"].mean() < 650


def test_codes_are_read_alike_where_files_have_them_in_another_order() -> None:
    spec = spec_of()
    table = table_of(spec)
    parts = [table.slice(0, 100), table.slice(100)]
    shuffled = pa.concat_tables(
        [
            part.set_column(2, "SEX", part["SEX"].cast(pa.string()).dictionary_encode())
            for part in parts
        ]
    )
    assert to_frame(shuffled)["SEX"].astype(str).equals(to_frame(table)["SEX"].astype(str))
