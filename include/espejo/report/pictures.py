"""Plots of real against synthetic for every column, as PNG through kaleido."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from include.espejo.errors import BrowserError
from include.espejo.report.distributions import Distribution, code_shares, number_shares
from include.espejo.spec import Column, SurveySpec

# Okabe and Ito's colours: told apart by the colour-blind and in print.
REAL, SYNTHETIC = "#0072B2", "#E69F00"
_MERGED, _BLANK = "otros / other", "en blanco / blank"
_LABEL_LENGTH = 26


def require_browser() -> None:
    """Raise BrowserError unless kaleido will find a Chromium: better before training than after."""
    from choreographer.browsers.chromium import Chromium

    try:
        found = Chromium.find_browser(skip_local=False)
    except (OSError, RuntimeError):
        found = None
    if not found:
        raise BrowserError(
            "no Chromium or Chrome on this machine, and the plots need one; run: "
            "apt-get install -y chromium fonts-dejavu-core"
        )


def draw_columns(real: pd.DataFrame, synthetic: pd.DataFrame, spec: SurveySpec) -> dict[str, bytes]:
    """A PNG for each column of the model; no bar stands on fewer real people than the floor."""
    floor = spec.disclosure.floor.people
    figures = {}
    for name in synthetic.columns:
        column = spec.columns[name]
        figures[name] = _figure(name, column, _shares(real[name], synthetic[name], column, floor))
    return _render(figures)


def _render(figures: Mapping[str, Any]) -> dict[str, bytes]:
    """The figures as PNGs by name."""
    import kaleido

    for name in ("kaleido", "choreographer"):
        logging.getLogger(name).setLevel(logging.WARNING)  # dozens of lines a picture otherwise
    with tempfile.TemporaryDirectory(prefix="espejo-") as folder:
        # One browser for all: starting it for each figure takes many times as long.
        kaleido.start_sync_server(silence_warnings=True)
        try:
            for name, figure in figures.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # plotly warns of an option that it sets itself
                    figure.write_image(Path(folder) / f"{name}.png", width=900, height=480, scale=1)
        finally:
            kaleido.stop_sync_server(silence_warnings=True)
        return {name: (Path(folder) / f"{name}.png").read_bytes() for name in figures}


def draw_training(losses: pd.DataFrame) -> bytes:
    """The losses and, where the engine has one, the held-out score by epoch, as a PNG."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for column, name, colour in (("generator_loss", "generador / generator", REAL),
                                 ("critic_loss", "crítico / critic", SYNTHETIC)):  # fmt: skip
        figure.add_scatter(x=losses["epoch"], y=losses[column], name=name,
                           line={"color": colour}, mode="lines+markers")  # fmt: skip
    if losses["score"].notna().any():
        figure.add_scatter(x=losses["epoch"], y=losses["score"], yaxis="y2", mode="lines+markers",
                           name="calificación / held-out score",
                           line={"color": "#009E73"})  # fmt: skip
    figure.update_layout(
        title={"text": "<b>Entrenamiento</b> / Training"},
        template="plotly_white",
        xaxis={"title": {"text": "época / epoch"}},
        yaxis={"title": {"text": "pérdida / loss"}},
        yaxis2={"title": {"text": "0 a 1 / 0 to 1"}, "overlaying": "y", "side": "right"},
        legend={"orientation": "h", "y": -0.2},
    )
    return _render({"training": figure})["training"]


def _shares(real: pd.Series, synthetic: pd.Series, column: Column, floor: int) -> Distribution:
    if column.is_code():
        return code_shares(real, synthetic, column, floor, _MERGED, _BLANK)
    return number_shares(real, synthetic, column, floor, _BLANK)


def _figure(name: str, column: Column, shares: Distribution) -> Any:
    """A grouped bar chart of codes, or two overlaid step histograms of a number."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for label, colour, values in (
        ("Real", REAL, shares.real),
        ("Sintético / Synthetic", SYNTHETIC, shares.synthetic),
    ):
        if shares.edges is None:
            x = [_code_label(code, column) for code in shares.labels]
            figure.add_bar(x=x, y=values * 100, name=label, marker_color=colour)
        else:
            # Density, since merged bins are wider than others.
            heights = values * 100 / (shares.edges[1:] - shares.edges[:-1])
            figure.add_scatter(
                x=shares.edges, y=[*heights, heights[-1]], name=label, mode="lines",
                line={"color": colour, "shape": "hv", "width": 2},
            )  # fmt: skip
    figure.update_layout(**_layout(name, column, shares))
    return figure


def _layout(name: str, column: Column, shares: Distribution) -> Mapping[str, object]:
    title = f"<b>{name}</b>  {column.label.es} / {column.label.en}"
    apart = "; ".join(
        f"{_code_label(code, column)}: {real:.1%} real, {synthetic:.1%} sint./synth."
        for code, real, synthetic in shares.apart
    )
    unit = f" ({column.unit.es} / {column.unit.en})" if column.unit else ""
    per = "" if shares.edges is None else " por unidad / per unit"
    return {
        "title": {"text": title + (f"<br><sup>{apart}</sup>" if apart else "")},
        "template": "plotly_white",
        "font": {"family": "DejaVu Sans, sans-serif", "size": 13},
        "legend": {"orientation": "h", "y": 1.02, "x": 1, "xanchor": "right", "yanchor": "bottom"},
        "xaxis": {
            "title": {"text": unit},
            "type": "category" if shares.edges is None else "linear",
        },
        "yaxis": {"title": {"text": f"% de filas / of rows{per}"}, "rangemode": "tozero"},
        "margin": {"l": 70, "r": 20, "t": 90, "b": 60},
    }


def _code_label(code: str, column: Column) -> str:
    """A code with its meaning in Spanish: the pictures are one for both languages."""
    label = column.codes.get(code)
    if label is None and code.lstrip("-").isdigit():
        label = column.special.get(int(code))
    text = f"{code} {label.es}" if label else code
    return text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 1] + "…"
