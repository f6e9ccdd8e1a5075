"""SDMetrics' quality and diagnostic reports with pinned settings.

A column or pair that fails to compute becomes NaN in SDMetrics and drops out of the mean, so that
a table which lost a column would gain by it. Here it scores 0, unless so few values were to be
expected that there is nothing to compare: then it is named as not scored. NaN by design are pairs
whose real association is below threshold, and pairs of numbers of which the real rows have no
correlation: one of the two does not vary.

SDMetrics works on text and pair by pair, so that its time grows with the square of the columns:
12 minutes at 150 columns of 5,000 rows. Of more than MOST_PAIRED columns pairs are scored among so
many, drawn by the seed; every column's shape is scored whatever their number.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include.espejo.errors import MetricError
from include.espejo.evaluate.quality.document import Diagnostic

if TYPE_CHECKING:
    from sdmetrics.reports.single_table import QualityReport

# Pinned, so that figures of two quarters can be compared: SDMetrics 0.32's own thresholds, and
# no subsample (its default draws 50,000 rows from the global generator).
CORRELATION_THRESHOLD = 0.5
ASSOCIATION_THRESHOLD = 0.3
MOST_PAIRED = 60  # columns: 1,770 pairs
_LEAST = 5e-324  # a threshold, the least above none
_FEWEST_EXPECTED = 5  # values: as few may well be missing in a draw by chance

Metadata = dict[str, dict[str, dict[str, str]]]  # SDMetrics': "columns", name, "sdtype"


@dataclass(frozen=True)
class QualityFigures:
    """QualityReport's figures, 0 to 1; those of pairs are None where no pair has one.

    `paired`: the columns that pairs were scored among. `unscored_columns`, `unscored_pairs`: those
    in which there was nothing to compare.
    """

    overall: float
    shapes: float
    pair_trends: float | None
    pair_trends_all: float | None
    shape_details: pd.DataFrame
    pair_details: pd.DataFrame
    paired: tuple[str, ...]
    unscored_columns: tuple[str, ...]
    unscored_pairs: tuple[str, ...]


def paired_columns(metadata: Metadata, seed: int) -> list[str]:
    """The columns whose pairs SDMetrics scores: all, or MOST_PAIRED of them, in their order."""
    names = list(metadata["columns"])
    if len(names) <= MOST_PAIRED:
        return names
    chosen = np.random.default_rng([seed, 8]).choice(len(names), MOST_PAIRED, replace=False)
    return [names[place] for place in sorted(chosen)]


def quality(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    metadata: Metadata,
    paired: Sequence[str] | None = None,
) -> QualityFigures:
    """The quality report, and beside it the mean over all pairs. Raises MetricError.

    `paired`: see `paired_columns`; None for all.
    """
    names = list(metadata["columns"] if paired is None else paired)
    sides = real[names], synthetic[names], _of_columns(metadata, names)
    report, with_threshold, without = _scored_pairs(*sides)
    flat = _uncorrelated_pairs(real, sides[2])
    expected = _Expected(real, len(synthetic))
    pairs, unscored_pairs = _settled_pairs(with_threshold, flat, expected)
    every, _ = _settled_pairs(without, flat, expected)
    details, unscored = expected.settled(_shapes(report, real, synthetic, metadata))
    if details["Score"].isna().all():
        raise MetricError("no column can be compared; draw more rows, or check the columns' kinds")
    shapes = float(details["Score"].mean())
    trends = _number(pairs["Score"][pairs["Meets Threshold?"]].mean()) if len(pairs) else None
    return QualityFigures(
        # As SDMetrics has it: the mean of its two properties, or of the one that has a score.
        overall=shapes if trends is None else (shapes + trends) / 2,
        shapes=shapes,
        pair_trends=trends,
        pair_trends_all=_number(every["Score"].mean()) if len(every) else None,
        shape_details=details,
        pair_details=pairs.assign(
            **{"Score Without Threshold": every["Score"] if len(every) else None}
        ),
        paired=tuple(names),
        unscored_columns=unscored,
        unscored_pairs=unscored_pairs,
    )


def _scored_pairs(
    real: pd.DataFrame, synthetic: pd.DataFrame, metadata: Metadata
) -> tuple[QualityReport, pd.DataFrame, pd.DataFrame]:
    """A report, and the details of its pairs with the thresholds and without them.

    With a threshold SDMetrics tells what a pair has in the real rows, with none it scores them all.
    With the least threshold that there is it does both at once, unless a pair has nothing or fails.
    """
    report = _generate(real, synthetic, metadata, _LEAST, _LEAST)
    every = report.get_details("Column Pair Trends")
    if every.empty:
        return report, every, every
    if "Error" in every or every["Score"].isna().any():
        report = _generate(real, synthetic, metadata, CORRELATION_THRESHOLD, ASSOCIATION_THRESHOLD)
        without = _generate(real, synthetic, metadata, 0.0, 0.0)
        return report, *(r.get_details("Column Pair Trends") for r in (report, without))
    meets = (every["Real Correlation"].abs() > CORRELATION_THRESHOLD) | (
        every["Real Association"] > ASSOCIATION_THRESHOLD
    )
    above = {name: every[name].where(meets) for name in ("Score", "Synthetic Correlation")}
    return report, every.assign(**above, **{"Meets Threshold?": meets}), every


@dataclass(frozen=True)
class _Expected:
    """How many values a synthetic table of so many rows should have, by the real one."""

    real: pd.DataFrame
    rows: int

    def settled(self, details: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The details with 0 for what the synthetic rows lost, and the names of what has no score.

        A score that failed is lost where values were to be expected, and none where hardly any was.
        """
        failed = details["Score"].isna()
        if "Meets Threshold?" in details:
            failed &= details["Meets Threshold?"].astype(bool)
        if "Error" in details:
            failed |= details["Error"].notna()
        labels = [c for c in ("Column", "Column 1", "Column 2") if c in details]
        details, unscored = details.copy(), []
        for row in details.index[failed]:
            names = [str(name) for name in details.loc[row, labels]]
            lost = self._of(names) >= _FEWEST_EXPECTED
            details.loc[row, "Score"] = 0.0 if lost else np.nan
            if not lost:
                unscored.append(" x ".join(names))
        return details, tuple(unscored)

    def _of(self, names: list[str]) -> float:
        """Values that could be compared: of a number that does not vary there is none."""
        filled = self.real[names].dropna()
        return len(filled) / max(len(self.real), 1) * self.rows


