"""Engine ctgan, the generator's networks: what dropout leaves."""

from __future__ import annotations

import pytest
import torch

from include.espejo.synthesis.ctgan.generator import kept_cells


@pytest.mark.parametrize("share", [0.9, 0.65, 0.1])
def test_dropout_keeps_its_share_of_the_cells_and_of_each_column(share: float) -> None:
    kept = kept_cells(torch.Size([40_001, 7]), share, torch.Generator().manual_seed(3))
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    # Four cells come of one word: none of its parts may keep more than another.
    assert kept.mean(0).tolist() == pytest.approx([share] * 7, abs=0.01)
    apart = kept - share
    beside = (apart[:, :-1] * apart[:, 1:]).mean().abs()
    assert float(beside) < 0.003  # one cell says nothing of the next


def test_dropout_is_the_seeds_and_goes_on_from_draw_to_draw() -> None:
    random, again = (torch.Generator().manual_seed(5) for _ in range(2))
    size = torch.Size([10, 3])
    first, second = (kept_cells(size, 0.5, random) for _ in range(2))
    assert torch.equal(first, kept_cells(size, 0.5, again))
    assert torch.equal(second, kept_cells(size, 0.5, again))
    assert not torch.equal(first, second)
