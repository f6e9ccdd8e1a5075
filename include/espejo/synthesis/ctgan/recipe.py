"""The recipe: what makes the engine what it is, the same for every survey."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from include.espejo.synthesis.ctgan.adversarial import Rates
from include.espejo.synthesis.ctgan.generator import Shape
from include.espejo.synthesis.ctgan.likelihood import StartRates

TUNING_SHARE = 0.2  # of the epochs, for a part: most is known from the whole


@dataclass(frozen=True)
class Recipe:
    """Rates, sizes and parts of the training.

    `tuning`: the rates of a start where a part goes on from what was pretrained of the whole.
    `selection`: keep what foretells held-out households best, rather than the last. The benchmark
    switches parts off to show what each is worth.
    """

    start: StartRates = field(default_factory=StartRates)
    rates: Rates = field(default_factory=Rates)
    shape: Shape = field(default_factory=Shape)
    tuning: StartRates = field(default_factory=lambda: StartRates(learning=1e-3))
    likelihood: bool = True
    adversary: bool = True
    selection: bool = True

    def of_tuning(self) -> Recipe:
        """The recipe of a part that goes on from what was pretrained."""
        return replace(self, start=self.tuning)


def tuning_epochs(epochs: int) -> int:
    """Of so many epochs, those of a part that goes on from what was pretrained."""
    return max(1, math.ceil(TUNING_SHARE * epochs))
