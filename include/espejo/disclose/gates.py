"""What an audit says: a gate for each attack, and whether all are passed."""

from __future__ import annotations

import math
from enum import StrEnum

from pydantic import ConfigDict, Field, ValidationError, computed_field

from include.espejo.errors import GateError
from include.espejo.lake.document import Document
from include.espejo.language import message


class Outcome(StrEnum):
    """How a gate ended. What follows from it stands below."""

    PASSED = "passed"
    LEAK = "leak"  # training exceeds the control by more than chance explains
    BROKEN = "broken"  # a rule or a floor does not hold
    NO_CONTROL = "no_control"
    TOO_FEW = "too_few"  # households to tell a leak from chance
    NOT_COMPUTED = "not_computed"
    REPORTED = "reported"  # closes nothing
    NOT_APPLICABLE = "not_applicable"  # the survey has nothing to attack


PASSING = frozenset({Outcome.PASSED, Outcome.REPORTED, Outcome.NOT_APPLICABLE})
NOT_GATED = frozenset({Outcome.REPORTED, Outcome.NOT_APPLICABLE})
REASONS = {
    Outcome.PASSED: "",
    Outcome.NO_CONTROL: "no holdout",
    Outcome.TOO_FEW: "too few households to tell a leak from chance",
    Outcome.NOT_COMPUTED: "the figure could not be computed",
}
# What mends an audit that cannot be read.
NEW_AUDIT = message("delete figures/disclosure.json and run `disclose` again")


class Gate(Document):
    """One gate of the audit. All of it is restricted: a published report rounds and leaves out.

    figure      the excess of training over the control, a difference in `unit`; of `rules` the
                rows that break one, of the floors the fewest people
    limit       what the figure may be: at most, or of a floor at least
    about       what is broken, why it is only reported or does not apply; columns, rules and
                counts, never a value
    remedy      what an operator may change
    interval    of the figure, two-sided at 1 - 2 x significance, bootstrapped by household
    p           one-sided, Holm-adjusted over the gates; unadjusted where it is only reported
    detectable  the smallest excess that these sizes would have shown, with a power of 80 %
    """

    # What follows from the outcome is written, too, for readers, and not read back.
    model_config = ConfigDict(extra="ignore")

    name: str
    figure: float | None
    unit: str
    limit: float
    outcome: Outcome
    about: str = ""
    remedy: str = ""
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        return self.outcome in PASSING

    @computed_field  # type: ignore[prop-decorator]
    @property
    def applicable(self) -> bool:
        """False where the survey has nothing to attack, or too little to gate."""
        return self.outcome not in NOT_GATED

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reason(self) -> str:
        """Why it failed or does not apply, with the exact figure; empty where it passed."""
        if self.outcome is Outcome.LEAK and self.figure is not None and self.p is not None:
            return (
                f"exceeds the control by {self.figure:.4f} ({self.unit}), limit {self.limit:g}, "
                f"p {self.p:.1e}"
            )
        return REASONS.get(self.outcome, self.about)


class Audit(Document):
    """Every gate, and figures that close nothing (distances in the weights of encode.py).

    periods   how many periods' people it was held against, this one among them
    against   the workspaces of earlier releases whose people these were
    """

    model_config = ConfigDict(extra="ignore")

    gates: tuple[Gate, ...]
    information: dict[str, float | None] = Field(default_factory=dict)
    periods: int = 1
    against: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(gate.name for gate in self.gates if not gate.passed)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """No gate is failed, and there are gates."""
        return bool(self.gates) and not self.failed


def read_audit(content: bytes) -> Audit:
    """A stored audit. Raises GateError where it is not what an audit writes."""
    try:
        audit = Audit.of_json(content)
        holds_together = audit.to_json() == content
    except ValidationError:
        holds_together = False
    if not holds_together:
        raise GateError(
            f"held back by audit: its file is damaged, or of another version; {NEW_AUDIT}",
            ["audit"],
        )
    return audit


def not_applicable(name: str, unit: str, reason: str) -> Gate:
    """A gate that the survey gives nothing to; the reason says what its spec lacks."""
    outcome = Outcome.NOT_APPLICABLE
    return Gate(name=name, figure=None, unit=unit, limit=0.0, outcome=outcome, about=reason)


def finite(figure: float) -> float | None:
    """The figure, or None where it could not be computed."""
    return float(figure) if math.isfinite(figure) else None
