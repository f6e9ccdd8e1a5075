"""The survey spec as a frozen, strict model. `load.py` reads it from YAML."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import Field, field_validator, model_validator

from include.espejo.language import Label
from include.espejo.survey.column import Column, Role, Strict
from include.espejo.survey.disclosure import Disclosure
from include.espejo.survey.expression import Columns, Expression, parse_expression
from include.espejo.survey.period import Period, PeriodKind
from include.espejo.survey.rules import Rule
from include.espejo.survey.schedule import Schedule
from include.espejo.survey.settings import (
    BatchSize,
    Calibrate,
    Device,
    Engine,
    Epochs,
    Minutes,
    Threads,
)
from include.espejo.survey.source import Source

SPEC_FORMAT = 1
MOST_COLUMNS = 254  # to model: the audit compares rows by a byte (disclose/distance/)


class Locations(Strict):
    """Where things lie: each a bucket or prefix. `raw` is the pattern of one file and may hold
    {period}, {year}, {yy} and what else periods of the survey's kind have, such as {quarter}."""

    raw: str
    restricted: str
    public: str
    downstream: str


class Connections(Strict):
    """The Airflow connections of the four identities, and of the example consumer's own place."""

    ingest: str = "espejo_ingest"
    work: str = "espejo_work"
    publish: str = "espejo_publish"
    consumer: str = "espejo_consumer"
    downstream: str = "espejo_downstream"
    alert: str = "espejo_alert"


class Geography(Strict):
    """A hierarchy from the widest level down; each of `functions` depends on the levels down
    to the one it names. `tiles` draws the widest level: rows of its codes, None for a gap."""

    levels: tuple[str, ...] = Field(min_length=1)
    functions: dict[str, str] = Field(default_factory=dict)
    tiles: tuple[tuple[str | None, ...], ...] = Field(default=())


class ModelSettings(Strict):
    """What is modelled and with which defaults; a run's parameters may replace the latter.

    `calibrate`: draw rows to the training margins, which also draws them towards those trained on.
    `max_training_minutes` ends a training early. `threads` 0: as many as the engine finds best.
    `partition`: a column whose codes are tuned each by itself, on whatever workers there are.
    `part_rows`: a code with fewer rows to learn from joins its neighbour.
    """

    columns: tuple[str, ...] = Field(min_length=2, max_length=MOST_COLUMNS)
    engine: Engine = "ctgan"
    epochs: Epochs = 10
    batch_size: BatchSize = 100
    calibrate: Calibrate = True
    max_training_minutes: Minutes | None = None
    threads: Threads = 0
    device: Device = "auto"
    partition: str | None = None
    part_rows: int = Field(default=30_000, ge=100)


class Pyramid(Strict):
    """The columns of a population pyramid: a number and a code, both modelled."""

    age: str
    sex: str


class Outputs(Strict):
    """What a release says of itself to those who read it, and how the report says it.

    `locales`: how numbers are written in each language, as CLDR names it. `max_csv_rows`: a table
    of more rows is released without a CSV; `rows_per_file`: its Parquet is several files of so
    many rows, `synthetic/part-0001.parquet` and so on, in place of one `synthetic.parquet`.
    """

    licence: str
    licence_url: str
    attribution: Label
    caution: Label
    locales: Label = Label(es="es_MX", en="en_US")
    pyramid: Pyramid | None = None
    max_csv_rows: int | None = Field(default=None, ge=0)
    rows_per_file: int | None = Field(default=None, ge=1)


class Band(Strict):
    """A number cut into groups: `cuts` [15, 25] makes -14, 15-24 and 25+."""

    column: str
    cuts: tuple[int, ...] = Field(min_length=1)


