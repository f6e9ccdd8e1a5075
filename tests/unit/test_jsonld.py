"""The release's description for catalogues: schema.org's Dataset."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.espejo.report.files.jsonld import dataset_jsonld
from include.espejo.survey import SurveySpec
from tests.support.releases import every_value, release_files


def released(spec: SurveySpec, period: str = "2015T2") -> dict[str, Any]:
    files = release_files(spec, every_value(spec), period, "abc")
    return dict(json.loads(files["manifest.json"]))


def in_language(texts: list[dict[str, str]], language: str) -> str:
    (text,) = [t["@value"] for t in texts if t["@language"] == language]
    return text


def test_the_dataset_is_named_and_described_in_both_languages(enoe: SurveySpec) -> None:
    dataset = dataset_jsonld(enoe, released(enoe))
    assert (dataset["@context"], dataset["@type"]) == ("https://schema.org", "Dataset")
    assert in_language(dataset["name"], "es") == f"{enoe.title.es}, 2015T2"
    assert in_language(dataset["name"], "en") == f"{enoe.title.en}, 2015T2"
    for language in ("es", "en"):
        text = in_language(dataset["description"], language)
        assert getattr(enoe.description, language) in text
        assert getattr(enoe.outputs.caution, language) in text
        credit = in_language(dataset["creditText"], language)
        assert credit == getattr(enoe.outputs.attribution, language)
    assert dataset["license"] == enoe.outputs.licence_url


def test_it_says_which_release_it_is(enoe: SurveySpec) -> None:
    release = released(enoe)
    dataset = dataset_jsonld(enoe, release)
    assert dataset["identifier"] == "enoe_sdem/2015T2/abc"
    assert (dataset["version"], dataset["dateCreated"]) == ("abc", release["created"])
    assert in_language(dataset["isBasedOn"]["name"], "es") == enoe.title.es


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("2015T2", "2015-04-01/2015-06-30"),
        ("2024T1", "2024-01-01/2024-03-31"),
        ("2026T4", "2026-10-01/2026-12-31"),
    ],
)
def test_the_coverage_is_the_quarter(parks: SurveySpec, period: str, days: str) -> None:
    assert dataset_jsonld(parks, released(parks, period))["temporalCoverage"] == days


def test_every_file_can_be_found_and_checked(parks: SurveySpec) -> None:
    release = released(parks)
    downloads = dataset_jsonld(parks, release)["distribution"]
    assert [(d["contentUrl"], d["sha256"], d["contentSize"]) for d in downloads] == [
        (f["name"], f["sha256"], f"{f['size']} B") for f in release["files"]
    ]
    types = {d["name"]: d["encodingFormat"] for d in downloads}
    assert types["synthetic.csv"] == "text/csv"


def test_every_column_is_a_variable_with_its_unit_and_range(parks: SurveySpec) -> None:
    variables = {v["name"]: v for v in dataset_jsonld(parks, released(parks))["variableMeasured"]}
    assert tuple(variables) == tuple(parks.model_columns())
    age = variables["age"]
    assert in_language(age["description"], "es") == "Edad"
    assert in_language(age["unitText"], "en") == "years"
    assert (age["minValue"], age["maxValue"]) == parks.columns["age"].range
    assert "unitText" not in variables["park"]
    assert "minValue" not in variables["park"]


def test_nothing_but_what_is_public_is_taken_from_the_release(parks: SurveySpec) -> None:
    """Whatever else a caller's facts hold, a seed among it, stays where it is."""
    told = json.dumps(dataset_jsonld(parks, released(parks) | {"seed": 86420, "input": "s3://raw"}))
    assert "86420" not in told
    assert "s3://raw" not in told
