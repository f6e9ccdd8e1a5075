"""The part `specific` of utility.json: whether the analyses that a release is for come out."""

from __future__ import annotations

from include.espejo.evaluate.quality.document import Sides
from include.espejo.evaluate.scoring.agreement import Agreement
from include.espejo.lake.publication import (
    Amount,
    Exact,
    FigureDocument,
    Restricted,
    Rounded,
)
from include.espejo.language import Label
from include.espejo.survey.disclosure import Floor
from include.espejo.survey.model import Band

Ends = tuple[float, float]  # of an interval

_AMOUNTS = ("mean", "median", "first_quartile", "third_quartile")


class Measured(FigureDocument):
    """What is measured: a statistic of a group, and of a category where it is a distribution."""

    statistic: str
    group: str
    category: str

    @property
    def is_amount(self) -> bool:
        """False for a share."""
        return self.statistic in _AMOUNTS


class Figure(Measured):
    """A figure of both tables; None where one has none. Intervals are bootstrapped."""

    real: Amount[float | None]
    real_interval: Amount[Ends | None]
    synthetic: Amount[float | None]
    synthetic_interval: Amount[Ends | None]
    overlap: Rounded[float | None]
    relative_error: Rounded[float | None]
    weighted_real: Amount[float | None] = None
    weighted_synthetic: Amount[float | None] = None


class WeightTotal(FigureDocument):
    """What the weights of a group add up to, in the survey or as published, and in the release."""

    by: tuple[str, ...]
    group: tuple[str, ...]
    total: Amount[float]
    released: Amount[float]


class LeftOutCounts(FigureDocument):
    """How many groups and shares are under the floor, and groups that no real person is in."""

    groups: Exact[int]
    shares: Exact[int]
    synthetic_groups_without_real_people: Exact[int]


class Summary(FigureDocument):
    """How an indicator's figures agree; `disjoint`: figures whose intervals do not overlap."""

    mean_overlap: Rounded[float | None]
    disjoint: Exact[int]
    missing: Exact[int]
    median_absolute_relative_error: Rounded[float | None]


class IndicatorFigures(Summary):
    """An indicator as the spec has it, its figures, and what was left out."""

    name: str
    label: Label
    statistics: tuple[str, ...]
    of: str
    among: str | None
    by: Exact[tuple[str | Band, ...]]
    figures: tuple[Figure, ...]
    left_out: LeftOutCounts


class DrawnBy(FigureDocument):
    """What the bootstrap draws of each table: `row` or `household`."""

    real: str
    synthetic: str


class SpecificSettings(FigureDocument):
    """What the intervals depend on. `level`: of the intervals."""

    rows: Sides
    households: Restricted[int] = None
    drawn_by: DrawnBy
    replicates: Exact[int]
    level: Exact[float]
    floor: Exact[Floor]


class GroupSettings(FigureDocument):
    """The fewest people of a figure, the most views, and the level that figures agree at."""

    least_people: int
    most_views: int
    level: float


class GroupFigures(Agreement):
    """The share of group figures that agree: of all, of each kind and of each sensitive column."""

    derived: Agreement
    indicators: Agreement
    columns: dict[str, Agreement]
    settings: Exact[GroupSettings]


class LearningScore(FigureDocument):
    """A score of the model that learnt from real rows, of the other, and their difference."""

    train_real: float
    train_synthetic: float
    difference: float
    difference_interval: Ends | None


class Target(FigureDocument):
    """A sensitive column. If it has no scores, `scores` is None and `reason` says why."""

    target: str
    classes: Exact[int]
    scored_classes: Exact[int]
    scores: Rounded[dict[str, LearningScore] | None]
    reason: str | None


class LearningSettings(FigureDocument):
    """What the models learn from and are tested on."""

    features: tuple[str, ...]
    learnt_rows: Restricted[int] = None
    tested_rows: Restricted[int] = None
    tested_households: Restricted[int] = None
    trees: Exact[int]
    replicates: Exact[int]
    level: Exact[float]


class LearningUtility(FigureDocument):
    """Models that learn from either table. Without any, `targets` is None; `reason` says why."""

    targets: tuple[Target, ...] | None
    reason: str | None
    settings: LearningSettings | None = None


class SpecificUtility(FigureDocument):
    """Indicators, group figures and models on real rows beside synthetic ones."""

    weighted: bool
    note: Label
    must_not_be_computed: Label
    settings: SpecificSettings
    weight: str | None = None
    weight_totals: tuple[WeightTotal, ...] = ()
    indicators: tuple[IndicatorFigures, ...]
    groups: Rounded[GroupFigures]
    learning: LearningUtility
