"""What a reader of releases must know of a new one: how it differs from the one before.

Only published files are compared, so all that is found is public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from include.espejo.errors import InputError
from include.espejo.lake import Lake, join
from include.espejo.lake.keys import MANIFEST
from include.espejo.lake.publication import FigureDocument
from include.espejo.releases.documents import (
    DataPackage,
    Manifest,
    PackageField,
    PackageRule,
    read_as,
)
from include.espejo.releases.tables import read_released

Form = TypeVar("Form", bound=BaseModel)
Told = TypeVar("Told", bound=BaseModel)


class CameAndWent(FigureDocument):
    """Names only in the new release, and only in the one before; none is left out."""

    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()


class ColumnChanges(CameAndWent):
    """Columns; also those of another type, or with other texts."""

    other_type: tuple[str, ...] = ()
    other_labels: tuple[str, ...] = ()


class RuleChanges(CameAndWent):
    """Rules, by name; also those that say something else."""

    changed: tuple[str, ...] = ()


class Changes(FigureDocument):
    """How a release differs from the one before. What is the same is left out."""

    columns: ColumnChanges = ColumnChanges()
    codes: dict[str, CameAndWent] = Field(default={})
    rules: RuleChanges = RuleChanges()
    spec: bool = False
    code_version: bool = False


@dataclass(frozen=True)
class Contents:
    """What a release says of itself, and the codes that its rows hold, by column.

    `rules` is None for releases older than the rules in data packages.
    """

    manifest: Manifest
    fields: dict[str, PackageField]
    rules: dict[str, PackageRule] | None
    codes: dict[str, set[str]]


def read_contents(lake: Lake, folder: str) -> Contents:
    """Read a published release.

    Raises LakeError if a file of it is not there, InputError if one is of another form.
    """
    package = _read(lake, join(folder, "datapackage.json"), DataPackage)
    rules = package.rules
    return Contents(
        manifest=_read(lake, join(folder, MANIFEST), Manifest),
        fields={field.name: field for field in package.columns},
        rules=None if rules is None else {rule.name: rule for rule in rules},
        codes=_distinct(read_released(lake, folder)),
    )


def _read(lake: Lake, uri: str, form: type[Form]) -> Form:
    read = read_as(form, lake.read(uri))
    if read is None:
        raise InputError(
            uri, ["rule form: its content is not what publishing writes; restore the file"]
        )
    return read


def _distinct(table: pa.Table) -> dict[str, set[str]]:
    """The distinct codes of each column that holds codes."""
    return {
        name: set(pc.unique(table[name].cast(pa.string())).to_pylist()) - {None}
        for name in table.column_names
        if pa.types.is_dictionary(table.schema.field(name).type)
    }


def compare_releases(before: Contents, after: Contents) -> Changes:
    """Columns, codes and rules that appeared, vanished or are others."""
    both = [name for name in after.fields if name in before.fields]
    codes = {
        name: _came_and_went(before.codes[name], after.codes[name])
        for name in both
        if name in before.codes and name in after.codes
    }
    old, new = before.manifest, after.manifest
    return _told(
        Changes,
        columns=_columns(before.fields, after.fields, both),
        codes={name: change for name, change in codes.items() if change.model_fields_set},
        rules=_rules(before.rules, after.rules),
        spec=old.spec_sha256 != new.spec_sha256,
        code_version=old.code_version != new.code_version,
    )


def _told(kind: type[Told], **parts: object) -> Told:
    """A document of the parts that say something."""
    empty = {name: field.get_default() for name, field in kind.model_fields.items()}
    return kind.model_validate({n: part for n, part in parts.items() if part != empty[n]})


def _columns(
    before: Mapping[str, PackageField], after: Mapping[str, PackageField], both: list[str]
) -> ColumnChanges:
    other = tuple(name for name in both if before[name].type != after[name].type)
    texts = {"type"}
    relabelled = tuple(
        name
        for name in both
        if name not in other
        and before[name].model_dump(exclude=texts) != after[name].model_dump(exclude=texts)
    )
    sides = _sides(before, after)
    return _told(ColumnChanges, **sides, other_type=other, other_labels=relabelled)


def _rules(
    before: Mapping[str, PackageRule] | None, after: Mapping[str, PackageRule] | None
) -> RuleChanges:
    if before is None or after is None:
        return RuleChanges()
    others = tuple(name for name in after if name in before and before[name] != after[name])
    return _told(RuleChanges, **_sides(before, after), changed=others)


def _came_and_went(before: set[str], after: set[str]) -> CameAndWent:
    return _told(CameAndWent, **_sides(before, after))


def _sides(before: Iterable[str], after: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Names only in `after` and only in `before`, each sorted."""
    old, new = set(before), set(after)
    return {"appeared": tuple(sorted(new - old)), "vanished": tuple(sorted(old - new))}
