"""Runs the suite and keeps of its results what may be kept.

Great Expectations' results hold people's values (unexpected values, minima, tracebacks), so
what leaves this module is a whitelist: columns, rule, counts, shares.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from include.espejo.errors import InputError, MetricError
from include.espejo.lake.document import document_bytes
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import unchecked


@dataclass(frozen=True)
class Finding:
    """What one rule found: how many rows break it, of how many that it looks at."""

    rule: str
    columns: tuple[str, ...]
    severity: Literal["error", "warning"]
    passed: bool
    rows: int
    of: int
    remedy: str

    def __str__(self) -> str:
        about = f"column {', '.join(self.columns)}, " if self.columns else ""
        share = f" of {self.of:,} ({self.rows / self.of:.2%})" if self.of else ""
        return f"{about}rule {self.rule}: {self.rows:,} rows{share}; {self.remedy}"


@dataclass(frozen=True)
class Validation:
    """The findings on a table; `unchecked` are relations whose columns it lacks."""

    rows: int
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if not f.passed and f.severity == "error")

    def to_json(self) -> bytes:
        """The content of validation.json."""
        return document_bytes(asdict(self))

    def require(self, source: str) -> None:
        """Raise InputError, naming every broken rule, unless all that must hold holds."""
        if self.errors:
            raise InputError(source, [str(finding) for finding in self.errors])


def check_survey(
    table: pa.Table, spec: SurveySpec, period: Period, warnings: tuple[str, ...] = ()
) -> Validation:
    """Check a typed table against its spec. `warnings` of the ingest are passed on."""
    from include.espejo.validate.suite import build_suite, with_relations

    frame = to_frame(table)
    skipped = tuple(unchecked(frame, spec))
    with_rules, about = with_relations(frame, spec, period)
    results = _run(build_suite(spec, with_rules, period, about), with_rules)
    findings = tuple(_finding(result, len(frame)) for result in results)
    told = [str(f) for f in findings if not f.passed and f.severity == "warning"]
    told += [f"relation {name}: not checked: the file lacks one of its columns" for name in skipped]
    return Validation(len(frame), findings, (*warnings, *told), skipped)


def _run(suite: Any, frame: pd.DataFrame) -> list[Any]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("survey").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    with warnings.catch_warnings():
        # Its warnings may quote values.
        warnings.simplefilter("ignore")
        outcome = batch.validate(
            suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}
        )
    return list(outcome.results)


def _raised(info: Mapping[str, object]) -> bool:
    """Whether an expectation, or one of the metrics it stands on (by id), raised an exception."""
    parts = [info, *(part for part in info.values() if isinstance(part, dict))]
    return any(part.get("raised_exception") for part in parts)


def _finding(result: Any, rows: int) -> Finding:
    config = result.expectation_config
    rule = str(config.meta["rule"])
    if _raised(result.exception_info or {}):
        # The exception's own text may hold values: only that it was raised is told.
        raise MetricError(f"rule {rule}: could not be evaluated; check the types of the table")
    columns = tuple(config.meta["columns"])
    counted = int(result.result.get("unexpected_count", 0 if result.success else rows))
    return Finding(
        rule=rule,
        columns=columns,
        severity="error" if str(config.severity.value) == "critical" else "warning",
        passed=bool(result.success),
        rows=counted,
        of=int(result.result.get("element_count", rows)),
        remedy=str(config.meta["remedy"]),
    )
