"""Documents of figures for tests: what a test is about is given, the rest says nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

Kind = TypeVar("Kind", bound=BaseModel)

_NOTHING = {float: 0.0, int: 0, bool: False, str: "x", dict: {}, tuple: ()}


def filled(kind: type[Kind], told: Mapping[str, Any] | None = None) -> Kind:
    """A document with these fields, of any depth; the others are as empty as they may be."""
    return kind.model_validate(_filled(kind, told or {}))


def _filled(kind: type[BaseModel], told: Mapping[str, Any]) -> dict[str, Any]:
    types = get_type_hints(kind)
    needed = {name for name, field in kind.model_fields.items() if field.is_required()}
    made = {name: _of_type(types[name], value) for name, value in told.items()}
    return made | {name: _empty(types[name]) for name in needed - set(told)}


def _of_type(wanted: Any, value: Any) -> Any:
    """A value with the documents in it filled."""
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType, Annotated):
        inner = [part for part in parts if part is not NoneType][:1]
        return None if value is None else _of_type(inner[0], value)
    if isinstance(wanted, type) and issubclass(wanted, BaseModel) and isinstance(value, Mapping):
        return _filled(wanted, value)
    if isinstance(value, Mapping):
        return {key: _of_type(parts[1], part) for key, part in value.items()}
    if origin is tuple and len(parts) == 2 and parts[1] is Ellipsis:
        return [_of_type(parts[0], part) for part in value]
    return value


def _empty(wanted: Any) -> Any:
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return _empty(parts[0])
    if origin in (Union, UnionType):
        return None if NoneType in parts else _empty(parts[0])
    if origin is tuple and parts[-1] is not Ellipsis:
        return tuple(_empty(part) for part in parts)
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        return _filled(wanted, {})
    return _NOTHING[origin or wanted]


def json_of(found: Any) -> Any:
    """Documents as their JSON says, which holds no NaN; also those in a mapping or a list."""
    if isinstance(found, BaseModel):
        return json.loads(
            json.dumps(found.model_dump(mode="json", exclude_unset=True), allow_nan=False)
        )
    if isinstance(found, Mapping):
        return {name: json_of(part) for name, part in found.items()}
    return [json_of(part) for part in found]
