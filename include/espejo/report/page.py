"""The release's report: one self-contained page, in Spanish and English, that opens offline."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from include.espejo.spec import SurveySpec
from include.espejo.spec.column import Label

_TEMPLATE = "report.html.j2"

# What the gates of the audit are called to readers, by the name's part before a colon.
_GATES = {
    "rules": Label(es="Reglas y listas de códigos", en="Rules and code lists"),
    "floor": Label(es="Personas detrás de cada lugar", en="People behind each place"),
    "floor_codes": Label(es="Personas detrás de cada código", en="People behind each code"),
    "identical": Label(es="Filas idénticas", en="Identical rows"),
    "identical_quasi": Label(
        es="Filas idénticas en lo que se puede saber", en="Rows identical in what may be known"
    ),
    "near_identical": Label(es="Filas casi idénticas", en="Nearly identical rows"),
    "near_identical_households": Label(
        es="Hogares casi idénticos", en="Nearly identical households"
    ),
    "isolated_matched": Label(es="Copias de filas aisladas", en="Copies of isolated rows"),
    "rare_numbers": Label(es="Números raros repetidos", en="Rare numbers repeated"),
    "closest_record": Label(
        es="Distancia al registro más cercano", en="Distance to closest record"
    ),
    "unique_matches": Label(es="Coincidencias únicas", en="Unique exact matches"),
    "replicated_uniques": Label(es="Únicos replicados (repU)", en="Replicated uniques (repU)"),
    "disclosive": Label(es="Atributos revelados (DiSCO)", en="Attributes disclosed (DiSCO)"),
    "attribute_inference": Label(es="Inferencia de atributos", en="Attribute inference"),
    "membership": Label(es="Inferencia de pertenencia", en="Membership inference"),
    "membership_outliers": Label(
        es="Pertenencia de filas aisladas", en="Membership of isolated rows"
    ),
}


def render_page(
    spec: SurveySpec,
    release: Mapping[str, Any],
    quality: Mapping[str, Any],
    details: Mapping[str, list[dict[str, Any]]],
    plots: Mapping[str, bytes],
) -> bytes:
    """Fill the template; `details` are the rows of column shapes and of column pair trends."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = _score
    page = environment.get_template(_TEMPLATE).render(
        spec=spec,
        release=release,
        quality=quality,
        gate_names=_GATES,
        shapes=sorted(details["shapes"], key=lambda row: row["Score"]),
        pairs=sorted(details["pairs"], key=lambda row: row["Score Without Threshold"]),
        plots={name: base64.b64encode(png).decode() for name, png in plots.items()},
    )
    return page.encode()


def _score(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.2f}"
