"""Adversarial training on top of the start: WGAN-GP with packs, and training-by-sampling.

After Xu et al. 2019 (arXiv 1907.00503), section 4.3 and algorithm 1. What differs is said where
it differs: see also docs/engine.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from include.espejo.synthesis.ctgan.critic import Critic
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.generator import Generator, average
from include.espejo.synthesis.ctgan.selection import Kept

PATIENCE = 2  # looks without a gain, after which training is over
PENALTY_EVERY = 4  # lazy regularisation: seldom and as much stronger (Karras et al. 2020, app. B)


@dataclass(frozen=True)
class Rates:
    """Learning rates and weights; the same for every survey."""

    generator: float = 3e-4
    critic: float = 5e-4
    penalty: float = 10.0
    adversary: float = 0.1
    average: float = 0.99
    conditional: float = 0.5


@dataclass(frozen=True)
class Batch:
    """Real rows and what the generated ones share with them. `first`: the first field drawn."""

    codes: Tensor
    leaves: Tensor
    condition: Tensor
    first: int

    def to(self, device: torch.device) -> Batch:
        codes, leaves = self.codes.to(device), self.leaves.to(device)
        return Batch(codes, leaves, self.condition.to(device), self.first)


class Sampler:
    """Training-by-sampling (section 4.3) over integer codes, in bulk.

    Half of the batches are plain draws. In the others one field is the condition: its code is
    drawn by log-frequency, a real row with that code is looked up by sorted index and offset,
    and the generator is given the row's fields up to the condition and draws those after it.
    """

    def __init__(self, rows: np.ndarray, leaves: np.ndarray, layout: Layout, share: float):
        self._rows = torch.from_numpy(rows)
        self._leaves = torch.from_numpy(leaves)
        self._layout = layout
        self._share = share
        self._order, self._start, self._weights = [], [], []
        for field, size in enumerate(layout.sizes):
            counts = np.bincount(rows[:, field], minlength=size)
            self._order.append(torch.from_numpy(np.argsort(rows[:, field], kind="stable")))
            self._start.append(torch.from_numpy(np.concatenate([[0], np.cumsum(counts)])))
            self._weights.append(torch.from_numpy(np.log1p(counts)))

    def draw(self, size: int, random: torch.Generator) -> Batch:
        # The last field has nothing after it to draw: it is no condition.
        conditions = len(self._layout.sizes) - 1
        plain = torch.rand((), generator=random).item() >= self._share or not conditions
        field = int(torch.randint(max(conditions, 1), (), generator=random))
        if plain:
            chosen = torch.randint(len(self._rows), (size,), generator=random)
            condition = torch.zeros(size, dtype=torch.long)
            first = self._layout.given
        else:
            code = torch.multinomial(self._weights[field], size, replacement=True, generator=random)
            start, end = self._start[field][code], self._start[field][code + 1]
            place = start + (torch.rand(size, generator=random) * (end - start)).long()
            chosen = self._order[field][torch.minimum(place, end - 1)]
            condition = 1 + code + int(self._layout.offsets[field])
            first = max(field + 1, self._layout.given)
        return Batch(self._rows[chosen].long(), self._leaves[chosen], condition, first)


class AdversarialTraining:
    """Networks, optimisers and random state; `step` does one step of both players."""

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
        rates: Rates,
    ):
        self.generator, self.masks, self.kept, self.rates = generator, masks, kept, rates
        self.layout = generator.layout
        self.device = next(generator.parameters()).device
        self.critic = Critic(self.layout, generator.shape).to(self.device)
        self.averaged = generator.twin()
        self.batch_size, self.planned = batch_size, planned
        self.random = torch.Generator().manual_seed(seed)
        self.sampler = Sampler(rows, leaves, self.layout, rates.conditional)
        self.optimiser = torch.optim.Adam(
            generator.parameters(), lr=rates.generator, betas=(0.5, 0.9), fused=True
        )
        self.optimiser_c = torch.optim.Adam(
            self.critic.parameters(), lr=rates.critic, betas=(0.5, 0.9), fused=True
        )
        self.steps = 0
        self.stale = 0

    @property
    def over(self) -> bool:
        return self.steps >= self.planned or self.stale >= PATIENCE

    def step(self) -> tuple[float, float]:
        """One step of the critic and one of the generator on the same draw; their losses."""
        batch = self.sampler.draw(self.batch_size, self.random).to(self.device)
        uniform = torch.rand(batch.codes.shape, generator=self.random).to(self.device)
        drawn, _ = self.generator.draw(batch.codes, batch.leaves, batch.first, self.masks, uniform)
        worth, distance = self._critic_step(batch, drawn)
        self._generator_step(batch, drawn, worth)
        self.steps += 1
        average(self.averaged, self.generator, self.rates.average, self.steps)
        return -float(worth.mean()), distance

    def look(self) -> bool:
        """Keep the averaged generator if it has become better; whether it was."""
        better = self.kept.take_if_better(self.averaged)
        self.stale = 0 if better else self.stale + 1
        return better

    def _critic_step(self, batch: Batch, drawn: Tensor) -> tuple[Tensor, float]:
        """Train the critic. Gives its score of each pack of drawn rows, (packs,), and its loss."""
        context = self.critic.context(batch.leaves, batch.condition)
        real, fake = self.critic.embed(batch.codes), self.critic.embed(drawn)
        packs = self.batch_size // self.critic.pac
        score = self.critic(torch.cat([fake + context, real + context]))
        loss = score[:packs].mean() - score[packs:].mean()
        distance = float(loss.detach())
        if self.steps % PENALTY_EVERY == 0:
            mix = torch.rand(packs, 1, generator=self.random).to(self.device)
            penalty = self.critic.gradient_penalty(real, fake, context, mix)
            loss = loss + PENALTY_EVERY * self.rates.penalty * penalty
        self.optimiser_c.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser_c.step()
        return score[:packs, 0].detach(), distance

    def _generator_step(self, batch: Batch, drawn: Tensor, worth: Tensor) -> None:
        """Make drawn rows likelier the more they are worth to the critic (score function: Williams
        1992, Machine Learning 8), and the real rows that share their condition likelier too, in
        the place of the paper's cross-entropy of the condition alone."""
        nets = self.generator.from_field(batch.first)
        advantage = (worth - worth.mean()) / (worth.std(unbiased=False) + 1e-6)
        advantage = advantage.repeat_interleave(self.critic.pac)
        codes, leaves = torch.cat([drawn, batch.codes]), batch.leaves.repeat(2)
        surprise = self.generator.surprise(codes, leaves, self.masks, nets, self.random).sum(1)
        of_drawn, of_real = surprise.chunk(2)
        loss = (self.rates.adversary * advantage * of_drawn + of_real).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
