"""OpenLineage's datasets and columns of a release, from its spec."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openlineage.client.serde import Serde

from include.espejo.releases.lineage import file_dataset, raw_dataset, read_release, release_dataset
from include.espejo.survey import Period, SurveySpec

PERIOD = Period(2026, 3)


def told(dataset: Any) -> dict[str, Any]:
    """A dataset as an event carries it."""
    return dict(json.loads(Serde.to_json(dataset)))


def test_each_released_column_comes_from_the_surveys_column(enoe: SurveySpec) -> None:
    lineage = told(release_dataset(enoe, PERIOD, "abc"))["facets"]["columnLineage"]["fields"]
    assert set(lineage) == set(enoe.model_columns())
    for name, field in lineage.items():
        (source,) = field["inputFields"]
        assert (source["namespace"], source["name"], source["field"]) == (
            "s3://espejo-raw",
            "enoe_sdem/2026T3",
            name,
        )
        (transformation,) = source["transformations"]
        assert transformation["masking"] is True
        assert transformation["description"].startswith("synthetic")


def test_datasets_are_named_by_bucket_and_key(enoe: SurveySpec) -> None:
    release = release_dataset(enoe, PERIOD, "abc")
    expected = ("s3://espejo-public", "enoe_sdem/2026T3/abc/synthetic.parquet")
    assert (release.namespace, release.name) == expected
    assert told(release)["facets"]["version"]["datasetVersion"] == "abc"
    # What a consumer reads is the same dataset, or the graph would break there.
    read = read_release(enoe, PERIOD, "abc")
    assert (read.namespace, read.name) == expected
    raw = raw_dataset(enoe, PERIOD)
    assert (raw.namespace, raw.name) == ("s3://espejo-raw", "enoe_sdem/2026T3")


@pytest.mark.parametrize(
    ("uri", "place"),
    [("s3://bucket/a/b.csv", ("s3://bucket", "a/b.csv")), ("/disk/a.csv", ("file", "/disk/a.csv"))],
)
def test_a_file_is_named_by_where_it_is(uri: str, place: tuple[str, str]) -> None:
    dataset = file_dataset(uri)
    assert (dataset.namespace, dataset.name) == place


def test_schemas_have_types_labels_and_the_survey_its_other_names(enoe: SurveySpec) -> None:
    raw, release = (
        {field["name"]: field for field in told(dataset)["facets"]["schema"]["fields"]}
        for dataset in (raw_dataset(enoe, PERIOD), release_dataset(enoe, PERIOD, "abc"))
    )
    column = enoe.columns["ENT"]
    assert (release["ENT"]["type"], release["EDA"]["type"]) == ("code", "integer")
    assert release["ENT"]["description"] == f"{column.label.es} / {column.label.en}"
    assert column.aliases
    assert all(alias in raw["ENT"]["description"] for alias in column.aliases)
    # Columns that are not modelled, keys of households among them, are not told at all.
    assert set(raw) == set(release) == set(enoe.model_columns())
