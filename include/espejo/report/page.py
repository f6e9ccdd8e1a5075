"""The release's report: one self-contained page, in Spanish and English, that opens offline."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from include.espejo.spec import SurveySpec

_TEMPLATE = "report.html.j2"


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
        shapes=sorted(details["shapes"], key=lambda row: row["Score"]),
        pairs=sorted(details["pairs"], key=lambda row: row["Score Without Threshold"]),
        plots={name: base64.b64encode(png).decode() for name, png in plots.items()},
    )
    return page.encode()


def _score(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"
