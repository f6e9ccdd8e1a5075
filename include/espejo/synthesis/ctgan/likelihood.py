"""The start of training: every field is learnt by likelihood, given all that comes before it.

The generator's probabilities are exact, so that no critic is needed for this. Each field stops by
itself when households held out are foretold no better: a field that depends on nothing is left at
its margin, and none learns the persons instead of the population.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.generator import FieldNet, Generator, average
from include.espejo.synthesis.ctgan.selection import Kept
from include.espejo.synthesis.ctgan.threads import Each, one_by_one

PATIENCE = 6  # looks without a gain, after which a field stops
LARGE_BATCH = 500  # rows: smaller ones are learnt faster in one thread
_WARM_UP = 50  # steps


@dataclass(frozen=True)
class StartRates:
    """Rates of the start; the same for every survey."""

    learning: float = 3e-3
    decay: float = 1e-2
    average: float = 0.99


class LikelihoodTraining:
    """Networks, optimiser and random state; `step` learns a batch, `look` says what is kept."""

    def __init__(
        self,
        rows: np.ndarray,
        leaves: np.ndarray,
        generator: Generator,
        masks: Masks,
        kept: Kept,
        batch_size: int,
        planned: int,
        seed: int,
        rates: StartRates,
        each: Each = one_by_one,
        learnt: Sequence[bool] | None = None,
    ):
        self.generator, self.masks, self.kept, self.rates = generator, masks, kept, rates
        self._each = each if batch_size >= LARGE_BATCH else one_by_one
        self.averaged = generator.twin()
        self.batch_size, self.planned = min(batch_size, len(rows)), planned
        device = generator.paths.device
        self._rows = torch.from_numpy(rows).to(device)
        self._leaves = torch.from_numpy(leaves).to(device)
        self.random = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.long)
        self.optimiser = torch.optim.AdamW(
            generator.parameters(),
            lr=rates.learning,
            weight_decay=rates.decay,
            betas=(0.9, 0.99),
            fused=True,
        )
        every = [True] * len(generator.nets)
        self.stale = [0 if own else PATIENCE for own in learnt or every]
        self.surprise = [0.0] * len(generator.nets)
        self.steps = 0

    @property
    def over(self) -> bool:
        return self.steps >= self.planned or not self._learning(self.generator)

    def step(self) -> float:
        """Learn one batch; its surprise in nats a row, of a field that has stopped the last one."""
        batch = self._batch().to(self._rows.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rates.learning * self._share_of_rate()
        nets = self._learning(self.generator)
        codes, leaves = self._rows[batch].long(), self._leaves[batch]

        def learn(net: FieldNet, seed: int) -> Tensor:
            random = torch.Generator().manual_seed(seed)
            loss = self.generator.surprise(codes, leaves, self.masks, [net], random).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()

        # A seed for each field: what it is does not depend on which field is learnt first.
        seeds = torch.empty(len(nets), dtype=torch.long).random_(generator=self.random)
        self.optimiser.zero_grad(set_to_none=True)
        losses = self._each(learn, nets, seeds.tolist())
        self.optimiser.step()
        self.steps += 1
        average(self.averaged, self.generator, self.rates.average, self.steps)
        for net, told in zip(nets, torch.stack(losses).tolist(), strict=True):
            self.surprise[net.field - self.generator.layout.given] = told
        return sum(self.surprise)

    def look(self) -> bool:
        """Keep the fields that have become better; whether there was one."""
        nets = self._learning(self.averaged)
        better = self.kept.take_better(self.averaged, nets)
        for net, gained in zip(nets, better, strict=True):
            at = net.field - self.generator.layout.given
            self.stale[at] = 0 if gained else self.stale[at] + 1
        return any(better)

    def _learning(self, generator: Generator) -> list[FieldNet]:
        """The networks of the fields that have not stopped."""
        nets = generator.from_field(0)
        return [net for net, stale in zip(nets, self.stale, strict=True) if stale < PATIENCE]

    def _batch(self) -> Tensor:
        """Row numbers of the next batch; a new order where the last one is used up."""
        if len(self.order) < self.batch_size:
            self.order = torch.randperm(len(self._rows), generator=self.random)
        batch, self.order = self.order[: self.batch_size], self.order[self.batch_size :]
        return batch

    def _share_of_rate(self) -> float:
        """It rises over the first steps and falls linearly to a twentieth."""
        done = self.steps / self.planned
        return min(1.0, (self.steps + 1) / _WARM_UP) * max(0.05, 1 - done)
