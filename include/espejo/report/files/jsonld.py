"""A release as schema.org describes data sets, for the catalogues and search engines that read it.

https://schema.org/Dataset. Texts are tagged with their language; addresses are relative to the
release's folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.espejo.language import Label, text
from include.espejo.survey import Column, Period, SurveySpec
from include.espejo.survey.moments import MOMENTS

Node = dict[str, Any]

_MEDIA_TYPES = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
}
_TECHNIQUE = text("Synthetic data: rows drawn from a model of the survey; none is a person")


def dataset_jsonld(spec: SurveySpec, release: Mapping[str, Any]) -> Node:
    """The description; `release` has the manifest's fields, and `files` where they are known."""
    outputs, period = spec.outputs, Period.parse(release["period"])
    return {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "identifier": f"{spec.survey}/{period}/{release['release']}",
        "name": _texts(spec.title, f", {period}"),
        "description": [
            _text(language, f"{getattr(spec.description.ended(), language)} {caution}")
            for language, caution in (("es", outputs.caution.es), ("en", outputs.caution.en))
        ],
        "version": release["release"],
        "dateCreated": release["created"],
        **_coverage(period),
        "license": outputs.licence_url,
        "creditText": _texts(outputs.attribution),
        "inLanguage": ["es", "en"],
        "keywords": [_text("es", "datos sintéticos"), _text("en", "synthetic data")],
        "measurementTechnique": _texts(_TECHNIQUE),
        "isBasedOn": {
            "@type": "Dataset",
            "name": _texts(spec.title),
            "description": _texts(spec.description),
            **_coverage(period),
        },
        "variableMeasured": [_variable(n, column) for n, column in spec.released_columns().items()],
        "distribution": [_download(file) for file in release.get("files", ())],
    }


def _texts(label: Label, more: str = "") -> list[Node]:
    return [_text("es", label.es + more), _text("en", label.en + more)]


def _text(language: str, text: str) -> Node:
    return {"@language": language, "@value": text}


def _coverage(period: Period) -> Node:
    """The first and last day, in ISO 8601, of a period that has them."""
    if not period.has_dates:
        return {}
    return {"temporalCoverage": "/".join(day.isoformat() for day in period.days())}


def _variable(name: str, column: Column) -> Node:
    variable: Node = {"@type": "PropertyValue", "name": name, "description": _texts(column.label)}
    if column.unit:
        variable["unitText"] = _texts(column.unit)
    for key, bound in zip(("minValue", "maxValue"), column.range or (), strict=False):
        if bound is not None:
            variable[key] = column.text(bound) if column.kind in MOMENTS else bound
    return variable


def _download(file: Mapping[str, Any]) -> Node:
    suffix = str(file["name"]).rpartition(".")[2]
    return {
        "@type": "DataDownload",
        "name": file["name"],
        "contentUrl": file["name"],
        "encodingFormat": _MEDIA_TYPES[suffix],
        "contentSize": f"{file['size']} B",
        "sha256": file["sha256"],
    }
