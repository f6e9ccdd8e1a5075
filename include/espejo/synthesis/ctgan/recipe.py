"""The recipe: what makes the engine what it is, the same for every survey."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.espejo.synthesis.ctgan.adversarial import Rates
from include.espejo.synthesis.ctgan.generator import Shape
from include.espejo.synthesis.ctgan.likelihood import StartRates


@dataclass(frozen=True)
class Recipe:
    """Rates, sizes and parts of the training.

    `selection`: keep what foretells held-out households best, rather than the last. The benchmark
    switches parts off to show what each is worth.
    """

    start: StartRates = field(default_factory=StartRates)
    rates: Rates = field(default_factory=Rates)
    shape: Shape = field(default_factory=Shape)
    likelihood: bool = True
    adversary: bool = True
    selection: bool = True
