"""The part `general` of utility.json: how like the real table the synthetic one is."""

from __future__ import annotations

from include.espejo.evaluate.scoring.references import ReferencedScore
from include.espejo.lake.publication import (
    Amount,
    Difference,
    Exact,
    FigureDocument,
    Restricted,
    Rounded,
    Whole,
)

Matrix = tuple[tuple[float | None, ...], ...]


class ColumnShape(ReferencedScore):
    """`uniform`: what a table scores that has every level of the training rows equally often."""

    uniform: float


class ColumnShapes(ColumnShape):
    """The mean of the columns' shapes, and each column's."""

    columns: dict[str, ColumnShape]


class PairTrend(ReferencedScore):
    """Two columns; `associated`: in the training rows."""

    columns: tuple[str, str]
    associated: bool


class PairTrends(ReferencedScore):
    """The mean over all pairs and over the associated ones, and each pair's."""

    associated: ReferencedScore
    pairs: tuple[PairTrend, ...]


class Marginals(ReferencedScore):
    """The k-marginal score, 0 to 1000, and that of views of each size.

    `always`: the column that is in every view; `marginals`: how many views of each size there are.
    """

    by_size: dict[str, ReferencedScore]
    always: str | None
    marginals: dict[str, int]


class Pmse(FigureDocument):
    """`null`: the expectation for indistinguishable tables; `ratio`: pmse divided by it."""

    pmse: float
    null: Restricted[float] = None
    ratio: float | None


class PropensityModel(FigureDocument):
    """A model's pMSE for each contestant; None for one that there is not."""

    score: Pmse | None
    ceiling: Pmse | None
    floor: Pmse | None


class Propensity(FigureDocument):
    """By model. `rows`: of each table."""

    logistic: PropensityModel
    tree: PropensityModel
    rows: Restricted[int] = None


class Classifier(ReferencedScore):
    """The AUC of boosted trees, less being better. `rows`: of each table."""

    rows: Restricted[int] = None
    folds: Exact[int]
    trees: Exact[int]


class Part(FigureDocument):
    """The scores of one part of the widest geography."""

    column_shapes: ReferencedScore
    pair_trends: ReferencedScore


class Parts(FigureDocument):
    """The parts of geography level `level`; how many are merged into one, or left out."""

    level: str | None
    parts: dict[str, Part]
    merged: Exact[int]
    left_out: Exact[int]


class Moments(FigureDocument):
    """A number's figures in one table; None stands on fewer people than the floor.

    `quantiles`: by share, as text; `shares`: of rows, of special codes, blanks and ordinary values.
    """

    mean: float | None
    standard_deviation: float | None
    quantiles: dict[str, float | None]
    shares: Rounded[dict[str, float | None]]


class NumberComparison(FigureDocument):
    """A number in both tables."""

    real: Moments
    synthetic: Moments
    difference: Difference[Moments]


class MeanDifference(FigureDocument):
    """Of the synthetic rows, and of held-out households."""

    score: float | None
    ceiling: float | None


class Associations(FigureDocument):
    """Matrices of `columns` by `columns`; `undefined`: pairs without a figure in the real rows."""

    columns: tuple[str, ...]
    measures: tuple[tuple[str, ...], ...]
    real: Matrix
    synthetic: Matrix
    difference: Difference[Matrix]
    undefined: tuple[tuple[str, str], ...]
    mean_absolute_difference: MeanDifference


class GeneralSettings(FigureDocument):
    """What a figure depends on beside the tables: two releases' are comparable if it is equal."""

    bins: int
    most_codes: int
    association_threshold: float
    least_people: int
    rows: Restricted[dict[str, int]] = None
    propensity_rows: int
    propensity_products: int
    classifier_rows: int
    marginals_of_each_size: int
    has_ceiling: bool


class GeneralUtility(FigureDocument):
    """Every score with its references (`scoring/references.py`)."""

    column_shapes: Rounded[ColumnShapes]
    pair_trends: Rounded[PairTrends]
    k_marginal: Whole[Marginals]
    propensity: Rounded[Propensity]
    classifier: Rounded[Classifier]
    parts: Rounded[Parts]
    numbers: Amount[dict[str, NumberComparison]]
    associations: Rounded[Associations]
    unscored_columns: tuple[str, ...]
    settings: Exact[GeneralSettings]
