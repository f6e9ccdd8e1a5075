"""What lies near where a file should be."""

from __future__ import annotations

import fnmatch

from include.espejo.lake.store import Lake


def near_misses(lake: Lake, pattern: str) -> list[str]:
    """Files that differ from a pattern by case, or lie in a folder below: at most three.

    Raises LakeError where the place itself cannot be read.
    """
    folder, _, last = pattern.rpartition("/")
    fitting = set(lake.list(pattern))
    below = [f"{folder}/{path}" for path in lake.tree(folder)]
    names = {uri: uri.rpartition("/")[2].lower() for uri in below}
    near = [uri for uri, name in names.items() if fnmatch.fnmatchcase(name, last.lower())]
    return sorted(set(near) - fitting)[:3]
