"""The internal report: how training went, for those who may read the restricted area."""

from __future__ import annotations

import base64
import io
from typing import Any

import jinja2
import pandas as pd

from include.espejo.lake.document import Document
from include.espejo.report.drawings.browser import Browser
from include.espejo.report.drawings.pictures import draw_training

_PAGE = """<!doctype html>
<html lang="es"><head><meta charset="utf-8"><title>{{ run.survey }} {{ run.period }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; border-bottom: 1px solid #ccc;
text-align: right; } img { max-width: 100%; }
</style></head><body>
<h1>Informe interno / Internal report</h1>
<p><b>No publicar / not to be published.</b> {{ run.survey }} {{ run.period }} {{ run.release }}</p>
<h2>Confidencialidad / Disclosure</h2>
<p>{{ "Pasa / passed" if audit.passed else "No pasa / failed: " ~ audit.failed | join(", ") }}.
Periodos / periods: {{ audit.periods }}.</p>
<table><thead><tr>{% for name in gate_fields %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for gate in audit.gates %}<tr>
{% for name in gate_fields %}<td>{{ gate[name] | figure }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
<table><tbody>{% for name, value in audit.information.items() %}<tr><th>{{ name }}</th>
<td>{{ value | figure }}</td></tr>{% endfor %}</tbody></table>
<h2>Protección / Protection</h2>
<pre>{{ protection | tojson(indent=2) }}</pre>
<h2>Entrenamiento / Training</h2>
<p>{{ training.steps }} pasos / steps, {{ training.fit_seconds }} s; se conserva el paso /
kept step: {{ training.best_step }}.</p>
<img alt="Pérdidas por época / losses by epoch" src="data:image/png;base64,{{ picture }}">
<table><thead><tr>{% for name in names %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for name in names %}<td>{{ row[name] }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></body></html>
"""


_GATE_FIELDS = (
    "name",
    "outcome",
    "figure",
    "unit",
    "limit",
    "interval",
    "p",
    "detectable",
    "reason",
)


def internal_page(
    facts: Document,
    training: Document,
    losses: bytes,
    audit: Document,
    protection: Document,
    browser: Browser,
) -> bytes:
    """A self-contained page: every gate with its exact figures, what was protected, the training.

    `facts`: survey, period, release; `training`, `audit`, `protection`: what the steps left;
    `losses`: their CSV, by epoch; `browser` draws them.
    """
    table = pd.read_csv(io.BytesIO(losses))
    picture = base64.b64encode(draw_training(table, browser)).decode()
    shown = table.round(4).astype(object).where(table.notna(), "")
    environment = jinja2.Environment(autoescape=True)
    environment.filters["figure"] = _figure
    page = environment.from_string(_PAGE).render(
        audit=audit.model_dump(),
        protection=protection.model_dump(mode="json"),
        gate_fields=_GATE_FIELDS,
        run=facts,
        training=training,
        picture=picture,
        names=list(table.columns),
        rows=shown.to_dict(orient="records"),
    )
    return page.encode()


def _figure(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.5g}"
        case list() | tuple():
            return " – ".join(_figure(part) for part in value)
        case _:
            return str(value)
