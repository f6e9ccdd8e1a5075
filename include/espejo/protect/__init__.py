"""Protect: nothing under the floor reaches a model, and households go to one side of a split.

What a release must not show is taken out of the training table before anything learns from it:
places are coarsened, rare codes become unknown, rare numbers are merged (docs/disclosure.md).
"""

from include.espejo.protect.flow import Protected, hold_floors
from include.espejo.protect.households import household_hashes, require_share, split

__all__ = ["Protected", "hold_floors", "household_hashes", "require_share", "split"]
