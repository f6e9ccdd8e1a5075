"""The internal report: how training went, for those who may read the restricted area."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import jinja2
import pandas as pd

from include.espejo.report.pictures import draw_training

_PAGE = """<!doctype html>
<html lang="es"><head><meta charset="utf-8"><title>{{ run.survey }} {{ run.period }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; border-bottom: 1px solid #ccc;
text-align: right; } img { max-width: 100%; }
</style></head><body>
<h1>Informe interno / Internal report</h1>
<p><b>No publicar / not to be published.</b> {{ run.survey }} {{ run.period }} {{ run.release }}</p>
<h2>Entrenamiento / Training</h2>
<p>{{ training.steps }} pasos / steps, {{ training.fit_seconds }} s; se conserva el paso /
kept step: {{ training.best_step }}.</p>
<img alt="Pérdidas por época / losses by epoch" src="data:image/png;base64,{{ picture }}">
<table><thead><tr>{% for name in names %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for name in names %}<td>{{ row[name] }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></body></html>
"""


def internal_page(run: Mapping[str, Any], training: Mapping[str, Any], losses: bytes) -> bytes:
    """A self-contained page with the curves of losses and score, and the losses as a table.

    `run`: survey, period, release; `training`: the step's summary; `losses`: its CSV.
    """
    table = pd.read_csv(io.BytesIO(losses))
    picture = base64.b64encode(draw_training(table)).decode()
    shown = table.round(4).astype(object).where(table.notna(), "")
    page = jinja2.Environment(autoescape=True).from_string(_PAGE).render(
        run=run, training=training, picture=picture, names=list(table.columns),
        rows=shown.to_dict(orient="records"),
    )  # fmt: skip
    return page.encode()
