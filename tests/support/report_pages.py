"""Report pages of made-up surveys, for the tests that open them in a browser.

The figures are worked out by the project's own evaluation and cut as a release's are; what needs
more than one release (the comparison) and SDMetrics (the quality) is written down here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demo.enoe_like import generate_survey, write_survey
from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.general.utility import general_utility
from include.espejo.evaluate.periods.document import Comparison
from include.espejo.evaluate.quality.document import Quality
from include.espejo.evaluate.specific.utility import specific_utility
from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.language import Label
from include.espejo.report.candidate import parse_figures
from include.espejo.report.drawings.distributions import distributions
from include.espejo.report.drawings.pyramid import pyramid
from include.espejo.report.page.page import PublicFigures, render_page
from include.espejo.report.public import public_figures
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.survey.column import Column
from include.espejo.table.frames import to_frame
from tests.support.documents import filled
from tests.surveys.parks import SPEC as PARKS_SPEC
from tests.surveys.parks import write_parks

SCRIPT = "<script>document.title = 'taken over'</script>"
REASON = "membership: the head of the data office, after reading the report"
GATES = ("rules", "floor", "floor_codes", "identical", "membership", "disclosive:key:column")

FIRST: dict[str, Any]
FIRST = {
    "periods": ["2015T2"],
    "compared_with": None,
    "previous": [],
    "codes": {},
    "drift": {},
    "indicators": [],
}

NO_REFERENCES: dict[str, Any]
NO_REFERENCES = {
    "references": {key: {} for key in ("overall", "column_shapes", "column_pair_trends")},
    "column_pair_trends": None,
}

Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def enoe_page(folder: Path) -> bytes:
    """A survey with places, a pyramid, indicators, models and two releases before it."""
    spec = load_spec("enoe_sdem")
    write_survey(generate_survey(2015, 2, people=3000, seed=7), folder / "survey.csv")
    frame = to_frame(read_survey(open_lake(str(folder)), str(folder / "survey.csv"), spec).table)
    frames = split_frame(frame, spec)
    return page_of(spec, frames, comparison=comparison_of(spec), release={"gates": gates()})


def parks_page(folder: Path) -> bytes:
    """A first release of a survey without places and households; a gate fails. Spanish of Spain."""
    spec = load_spec(PARKS_SPEC)
    outputs = spec.outputs.model_copy(update={"locales": Label(es="es_ES", en="en_GB")})
    spec = spec.model_copy(update={"outputs": outputs})
    write_parks(folder / "parks.csv", rows=1200)
    frame = to_frame(read_survey(open_lake(str(folder)), str(folder / "parks.csv"), spec).table)
    return page_of(spec, split_frame(frame, spec), release={"gates": gates("membership")})


def bare_page(folder: Path) -> bytes:
    """A release with no more figures than there must be, no gate and no row of enough people."""
    spec = load_spec(PARKS_SPEC)
    write_parks(folder / "bare.csv", rows=60)
    frame = to_frame(read_survey(open_lake(str(folder)), str(folder / "bare.csv"), spec).table)
    frame = frame[list(spec.model_columns())].head(4)
    return render_page(
        spec,
        release_of(spec, 4),
        PublicFigures(filled(Quality, NO_REFERENCES), filled(Utility), filled(Comparison)),
        distributions(frame, frame, spec, everybody(frame)),
    )


def everybody(frame: pd.DataFrame) -> np.ndarray:
    """Each row counts for the floor: nobody lives with anybody."""
    return np.ones(len(frame), dtype=bool)


def odd_page(folder: Path) -> bytes:
    """Columns without labels, of a thousand codes, of one category, all missing; an override."""
    spec, frame = odd_survey()
    override = {"gates": ["membership"], "reason": f"{REASON} {SCRIPT}"}
    release = {"gates": gates("membership"), "override": override}
    return page_of(spec, split_frame(frame, spec), release=release)


def odd_survey(rows: int = 3000) -> tuple[SurveySpec, pd.DataFrame]:
    """A survey whose columns are what goes wrong, and typed rows of it."""
    codes = {f"{at:04}": Label(es=f"Código {at}", en=f"Code {at}") for at in range(1000)}
    odd: dict[str, dict[str, Any]] = {
        "unlabelled": {"codes": dict.fromkeys("abc")},
        "thousand": {"codes": codes},
        "one": {"codes": {"1": Label(es="Única", en="Only one")}},
        "missing": {"codes": {"1": Label(es="Nunca", en="Never")}},
        "hostile": {"codes": {SCRIPT: Label(es=SCRIPT, en=f"{SCRIPT} " + "long " * 60)}},
    }
    plain = load_spec(PARKS_SPEC)
    columns = {
        name: Column(kind="code", role="quasi", label=Label(es=f"{name} {SCRIPT}", en=name), **keys)
        for name, keys in odd.items()
    } | {"spent": plain.columns["spent"].model_copy(update={"unit": None})}
    spec = plain.model_copy(
        update={
            "columns": columns,
            "indicators": (),
            "rules": (),
            "model": plain.model.model_copy(update={"columns": tuple(columns)}),
            "disclosure": plain.disclosure.model_copy(update={"key_sets": {"all": ("one",)}}),
            "title": Label(es="Encuesta <b>rara</b>", en="An <b>odd</b> survey"),
        }
    )
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "unlabelled": random.choice(list("abc"), rows),
            "thousand": random.choice(list(codes), rows, p=_falling(len(codes))),
            "one": "1",
            "missing": pd.Series([None] * rows, dtype=object),
            "hostile": SCRIPT,
            "spent": random.lognormal(8, 1.2, rows).round(),
        }
    ).astype(dict.fromkeys(odd, "category"))
    return spec, frame


def _falling(count: int) -> np.ndarray:
    weights = 1 / np.arange(1, count + 1)
    share: np.ndarray = weights / weights.sum()
    return share


def split_frame(frame: pd.DataFrame, spec: SurveySpec) -> Frames:
    """Training, holdout and "synthetic" rows: three thirds of the households."""
    key = [name for name in spec.key("household") if name in frame]
    home = frame.groupby(key, observed=True).ngroup() if key else pd.Series(range(len(frame)))
    sides = [frame[(home % 3 == side).to_numpy()] for side in range(3)]
    return sides[0], sides[1], sides[2][list(spec.model_columns())]


def page_of(
    spec: SurveySpec,
    frames: Frames,
    release: dict[str, Any],
    comparison: dict[str, Any] | None = None,
) -> bytes:
    """The page of a release made of these rows."""
    train, holdout, synthetic = frames
    exact = {
        "quality.json": filled(Quality, quality_of()),
        "utility.json": Utility(
            general=general_utility(train, holdout, synthetic, spec, seed=1),
            specific=specific_utility(train, holdout, synthetic, spec, Period(2015, 2), seed=1),
        ),
        "comparison.json": Comparison.model_validate(comparison or FIRST),
    }
    cut = public_figures({name: told.to_json() for name, told in exact.items()})
    figures = parse_figures(cut)
    real = train[list(spec.model_columns())]
    counted = everybody(real)
    tower = pyramid(real, synthetic, spec, counted)
    manifest = release_of(spec, len(synthetic)) | release
    return render_page(
        spec, manifest, figures, distributions(real, synthetic, spec, everybody(real)), tower
    )


def release_of(spec: SurveySpec, rows: int) -> dict[str, Any]:
    """The manifest's entries of a release without gates."""
    return {
        "survey": spec.survey,
        "period": "2015T2",
        "release": "a1b2c3d4e5f6",
        "engine": "ctgan",
        "epochs": 10,
        "batch_size": 100,
        "calibrated": True,
        "spec_sha256": "0" * 64,
        "code_version": "0123456789ab",
        "rows": rows,
        "created": "2026-01-02T03:04:05+00:00",
        "versions": {"pandas": "2.3.3"},
    }


