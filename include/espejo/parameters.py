"""What a run is asked for, checked; and the identity that follows from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from include.espejo.errors import ParameterError
from include.espejo.survey import SurveySpec
from include.espejo.survey.settings import (
    BatchSize,
    Calibrate,
    Device,
    Engine,
    Epochs,
    Minutes,
    Rows,
    Seed,
    Steps,
    Threads,
)

SHORTEST_REASON = 10  # characters: an override needs more than a word


Schema = dict[str, Any]  # JSON Schema


class Parameters(BaseModel):
    """What a run is asked for. `rows` None: as many as the input; `seed` None: the input's own.

    `max_steps` replays a training that a time budget had ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rows: Rows | None = None
    epochs: Epochs
    batch_size: BatchSize
    seed: Seed | None = None
    engine: Engine
    calibrate: Calibrate
    max_training_minutes: Minutes | None = None
    max_steps: Steps | None = None
    threads: Threads = 0
    device: Device = "auto"

    @classmethod
    def of(cls, spec: SurveySpec, given: Mapping[str, Any]) -> Parameters:
        """The spec's settings with those given (None: not given). Raises ParameterError."""
        values = spec.model.model_dump(include=set(cls.model_fields))
        values |= {name: value for name, value in given.items() if value is not None}
        problems: list[str] = []
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = [_told(str(e["loc"][0]), e["type"]) for e in error.errors()]
        raise ParameterError("\n".join(problems))


def bounds_of(name: str) -> tuple[int, int, int]:
    """The lowest and highest whole number of a parameter, and what it must be a multiple of."""
    schema = schema_of(name)
    return schema["minimum"], schema["maximum"], schema.get("multipleOf", 1)


def schema_of(name: str) -> Schema:
    """A parameter as JSON Schema describes it; one that may be left empty as if it may not."""
    schema: Schema = dict(_schemas()[name])
    for option in schema.pop("anyOf", []):
        schema |= option if option["type"] != "null" else {}
    return schema


@cache
def _schemas() -> dict[str, Schema]:
    properties: dict[str, Schema] = Parameters.model_json_schema()["properties"]
    return properties


def _told(name: str, problem: str) -> str:
    """What to write instead. The value itself may be anything, and is not repeated."""
    match problem:
        case "extra_forbidden":
            return f"parameter {name}: unknown; there are {sorted(Parameters.model_fields)}"
        case "greater_than_equal" | "less_than_equal":
            low, high, _ = bounds_of(name)
            return f"parameter {name}: it must lie between {low} and {high}"
        case "multiple_of":
            return f"parameter {name}: it must be a multiple of {bounds_of(name)[2]}"
        case "int_type":
            low, high, _ = bounds_of(name)
            return f"parameter {name}: write a whole number from {low} to {high}"
        case "literal_error":
            return f"parameter {name}: it must be one of {', '.join(schema_of(name)['enum'])}"
        case _:
            return f"parameter {name}: wrong type; see docs/spec.md, `model`"


def given_reason(override: str) -> str:
    """An override's reason, trimmed. Raises ParameterError where it is hardly a word."""
    reason = override.strip()
    if len(reason) < SHORTEST_REASON:
        raise ParameterError(
            f"parameter override_reason: write who decided and why, {SHORTEST_REASON} characters "
            "or more"
        )
    return reason


def named_in(reason: str) -> set[str]:
    """What an override's reason may name: its whole words, since some gates' names hold others."""
    return {word.strip(":") for word in re.split(r"[^\w:]+", reason)}


def release_name(
    input_sha256: str,
    spec_digest: str,
    parameters: Parameters,
    period: str,
    forgotten: str | None = None,
) -> str:
    """The release's name: 12 hex digits of all that determines it.

    `forgotten`: which of the input's households withdrew, as a digest; None where none did.

    The same input, spec, code and parameters give the same name, so a rerun finds its own work.
    """
    identity = {
        "input": input_sha256,
        "spec": spec_digest,
        "code": code_version(),
        "period": period,
        "parameters": parameters.model_dump(),
    } | ({} if forgotten is None else {"forgotten": forgotten})
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def seed_for(parameters: Parameters, input_sha256: str) -> int:
    """The run's seed: the one asked for, or one that only the input's holder can know.

    A seed that anybody can guess would let an attacker redraw a release from a leaked model.
    """
    if parameters.seed is not None:
        return parameters.seed
    return int.from_bytes(hashlib.sha256(f"seed {input_sha256}".encode()).digest()[:4], "big")


@cache
def code_version() -> str:
    """A short hash of the library's own source: no checkout or build step is needed for it."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".j2")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
