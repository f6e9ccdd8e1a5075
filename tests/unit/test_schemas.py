"""The JSON Schemas of a release's figures: of what is published, and as the code is now."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from checks.schemas import FOLDER, KINDS, public_schema, written
from include.espejo.report.public import public_figures
from tests.support.documents import filled, json_of

# With figures that are not published.
SIZES = {"settings": {"rows": {"real": 5, "synthetic": 4}}}
EXACT: dict[str, dict[str, Any]]
EXACT = {
    "quality": SIZES,
    "utility": {"specific": SIZES, "general": {"propensity": {"rows": 5}}},
    "comparison": {"periods": ["2015T2"], "drift": {"pay": {"moved": True}}},
}


def test_the_files_are_those_of_the_documents() -> None:
    """After a change: `make schemas`."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == written()


@pytest.fixture(scope="module")
def public() -> dict[str, Any]:
    exact = {
        f"{name}.json": filled(KINDS[name], told).model_dump_json() for name, told in EXACT.items()
    }
    return {
        name.removesuffix(".json"): json.loads(content)
        for name, content in public_figures({n: c.encode() for n, c in exact.items()}).items()
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_public_file_keeps_its_schema(name: str, public: dict[str, Any]) -> None:
    schema = public_schema(KINDS[name])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(public[name])


@pytest.mark.parametrize("name", ["quality", "utility"])
def test_an_exact_file_does_not(name: str) -> None:
    schema = Draft202012Validator(public_schema(KINDS[name]))
    with pytest.raises(ValidationError, match="Additional properties"):
        schema.validate(json_of(filled(KINDS[name], EXACT[name])))
