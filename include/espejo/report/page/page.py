"""The release's report: one self-contained page, in Spanish and English, that opens offline.

It is made of what the release itself holds, all of it public: the manifest's entries, the parsed
figures, and distributions that hold the floor. It asks nothing of any network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.periods.document import Comparison
from include.espejo.evaluate.quality.document import Quality
from include.espejo.report.drawings import charts
from include.espejo.report.drawings.distributions import Distribution
from include.espejo.report.drawings.pyramid import PyramidShares
from include.espejo.report.files.jsonld import dataset_jsonld
from include.espejo.report.page import fitness, pairs, texts
from include.espejo.report.page.cards import make_cards
from include.espejo.report.page.estimates import FOLDED, make_indicators
from include.espejo.report.page.formats import Numbers, label_text, sentence
from include.espejo.report.page.gates import make_verdict
from include.espejo.report.page.history import make_history
from include.espejo.report.page.pairs import make_pairs
from include.espejo.report.page.places import make_places
from include.espejo.report.page.scores import headlines, track
from include.espejo.survey import SurveySpec

_TEMPLATES = Path(__file__).with_name("templates")

_MOST_CODES = 100  # of a column in the dictionary

Entries = Mapping[str, Any]  # of a manifest


@dataclass(frozen=True)
class PublicFigures:
    """The figures of a release, as they are published."""

    quality: Quality
    utility: Utility
    comparison: Comparison


def render_page(
    spec: SurveySpec,
    release: Entries,
    figures: PublicFigures,
    columns: Mapping[str, Distribution],
    pyramid: PyramidShares | None = None,
) -> bytes:
    """Fill the templates.

    `release`: the manifest's entries, without its files, and `override` where there is one.
    """
    general, specific = figures.utility.general, figures.utility.specific
    quality, comparison = figures.quality, figures.comparison
    content = {
        "verdict": make_verdict(release),
        "headlines": headlines(quality, figures.utility, comparison),
        "uses": fitness.uses(quality, figures.utility),
        "cards": make_cards(spec, columns, general),
        "pyramid": pyramid,
        "tower": None if pyramid is None else charts.draw_pyramid(pyramid),
        "pairs": make_pairs(general),
        "indicators": make_indicators(spec, specific.indicators),
        "level": specific.settings.level,
        "weight_totals": specific.weight_totals,
        "targets": specific.learning.targets or (),
        "places": make_places(spec, general.parts),
        "history": make_history(spec, release, quality, specific.indicators, comparison),
        "broken_rules": quality.broken_rules,
        "metrics": quality.metrics.table,
        "scored": quality.settings.quality_report_subsample,
        "unscored": (*quality.unscored_columns, *quality.unscored_pairs),
        "files": release.get("files", ()),
        "versions": release.get("versions", {}),
        "dataset": _dataset(spec, release),
    }
    template = _environment(spec).get_template("page.html.j2")
    return template.render(spec=spec, release=release, **content).encode()


def _environment(spec: SurveySpec) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = Numbers(spec.outputs.locales)
    for name in ("score", "count", "percent", "change", "relative", "amount", "plain", "value"):
        environment.filters[name] = getattr(numbers, name)
    environment.filters["svg"] = _as_tspans
    environment.filters["decimals"] = charts.tick_decimals
    environment.globals.update(
        t=sentence,
        label=label_text,
        texts=texts,
        track=track,
        fitness=fitness,
        pairs_=pairs,
        folded=FOLDED,
        most_codes=_MOST_CODES,
    )
    return environment


def _as_tspans(text: Markup) -> Markup:
    """A text in both languages as SVG has it."""
    return Markup(str(text).replace("<span", "<tspan").replace("</span", "</tspan"))


def _dataset(spec: SurveySpec, release: Entries) -> Markup:
    """The release as schema.org describes data sets, safe within a script element."""
    content = json.dumps(dataset_jsonld(spec, release), ensure_ascii=False)
    return Markup(content.replace("<", "\\u003c"))
