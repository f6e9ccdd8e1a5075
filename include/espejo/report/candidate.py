"""Assembles a candidate: every file of the release, and last its manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.periods.document import Comparison
from include.espejo.evaluate.quality.document import Quality
from include.espejo.lake import Lake, join
from include.espejo.lake.keys import MANIFEST, plot_file
from include.espejo.releases.manifest import ReleaseManifest
from include.espejo.report.drawings.browser import Browser
from include.espejo.report.drawings.distributions import Distribution, distributions
from include.espejo.report.drawings.pictures import draw_columns
from include.espejo.report.drawings.printing import print_page
from include.espejo.report.drawings.pyramid import PyramidShares, pyramid
from include.espejo.report.files.data_package import data_package
from include.espejo.report.files.tables import released_table
from include.espejo.report.page.fitness import fit_for
from include.espejo.report.page.page import PublicFigures, render_page
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.frames import read_frame

_PACKAGES = ("pandas", "pyarrow", "sdmetrics", "great-expectations", "plotly", "torch", "sdv")


def build_candidate(
    lake: Lake,
    folder: str,
    spec: SurveySpec,
    release: Mapping[str, Any],
    real: pd.DataFrame,
    synthetic: bytes,
    figures: Mapping[str, bytes],
    counted: np.ndarray,
    browser: Browser,
) -> ReleaseManifest:
    """Write the candidate to `folder` and return its manifest.

    `release` says what the release is (survey, period, release, rows, engine, parameters
    without the seed, spec digest, code version; and `created`, where it was made before); `real`:
    the rows that were learnt from, the model's columns (see frames.to_frame); `synthetic`: the
    table as Parquet; `figures` are the score files, as public ones are cut; `counted`: real rows
    that count for the floor, boolean (rows,); `browser` draws and prints.
    """
    created = release.get("created") or _now().isoformat(timespec="seconds")
    about = {**release, "created": created, "versions": {n: version(n) for n in _PACKAGES}}
    columns, tower = _drawn(real, read_frame(synthetic), spec, counted)
    parsed = parse_figures(figures)
    released = released_table(synthetic, spec, Period.parse(release["period"]))
    data = released.files
    shown = {**about, "files": [_entry(name, content) for name, content in data.items()]}
    page = render_page(spec, shown, parsed, columns, tower)
    files = {
        **data,
        **figures,
        **{plot_file(n): png for n, png in draw_columns(columns, spec, browser).items()},
        "datapackage.json": data_package(spec, released.columns, about, data),
        "report.html": page,
        **{f"report.{n}.pdf": pdf for n, pdf in print_page(page, created, browser).items()},
    }
    manifest = ReleaseManifest.model_validate(
        {
            **about,
            "overall": parsed.quality.overall,
            "fit_for": fit_for(parsed.quality, parsed.utility),
            "files": [_entry(name, content) for name, content in sorted(files.items())],
        }
    )
    for name, content in files.items():
        lake.write(join(folder, name), content)
    lake.write(join(folder, MANIFEST), manifest.to_json())
    return manifest


def _now() -> datetime:
    """The time of creation, which the standard variable of reproducible builds may settle
    (https://reproducible-builds.org/specs/source-date-epoch/).
    """
    settled = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(settled), UTC) if settled else datetime.now(UTC)


def _drawn(
    real: pd.DataFrame, synthetic: pd.DataFrame, spec: SurveySpec, counted: np.ndarray
) -> tuple[dict[str, Distribution], PyramidShares | None]:
    """What the page draws of the rows themselves, which are not needed after it."""
    return (
        distributions(real, synthetic, spec, counted),
        pyramid(real, synthetic, spec, counted),
    )


def _entry(name: str, content: bytes) -> dict[str, str | int]:
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def parse_figures(figures: Mapping[str, bytes]) -> PublicFigures:
    """The figures that the page shows, from their files by name."""
    return PublicFigures(
        Quality.of_json(figures["quality.json"]),
        Utility.of_json(figures["utility.json"]),
        Comparison.of_json(figures["comparison.json"]),
    )
