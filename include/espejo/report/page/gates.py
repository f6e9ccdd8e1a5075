"""The gates of a release as the page shows them: the verdict, and each attack with its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from include.espejo.language import Label
from include.espejo.report.page.texts import base_of, gate_subject, gate_text

Figures = Mapping[str, Any]
State = Literal["passed", "failed", "none"]


@dataclass(frozen=True)
class GateRow:
    """A gate; `safe_to_within`: the smallest leak that the test would have seen."""

    name: str
    title: Label
    question: Label
    subject: str
    across: bool
    state: State
    safe_to_within: float | None


@dataclass(frozen=True)
class Family:
    """Gates that ask the same of several columns or key sets; `applied`: how many of them apply."""

    title: Label
    passed: int
    applied: int

    @property
    def state(self) -> State:
        if not self.applied:
            return "none"
        return "passed" if self.passed == self.applied else "failed"


@dataclass(frozen=True)
class Verdict:
    """`answer`: "passed", "overridden" or "held"; `override`: its gates and its reason."""

    answer: Literal["passed", "overridden", "held"]
    gates: tuple[GateRow, ...]
    families: tuple[Family, ...]
    override: Figures | None

    @property
    def passed(self) -> int:
        return sum(gate.state == "passed" for gate in self.gates)

    @property
    def applied(self) -> int:
        return sum(gate.state != "none" for gate in self.gates)

    @property
    def failed(self) -> tuple[GateRow, ...]:
        return tuple(gate for gate in self.gates if gate.state == "failed")


def make_verdict(release: Figures) -> Verdict:
    """The verdict of a release's manifest. A release without gates was not let through by any."""
    gates = tuple(_gate(told) for told in release.get("gates", ()))
    override = release.get("override")
    failed = any(gate.state == "failed" for gate in gates) or not gates
    if override:
        return Verdict("overridden", gates, tuple(_families(gates)), override)
    return Verdict("held" if failed else "passed", gates, tuple(_families(gates)), None)


def _gate(told: Figures) -> GateRow:
    title, question = gate_text(told["name"])
    state: State = "none"
    if told["applicable"]:
        state = "passed" if told["passed"] else "failed"
    across = "_across_periods" in told["name"]
    return GateRow(
        told["name"],
        title,
        question,
        gate_subject(told["name"]),
        across,
        state,
        told.get("safe_to_within"),
    )


def _families(gates: tuple[GateRow, ...]) -> list[Family]:
    found = []
    for base in dict.fromkeys(base_of(gate.name) for gate in gates):
        members = [gate for gate in gates if base_of(gate.name) == base]
        applied = [gate for gate in members if gate.state != "none"]
        passed = sum(gate.state == "passed" for gate in applied)
        found.append(Family(members[0].title, passed, len(applied)))
    return found
