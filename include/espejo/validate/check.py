"""Runs the suite and keeps of its results what may be kept.

Great Expectations' results hold people's values (unexpected values, minima, tracebacks), so
what leaves this module is a whitelist: columns, rule, counts, shares, and for validation.json, in
the restricted area, which rows and codes were refused.
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from include.espejo.errors import MOST_REFUSED, InputError, MetricError
from include.espejo.lake.document import document_bytes
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.rules import unchecked
from include.espejo.validate.finding import Finding, Refused
from include.espejo.validate.oddities import blank_shares, oddities, unfit


@dataclass(frozen=True)
class Validation:
    """The findings on a table; `unchecked` are relations whose columns it lacks. `blank_shares`
    of the modelled columns are what the next period's are held against."""

    rows: int
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    unchecked: tuple[str, ...]
    blank_shares: dict[str, float]

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
    frame: pd.DataFrame,
    spec: SurveySpec,
    period: Period,
    warnings: tuple[str, ...] = (),
    before: Mapping[str, float] | None = None,
) -> Validation:
    """Check a typed table (see frames.to_frame) against its spec.

    `warnings` of the ingest are passed on; `before` are the shares of blanks in the period before.
    """
    from include.espejo.validate.suite import build_suite, with_relations

    skipped = tuple(unchecked(frame, spec))
    with_rules, about = with_relations(frame, spec, period)
    suite = build_suite(spec, with_rules, period, about)
    results = _run(suite.expectations, with_rules, _COUNTS)
    findings = [_finding(result, len(frame)) for result in results]
    failed = [r.expectation_config for r, f in zip(results, findings, strict=True) if not f.passed]
    refused = iter(_refused(failed, with_rules))
    findings = [f if f.passed else replace(f, refused=next(refused)) for f in findings]
    findings += unfit(frame, spec)
    told = [str(f) for f in findings if not f.passed and f.severity == "warning"]
    told += [f"relation {name}: not checked: the file lacks one of its columns" for name in skipped]
    return Validation(
        rows=len(frame),
        findings=tuple(findings),
        warnings=(*warnings, *told, *oddities(frame, spec, before)),
        unchecked=skipped,
        blank_shares=blank_shares(frame, spec),
    )


_LARGE = 1_000_000  # rows
_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}
_ROWS = {"result_format": "COMPLETE", "partial_unexpected_count": 0}


def _run(expectations: Sequence[Any], frame: pd.DataFrame, results: dict[str, object]) -> list[Any]:
    """The results of the expectations in their order.

    Of a large table those of the same columns are given these columns alone: the library copies
    its table for nearly every expectation. Of a small one they are run together, since it takes
    some tenths of a second to begin with.
    """
    large, by_columns = len(frame) > _LARGE, defaultdict(list)
    for at, expectation in enumerate(expectations):
        columns = _columns_read(expectation, frame) if large else tuple(frame.columns)
        by_columns[columns].append(at)
    found: dict[int, Any] = {}
    for columns, places in by_columns.items():
        some = [expectations[at] for at in places]
        found |= dict(zip(places, _results(some, frame[list(columns)], results), strict=True))
        if large:
            gc.collect()  # the library's objects know each other, and keep their table until then
    return [found[at] for at in range(len(expectations))]


def _results(some: Sequence[Any], frame: pd.DataFrame, form: dict[str, object]) -> list[Any]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It tells of a folder that it makes for pages that nobody builds.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    # A context of their own: it keeps all tables that it was ever given.
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("survey").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name="survey", expectations=list(some))
    with warnings.catch_warnings():
        # Its warnings may quote values.
        warnings.simplefilter("ignore")
        results = batch.validate(suite, result_format=form).results
    # The library has an order of its own.
    found = {_named(result.expectation_config): result for result in results}
    return [found[_named(expectation)] for expectation in some]


def _named(expectation: Any) -> tuple[str, ...]:
    return (str(expectation.meta["rule"]), *expectation.meta["columns"])


def _columns_read(expectation: Any, frame: pd.DataFrame) -> tuple[str, ...]:
    """Those that an expectation needs; to count the rows, any one does."""
    if hasattr(expectation, "column_list"):
        return tuple(expectation.column_list)
    return (getattr(expectation, "column", frame.columns[0]),)


def _refused(failed: Sequence[Any], frame: pd.DataFrame) -> list[Refused]:
    """Which rows the failed expectations refuse, by the same library, asked again for these."""
    if not failed:
        return []
    results = _run([config.to_domain_obj() for config in failed], frame, _ROWS)
    return [_of_rows(result.result) for result in results]


def _of_rows(result: Mapping[str, Any]) -> Refused:
    # Null where a rule is about the table as a whole.
    at, found = (result.get(f"unexpected_{name}") for name in ("index_list", "list"))
    rows = [] if at is None else [int(row) + 1 for row in at[:MOST_REFUSED]]
    values = [] if found is None else list(dict.fromkeys(map(str, found)))
    return Refused(tuple(rows), tuple(values[:MOST_REFUSED]))


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
    critical = str(config.severity.value) == "critical"
    tolerated = 0 < counted <= int(config.meta.get("at_most", 0))
    return Finding(
        rule=rule,
        columns=columns,
        severity="error" if critical and not tolerated else "warning",
        passed=bool(result.success),
        rows=counted,
        of=int(result.result.get("element_count", rows)),
        remedy=str(config.meta["remedy"]),
    )
