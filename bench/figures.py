"""The figures of the benchmark: which probe gives each, its peer, and what was asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from bench.probes import Sample

Samples = Mapping[str, Sequence[Sample]]
Side = Literal["below", "at most", "at least"]

_SIDES: dict[Side, tuple[str, Callable[[float, float], bool]]] = {
    "below": ("<", operator.lt),
    "at most": ("<=", operator.le),
    "at least": (">=", operator.ge),
}
_MEASURES = {"s": 2, "ms": 2, "MB": 0}  # units with a ratio, and how many decimals each has


@dataclass(frozen=True)
class Target:
    """What was asked for: a ratio of at least `limit`, or else a figure on one side of it."""

    limit: float
    of_ratio: bool = False
    side: Side = "below"

    def is_reached(self, measured: float, ratio: float | None) -> bool:
        if self.of_ratio:
            return ratio is not None and ratio >= self.limit
        return _SIDES[self.side][1](measured, self.limit)

    def describe(self, unit: str) -> str:
        if self.of_ratio:
            return f">= {self.limit:g}x"
        return f"{_SIDES[self.side][0]} {self.limit:g} {unit}".rstrip()


@dataclass(frozen=True)
class Figure:
    """One line of the result: a field of a probe's samples, in seconds (s), ms or MB; shares and
    scores have no unit. What is measured is compared to its peer as a ratio, a score is not."""

    name: str
    unit: str
    probe: str
    field: str
    peer: str | None = None
    target: Target | None = None


FIGURES = (
    Figure("ingest", "s", "ingest", "seconds", "notebook", Target(10, of_ratio=True)),
    Figure("ingest, peak memory", "MB", "ingest", "peak_mb", "notebook", Target(400)),
    Figure("validation with its import", "s", "validate", "seconds", target=Target(10)),
    Figure("validation", "s", "validate", "seconds_imported", target=Target(10)),
    Figure("validation, peak memory", "MB", "validate", "peak_mb"),
    Figure("DAG parsing", "s", "dags", "seconds", target=Target(1)),
)
FULL_FIGURES = (
    *FIGURES,
    Figure("evaluation", "s", "evaluate", "seconds", target=Target(90)),
    Figure("evaluation, peak memory", "MB", "evaluate", "peak_mb", target=Target(2000)),
)


def probes_of(figures: Iterable[Figure]) -> list[str]:
    """The probes that these figures need, each once."""
    named = (name for figure in figures for name in (figure.probe, figure.peer) if name)
    return list(dict.fromkeys(named))


def judge(figure: Figure, samples: Samples) -> dict[str, Any]:
    """The figure as a case of bench.json: medians, spreads, their ratio, and the verdict."""
    measured = spread(samples[figure.probe], figure.field)
    peer = spread(samples[figure.peer], figure.field) if figure.peer else None
    ratio = peer["median"] / measured["median"] if peer and figure.unit in _MEASURES else None
    target = figure.target
    return {
        "name": figure.name,
        "unit": figure.unit,
        "measured": measured,
        "peer": peer,
        "ratio": ratio,
        "asked_for": target.describe(figure.unit) if target else None,
        "reached": target.is_reached(measured["median"], ratio) if target else None,
    }


def spread(samples: Sequence[Sample], field: str) -> dict[str, Any]:
    """Median, lowest and highest of a field, and its values in the order taken."""
    values = [sample[field] for sample in samples]
    return {"median": median(values), "min": min(values), "max": max(values), "values": values}


def render(cases: Iterable[Mapping[str, Any]], peer: str = "notebook") -> str:
    """The cases as a plain table: medians, and in brackets the lowest and highest."""
    lines = [("", "measured", peer, "ratio", "asked for", "reached")]
    for case in cases:
        ratio = "-" if case["ratio"] is None else f"{case['ratio']:.2f}x"
        reached = {None: "-", True: "yes", False: "no"}[case["reached"]]
        lines.append(
            (
                case["name"],
                _written(case["measured"], case["unit"]),
                _written(case["peer"], case["unit"]),
                ratio,
                case["asked_for"] or "-",
                reached,
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _written(values: Mapping[str, Any] | None, unit: str) -> str:
    if values is None:
        return "-"
    digits = _MEASURES.get(unit, 0 if unit else 4)
    middle, low, high = (f"{values[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{' '.join(filter(None, (middle, unit)))} ({low}-{high})"
