"""Step search: who is nearest to whom, for the audit of a table that is learnt in parts.

The search is most of an audit's time, and every row's neighbours can be found apart from the
others': so workers share its shards. What they find is what one search of all rows finds.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from include.espejo.disclose.distance.shards import Shard, shards_of
from include.espejo.errors import without_values
from include.espejo.lake import join
from include.espejo.steps.documents import ProtectionSummary
from include.espejo.steps.run import Run, Summary

if TYPE_CHECKING:
    from include.espejo.disclose.distance.distances import Distances
    from include.espejo.steps.earlier import PastRelease

log = logging.getLogger(__name__)


@without_values
def search(run: Run) -> Summary:
    """Find the neighbours of the rows of one shard, `run.part`, and leave them for `disclose`."""
    from include.espejo.steps.earlier import earlier_releases, valid_audit

    whole, shard = run.of_part(""), Shard.named(run.part)
    earlier = earlier_releases(whole)
    rows = 0
    if valid_audit(whole, earlier) is None:
        for others in [(), earlier] if earlier else [()]:
            rows += _search_shard(whole, others, shard)
    return {"shard": shard.name, "rows": rows}


def found_neighbours(run: Run, earlier: Sequence[PastRelease]) -> Distances | None:
    """The distances that `search` left for an audit against these releases; None if not all of
    them are there."""
    from include.espejo.disclose.distance.distances import join_shards

    if run.spec.model.partition is None:
        return None
    shards = shards_of(run.read(ProtectionSummary, run.work.protection).rows)
    uris = [_place(run, earlier, shard) for shard in shards]
    if not all(run.lakes.work.exists(uri) for uri in uris):
        return None
    log.info("the neighbours have been searched in %d shards", len(shards))
    return join_shards(_read(run, uri) for uri in uris)


def _search_shard(run: Run, earlier: Sequence[PastRelease], shard: Shard) -> int:
    """How many real rows were searched for: none where it is done."""
    import numpy as np

    from include.espejo.disclose.audit import search_population
    from include.espejo.steps.earlier import audited_people

    uri = _place(run, earlier, shard)
    if run.lakes.work.exists(uri):
        log.info("%s is already there: an earlier try made it", uri)
        return 0
    found = search_population(audited_people(run, earlier), run.spec, shard)
    content = io.BytesIO()
    np.savez_compressed(content, **asdict(found))
    run.lakes.work.write(uri, content.getvalue())
    return len(found.to_synthetic)


def _read(run: Run, uri: str) -> Distances:
    import numpy as np

    from include.espejo.disclose.distance.distances import Distances

    with np.load(io.BytesIO(run.lakes.work.read(uri)), allow_pickle=False) as arrays:
        return Distances(**arrays)


def _place(run: Run, earlier: Sequence[PastRelease], shard: Shard) -> str:
    """Where a shard's distances lie, by the releases that the people are of."""
    from include.espejo.steps.earlier import names_in_audit

    names = "\n".join(names_in_audit(earlier))
    compared = hashlib.sha256(names.encode()).hexdigest()[:16] if earlier else "own"
    return join(run.work.searched, compared, f"{shard.name}.npz")
