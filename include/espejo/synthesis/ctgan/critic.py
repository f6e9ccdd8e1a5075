"""Critic: distinguishes packs of training rows from generated ones (PacGAN, Lin et al. 2018).

A row enters as the sum of its codes' embeddings: a one-hot vector times a matrix is a row look-up.
It reads whole drawn rows, not relaxed ones: what they are worth to it reaches the generator by
their probabilities (`adversarial.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.generator import Shape


class PlaceEmbedding(nn.Module):
    """A place as the sum of its path's node embeddings: the cost follows the tree's depth."""

    def __init__(self, layout: Layout, size: int):
        super().__init__()
        self.nodes = nn.Embedding(max(layout.nodes, 1), size)
        nn.init.normal_(self.nodes.weight, std=0.1)
        self.register_buffer("paths", torch.from_numpy(layout.paths), persistent=False)

    def forward(self, leaves: Tensor) -> Tensor:
        paths: Tensor = self.paths  # type: ignore[assignment]
        result: Tensor = self.nodes(paths[leaves]).sum(1)
        return result


class Critic(nn.Module):
    """Scores packs of rows; higher is more like the training rows."""

    def __init__(self, layout: Layout, shape: Shape):
        super().__init__()
        self.pac = shape.pac
        self.codes = nn.Embedding(layout.width, shape.embedding)
        nn.init.normal_(self.codes.weight, std=0.3)
        self.place = PlaceEmbedding(layout, shape.place)
        self.widen = nn.Linear(shape.place, shape.embedding)
        self.condition = nn.Embedding(layout.width + 1, shape.embedding)
        self.layers = nn.Sequential(
            nn.Linear(shape.embedding * shape.pac, shape.critic),
            nn.LeakyReLU(0.2),
            nn.Linear(shape.critic, shape.critic),
            nn.LeakyReLU(0.2),
            nn.Linear(shape.critic, 1),
        )
        self.register_buffer("offsets", torch.from_numpy(layout.offsets), persistent=False)

    def embed(self, codes: Tensor) -> Tensor:
        """The embedding of rows of codes: (rows, embedding)."""
        offsets: Tensor = self.offsets  # type: ignore[assignment]
        result: Tensor = self.codes(codes + offsets).sum(1)
        return result

    def context(self, leaves: Tensor, condition: Tensor) -> Tensor:
        """What real and generated rows of a pack have in common: place and condition."""
        result: Tensor = self.widen(self.place(leaves)) + self.condition(condition)
        return result

    def forward(self, rows: Tensor) -> Tensor:
        """One score a pack: (rows / pac, 1)."""
        result: Tensor = self.layers(rows.view(len(rows) // self.pac, -1))
        return result

    def gradient_penalty(self, real: Tensor, fake: Tensor, context: Tensor, mix: Tensor) -> Tensor:
        """WGAN-GP's penalty (Gulrajani et al. 2017), exact in one-hot space.

        With e = x E the gradient at x is g E', so its squared norm is g (E'E) g': a small Gram
        matrix instead of the one-hot vector. `mix` (packs, 1) is where between real and fake.
        """
        share = mix.repeat_interleave(self.pac, 0)
        between = (share * real + (1 - share) * fake).detach().requires_grad_()
        score = self(between + context.detach()).sum()
        (gradient,) = torch.autograd.grad(score, between, create_graph=True)
        gram = self.codes.weight.T @ self.codes.weight
        squared = ((gradient @ gram) * gradient).view(-1, self.pac * gradient.shape[1]).sum(1)
        return ((torch.sqrt(squared + 1e-12) - 1) ** 2).mean()
