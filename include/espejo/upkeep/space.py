"""The space that a survey takes in each area of the lake."""

from __future__ import annotations

from collections.abc import Iterable

from include.espejo.lake import Lakes, join
from include.espejo.lake.store import Entry
from include.espejo.survey import SurveySpec


def space_used(lakes: Lakes, spec: SurveySpec) -> dict[str, int]:
    """Bytes by area: `raw` up to the first part of the path that a period changes, `restricted`
    and `public`. Versions that the server keeps are not counted: no identity sees them."""
    places = spec.places
    raw = places.raw.partition("{")[0].rpartition("/")[0]
    return {
        "raw": _bytes(lakes.ingest.tree(raw).values()),
        "restricted": _bytes(lakes.work.tree(join(places.restricted, spec.survey)).values()),
        "public": _bytes(lakes.publish.tree(join(places.public, spec.survey)).values()),
    }


def _bytes(entries: Iterable[Entry]) -> int:
    return sum(entry.size for entry in entries)
