"""What an audit says: a gate for each attack, and whether all are passed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Gate:
    """One gate of the audit. All of it is restricted: a published report rounds and leaves out.

    figure      the excess of training over the control, a difference in `unit`; of `rules` the
                rows that break one, of the floors the fewest people
    interval    of the figure, two-sided at 1 - 2 x significance, bootstrapped by household
    limit       what the figure may be: at most, or of a floor at least
    p           one-sided, Holm-adjusted over the gates; unadjusted where it is only reported
    detectable  the smallest excess that these sizes would have shown, with a power of 80 %
    applicable  False where the survey has nothing to attack, or too little to gate
    reason      why it failed or does not apply; names columns, rules and counts, never a value
    remedy      what an operator may change
    """

    name: str
    figure: float | None
    unit: str
    limit: float
    passed: bool
    reason: str
    remedy: str
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None
    applicable: bool = True


@dataclass(frozen=True)
class Audit:
    """Every gate, and figures that close nothing (distances in the weights of encode.py)."""

    gates: tuple[Gate, ...]
    information: Mapping[str, float | None]

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(gate.name for gate in self.gates if not gate.passed)

    @property
    def passed(self) -> bool:
        """No gate is failed, and there are gates."""
        return bool(self.gates) and not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {
            "passed": self.passed,
            "failed": list(self.failed),
            "gates": [asdict(gate) for gate in self.gates],
            "information": dict(self.information),
        }


def not_applicable(name: str, unit: str, reason: str) -> Gate:
    """A gate that the survey gives nothing to; the reason says what its spec lacks."""
    return Gate(name, None, unit, 0.0, True, reason, "", applicable=False)


def finite(figure: float) -> float | None:
    """The figure, or None where it could not be computed."""
    return float(figure) if math.isfinite(figure) else None
