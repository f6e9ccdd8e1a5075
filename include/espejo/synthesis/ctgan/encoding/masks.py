"""What the codes drawn before a field leave of it, as penalties on its scores.

A code that a declared rule forbids has minus infinity. One that is a structural zero with a code
before it (`zeros.py`) has so much less that it is never drawn, unless nothing else is left.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that every reader knows

from include.espejo.synthesis.ctgan.encoding.constraints import Constraint
from include.espejo.synthesis.ctgan.encoding.layout import Layout

ZERO = -30.0  # nats: a chance of one in ten million million

Zeros = dict[tuple[int, int], np.ndarray]


class Masks:
    """Applies to a field's scores what the codes drawn before it leave.

    `zeros`: by pair of fields, boolean, (codes of the first, codes of the second).
    """

    def __init__(
        self, constraints: list[Constraint], layout: Layout, zeros: Zeros, device: str = "cpu"
    ):
        self._zeros = {
            target: _zeros_of(target, layout, zeros, device) for target in {b for _, b in zeros}
        }
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
        if target in self._zeros:
            before, starts, table = self._zeros[target]
            at = codes.index_select(1, before) + starts
            scores = scores + F.embedding_bag(at, table, mode="sum")
        return scores


def _zeros_of(
    target: int, layout: Layout, zeros: Zeros, device: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The fields that have zeros with this one, where each begins in the table of penalties, and
    the table, (their codes, codes of the target)."""
    before = sorted(a for a, b in zeros if b == target)
    cells = np.concatenate([zeros[a, target] for a in before])
    starts = np.cumsum([0, *(layout.sizes[a] for a in before)])[:-1]
    table = torch.zeros(cells.shape).masked_fill_(torch.from_numpy(cells), ZERO)
    return (
        torch.tensor(before, device=device),
        torch.from_numpy(starts).to(device),
        table.to(device),
    )
