"""Where the columns of a release come from, in OpenLineage's terms: datasets, schema, columns.

Names and facets are those of https://openlineage.io/docs/spec/naming and of the facets `schema`
and `columnLineage`. Nothing here knows a row: it is all in the spec.
"""

from __future__ import annotations

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    dataset_version_dataset,
    schema_dataset,
)

from include.espejo.lake import join
from include.espejo.lake.keys import PARQUET, PARTS, PublicLocation
from include.espejo.survey import Column, Period, SurveySpec

_SYNTHETIC = "synthetic: drawn from a model of the survey's columns; no value is a person's"


def raw_dataset(spec: SurveySpec, period: Period) -> InputDataset:
    """The survey's file of a period, named by its folder."""
    namespace, name = _place(period.format(spec.places.raw).rpartition("/")[0])
    return InputDataset(namespace, name, facets={"schema": _schema(spec, raw=True)})


def release_dataset(spec: SurveySpec, period: Period, release: str) -> OutputDataset:
    """A release's table, each column from the survey's column of the same name."""
    namespace, name = _table(spec, period, release)
    return OutputDataset(
        namespace,
        name,
        facets={
            "schema": _schema(spec),
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=release),
            "columnLineage": _column_lineage(spec, raw_dataset(spec, period)),
        },
    )


def read_release(spec: SurveySpec, period: Period, release: str) -> InputDataset:
    """A release's table as what consumes it names it."""
    namespace, name = _table(spec, period, release)
    return InputDataset(namespace, name, facets={"schema": _schema(spec)})


def file_dataset(uri: str) -> OutputDataset:
    """A file described by its address alone."""
    return OutputDataset(*_place(uri))


def _table(spec: SurveySpec, period: Period, release: str) -> tuple[str, str]:
    folder = PublicLocation(spec.places.public, spec.survey).release(str(period), release)
    # Of several files, their folder.
    return _place(join(folder, PARTS if spec.outputs.rows_per_file else PARQUET))


def _place(uri: str) -> tuple[str, str]:
    """Namespace and name: the bucket and the key, or, on a disk, `file` and the path."""
    if "://" not in uri:
        return "file", uri
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key


def _schema(spec: SurveySpec, *, raw: bool = False) -> schema_dataset.SchemaDatasetFacet:
    """The released columns; `raw`: with the names that files of other periods give them."""
    return schema_dataset.SchemaDatasetFacet(
        fields=[
            schema_dataset.SchemaDatasetFacetFields(
                name=name, type=column.kind, description=_describe(column, raw)
            )
            for name, column in spec.model_columns().items()
        ]
    )


def _describe(column: Column, raw: bool) -> str:
    also = f" (also {', '.join(column.aliases)})" if raw and column.aliases else ""
    return f"{column.label.es} / {column.label.en}{also}"


def _column_lineage(
    spec: SurveySpec, raw: InputDataset
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    synthetic = column_lineage_dataset.Transformation(
        type="DIRECT", subtype="TRANSFORMATION", description=_SYNTHETIC, masking=True
    )
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            name: column_lineage_dataset.Fields(
                inputFields=[
                    column_lineage_dataset.InputField(
                        namespace=raw.namespace,
                        name=raw.name,
                        field=name,
                        transformations=[synthetic],
                    )
                ]
            )
            for name in spec.model_columns()
        }
    )
