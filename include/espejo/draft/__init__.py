"""Draft: a spec for a file that has none, with questions where only its owners know the answer.

Nothing that is written stands on fewer people than the floor: codes, bounds and rules that it
names are held by enough rows, and bounds are rounded outwards.
"""

from include.espejo.draft.draft import Asked, DraftedSpec, draft_spec

__all__ = ["Asked", "DraftedSpec", "draft_spec"]
