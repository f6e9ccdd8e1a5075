"""Generator: draws the fields of a row one after another, each given all before it and the place.

Each field has a small network of its own, so that it is learnt, and stops being learnt, by
itself. The probability of a row is the product of its fields' (as in NADE, Larochelle and Murray
2011, and MADE, Germain et al. 2015, arXiv 1502.03509): it can be had exactly, in one pass.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every reader knows

from include.espejo.synthesis.ctgan.encoding.features import FEATURES
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.lifts import Lift


@dataclass(frozen=True)
class Shape:
    """Sizes of the networks; the same for every survey."""

    hidden: int = 64
    place: int = 16
    dropout: float = 0.35
    embedding: int = 64
    critic: int = 192
    pac: int = 10

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Lines(nn.Module):
    """Features of the codes of numbers, looked up for whole rows (`features.py`)."""

    table: Tensor
    starts: Tensor
    at: Tensor

    def __init__(self, features: Mapping[int, np.ndarray]):
        super().__init__()
        self.fields = sorted(features)
        sizes = [len(features[f]) for f in self.fields]
        table = [features[f] for f in self.fields] or [np.zeros((0, FEATURES), dtype=np.float32)]
        starts = np.cumsum([0, *sizes])[: len(sizes)].astype(np.int64)
        self.register_buffer("table", torch.from_numpy(np.concatenate(table)), persistent=False)
        self.register_buffer("starts", torch.from_numpy(starts), persistent=False)
        self.register_buffer("at", torch.tensor(self.fields, dtype=torch.long), persistent=False)

    def of_rows(self, codes: Tensor) -> Tensor:
        """Of all numbers of these rows of codes, side by side: (rows, numbers * FEATURES)."""
        found = self.table[codes.index_select(1, self.at) + self.starts]
        return found.view(len(codes), len(self.fields) * FEATURES)

    def of_field(self, field: int) -> Tensor:
        """Of all codes of one number: (codes, FEATURES)."""
        ends = [*self.starts[1:].tolist(), len(self.table)]
        at = self.fields.index(field)
        return self.table[int(self.starts[at]) : ends[at]]

    def columns(self, fields: Sequence[int]) -> list[int]:
        """Where the features of those of `fields` that are numbers stand in `of_rows`."""
        places = [self.fields.index(f) for f in fields if f in self.fields]
        return [at * FEATURES + i for at in places for i in range(FEATURES)]


class FieldNet(nn.Module):
    """Scores of one field's codes, given the fields that it reads and the place.

    `parents`: numbers of the earlier fields it reads. A parent's code adds its row of a table to
    a hidden vector, a number's also what its features are worth; one residual layer; then a score
    for each code, from a vector of its own and, for a number, from its features.
    """

    at: Tensor
    starts: Tensor
    columns: Tensor
    line: Tensor | None
    lift: Tensor | None

    def __init__(
        self,
        layout: Layout,
        field: int,
        parents: Sequence[int],
        lines: Lines,
        shape: Shape,
        lift: Lift | None,
    ):
        super().__init__()
        size, hidden = layout.sizes[field], shape.hidden
        self.field, self.parents, self.dropout = field, tuple(parents), shape.dropout
        starts = np.cumsum([0, *(layout.sizes[p] for p in parents)]).astype(np.int64)
        columns = lines.columns(parents)
        self._keep("at", torch.tensor(self.parents, dtype=torch.long))
        self._keep("starts", torch.from_numpy(starts[:-1]))
        self._keep("columns", torch.tensor(columns, dtype=torch.long))
        self._keep("line", lines.of_field(field) if field in lines.fields else None)
        self.codes = _drawn(0.05, int(starts[-1]), hidden)
        self.numbers = _drawn(0.1, len(columns), hidden)
        self.nodes = _drawn(0.1, max(layout.nodes, 1), shape.place)
        self.widen = _drawn(0.5 / math.sqrt(shape.place), shape.place, hidden)
        self.shift = nn.Parameter(torch.zeros(hidden))
        self.inner = nn.Linear(hidden, hidden)
        self.own = _drawn(0.02, size, hidden)
        self.slope = None if self.line is None else _drawn(0.05, FEATURES, hidden)
        self.bias = nn.Parameter(torch.zeros(size))
        self.lifted_by = None if lift is None else lift.parent
        self._keep("lift", None if lift is None else torch.from_numpy(lift.table))

    def _keep(self, name: str, tensor: Tensor | None) -> None:
        self.register_buffer(name, tensor, persistent=False)

    def forward(
        self, codes: Tensor, path: Tensor, lines: Tensor, random: torch.Generator | None = None
    ) -> Tensor:
        """Scores (rows, codes) of this field. `codes`: (rows, fields), of which only the parents
        are read; `path`: (rows, levels), the place's nodes; `lines`: as `Lines.of_rows`. With
        `random`, a share of the hidden numbers is dropped (Srivastava et al. 2014, JMLR 15)."""
        hidden = self.shift.expand(len(codes), -1)
        if path.shape[1]:
            # A place is the sum of its path's nodes: what a node has few rows of stays near zero,
            # and the place is then like those around it.
            place = F.embedding_bag(path, self.nodes, mode="sum")
            hidden = hidden + self._drop(place, random) @ self.widen
        if len(self.parents):
            at = codes.index_select(1, self.at) + self.starts
            hidden = hidden + F.embedding_bag(at, self.codes, mode="sum")
        if len(self.columns):
            hidden = hidden + lines.index_select(1, self.columns) @ self.numbers
        hidden = F.gelu(hidden)
        hidden = hidden + F.gelu(self.inner(self._drop(hidden, random)))
        vectors: Tensor = self.own
        if self.line is not None and self.slope is not None:
            vectors = vectors + self.line @ self.slope
        scores = torch.addmm(self.bias, self._drop(hidden, random), vectors.T)
        if self.lift is not None:
            scores = scores + self.lift[codes[:, self.lifted_by]]
        return scores

    def _drop(self, x: Tensor, random: torch.Generator | None) -> Tensor:
        if random is None or not self.dropout:
            return x
        kept = kept_cells(x.shape, 1 - self.dropout, random).to(x.device)
        return x * kept.mul_(1 / (1 - self.dropout))


def kept_cells(shape: torch.Size, share: float, random: torch.Generator) -> Tensor:
    """1.0 for about this share of the cells, 0.0 for the others.

    Randomness is the CPU's on every device: a seed means the same draws everywhere. Sixteen bits
    decide a cell: a word of 64 for each would take a third of the time of a training step.
    """
    words = torch.empty(math.ceil(shape.numel() / 4), dtype=torch.long)
    words.random_(-(2**63), None, generator=random)
    bits = words.view(torch.int16)[: shape.numel()].view(shape)
    return bits.float().lt_(round(share * 2**16) - 2**15)


def _drawn(deviation: float, *shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) * deviation)


class Generator(nn.Module):
    """Draws rows for given places; see the module's text.

    `parents`: for each drawn field, the fields that it reads; `features`: of the codes of numbers,
    by field, as `features.line_features` gives them; `lifts`: by field (`lifts.py`).
    """

    paths: Tensor

    def __init__(
        self,
        layout: Layout,
        parents: Sequence[Sequence[int]],
        features: Mapping[int, np.ndarray],
        lifts: Mapping[int, Lift],
        shape: Shape,
    ):
        super().__init__()
        self.layout, self.shape, self.parents = layout, shape, parents
        self.lines = Lines(features)
        nets = [
            FieldNet(layout, field, read, self.lines, shape, lifts.get(field))
            for field, read in zip(layout.drawn, parents, strict=True)
        ]
        self.nets = nn.ModuleList(nets)
        self.register_buffer("paths", torch.from_numpy(layout.paths), persistent=False)

    def twin(self) -> Generator:
        """A copy that is not trained: for the average of the weights."""
        return copy.deepcopy(self).requires_grad_(False)

    def start_at_margins(self, rows: np.ndarray, expected: Mapping[int, np.ndarray]) -> None:
        """Put each field's bias at the log of its codes' shares in `rows`, (rows, fields).

        `expected`: by field, the rows to expect of each code, instead of those counted. They say
        less of who was trained on, and so are not trained further.
        """
        with torch.no_grad():
            for net in self.from_field(0):
                counts = np.bincount(rows[:, net.field], minlength=len(net.bias)) + 0.5
                counts = expected.get(net.field, counts)
                net.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
                net.bias.requires_grad_(net.field not in expected)

    def from_field(self, first: int) -> list[FieldNet]:
        """The networks of the drawn fields from number `first` on, in the drawing order."""
        nets: Iterable[FieldNet] = self.nets  # type: ignore[assignment]
        return [net for net in nets if net.field >= first]

    def surprise(
        self,
        codes: Tensor,
        leaves: Tensor,
        masks: Masks,
        nets: Sequence[FieldNet],
        random: torch.Generator | None = None,
    ) -> Tensor:
        """Minus the log-probability of the fields of `nets`, in nats: (rows, nets).

        With `random`, as training sees it, with dropout.
        """
        path, lines = self.paths[leaves], self.lines.of_rows(codes)
        found = []
        for net in nets:
            scores = masks.apply(net.field, net(codes, path, lines, random), codes)
            found.append(F.cross_entropy(scores, codes[:, net.field], reduction="none"))
        return torch.stack(found, dim=1)

    @torch.no_grad()
    def draw(
        self,
        codes: Tensor,
        leaves: Tensor,
        first: int,
        masks: Masks,
        uniform: Tensor,
        fixed: Mapping[int, int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Draw the fields from `first` on; those before it are taken from `codes`.

        `uniform` (rows, fields) is the randomness, one number a field: the code is where it falls
        in the cumulated shares. `fixed` gives codes to fields instead of drawing them. Gives all
        codes, (rows, fields), and the log-probability that the fixed ones had at their turn.
        """
        codes, path = codes.clone(), self.paths[leaves]
        weight = torch.zeros(len(codes), device=codes.device)
        lines = self.lines.of_rows(codes)
        for net in self.from_field(first):
            scores = masks.apply(net.field, net(codes, path, lines), codes)
            if fixed is not None and net.field in fixed:
                weight += F.log_softmax(scores, 1)[:, fixed[net.field]]
                codes[:, net.field] = fixed[net.field]
            else:
                cumulated = F.softmax(scores, 1).cumsum(1)
                # Against the row's own sum, which rounding keeps from being 1.
                ticks = uniform[:, net.field, None].clamp(max=1 - 1e-6) * cumulated[:, -1:]
                codes[:, net.field] = (cumulated <= ticks).sum(1).clamp_(max=scores.shape[1] - 1)
            if net.line is not None:
                lines[:, self.lines.columns([net.field])] = net.line[codes[:, net.field]]
        return codes, weight


def average(averaged: Generator, generator: Generator, decay: float, steps: int) -> None:
    """Move `averaged` towards the generator; faster in the first steps, of which it holds few."""
    decay = min(decay, (1 + steps) / (10 + steps))
    with torch.no_grad():
        torch._foreach_lerp_(list(averaged.parameters()), list(generator.parameters()), 1 - decay)
