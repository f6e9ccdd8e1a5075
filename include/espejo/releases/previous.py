"""The releases of a survey that came before, as everybody can read them: their public files."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from include.espejo.lake import Lake, join
from include.espejo.lake.keys import MANIFEST, PublicLocation
from include.espejo.releases.documents import Manifest, read_as
from include.espejo.releases.pointer import read_pointer
from include.espejo.survey import Period

log = logging.getLogger(__name__)

Form = TypeVar("Form", bound=BaseModel)


# --- what of a release's files is compared, and so must be there ----------------------------------


class EarlierReference(BaseModel):
    """What a score is on as many rows as its references have."""

    score: float | None


class EarlierQuality(BaseModel):
    """The scores of all rows. The first releases of all have no references."""

    overall: float | None
    column_shapes: float | None
    column_pair_trends: float | None
    references: dict[str, EarlierReference] = {}


class EarlierFigure(BaseModel):
    """A figure of an indicator."""

    statistic: str
    group: str
    category: str
    real: float | None = None
    synthetic: float | None = None


class EarlierIndicator(BaseModel):
    """An indicator's figures, and how they agree."""

    name: str
    mean_overlap: float | None
    median_absolute_relative_error: float | None
    disjoint: int
    missing: int
    figures: tuple[EarlierFigure, ...]


class _Specific(BaseModel):
    indicators: tuple[EarlierIndicator, ...]


class _Utility(BaseModel):
    specific: _Specific


@dataclass(frozen=True)
class EarlierRelease:
    """What a published release says of itself.

    `indicators` is empty for a release from before there was such a file.
    """

    period: str
    name: str
    manifest: Manifest
    quality: EarlierQuality
    indicators: tuple[EarlierIndicator, ...]


# --- reading them --------------------------------------------------------------------------------


def read_previous(
    lake: Lake, place: PublicLocation, period: Period, release: str, periods: int
) -> list[EarlierRelease]:
    """The releases that stood beside `release`, newest first, `periods` at most.

    Of each period up to this one the last that was published and not withdrawn. One that is gone,
    whose files are not what its manifest says, or of another form, is left out with a warning: it
    must not hold back another.
    """
    pointer = read_pointer(lake, place.latest())
    standing: dict[Period, str] = {}
    for entry in () if pointer is None else pointer.history:
        then = Period.parse(entry.period)
        comparable = then.kind == period.kind and then <= period
        if comparable and not entry.withdrawn and entry.release != release:
            standing[then] = entry.release
    newest = sorted(standing, reverse=True)[:periods]
    found = [_read(lake, place, str(then), standing[then]) for then in newest]
    return [one for one in found if one is not None]


def _read(lake: Lake, place: PublicLocation, period: str, release: str) -> EarlierRelease | None:
    folder = place.release(period, release)
    manifest = _document(lake, join(folder, MANIFEST), Manifest)
    if manifest is None:
        return None
    hashes = {entry.name: entry.sha256 for entry in manifest.files}
    uri = join(folder, "quality.json")
    quality = _document(lake, uri, EarlierQuality, hashes.get("quality.json", ""))
    if quality is None:
        return None
    if "utility.json" not in hashes:
        return EarlierRelease(period, release, manifest, quality, ())
    utility = _document(lake, join(folder, "utility.json"), _Utility, hashes["utility.json"])
    if utility is None:
        return None
    return EarlierRelease(period, release, manifest, quality, utility.specific.indicators)


def _document(lake: Lake, uri: str, form: type[Form], sha256: str | None = None) -> Form | None:
    """What a file says; None, with a warning, where it cannot be used."""
    stored = lake.read_tagged(uri)
    if stored is None:
        log.warning("%s: it is no longer there: not compared with its release", uri)
        return None
    if sha256 is not None and hashlib.sha256(stored.content).hexdigest() != sha256:
        log.warning("%s: not what its manifest says: not compared with its release", uri)
        return None
    read = read_as(form, stored.content)
    if read is None:
        log.warning("%s: of another form: not compared with its release", uri)
    return read
