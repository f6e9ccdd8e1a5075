"""The releases of a survey that came before, as everybody can read them: their public files."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

from include.espejo.keys import MANIFEST, PublicPlace
from include.espejo.lake import Lake, join, read_document
from include.espejo.spec import Period

log = logging.getLogger(__name__)

Figures = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """What a published release says of itself.

    `utility` is None for a release from before there was such a file.
    """

    period: str
    name: str
    manifest: Figures
    quality: Figures
    utility: Figures | None


def read_previous(
    lake: Lake, place: PublicPlace, period: Period, release: str, periods: int
) -> list[Release]:
    """The releases that stood beside `release`, newest first, `periods` at most.

    Of each period up to this one the last that was published and not withdrawn. One that is gone,
    or whose files are not what its manifest says, is left out with a warning: it must not hold
    back another.
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


def _read(lake: Lake, place: PublicPlace, period: str, release: str) -> Release | None:
    folder = place.release(period, release)
    if not lake.exists(join(folder, MANIFEST)):
        log.warning("%s: it is no longer there: not compared with", folder)
        return None
    manifest = json.loads(lake.read(join(folder, MANIFEST)))
    hashes = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
    read: dict[str, Figures] = {}
    for name in ("quality.json", "utility.json"):
        if name in hashes:
            content = lake.read(join(folder, name))
            if hashlib.sha256(content).hexdigest() != hashes[name]:
                log.warning("%s: %s is not what its manifest says: not compared with", folder, name)
                return None
            read[name] = json.loads(content)
    return Release(period, release, manifest, read["quality.json"], read.get("utility.json"))
