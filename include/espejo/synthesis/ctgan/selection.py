"""What is kept of a training: what foretells households better that it does not see.

The score is the log-likelihood of held-out rows, a proper score of whole rows: no relation, of
however many columns, is out of its sight. A change is kept if it gains more than one standard
error over households (the rule of Breiman, Friedman, Olshen and Stone 1984, section 3.4.3): what
cannot be told from chance would be learnt of the persons trained on, not of the population.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.generator import FieldNet, Generator

SHARE, LARGEST_SHARE = 0.1, 0.25
ENOUGH_ROWS, MOST_ROWS = 500, 20_000
FEWEST_ROWS, FEWEST_HOUSEHOLDS = 50, 10
STANDARD_ERRORS = 1.0
_LEAST_GAIN = 1e-4  # nats a row: less is rounding
_SLICE = 5_000


def split_households(
    rows: int, households: np.ndarray | None, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers for training and for selection, no household in both.

    A tenth of the households, or as many as have 500 rows, but not more than a quarter and 20,000
    rows. No household is a tenth of them or more: it would decide alone. A table too small to
    spare any is given whole for both.
    """
    group = np.arange(rows) if households is None else households
    order = generator.permutation(int(group.max()) + 1)
    sizes = np.bincount(group, minlength=len(order))
    wanted = min(max(SHARE * rows, min(ENOUGH_ROWS, LARGEST_SHARE * rows)), MOST_ROWS)
    order = order[sizes[order] < wanted / FEWEST_HOUSEHOLDS]
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[np.cumsum(sizes[order]) <= wanted]] = True
    held = chosen[group]
    if held.sum() < FEWEST_ROWS:
        return np.arange(rows), np.arange(rows)
    return np.flatnonzero(~held), np.flatnonzero(held)


def split_as_parts(
    rows: int,
    households: np.ndarray | None,
    parts: Sequence[tuple[np.ndarray, int]],
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The same for a table whose parts are fitted after it: what one of them holds out, and who
    lives with it, is held out here, so that no part is judged by those that the whole learnt from.

    `parts`: the row numbers of each and the seed of its fit. Of more than 20,000 rows held out some
    households are scored.
    """
    group = np.arange(rows) if households is None else households
    chosen_homes = np.zeros(int(group.max()) + 1, dtype=bool)
    for own, seed in parts:
        homes = None if households is None else pd.factorize(households[own])[0]
        fitted, selected = split_households(len(own), homes, selection_order(seed))
        if len(fitted) < len(own):
            chosen_homes[group[own[selected]]] = True
    held = chosen_homes[group]
    chosen = np.flatnonzero(held)
    if not FEWEST_ROWS <= len(chosen) < rows:
        return np.arange(rows), np.arange(rows)
    number = np.unique(group[chosen], return_inverse=True)[1]
    turn = generator.permutation(int(number.max()) + 1)[number]
    scored = np.argsort(turn, kind="stable")[:MOST_ROWS]
    return np.flatnonzero(~held), np.sort(chosen[scored])


def selection_order(seed: int) -> np.random.Generator:
    """The random order in which a fit with this seed holds households out."""
    return np.random.default_rng([seed, 1])


class HeldOut:
    """Rows that training does not see. `rows`: int codes, (rows, fields); `households`: (rows,).

    `apart`: whether that is so. Rows that are trained on, too, tell of no gain: the fields stay at
    their margins.
    """

    def __init__(
        self,
        rows: np.ndarray,
        leaves: np.ndarray,
        households: np.ndarray | None,
        masks: Masks,
        apart: bool = True,
        device: str = "cpu",
    ):
        group = np.arange(len(rows)) if households is None else households
        self._rows = torch.from_numpy(rows).long().to(device)
        self._leaves = torch.from_numpy(leaves).to(device)
        self._household = torch.from_numpy(np.unique(group, return_inverse=True)[1]).to(device)
        self._masks, self._apart = masks, apart

    def surprise(self, generator: Generator, nets: Sequence[FieldNet]) -> Tensor:
        """Of the fields of `nets`, in nats, without dropout: (rows, nets)."""
        with torch.no_grad():
            slices = [slice(i, i + _SLICE) for i in range(0, len(self._rows), _SLICE)]
            found = [
                generator.surprise(self._rows[s], self._leaves[s], self._masks, nets)
                for s in slices
            ]
        return torch.cat(found)

    def is_better(self, old: Tensor, new: Tensor) -> bool:
        """Whether the surprise of these rows, (rows,), has fallen by more than chance explains."""
        gain = old - new
        if not self._apart or not torch.isfinite(new).all() or float(gain.mean()) <= _LEAST_GAIN:
            return False
        households = int(self._household.max()) + 1
        by_household = gain.new_zeros(households).index_add_(0, self._household, gain)
        error = float(by_household.std(unbiased=False)) * households**0.5
        return bool(float(gain.sum()) > STANDARD_ERRORS * error)


class Kept:
    """The best state of each field's network so far, and the surprise that it leaves."""

    def __init__(self, generator: Generator, held: HeldOut):
        self._held = held
        self.state = {n: t.clone() for n, t in generator.state_dict().items()}
        self.surprise = held.surprise(generator, generator.from_field(0))

    @property
    def score(self) -> float:
        """The geometric mean of the probabilities of the held-out cells, 0 to 1."""
        return float(torch.exp(-self.surprise.double().mean()))

    def restore(self, generator: Generator, state: dict[str, Tensor]) -> None:
        """Put back a state that was kept; the generator is used to score it."""
        generator.load_state_dict(state)
        self.state = state
        self.surprise = self._held.surprise(generator, generator.from_field(0))

    def take_better(self, generator: Generator, nets: Sequence[FieldNet]) -> list[bool]:
        """Keep each of these networks that foretells its own field better; which they were."""
        new, first = self._held.surprise(generator, nets), generator.layout.given
        better = []
        for column, net in zip(new.T, nets, strict=True):
            at = net.field - first
            better.append(self._held.is_better(self.surprise[:, at], column))
            if better[-1]:
                self.surprise[:, at] = column
                self._take(generator, f"nets.{at}.")
        return better

    def take_if_better(self, generator: Generator) -> bool:
        """Keep the whole generator if it foretells whole rows better."""
        new = self._held.surprise(generator, generator.from_field(0))
        better = self._held.is_better(self.surprise.sum(1), new.sum(1))
        if better:
            self.surprise = new
            self._take(generator, "")
        return better

    def _take(self, generator: Generator, prefix: str) -> None:
        for name, tensor in generator.state_dict().items():
            if name.startswith(prefix):
                self.state[name].copy_(tensor)
