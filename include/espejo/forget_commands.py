"""The commands about households that withdraw from a survey: who is on a list that is given, a CSV
with the columns of the panel's key, goes into no text; the ledger holds hashes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from include.espejo.errors import ParameterError, without_values
from include.espejo.ingest import csv_of, read_survey
from include.espejo.lake import open_lake
from include.espejo.releases.ledger import Ledger
from include.espejo.survey import SurveySpec, load_spec

if TYPE_CHECKING:
    import numpy as np


@without_values
def forget_command(options: argparse.Namespace) -> dict[str, Any]:
    """Put households on the list of those whom no later training sees."""
    spec = load_spec(options.survey)
    ledger = _ledger(options, spec)
    households = _households(options.households, spec, ledger)
    added = ledger.forget(households)
    return _told(households, ledger) | {"added": added}


@without_values
def learnt_from_command(options: argparse.Namespace) -> dict[str, Any]:
    """Say which published releases learnt from households; nothing is written."""
    spec = load_spec(options.survey)
    ledger = _ledger(options, spec)
    return _told(_households(options.households, spec, ledger), ledger)


def _ledger(options: argparse.Namespace, spec: SurveySpec) -> Ledger:
    restricted = options.restricted or spec.places.restricted
    return Ledger(open_lake(restricted), restricted, spec.survey)


def _households(uri: str, spec: SurveySpec, ledger: Ledger) -> np.ndarray:
    """The households of a list, each once: hashes, uint64."""
    import numpy as np

    from include.espejo.protect import household_hashes
    from include.espejo.table.frames import to_frame

    key = spec.panel_key() or spec.key("person")
    if not key:
        raise ParameterError(
            f"survey {spec.survey}: it has neither a key of households nor one of persons, so "
            "nobody can be found in it"
        )
    named = read_survey(open_lake(uri), uri, csv_of(spec, set(key))).table
    return np.unique(household_hashes(to_frame(named), spec, ledger.salt()))


def _told(households: np.ndarray, ledger: Ledger) -> dict[str, Any]:
    releases = ledger.learnt_from(households)
    return {
        "households": len(households),
        "releases": [release.model_dump(mode="json") for release in releases],
    }