class Indicator(Strict):
    """A headline figure: a `statistic` of `of`, among the rows where `among` holds, by groups.

    share: the share of rows where the condition `of` holds; distribution: the share of each
    code of column `of`; mean, median, quartiles: of the number `of`.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Label
    statistics: tuple[Literal["share", "distribution", "mean", "median", "quartiles"], ...] = Field(
        min_length=1
    )
    of: str
    among: str | None = None
    by: tuple[str | Band, ...] = Field(default=())


class Total(Strict):
    """The groups whose released weights add up to the survey's: those of modelled code columns.

    `values`: published totals of one column's codes; without them, the survey's own sums.
    """

    by: tuple[str, ...] = Field(min_length=1, max_length=4)
    values: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_values(self) -> Total:
        if self.values and len(self.by) > 1:
            raise ValueError("`values` are of one column; write one column in `by`")
        if any(not value > 0 for value in self.values.values()):
            raise ValueError("`values` are totals of people; write numbers above 0")
        return self


class Weight(Strict):
    """The survey weight: how many people of the population each row stands for."""

    column: str
    totals: tuple[Total, ...] = Field(min_length=1)


class Derived(Strict):
    """A column of the release that follows from others of the same row: `of` an expression.

    It is computed once rows are drawn, and so holds by construction; it is not modelled, and is
    blank where a column that it needs is. `decimals`: how many it is rounded to.
    """

    label: Label
    of: str
    unit: Label | None = None
    decimals: int = Field(default=2, ge=0, le=9)

    def as_column(self) -> Column:
        """How a release describes it."""
        return Column(kind="decimal", label=self.label, unit=self.unit)


class Keep(Strict):
    """How long the restricted area keeps a run's rows and model: `days` after it was last written.

    What later releases are held against (`disclosure.periods`) is kept as long as it is needed.
    """

    days: int = Field(ge=1, le=36_500)


class SurveySpec(Strict):
    """All that is particular to a survey. `format`: of the spec itself, where it ever changes."""

    format: int = SPEC_FORMAT
    survey: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Label
    description: Label
    period: PeriodKind = "quarter"
    source: Source
    places: Locations
    connections: Connections = Connections()
    schedule: Schedule
    columns: dict[str, Column] = Field(min_length=2)
    geography: Geography | Literal["none"]
    household_key: tuple[str, ...] | Literal["none"]
    person_key: tuple[str, ...] | Literal["none"]
    rules: tuple[Rule, ...] = Field(default=())
    model: ModelSettings
    weight: Weight | None = None
    derived: dict[str, Derived] = Field(default_factory=dict)
    disclosure: Disclosure
    outputs: Outputs
    keep: Keep | None = None
    indicators: tuple[Indicator, ...] = Field(default=())

    @field_validator("format")
    @classmethod
    def _is_read(cls, value: int) -> int:
        if value != SPEC_FORMAT:
            raise ValueError(
                f"this version of Espejo reads specs of format {SPEC_FORMAT}; take the version "
                "that this spec was written for, or write it anew"
            )
        return value

    @cached_property
    def columns_of_expressions(self) -> Columns:
        """Columns as the expression parser wants them: codes, kinds of moments, None of numbers."""
        return {
            name: column.code_set if column.is_code() else column.moment
            for name, column in self.columns.items()
        }

    def expression(self, text: str) -> Expression:
        """Parse an expression over this spec's columns; raises ExpressionError."""
        return parse_expression(text, self.columns_of_expressions, self.period)

    def parse_period(self, written: str) -> Period:
        """A period of this survey's kind. Raises ParameterError on anything else."""
        return Period.parse(written, self.period)

    def key(self, which: Literal["household", "person"]) -> tuple[str, ...]:
        """The columns of a key; empty where the survey has none."""
        key = self.household_key if which == "household" else self.person_key
        return () if isinstance(key, str) else key

    def panel_key(self) -> tuple[str, ...]:
        """The columns that name a household in every quarter; empty where there are none."""
        return self.disclosure.panel_key or self.key("household")

    def with_role(self, *roles: Role) -> tuple[str, ...]:
        """The modelled columns with one of these roles, in the source's order."""
        return tuple(n for n, c in self.model_columns().items() if c.role in roles)

    def geography_columns(self) -> tuple[str, ...]:
        """The modelled columns that say where: the levels, then what depends on them."""
        if not isinstance(self.geography, Geography):
            return ()
        names = (*self.geography.levels, *self.geography.functions)
        return tuple(n for n in names if n in self.model.columns)

    def geography_levels(self) -> tuple[str, ...]:
        """The levels from the widest down; empty where the survey has no geography."""
        return self.geography.levels if isinstance(self.geography, Geography) else ()

    def released_columns(self) -> dict[str, Column]:
        """The modelled columns, then those that follow from them."""
        derived = {name: one.as_column() for name, one in self.derived.items()}
        return self.model_columns() | derived

    def without_weight(self) -> SurveySpec:
        """The spec as an attacker knows it, who has nobody's weight."""
        if self.weight is None:
            return self
        columns = tuple(name for name in self.model.columns if name != self.weight.column)
        return self.model_copy(
            update={"model": self.model.model_copy(update={"columns": columns}), "weight": None}
        )

    def model_columns(self) -> dict[str, Column]:
        """The modelled columns in the source's order."""
        return {n: c for n, c in self.columns.items() if n in self.model.columns}
