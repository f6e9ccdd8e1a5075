"""The rules' constraints as penalties on a field's scores: 0 where allowed, else minus infinity."""

from __future__ import annotations

import torch
from torch import Tensor

from include.espejo.ctgan.constraints import Constraint
from include.espejo.ctgan.layout import Layout


class Masks:
    """Applies to a field's scores what the codes drawn before it leave."""

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
