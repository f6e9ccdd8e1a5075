"""A release as schema.org describes data sets, for the catalogues and search engines that read it.

https://schema.org/Dataset. Texts are tagged with their language; addresses are relative to the
release's folder.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from typing import Any

from include.espejo.language import Label, text
from include.espejo.survey import Column, Period, SurveySpec

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
            _text(language, f"{getattr(spec.description, language)} {caution}")
            for language, caution in (("es", outputs.caution.es), ("en", outputs.caution.en))
        ],
        "version": release["release"],
        "dateCreated": release["created"],
        "temporalCoverage": _interval(period),
        "license": outputs.licence_url,
        "creditText": _texts(outputs.attribution),
        "inLanguage": ["es", "en"],
        "keywords": [_text("es", "datos sintéticos"), _text("en", "synthetic data")],
        "measurementTechnique": _texts(_TECHNIQUE),
        "isBasedOn": {
            "@type": "Dataset",
            "name": _texts(spec.title),
            "description": _texts(spec.description),
            "temporalCoverage": _interval(period),
        },
        "variableMeasured": [_variable(n, column) for n, column in spec.model_columns().items()],
        "distribution": [_download(file) for file in release.get("files", ())],
    }


def _texts(label: Label, more: str = "") -> list[Node]:
    return [_text("es", label.es + more), _text("en", label.en + more)]


def _text(language: str, text: str) -> Node:
    return {"@language": language, "@value": text}


def _interval(period: Period) -> str:
    """The quarter's first and last day, in ISO 8601."""
    last = 3 * period.quarter
    days = monthrange(period.year, last)[1]
    return f"{period.year}-{last - 2:02}-01/{period.year}-{last:02}-{days}"


def _variable(name: str, column: Column) -> Node:
    variable: Node = {"@type": "PropertyValue", "name": name, "description": _texts(column.label)}
    if column.unit:
        variable["unitText"] = _texts(column.unit)
    if column.range:
        variable |= {"minValue": column.range[0], "maxValue": column.range[1]}
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