def gates(*failed: str) -> list[dict[str, Any]]:
    """Some gates, one of which does not apply."""
    told = [
        {"name": name, "applicable": True, "passed": name not in failed, "safe_to_within": 0.02}
        for name in GATES
    ]
    return [
        *told,
        {
            "name": "membership_outliers",
            "applicable": False,
            "passed": True,
            "safe_to_within": None,
        },
    ]


def quality_of() -> dict[str, Any]:
    """A quality.json with references, as the evaluation leaves it."""
    named = {
        "overall": (0.96, 0.98, 0.7),
        "column_shapes": (0.97, 0.98, 0.99),
        "column_pair_trends": (0.95, 0.97, 0.45),
    }
    references = {
        name: dict(zip(("score", "ceiling", "floor"), (scores[0] - 0.01, *scores[1:]), strict=True))
        for name, scores in named.items()
    }
    return {
        **{name: scores[0] for name, scores in named.items()},
        "diagnostic": {"overall": 1.0, "data_validity": 1.0, "data_structure": 1.0},
        "metrics": {
            "aggregate": 0.9,
            "table": [{"metric": "CSTest", "raw_score": 0.99, "score": 0.99, "rows": 10}],
        },
        "settings": {"rows": {"real": 10, "synthetic": 10}},
        "broken_rules": [],
        "references": references,
    }


def comparison_of(spec: SurveySpec) -> dict[str, Any]:
    """A comparison.json with two earlier releases."""
    overlap = {
        "mean_overlap": 0.8,
        "median_absolute_relative_error": 0.04,
        "disjoint": 1,
        "missing": 0,
    }
    earlier = [
        {
            "period": period,
            "release": "0a1b2c3d4e5f",
            "overall": overall,
            "column_shapes": 0.9,
            "column_pair_trends": 0.9,
            "equal_rows": equal,
            "gates": {"rules": True, "membership": overall > 0.92},
            "indicators": {"employed_share": overlap},
        }
        for period, overall, equal in (("2015T1", 0.93, {"overall": 0.92}), ("2014T4", 0.91, {}))
    ]
    (indicator, *_) = spec.indicators
    figure = {
        "statistic": "share",
        "group": "ENT=09, SEX=1",
        "category": "",
        "real": [0.7, 0.69, None],
        "synthetic": [0.5, 0.51, 0.52],
    }
    return {
        "periods": ["2015T2", "2015T1", "2014T4"],
        "compared_with": "2015T1",
        "previous": earlier,
        "codes": {"CS_P13_1": {"appeared": ["09"], "vanished": []}},
        "drift": {
            "SEX": {"distance": 0.01, "chance": 0.01, "moved": False},
            "EDA": {"distance": 0.12, "chance": 0.02, "moved": True},
        },
        "indicators": [
            {"name": indicator.name, "label": indicator.label.model_dump(), "figures": [figure]}
        ],
    }
