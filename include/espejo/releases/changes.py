"""What a reader of releases must know of a new one: how it differs from the one before.

Only published files are compared, so all that is found is public.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from include.espejo.errors import InputError
from include.espejo.lake import Lake, join
from include.espejo.lake.keys import MANIFEST
from include.espejo.releases.documents import DataPackage, Manifest, read_as
from include.espejo.table.frames import from_parquet

Changed = dict[str, Any]


@dataclass(frozen=True)
class Contents:
    """What a release says of itself, and the codes that its rows hold, by column.

    `rules` is None for releases older than the rules in data packages.
    """

    manifest: dict[str, Any]
    fields: dict[str, dict[str, Any]]
    rules: dict[str, Any] | None
    codes: dict[str, set[str]]


def read_contents(lake: Lake, folder: str) -> Contents:
    """Read a published release.

    Raises LakeError if a file of it is not there, InputError if one is of another form.
    """
    package = _read(lake, join(folder, "datapackage.json"), DataPackage)
    rules = package.get("rules")
    return Contents(
        manifest=_read(lake, join(folder, MANIFEST), Manifest),
        fields={f["name"]: f for f in package["resources"][0]["schema"]["fields"]},
        rules=None if rules is None else {rule["name"]: rule for rule in rules},
        codes=_codes(lake, join(folder, "synthetic.parquet")),
    )


def _read(lake: Lake, uri: str, kind: type[BaseModel]) -> dict[str, Any]:
    """All that a document says, if it has what is looked at here."""
    content = lake.read(uri)
    if read_as(kind, content) is None:
        raise InputError(uri, ["rule form: not what publishing writes; put the file back"])
    return dict(json.loads(content))


def _codes(lake: Lake, uri: str) -> dict[str, set[str]]:
    """The distinct codes of each column that holds codes."""
    content = lake.read(uri)
    try:
        table = from_parquet(content)
    except (pa.ArrowException, OSError):
        unreadable = InputError(uri, ["rule form: no Parquet file; put the file back"])
    else:
        return _distinct(table)
    raise unreadable


def _distinct(table: pa.Table) -> dict[str, set[str]]:
    return {
        name: set(pc.unique(table[name].cast(pa.string())).to_pylist()) - {None}
        for name in table.column_names
        if pa.types.is_dictionary(table.schema.field(name).type)
    }


def compare_releases(before: Contents, after: Contents) -> Changed:
    """Columns, codes and rules that appeared, vanished or are others; empty parts are left out."""
    both = [name for name in after.fields if name in before.fields]
    codes = {
        name: _came_and_went(before.codes[name], after.codes[name])
        for name in both
        if name in before.codes and name in after.codes
    }
    found = {
        "columns": _columns(before.fields, after.fields, both),
        "codes": {name: change for name, change in codes.items() if change},
        "rules": _rules(before.rules, after.rules),
        "spec": before.manifest.get("spec_sha256") != after.manifest.get("spec_sha256"),
        "code_version": before.manifest.get("code_version") != after.manifest.get("code_version"),
    }
    return {name: change for name, change in found.items() if change}


def _columns(before: dict[str, Any], after: dict[str, Any], both: list[str]) -> Changed:
    other = [name for name in both if before[name]["type"] != after[name]["type"]]
    told = [
        name for name in both if name not in other and _texts(before[name]) != _texts(after[name])
    ]
    changed = {"other_type": other, "other_labels": told}
    return _came_and_went(before, after) | {k: names for k, names in changed.items() if names}


def _texts(field: dict[str, Any]) -> list[Any]:
    keys = ("title", "title_es", "unit", "unit_es", "categories", "special")
    return [field.get(key) for key in keys]


def _rules(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Changed:
    if before is None or after is None:
        return {}
    others = [name for name in after if name in before and before[name] != after[name]]
    return _came_and_went(before, after) | ({"changed": others} if others else {})


def _came_and_went(before: Any, after: Any) -> Changed:
    """Names only in `after` and only in `before`, each sorted."""
    sides = {"appeared": set(after) - set(before), "vanished": set(before) - set(after)}
    return {side: sorted(names) for side, names in sides.items() if names}
