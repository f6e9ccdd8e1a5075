"""The releases of a survey that came before, as everybody can read them: their public files."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from include.espejo.lake import Lake, join, read_document
from include.espejo.lake.keys import MANIFEST, PublicLocation
from include.espejo.releases.documents import Manifest, read_as
from include.espejo.survey import Period

log = logging.getLogger(__name__)

Figures = dict[str, Any]


@dataclass(frozen=True)
class EarlierRelease:
    """What a published release says of itself.

    `utility` is None for a release from before there was such a file.
    """

    period: str
    name: str
    manifest: Figures
    quality: Figures
    utility: Figures | None


def read_previous(
    lake: Lake, place: PublicLocation, period: Period, release: str, periods: int
) -> list[EarlierRelease]:
    """The releases that stood beside `release`, newest first, `periods` at most.

    Of each period up to this one the last that was published and not withdrawn. One that is gone,
    whose files are not what its manifest says, or of another form, is left out with a warning: it
    must not hold back another.
    """
    pointer = read_document(lake, place.latest())
    standing: dict[Period, str] = {}
    for entry in pointer["history"] if pointer else []:
        then = Period.parse(entry["period"])
        if not entry["withdrawn"] and then <= period and entry["release"] != release:
            standing[then] = entry["release"]
    newest = sorted(standing, reverse=True)[:periods]
    found = [_read(lake, place, str(then), standing[then]) for then in newest]
    return [one for one in found if one is not None]


def _read(lake: Lake, place: PublicLocation, period: str, release: str) -> EarlierRelease | None:
    folder = place.release(period, release)
    manifest = _document(lake, join(folder, MANIFEST), Manifest)
    if manifest is None:
        return None
    hashes = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
    quality = _document(
        lake, join(folder, "quality.json"), _Quality, hashes.get("quality.json", "")
    )
    if quality is None:
        return None
    if "utility.json" not in hashes:
        return EarlierRelease(period, release, manifest, quality, None)
    utility = _document(lake, join(folder, "utility.json"), _Utility, hashes["utility.json"])
    return None if utility is None else EarlierRelease(period, release, manifest, quality, utility)


def _document(
    lake: Lake, uri: str, form: type[BaseModel], sha256: str | None = None
) -> Figures | None:
    """What a file says; None, with a warning, where it cannot be used."""
    stored = lake.read_tagged(uri)
    if stored is None:
        log.warning("%s: it is no longer there: not compared with its release", uri)
        return None
    if sha256 is not None and hashlib.sha256(stored.content).hexdigest() != sha256:
        log.warning("%s: not what its manifest says: not compared with its release", uri)
        return None
    if read_as(form, stored.content) is None:
        log.warning("%s: of another form: not compared with its release", uri)
        return None
    return dict(json.loads(stored.content))


# --- what of the files is compared, and so must be there -----------------------------------------


class _Reference(BaseModel):
    score: float | None


class _Quality(BaseModel):
    overall: float | None
    column_shapes: float | None
    column_pair_trends: float | None
    references: dict[str, _Reference] | None = None


class _Figure(BaseModel):
    statistic: str
    group: str
    category: str
    real: float | None = None
    synthetic: float | None = None


class _Indicator(BaseModel):
    name: str
    mean_overlap: float | None
    median_absolute_relative_error: float | None
    disjoint: int
    missing: int
    figures: tuple[_Figure, ...]


class _Specific(BaseModel):
    indicators: tuple[_Indicator, ...]


class _Utility(BaseModel):
    specific: _Specific