def _shapes(
    report: QualityReport, real: pd.DataFrame, synthetic: pd.DataFrame, metadata: Metadata
) -> pd.DataFrame:
    """The details of every column's shape: of those beside the report's own, too."""
    if len(report.get_details("Column Shapes")) == len(metadata["columns"]):
        return report.get_details("Column Shapes")
    from sdmetrics.reports.single_table._properties import ColumnShapes

    shapes = ColumnShapes()
    shapes.num_rows_subsample = None
    shapes.get_score(real, synthetic, metadata)
    return shapes.details


def _of_columns(metadata: Metadata, names: Sequence[str]) -> Metadata:
    return {"columns": {name: metadata["columns"][name] for name in names}}


def scores_alike(
    found: QualityFigures, real: pd.DataFrame, other: pd.DataFrame, metadata: Metadata
) -> dict[str, float | None]:
    """What another table scores over the columns and pairs that `found` is over, by the name in
    quality.json; None where it gives no score for one of them, such as a column that does not
    vary in so few rows.
    """
    names = list(found.paired)
    report = _generate(real[names], other[names], _of_columns(metadata, names), 0.0, 0.0)
    scores = report.get_details("Column Pair Trends").get("Score", pd.Series(dtype=float))
    pairs = found.pair_details
    scored = pairs["Score Without Threshold"].notna() if len(pairs) else np.array([], dtype=bool)
    meets = pairs["Meets Threshold?"] & pairs["Score"].notna() if len(pairs) else scored
    known_shapes = found.shape_details["Score"].notna().to_numpy()
    shapes = _mean(_shapes(report, real, other, metadata)["Score"][known_shapes])
    trends = _mean(scores[meets])
    known = [shapes, trends] if found.pair_trends is not None else [shapes]
    return {
        "overall": None if None in known else float(np.mean([k for k in known if k is not None])),
        "column_shapes": shapes,
        "column_pair_trends": trends,
        "column_pair_trends_all_pairs": _mean(scores[scored]),
    }


def _mean(scores: pd.Series) -> float | None:
    """None of nothing, and where one of the scores is missing."""
    return None if scores.isna().any() or scores.empty else float(scores.mean())


def _number(score: float) -> float | None:
    """A score as JSON can hold it."""
    return None if pd.isna(score) else float(score)


def _report(name: str) -> Any:
    """One of SDMetrics' reports for one table; their import takes seconds that few need pay."""
    with warnings.catch_warnings():
        # They announce that they will move; the notebook uses them.
        warnings.simplefilter("ignore", FutureWarning)
        from sdmetrics.reports import single_table

        return getattr(single_table, name)()


def _generate(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    metadata: Metadata,
    correlation: float,
    association: float,
) -> QualityReport:
    report = _report("QualityReport")
    report.num_rows_subsample = None
    report.real_correlation_threshold = correlation
    report.real_association_threshold = association
    report.generate(real, synthetic, metadata, verbose=False)
    return report


def diagnostic(real: pd.DataFrame, synthetic: pd.DataFrame, metadata: Metadata) -> Diagnostic:
    """DiagnosticReport's figures: a column without any synthetic value has no validity."""
    report = _report("DiagnosticReport")
    report.generate(real, synthetic, metadata, verbose=False)
    validity, structure = (
        float(report.get_details(name)["Score"].mean())
        for name in ("Data Validity", "Data Structure")
    )
    return Diagnostic(
        overall=(validity + structure) / 2, data_validity=validity, data_structure=structure
    )


def _uncorrelated_pairs(real: pd.DataFrame, metadata: Metadata) -> set[frozenset[str]]:
    """Pairs of numbers where one has at most one value in the rows where both are filled."""
    numbers = [n for n, c in metadata["columns"].items() if c["sdtype"] == "numerical"]
    pairs = [frozenset(pair) for pair in combinations(numbers, 2)]
    return {pair for pair in pairs if (real[sorted(pair)].dropna().nunique() < 2).any()}


def _settled_pairs(
    details: pd.DataFrame, flat: set[frozenset[str]], expected: _Expected
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The details of the pairs; what has no real correlation to compare is below threshold."""
    if details.empty:
        return details, ()
    details = details.copy()
    names = zip(details["Column 1"], details["Column 2"], strict=True)
    undefined = np.array([frozenset(pair) in flat for pair in names])
    details.loc[undefined, "Score"] = np.nan
    # An object column, since a pair that failed has no answer here.
    meets = details["Meets Threshold?"].astype(object)
    details["Meets Threshold?"] = meets.where(meets.notna(), other=True).astype(bool) & ~undefined
    if "Error" in details:
        details.loc[undefined, "Error"] = None
    return expected.settled(details)
