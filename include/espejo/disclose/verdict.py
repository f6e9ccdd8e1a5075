"""What the gates let through, and how an audit is told outside the restricted area: rounded.

Exact figures let whoever asks often enough rebuild the rows that they are about (Ganev and De
Cristofaro 2023, arXiv 2312.05114): messages and public files round them or leave them out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from include.espejo.disclose.gates import Audit
from include.espejo.errors import GateError
from include.espejo.parameters import given_reason, named_in
from include.espejo.table.document import Document

# What no reason can override: it would publish what stands on too few people, or a wrong table.
ABSOLUTE = ("rules", "floor", "floor_codes")

Verdict = Mapping[str, Any]


def across_periods(now: Audit, union: Audit) -> Audit:
    """The audit of this period with the attacks of the union of several beside its own.

    Floors and rules are this period's: the same person counts once.
    """
    attacks = [gate for gate in union.gates if gate.name not in ABSOLUTE and gate.applicable]
    renamed = tuple(replace(gate, name=f"{gate.name}_across_periods") for gate in attacks)
    return Audit(now.gates + renamed, now.information)


class Override(Document):
    """The gates that a reason lets pass, and the reason."""

    gates: tuple[str, ...]
    reason: str


def require(audit: Verdict, override: str | None) -> Override | None:
    """What an override let pass, None where nothing failed. Raises GateError.

    `audit`: Audit.as_dict(). An override names the attacks that it passes although they found
    something; it never passes a floor, a rule, a figure that is missing, or a test that could
    not tell.
    """
    failed = [gate for gate in audit["gates"] if gate["passed"] is not True]
    names = [gate["name"] for gate in failed]
    if not audit["gates"] or audit["failed"] != names or audit["passed"] is not (not names):
        raise GateError(
            "held back by audit: what it says of its gates is not what they say; delete "
            "figures/disclosure.json and run `disclose` again", ["audit"],
        )  # fmt: skip
    if not failed:
        return None
    absolute = [gate["name"] for gate in failed if _is_absolute(gate)]
    if override is None or absolute:
        hint = f"; no reason overrides {', '.join(absolute)}" if override and absolute else ""
        raise GateError(
            "\n".join([f"held back by {', '.join(names)}{hint}", *failure_lines(audit)]), names
        )
    unnamed = [name for name in names if name not in named_in(override)]
    if unnamed:
        raise GateError(
            f"held back by {', '.join(unnamed)}, which the override's reason does not name: write "
            "which gates are overridden, who decided, and why", names,
        )  # fmt: skip
    return Override(gates=tuple(names), reason=given_reason(override))


def _is_absolute(gate: Mapping[str, Any]) -> bool:
    """Whether no reason passes it; what cannot be told to be safe is no finding to weigh."""
    return gate["name"] in ABSOLUTE or gate["figure"] is None or gate["detectable"] is None


def failure_lines(audit: Verdict) -> list[str]:
    """A line for each gate that failed: by how much, rounded, and what may be changed."""
    return [
        f"gate {gate['name']}: {_how_much(gate)}; {gate['remedy']}"
        for gate in audit["gates"]
        if not gate["passed"]
    ]


def _how_much(gate: Mapping[str, Any]) -> str:
    if gate["figure"] is None or gate["name"] == "rules":
        return str(gate["reason"])  # no figure, or counts of synthetic rows
    if gate["name"] in ABSOLUTE:
        return (
            f"something stands on fewer than {gate['limit']:.0f} people, or on too few households"
        )
    if gate["detectable"] is None:
        return str(gate["reason"])  # too few to tell: no excess was found
    excess = f"training is above its control by about {gate['figure']:.2f} ({gate['unit']})"
    return f"{excess}, and may be by {gate['limit']:.2f} where that is no chance"


def public_verdict(audit: Verdict) -> list[dict[str, Any]]:
    """The gates as a release tells them: pass or fail, and rounded what would have been seen."""
    return [
        {
            "name": gate["name"],
            "applicable": gate["applicable"],
            "passed": gate["passed"],
            "safe_to_within": _safe_to_within(gate),
        }
        for gate in audit["gates"]
    ]


def _safe_to_within(gate: Mapping[str, Any]) -> float | None:
    """The smallest leak that would have closed the gate, rounded up to the next hundredth.

    A leak under the limit closes nothing, however well it would be seen. None where the gate is
    closed or does not apply: nothing is said to be safe there.
    """
    if not gate["applicable"] or not gate["passed"] or gate["detectable"] is None:
        return None
    smallest = max(float(gate["detectable"]), float(gate["limit"]))
    return math.ceil(round(smallest * 100, 9)) / 100  # 0.07 is 7.000000000000001 hundredths
