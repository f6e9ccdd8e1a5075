"""The documented defaults and limits are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from checks.architecture import PAGES, drawn
from checks.figures import (
    CODE,
    circles,
    folder_graph,
    import_graph,
    public_definitions,
    read_modules,
    renaming_aliases,
    ways_back,
)
from include.espejo.parameters import bounds_of
from include.espejo.survey.disclosure import Disclosure, Limits
from include.espejo.survey.model import ModelSettings

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([^|]*) \|", re.M)
# The gates whose limit the spec may change under another name than their own.
LIMIT_OF = {"membership_outliers": "membership"}


def section(page: str, heading: str) -> str:
    """The text under a heading, to the next one of its level."""
    text = (DOCS / page).read_text()
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def default(settings: type[BaseModel], key: str) -> object:
    """The default of a setting, or of one within it: `floor.people`."""
    name, _, within = key.partition(".")
    value = settings.model_fields[name].default
    return getattr(value, within) if within else value


@pytest.mark.parametrize("page", ["spec.md", "spec.es.md"])
@pytest.mark.parametrize(
    ("heading", "settings", "told_apart"),
    [
        ("`model`", ModelSettings, {"columns", "max_training_minutes", "partition"}),
        ("`disclosure`", Disclosure, {"key_sets", "panel_key", "limits"}),
    ],
)
def test_defaults_are_told_as_they_are(
    page: str, heading: str, settings: type[BaseModel], told_apart: set[str]
) -> None:
    rows = dict(ROW.findall(section(page, heading)))
    limits = {key: rows.pop(key) for key in Limits.model_fields if key in rows}
    told = {key: text.strip("` ") for key, text in rows.items() if key not in told_apart}
    assert {key.partition(".")[0] for key in rows} == set(settings.model_fields)
    assert told == {key: written(default(settings, key)) for key in told}
    if settings is Disclosure:
        assert limits == {key: written(default(Limits, key)) for key in Limits.model_fields}


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("disclosure.md", "The attacks"),
        ("disclosure.es.md", "Los ataques"),
    ],
)
def test_limits_of_the_gates_are_told_as_they_are(page: str, heading: str) -> None:
    table = re.findall(r"^\| `([a-z_]+)[^|]*\|[^|]*\| ([0-9.]+) \|", section(page, heading), re.M)
    told = dict(table)
    assert set(told) >= set(Limits.model_fields) - {"significance"}
    for gate, limit in told.items():
        name = str(LIMIT_OF.get(gate, gate))
        known = name in Limits.model_fields
        assert limit == written(default(Limits, name) if known else 0.0), gate


def written(value: object) -> str:
    """As the tables write it."""
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_bounds_in_the_documents_are_those_of_the_code(name: str) -> None:
    low, high, step = bounds_of(name)
    for page, thousands in (("spec.md", ","), ("spec.es.md", " ")):
        (line,) = [x for x in (DOCS / page).read_text().splitlines() if x.startswith(f"| `{name}`")]
        for bound in (low, high, *([step] if step > 1 else [])):
            assert f"{bound:,}".replace(",", thousands) in line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_drawing_of_the_wings_is_that_of_the_imports(page: Path) -> None:
    assert page.read_text() == drawn(page), "run: make architecture"


def test_imports_run_one_way() -> None:
    modules = read_modules(CODE)
    graph = import_graph(modules)
    folders = folder_graph(modules, graph)
    assert (circles(graph), ways_back(graph)) == ([], [])
    assert (circles(folders), ways_back(folders)) == ([], [])


def test_a_name_is_defined_once_and_kept_where_it_is_used() -> None:
    modules = read_modules(CODE)
    assert public_definitions(modules) == {}
    assert renaming_aliases(modules) == []
