"""What the attacks share: their form, and which columns and classes they are about."""

from __future__ import annotations

from dataclasses import dataclass

from include.espejo.disclose.statistics.score import Score
from include.espejo.language import message

REMEDY = message(
    "sample without calibration, raise the floors, or drop or coarsen a column; limits are "
    "changed only in the spec"
)


@dataclass(frozen=True)
class Attack:
    """A gate's name, its scores, and the excess that is allowed.

    Of several scores the most significant counts, corrected by Bonferroni. `unit` says what the
    excess is a difference of, `weight` how much of the significance it gets (see excess.py).
    `only_reported` is the reason why it closes nothing, if there is
    one.
    """

    name: str
    scores: tuple[Score, ...]
    unit: str
    limit: float = 0.0
    weight: float = 1.0
    only_reported: str | None = None
