"""The JSON Schemas of a release's figures, in docs/schemas, made from their documents.

    python -m checks.schemas

They are of the public files: what a document declares as restricted is in none of them. JSON
Schema draft 2020-12, as pydantic writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from checks.figures import ROOT
from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.periods.document import Comparison
from include.espejo.evaluate.quality.document import Quality
from include.espejo.lake.publication import FigureDocument, PublishedAs

FOLDER = ROOT / "docs/schemas"
KINDS: dict[str, type[FigureDocument]]
KINDS = {"quality": Quality, "utility": Utility, "comparison": Comparison}


def public_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """The schema of a document as it is published."""
    schema = kind.model_json_schema()
    for inner in set(_documents(kind)):
        told = schema if inner is kind else schema["$defs"].get(inner.__name__, {})
        for name, field in inner.model_fields.items():
            properties = told.get("properties", {})
            if PublishedAs.RESTRICTED in field.metadata:
                properties.pop(name, None)
            else:
                _say_how(properties.get(name, {}), field.metadata)
    return schema


def _say_how(told: dict[str, Any], metadata: list[Any]) -> None:
    for mark in metadata:
        if isinstance(mark, PublishedAs):
            told["x-published-as"] = str(mark)


def _documents(kind: object) -> Iterator[type[BaseModel]]:
    """A document, and those inside it of any depth."""
    parts = list(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        parts += [field.annotation for field in kind.model_fields.values()]
    for part in parts:
        yield from _documents(part)


def written() -> dict[str, str]:
    """The files' contents, by name."""
    return {
        f"{name}.schema.json": json.dumps(public_schema(kind), indent=1, ensure_ascii=False) + "\n"
        for name, kind in KINDS.items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, content in written().items():
        (FOLDER / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
