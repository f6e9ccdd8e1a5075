"""Plots of real against synthetic for every column, and of the training, as PNG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.espejo.report.drawings.browser import Browser
from include.espejo.report.drawings.charts import moment_ticks
from include.espejo.report.drawings.distributions import Bar, Distribution, Histogram
from include.espejo.survey import Column, SurveySpec

# Okabe and Ito's colours: told apart by the colour-blind and in print.
REAL, SYNTHETIC = "#0072B2", "#D55E00"
_NAMES = {"others": "otros / other", "blank": "en blanco / blank"}
_LABEL_LENGTH = 26


def draw_columns(
    columns: Mapping[str, Distribution], spec: SurveySpec, browser: Browser
) -> dict[str, bytes]:
    """A PNG for each column, of the shares that the page shows. Raises BrowserError."""
    return browser.draw({name: _figure(name, spec.columns[name], d) for name, d in columns.items()})


def draw_training(losses: pd.DataFrame, browser: Browser) -> bytes:
    """The losses and, where the engine has one, the held-out score by epoch, as a PNG."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for column, name, colour in (
        ("generator_loss", "generador / generator", REAL),
        ("critic_loss", "crítico / critic", SYNTHETIC),
    ):
        figure.add_scatter(
            x=losses["epoch"],
            y=losses[column],
            name=name,
            line={"color": colour},
            mode="lines+markers",
        )
    if losses["score"].notna().any():
        figure.add_scatter(
            x=losses["epoch"],
            y=losses["score"],
            yaxis="y2",
            mode="lines+markers",
            name="calificación / held-out score",
            line={"color": "#009E73"},
        )
    figure.update_layout(
        title={"text": "<b>Entrenamiento</b> / Training"},
        template="plotly_white",
        xaxis={"title": {"text": "época / epoch"}},
        yaxis={"title": {"text": "pérdida / loss"}},
        yaxis2={"title": {"text": "0 a 1 / 0 to 1"}, "overlaying": "y", "side": "right"},
        legend={"orientation": "h", "y": -0.2},
    )
    return browser.draw({"training": figure})["training"]


def _figure(name: str, column: Column, shares: Distribution) -> Any:
    """A grouped bar chart of codes, or two overlaid step histograms of a number."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for label, colour, side in (
        ("Real", REAL, "real"),
        ("Sintético / Synthetic", SYNTHETIC, "synthetic"),
    ):
        if shares.histogram is None:
            x = [_bar_label(bar, column) for bar in shares.bars]
            y = [100 * getattr(bar, side) for bar in shares.bars]
            figure.add_bar(x=x, y=y, name=label, marker_color=colour)
        else:
            histogram = shares.histogram
            heights = 100 * histogram.density(getattr(histogram, side))
            figure.add_scatter(
                x=histogram.edges,
                y=np.append(heights, heights[-1]),
                name=label,
                mode="lines",
                line={"color": colour, "shape": "hv", "width": 2},
            )
    figure.update_layout(**_layout(name, column, shares))
    return figure


def _layout(name: str, column: Column, shares: Distribution) -> Mapping[str, object]:
    title = f"<b>{name}</b>  {column.label.es} / {column.label.en}"
    unit = f" ({column.unit.es} / {column.unit.en})" if column.unit else ""
    histogram, apart, per = shares.histogram, "", ""
    if histogram is not None:
        per = " por duplicación / per doubling" if histogram.log else " por unidad / per unit"
        apart = "; ".join(
            f"{_bar_label(bar, column)}: {bar.real:.1%} real, {bar.synthetic:.1%} sint./synth."
            for bar in shares.bars
        )
    scale = "category" if histogram is None else "log" if histogram.log else "linear"
    return {
        "title": {"text": title + (f"<br><sup>{apart}</sup>" if apart else "")},
        "template": "plotly_white",
        "font": {"family": "DejaVu Sans, sans-serif", "size": 13},
        "legend": {"orientation": "h", "y": 1.02, "x": 1, "xanchor": "right", "yanchor": "bottom"},
        "xaxis": {"title": {"text": unit}, "type": scale} | _moment_axis(column, histogram),
        "yaxis": {"title": {"text": f"% de filas / of rows{per}"}, "rangemode": "tozero"},
        "margin": {"l": 70, "r": 20, "t": 90, "b": 60},
    }


def _moment_axis(column: Column, histogram: Histogram | None) -> dict[str, object]:
    """Dates and times under the axis of their numbers."""
    if column.moment is None or histogram is None:
        return {}
    ticks = moment_ticks(column.moment, histogram.edges[0], histogram.edges[-1])
    return {"type": "linear", "tickvals": ticks, "ticktext": [column.text(t) for t in ticks]}


def _bar_label(bar: Bar, column: Column) -> str:
    """A code with its meaning in Spanish: the pictures are one for both languages."""
    if bar.kind != "code":
        return _NAMES[bar.kind]
    label = column.code_label(bar.code)
    text = f"{bar.code} {label.es}" if label else bar.code
    return text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 1] + "…"
