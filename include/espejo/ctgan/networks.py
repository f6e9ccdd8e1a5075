"""Generator and critic.

The generator draws a row's fields one after another: a residual body turns noise, place and
condition into scores for every code (Xu et al. 2019, section 4.4), and each drawn code adds its
row of a table to the scores of the fields that come after it. The tables start at the training
frequencies, so that the adversary refines a plausible joint distribution instead of finding one.

The critic reads packs of rows (PacGAN, Lin et al. 2018). A row enters as the sum of its codes'
embeddings: a one-hot vector times a matrix is a row look-up.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every reader knows

from include.espejo.ctgan.constraints import Constraint
from include.espejo.ctgan.layout import Layout


@dataclass(frozen=True)
class Shape:
    """Sizes of the networks; the same for every survey."""

    noise: int = 64
    hidden: int = 192
    place: int = 8
    rank: int = 48
    embedding: int = 64
    critic: int = 192
    pac: int = 10

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Masks:
    """The rules' constraints as penalties on a field's scores: 0 where allowed, else -inf."""

    def __init__(self, constraints: list[Constraint], layout: Layout, device: str = "cpu"):
        self._by_target: dict[int, list[tuple[Tensor, Tensor, Tensor]]] = {}
        for c in constraints:
            if c.target < layout.given:
                continue  # a place is drawn by its frequency, whatever the rules
            # A prefix that leaves nothing comes from rules that contradict each other in this
            # row: it is left free, and the sampler draws the row again.
            allowed = torch.from_numpy(c.allowed | ~c.allowed.any(axis=1, keepdims=True))
            penalty = torch.zeros(allowed.shape).masked_fill_(~allowed, -torch.inf)
            strides = torch.tensor(c.strides, dtype=torch.long, device=device)
            given = torch.tensor(c.given, dtype=torch.long, device=device)
            entry = (given, strides, penalty.to(device))
            self._by_target.setdefault(c.target, []).append(entry)

    def apply(self, target: int, scores: Tensor, codes: Tensor) -> Tensor:
        """`scores` (rows, codes of target) with those that break a rule at minus infinity."""
        for given, strides, penalty in self._by_target.get(target, ()):
            prefix = (codes.index_select(1, given) * strides).sum(1)
            scores = scores + penalty.index_select(0, prefix)
        return scores


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


class Residual(nn.Module):
    """A fully connected layer whose output goes beside its input (CTGAN's residual layer)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.relu(self.norm(self.linear(x))), x], dim=1)


class Generator(nn.Module):
    """Draws rows for given places; see the module's text."""

    def __init__(self, layout: Layout, shape: Shape):
        super().__init__()
        self.layout = layout
        self.shape = shape
        self.place = PlaceEmbedding(layout, shape.place)
        # The condition: which field was given first, and its code. Row 0 is "none".
        self.condition = nn.Embedding(layout.width + 1, shape.place)
        inputs = shape.noise + 2 * shape.place
        self.body = nn.Sequential(
            Residual(inputs, shape.hidden), Residual(inputs + shape.hidden, shape.hidden)
        )
        self.head = nn.Sequential(
            nn.Linear(inputs + 2 * shape.hidden, shape.rank), nn.Linear(shape.rank, layout.width)
        )
        nn.init.normal_(self.head[1].weight, std=0.01)  # type: ignore[arg-type]
        nn.init.zeros_(self.head[1].bias)  # type: ignore[arg-type]
        self.bias = nn.Parameter(torch.zeros(layout.width))
        self.tables = nn.Parameter(torch.zeros(layout.width, layout.width))
        self.register_buffer("offsets", torch.from_numpy(layout.offsets), persistent=False)

    def scores(self, noise: Tensor, leaves: Tensor, condition: Tensor) -> Tensor:
        """Scores of every code before anything is drawn: (rows, width)."""
        inputs = torch.cat([noise, self.place(leaves), self.condition(condition)], dim=1)
        result: Tensor = self.bias + self.head(self.body(inputs))
        return result

    def draw(
        self, scores: Tensor, codes: Tensor, first: int, masks: Masks, uniform: Tensor,
        fixed: dict[int, int] | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Draw the fields from `first` on; those before it are taken from `codes`.

        `uniform` (rows, fields) is the randomness, one number a field: the code is where it falls
        in the cumulated shares. `fixed` gives codes to fields instead of drawing them. Gives all
        codes, (rows, fields), and the log-probability that the fixed ones had at their turn.
        """
        layout = self.layout
        with torch.no_grad():
            codes, rest = codes.clone(), self.after_given(scores, codes, first)
            weight = scores.new_zeros(len(codes))
            for index in range(first, len(layout.sizes)):
                start, size = int(layout.offsets[index]), layout.sizes[index]
                logits = masks.apply(index, rest[:, :size], codes)
                if fixed is not None and index in fixed:
                    weight += F.log_softmax(logits, 1)[:, fixed[index]]
                    codes[:, index] = fixed[index]
                else:
                    cumulated = F.softmax(logits, 1).cumsum(1)
                    # Against the row's own sum, which rounding keeps from being 1.
                    ticks = uniform[:, index, None].clamp(max=1 - 1e-6) * cumulated[:, -1:]
                    codes[:, index] = (cumulated <= ticks).sum(1).clamp_(max=size - 1)
                later = self.tables[start : start + size, start + size :]
                rest = rest[:, size:] + later[codes[:, index]]
        return codes, weight

    def after_given(self, scores: Tensor, codes: Tensor, first: int) -> Tensor:
        """Scores of the fields from `first` on, with what the fields before it add at once."""
        offsets: Tensor = self.offsets  # type: ignore[assignment]
        known = codes[:, :first] + offsets[:first]
        start = int(self.layout.offsets[first])
        return scores[:, start:] + F.embedding(known, self.tables)[:, :, start:].sum(1)

    def draw_relaxed(
        self, scores: Tensor, codes: Tensor, first: int, masks: Masks, uniform: Tensor,
        temperature: float,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The same draw, also as one-hot rows (rows, width) through which gradients flow."""
        drawn: tuple[Tensor, Tensor] = _RelaxedDraw.apply(  # type: ignore[no-untyped-call]
            scores, self.tables, codes, first, masks, uniform, self, temperature
        )
        return drawn


class _RelaxedDraw(torch.autograd.Function):
    """Exact one-hot rows forward, Gumbel-softmax backward (straight through, Jang et al. 2017).

    The backward pass of the whole sequence is written out: field by field from the last, what a
    field's one-hot vector is worth is its own gradient and what its table row gave later fields.
    """

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        scores, tables, codes, first, masks, uniform, generator, temperature = given
        layout = generator.layout
        gumbel = uniform.clamp(1e-12, 1 - 1e-7).log_().neg_().log_().neg_()
        codes, soft = codes.clone(), torch.zeros_like(scores)
        rest = generator.after_given(scores, codes, first)
        for index in range(first, len(layout.sizes)):
            start, size = int(layout.offsets[index]), layout.sizes[index]
            logits = masks.apply(index, rest[:, :size], codes) + gumbel[:, start : start + size]
            chosen = logits.argmax(1)
            codes[:, index] = chosen
            soft[:, start : start + size] = F.softmax(logits / temperature, 1)
            rest = rest[:, size:] + tables[start : start + size, start + size :].index_select(
                0, chosen
            )
        rows = torch.zeros_like(scores).scatter_(1, codes + generator.offsets, 1.0)
        ctx.save_for_backward(tables, soft, codes)
        ctx.first, ctx.layout, ctx.temperature = first, layout, temperature
        ctx.mark_non_differentiable(codes)
        return codes, rows

    @staticmethod
    def backward(ctx: Any, _: Tensor, gradient: Tensor) -> tuple[Any, ...]:
        tables, soft, codes = ctx.saved_tensors
        scaled = soft / ctx.temperature
        layout = ctx.layout
        of_scores, of_tables = torch.zeros_like(gradient), torch.zeros_like(tables)
        for index in range(len(layout.sizes) - 1, -1, -1):
            start, size = int(layout.offsets[index]), layout.sizes[index]
            here, later = slice(start, start + size), slice(start + size, None)
            of_tables[here, later].index_add_(0, codes[:, index], of_scores[:, later])
            if index < ctx.first:
                continue  # it was given
            worth = torch.addmm(gradient[:, here], of_scores[:, later], tables[here, later].T)
            mean = (worth * soft[:, here]).sum(1, keepdim=True)
            torch.mul(scaled[:, here], worth.sub_(mean), out=of_scores[:, here])
        # A table's gradient is what later scores are worth, added to the rows of the codes drawn;
        # entries at or below the diagonal are never read.
        return of_scores, of_tables, None, None, None, None, None, None


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

    def embed_relaxed(self, one_hot: Tensor) -> Tensor:
        """The same of relaxed one-hot rows."""
        return one_hot @ self.codes.weight

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
