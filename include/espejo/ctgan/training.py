"""The training loop: WGAN-GP with packs, training-by-sampling, an averaged generator.

After Xu et al. 2019 (arXiv 1907.00503), section 4.3 and algorithm 1. What differs is said where
it differs: see also docs/engine.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every reader knows

from include.espejo.ctgan.frequencies import pair_frequencies
from include.espejo.ctgan.layout import Layout
from include.espejo.ctgan.networks import Critic, Generator, Masks

AVERAGE_EVERY = 4  # the average moves slowly: every step would cost and change nothing
PENALTY_EVERY = 4  # lazy regularisation: seldom and as much stronger (Karras et al. 2020, app. B)


@dataclass(frozen=True)
class Rates:
    """Learning rates and weights; the same for every survey."""

    generator: float = 2e-4
    tables: float = 2e-3
    critic: float = 2e-4
    penalty: float = 10.0
    moments: float = 1.0
    adversary: float = 0.3
    memory: float = 0.8
    average: float = 0.99
    temperature: float = 0.5
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


class Training:
    """Networks, optimisers and random state; `step` does one step of both players."""

    def __init__(
        self, rows: np.ndarray, leaves: np.ndarray, layout: Layout, masks: Masks,
        generator: Generator, batch_size: int, planned: int, seed: int, rates: Rates,
    ):  # fmt: skip
        self.layout, self.masks, self.rates = layout, masks, rates
        self.generator, self.device = generator, next(generator.parameters()).device
        self.critic = Critic(layout, generator.shape).to(self.device)
        self.averaged = Generator(layout, generator.shape).to(self.device)
        self.averaged.load_state_dict(generator.state_dict())
        self.averaged.requires_grad_(False)
        self.batch_size, self.planned = batch_size, planned
        self.random = torch.Generator().manual_seed(seed)
        self.sampler = Sampler(rows, leaves, layout, rates.conditional)
        self.moments = pair_frequencies(rows, layout).to(self.device)
        self.weights = 1 / torch.sqrt(self.moments + 1e-3)
        self._wanted = -self.moments * self.weights
        self.remembered = self.moments.clone()
        self._offsets = torch.from_numpy(layout.offsets).to(self.device)
        body: list[nn.Parameter] = []
        tables: list[nn.Parameter] = []
        for name, parameter in generator.named_parameters():
            (tables if name in ("tables", "bias") else body).append(parameter)
        self.optimiser_g = torch.optim.Adam(
            [{"params": body, "lr": rates.generator}, {"params": tables, "lr": rates.tables}],
            betas=(0.5, 0.9), fused=True,
        )  # fmt: skip
        self.optimiser_c = torch.optim.Adam(
            self.critic.parameters(), lr=rates.critic, betas=(0.5, 0.9), fused=True
        )
        for group in (*self.optimiser_g.param_groups, *self.optimiser_c.param_groups):
            group["initial_lr"] = group["lr"]
        mine, theirs = generator.state_dict(), self.averaged.state_dict()
        names = [name for name in theirs if theirs[name].is_floating_point()]
        self._mine, self._theirs = [mine[n] for n in names], [theirs[n] for n in names]
        self.steps = 0

    def step(self) -> tuple[float, float]:
        """One step of the critic and one of the generator on the same draw; their losses."""
        self._set_rates()
        # Randomness is the CPU's on every device: a seed means the same draws everywhere.
        batch = self.sampler.draw(self.batch_size, self.random).to(self.device)
        noise = torch.randn(self.batch_size, self.generator.shape.noise, generator=self.random)
        uniform = torch.rand(self.batch_size, self.layout.width, generator=self.random)
        noise, uniform = noise.to(self.device), uniform.to(self.device)
        scores = self.generator.scores(noise, batch.leaves, batch.condition)
        codes, rows = self.generator.draw_relaxed(
            scores, batch.codes, batch.first, self.masks, uniform, self.rates.temperature
        )
        worth, generator_loss, critic_loss = self._critic_step(batch, rows)
        self._generator_step(batch, rows, codes, worth)
        self.steps += 1
        if self.steps % AVERAGE_EVERY == 0:
            decay = min(self.rates.average, (1 + self.steps) / (10 + self.steps)) ** AVERAGE_EVERY
            with torch.no_grad():
                torch._foreach_lerp_(self._theirs, self._mine, 1 - decay)
        return generator_loss, critic_loss

    def _set_rates(self) -> None:
        """Rates fall linearly to a tenth over the planned steps."""
        left = max(0.1, 1 - self.steps / self.planned)
        for group in (*self.optimiser_g.param_groups, *self.optimiser_c.param_groups):
            group["lr"] = group["initial_lr"] * left

    def _critic_step(self, batch: Batch, rows: Tensor) -> tuple[Tensor, float, float]:
        """Train the critic; the same pass tells what each generated code is worth to it.

        Both players move at once, from one look of the critic, instead of one after the other.
        Gives the gradient of the critic's distance at the generated one-hot rows, (rows, width),
        and the losses of generator and critic.
        """
        fake = rows.detach().requires_grad_()
        context = self.critic.context(batch.leaves, batch.condition)
        real_rows, fake_rows = self.critic.embed(batch.codes), self.critic.embed_relaxed(fake)
        packs = self.batch_size // self.critic.pac
        score = self.critic(torch.cat([fake_rows + context, real_rows + context]))
        of_fake, of_real = score[:packs].mean(), score[packs:].mean()
        loss = of_fake - of_real
        if self.steps % PENALTY_EVERY == 0:
            mix = torch.rand(packs, 1, generator=self.random).to(self.device)
            penalty = self.critic.gradient_penalty(real_rows, fake_rows, context, mix)
            loss = loss + PENALTY_EVERY * self.rates.penalty * penalty
        self.optimiser_c.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser_c.step()
        assert fake.grad is not None
        return fake.grad, -float(of_fake.detach()), float((of_fake - of_real).detach())

    def _generator_step(self, batch: Batch, rows: Tensor, codes: Tensor, worth: Tensor) -> None:
        gradient = -self.rates.adversary * worth
        if not batch.condition.any():
            gradient = gradient + self.rates.moments * self._moment_gradient(codes)
        self.optimiser_g.zero_grad(set_to_none=True)
        rows.backward(gradient)  # type: ignore[no-untyped-call]
        self.optimiser_g.step()

    def _moment_gradient(self, codes: Tensor) -> Tensor:
        """Holds the frequencies of code pairs to the training table's: (rows, width).

        A second, linear adversary in closed form: its direction is the difference between the
        remembered frequencies of generated pairs and the real ones, small cells weighted up. The
        rows are exact one-hot vectors: their products with it are look-ups.
        """
        at = codes + self._offsets
        pairs = (at[:, :, None] * self.layout.width + at[:, None, :]).flatten()
        share = (1 - self.rates.memory) / len(codes)
        self.remembered.mul_(self.rates.memory)
        self.remembered.view(-1).index_add_(0, pairs, self.moments.new_full((len(pairs),), share))
        direction = torch.addcmul(self._wanted, self.remembered, self.weights)
        # The gradient of rows D rows' is 2 rows D.
        return F.embedding_bag(at, direction, mode="sum").mul_(2 / len(codes))
