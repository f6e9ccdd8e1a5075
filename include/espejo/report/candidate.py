"""Assembles a candidate: every file of the release, and last its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pandas as pd
import pyarrow as pa

from include.espejo.keys import MANIFEST
from include.espejo.lake import Lake, join
from include.espejo.report.files import data_package, source_csv
from include.espejo.report.page import render_page
from include.espejo.report.pictures import draw_columns
from include.espejo.spec import SurveySpec
from include.espejo.tables import to_frame, to_parquet

_PACKAGES = ("pandas", "pyarrow", "sdmetrics", "great-expectations", "plotly", "torch", "sdv")

Manifest = dict[str, Any]


def build_candidate(
    lake: Lake,
    folder: str,
    spec: SurveySpec,
    release: Mapping[str, Any],
    real: pa.Table,
    synthetic: pa.Table,
    figures: Mapping[str, bytes],
) -> Manifest:
    """Write the candidate to `folder` and return its manifest.

    `release` says what the release is (survey, period, release, rows, engine, parameters
    without the seed, spec digest, code version); `figures` are the exact score files.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    provenance = {**release, "created": created, **_versions()}
    about = {**release, "created": created, "provenance": provenance}
    plots = draw_columns(to_frame(real), to_frame(synthetic), spec)
    quality = json.loads(figures["quality.json"])
    files = {
        "synthetic.parquet": to_parquet(synthetic),
        "synthetic.csv": source_csv(synthetic, spec),
        **figures,
        **{f"plots/{name}.png": png for name, png in plots.items()},
        "datapackage.json": data_package(spec, synthetic.column_names, about),
        "report.html": render_page(spec, about, quality, _details(figures), plots),
    }
    manifest = {
        **release,
        "created": created,
        "overall": quality["overall"],
        "versions": _versions(),
        "files": [_entry(name, content) for name, content in sorted(files.items())],
    }
    for name, content in files.items():
        lake.write(join(folder, name), content)
    lake.write(join(folder, MANIFEST), _json(manifest))
    return manifest


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _details(figures: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    names = {"shapes": "column_shapes.csv", "pairs": "column_pair_trends.csv"}
    return {
        key: pd.read_csv(pa.BufferReader(figures[name])).to_dict(orient="records")
        for key, name in names.items()
    }


def _json(content: Manifest) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
