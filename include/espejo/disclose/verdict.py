"""What the gates let through, and what of an audit leaves the restricted area: rounded.

Exact figures let whoever asks often enough rebuild the rows that they are about (Ganev and De
Cristofaro 2023, arXiv 2312.05114): messages and public files round them or leave them out.
"""

from __future__ import annotations

import math

from include.espejo.disclose.gates import NEW_AUDIT, Audit, Gate, Outcome, read_audit
from include.espejo.errors import GateError
from include.espejo.lake import Lake
from include.espejo.lake.document import Document
from include.espejo.lake.keys import Workspace
from include.espejo.parameters import given_reason, named_in

# No reason overrides these: it would publish what stands on too few people, or a wrong table.
ABSOLUTE = ("rules", "floor", "floor_codes")


class Override(Document):
    """The gates that a reason lets pass, and the reason."""

    gates: tuple[str, ...]
    reason: str


class PublicGate(Document):
    """A gate as a release shows it. `safe_to_within`: no larger leak would have gone unseen."""

    name: str
    applicable: bool
    passed: bool
    safe_to_within: float | None


def across_periods(now: Audit, union: Audit) -> Audit:
    """The audit of this period with the attacks of the union of several beside its own.

    Floors and rules are this period's: the same person counts once.
    """
    attacks = [gate for gate in union.gates if gate.name not in ABSOLUTE and gate.applicable]
    renamed = (gate.model_copy(update={"name": f"{gate.name}_across_periods"}) for gate in attacks)
    return now.model_copy(update={"gates": (*now.gates, *renamed)})


def require(audit: Audit, override: str | None) -> Override | None:
    """What an override let pass, None where nothing failed. Raises GateError.

    An override names the attacks that it passes although they found something; it never passes a
    floor, a rule, a figure that is missing, or a test that could not tell.
    """
    if not audit.gates:
        raise GateError("held back by audit: it has no gates; run `disclose` again", ["audit"])
    failed = [gate for gate in audit.gates if not gate.passed]
    if not failed:
        return None
    names = list(audit.failed)
    absolute = [gate.name for gate in failed if _is_absolute(gate)]
    if override is None or absolute:
        hint = f"; no reason can override {', '.join(absolute)}" if override and absolute else ""
        head = f"held back by {', '.join(names)}{hint}"
        raise GateError("\n".join([head, *failure_lines(audit)]), names)
    unnamed = [name for name in names if name not in named_in(override)]
    if unnamed:
        raise GateError(
            f"held back by {', '.join(unnamed)}, which the override's reason does not name: write "
            "which gates are overridden, who decided, and why",
            names,
        )
    return Override(gates=tuple(names), reason=given_reason(override))


def _is_absolute(gate: Gate) -> bool:
    """True if the gate can never be overridden: an unknown result is no finding to weigh."""
    return gate.name in ABSOLUTE or gate.outcome is not Outcome.LEAK


def failure_lines(audit: Audit) -> list[str]:
    """A line for each gate that failed: by how much, rounded, and what may be changed."""
    return [
        f"gate {gate.name}: {_how_much(gate)}; {gate.remedy}"
        for gate in audit.gates
        if not gate.passed
    ]


def _how_much(gate: Gate) -> str:
    if gate.outcome is Outcome.LEAK:
        excess = f"exceeds the control by about {gate.figure:.2f}"
        return f"{excess} ({gate.unit}; limit {gate.limit:.2f})"
    if gate.outcome is Outcome.BROKEN and gate.name != "rules" and gate.figure is not None:
        few = f"fewer than {gate.limit:.0f} people, or too few households"
        return f"a released value has {few}"
    return gate.reason  # no figure, or counts of synthetic rows


def margins(audit: Audit) -> dict[str, float]:
    """How far each attack is below its limit, to two decimals; below 0 beyond the limit."""
    return {
        gate.name: round(gate.limit - gate.figure, 2)
        for gate in audit.gates
        if gate.name not in ABSOLUTE and gate.applicable and gate.figure is not None
    }


def failed_gates(lake: Lake, work: Workspace) -> list[dict[str, str]]:
    """Name and remedy of the gates that hold a run's candidate back; by how much stays there.

    Empty where none does, or where no audit was made yet. A damaged audit holds it back, too.
    """
    stored = lake.read_tagged(work.audit)
    if stored is None:
        return []
    try:
        gates = read_audit(stored.content).gates
    except GateError:
        return [{"name": "audit", "remedy": NEW_AUDIT}]
    return [{"name": gate.name, "remedy": gate.remedy} for gate in gates if not gate.passed]


def public_verdict(audit: Audit) -> tuple[PublicGate, ...]:
    """The gates as a release shows them: pass or fail, and rounded what would have been seen."""
    return tuple(
        PublicGate(
            name=gate.name,
            applicable=gate.applicable,
            passed=gate.passed,
            safe_to_within=_safe_to_within(gate),
        )
        for gate in audit.gates
    )


def _safe_to_within(gate: Gate) -> float | None:
    """The smallest leak that would have closed the gate, rounded up to the next hundredth.

    A leak under the limit closes nothing, however well it would be seen. None where the gate is
    closed or does not apply: nothing is said to be safe there.
    """
    if gate.outcome is not Outcome.PASSED or gate.detectable is None:
        return None
    smallest = max(gate.detectable, gate.limit)
    return math.ceil(round(smallest * 100, 9)) / 100  # 0.07 is 7.000000000000001 hundredths
