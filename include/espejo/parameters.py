"""What a run is asked for, checked; and the identity that follows from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from include.espejo.errors import ParameterError
from include.espejo.survey import SurveySpec
from include.espejo.survey.model import ENGINES

# Bounds of the parameters, also those of the trigger form: name -> (lowest, highest, multiple of).
BOUNDS = {
    "rows": (100, 10_000_000, 1),  # fewer cannot be scored
    "epochs": (1, 10_000, 1),
    "batch_size": (10, 100_000, 10),
    "seed": (0, 2**32 - 1, 1),
    "max_steps": (1, 100_000_000, 1),
    "threads": (0, 256, 1),
}
SHORTEST_REASON = 10  # characters: an override needs more than a word


@dataclass(frozen=True)
class Parameters:
    """What a run is asked for. `rows` None: as many as the input; `seed` None: the input's own.

    `max_steps` replays a training that a time budget had ended.
    """

    rows: int | None
    epochs: int
    batch_size: int
    seed: int | None
    engine: str
    calibrate: bool = True
    max_training_minutes: float | None = None
    max_steps: int | None = None
    threads: int = 0
    device: str = "auto"

    @classmethod
    def of(cls, spec: SurveySpec, given: Mapping[str, Any]) -> Parameters:
        """The spec's settings with those given (None: not given). Raises ParameterError."""
        known = {field.name for field in fields(cls)}
        for name in given:
            if name not in known:
                raise ParameterError(f"parameter {name}: unknown; there are {sorted(known)}")
        settings = ("engine", "epochs", "batch_size", "calibrate", "max_training_minutes",
                    "threads", "device")  # fmt: skip
        values: dict[str, Any] = {"rows": None, "seed": None, "max_steps": None}
        values |= {name: getattr(spec.model, name) for name in settings}
        values |= {name: value for name, value in given.items() if value is not None}
        for name, (low, high, step) in BOUNDS.items():
            _check(name, values[name], low, high, step)
        if values["engine"] not in ENGINES:
            raise ParameterError(f"parameter engine: it is none of {', '.join(ENGINES)}")
        return cls(**values)


def _check(name: str, value: Any, low: int, high: int, step: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise ParameterError(f"parameter {name}: write a whole number from {low} to {high}")
    if not low <= value <= high:
        raise ParameterError(f"parameter {name}: it must lie between {low} and {high}")
    if value % step:
        raise ParameterError(f"parameter {name}: it must be a multiple of {step}")


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


def release_name(input_sha256: str, spec_digest: str, parameters: Parameters, period: str) -> str:
    """The release's name: 12 hex digits of all that determines it.

    The same input, spec, code and parameters give the same name, so a rerun finds its own work.
    """
    identity = {"input": input_sha256, "spec": spec_digest, "code": code_version(),
                "period": period, "parameters": asdict(parameters)}  # fmt: skip
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
