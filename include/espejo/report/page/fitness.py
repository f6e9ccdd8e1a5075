"""What a release may be used for: each use with the evidence for it, judged by stated limits.

A figure is near if it is within `NEAR` of what other real people of the same survey score (the
ceiling), or above `GOOD` where there is no ceiling. A use is fit if nine in ten figures are near,
one to be careful with if half of them are. Models and group figures have limits of their own. The
limits are a convention, told on the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.general.document import GeneralUtility, Matrix, Part
from include.espejo.evaluate.quality.document import Quality
from include.espejo.evaluate.scoring.references import ReferencedScore
from include.espejo.evaluate.specific.document import (
    Figure,
    GroupFigures,
    IndicatorFigures,
    Target,
)
from include.espejo.language import Label, text
from include.espejo.report.page.formats import DECIMALS

NEAR, GOOD = 0.05, 0.9
MOST_APART = 0.1  # of an association, real against synthetic
_FINE, _CARE = 0.9, 0.5
LEARNS = (-0.05, -0.15)  # AUC that a model may lose
AGREES = (0.05, 0.2)  # of the share of group figures, below that of other real people

Answer = Literal["fit", "care", "not_fit"]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Use:
    """A use, whether the table is fit for it, and of what the evidence is: so many of so many.

    `key`: the use in the manifest. `but`: the columns and pairs, by name, or the indicators that
    are not near, the worst first.
    """

    key: str
    name: Label
    answer: Answer
    near: int
    of: int
    unit: Label
    but: tuple[str | Label, ...] = ()


def uses(quality: Quality, utility: Utility) -> list[Use]:
    """The uses that the release has evidence on, from the least demanding up."""
    general, specific = utility.general, utility.specific
    found = (
        _files(quality),
        _columns(general.column_shapes.columns),
        _pairs(general),
        _together(general),
        _places(general.parts.parts),
        _groups(specific.groups),
        _indicators(specific.indicators),
        _models(specific.learning.targets or ()),
    )
    return [use for use in found if use is not None]


def fit_for(quality: Quality, utility: Utility) -> dict[str, Answer]:
    """The answers in the manifest and on the command line: by use, `fit`, `care` or `not_fit`."""
    return {use.key: use.answer for use in uses(quality, utility)}


def is_near(score: float, ceiling: float | None) -> bool:
    return score >= GOOD if ceiling is None else below_ceiling(score, ceiling) <= NEAR


def below_ceiling(score: float, ceiling: float) -> float:
    """What a score lacks, 0 above the ceiling. Rounded as both are: 0.95 - 0.9 is over 0.05."""
    return max(0.0, round(ceiling - score, DECIMALS))


def judge_pairs(general: GeneralUtility) -> Iterator[tuple[Pair, bool]]:
    """The pairs that are associated in either table, and whether each is near.

    A pair is if its cells are, and if the association itself is kept. Weak ones count from
    `MOST_APART` up: an association of 0.2 that is gone is missed in every analysis by group.
    None is kept that the synthetic rows do not have, as where a column has one value alone.
    """
    real, other = _associations(general, "real"), _associations(general, "synthetic")
    apart = _associations(general, "difference")
    for pair in general.pair_trends.pairs:
        names = pair.columns
        moved = abs(apart.get(names) or 0) > MOST_APART
        related = pair.associated or moved or abs(real.get(names) or 0) > MOST_APART
        lost = real.get(names) is not None and other.get(names) is None
        if related and (lost or pair.score is not None):
            near = pair.score is not None and is_near(pair.score, pair.ceiling)
            yield names, near and not (moved or lost)


def _associations(
    general: GeneralUtility, side: Literal["real", "synthetic", "difference"]
) -> dict[Pair, float | None]:
    known = general.associations
    matrix: Matrix = getattr(known, side)
    return {
        (a, b): matrix[i][j]
        for i, a in enumerate(known.columns)
        for j, b in enumerate(known.columns)
    }


def _judged(
    key: str, name: Label, unit: Label, near: int, of: int, but: Sequence[str | Label] = ()
) -> Use | None:
    if not of:
        return None
    answer = _answer(near / of, _FINE, _CARE)
    return Use(key, name, answer, near, of, unit, tuple(but))


def _answer(figure: float, fit: float, care: float) -> Answer:
    return "fit" if figure >= fit else "care" if figure >= care else "not_fit"


def _files(quality: Quality) -> Use | None:
    checks = [quality.diagnostic.data_structure == 1, not quality.broken_rules]
    name = text("Learning the structure, writing and testing programs")
    unit = text("checks of layout and rules pass")
    return _judged("structure", name, unit, sum(checks), len(checks))


def _columns(shapes: Mapping[str, ReferencedScore]) -> Use | None:
    known = _scored(shapes)
    far = [n for n, score in known.items() if not is_near(score, shapes[n].ceiling)]
    name = text("Distribution of one column")
    unit = text("columns near their ceiling")
    far.sort(key=lambda n: known[n])
    return _judged("columns", name, unit, len(known) - len(far), len(known), far)


def _scored(scores: Mapping[str, ReferencedScore]) -> dict[str, float]:
    """Those that there are."""
    return {name: told.score for name, told in scores.items() if told.score is not None}


def _pairs(general: GeneralUtility) -> Use | None:
    judged = dict(judge_pairs(general))
    apart, real = _associations(general, "difference"), _associations(general, "real")
    far = [pair for pair, near in judged.items() if not near]

    def moved(pair: Pair) -> float:
        """What is gone altogether has no difference: all of it is lost."""
        difference = apart.get(pair)
        return abs((real.get(pair) if difference is None else difference) or 0)

    far.sort(key=moved, reverse=True)
    name = text("Relation of two columns")
    unit = text("related pairs are kept")
    but = [f"{a} × {b}" for a, b in far]
    return _judged("pairs", name, unit, len(judged) - len(far), len(judged), but)


def _places(parts: Mapping[str, Part]) -> Use | None:
    trends = {code: part.pair_trends for code, part in parts.items()}
    known = _scored(trends)
    if len(known) < 2:
        return None
    near = sum(is_near(score, trends[code].ceiling) for code, score in known.items())
    name = text("Analysis of one place")
    unit = text("places near their ceiling")
    return _judged("places", name, unit, near, len(known))


def _together(general: GeneralUtility) -> Use | None:
    """Several columns at once: views of three and four columns, and the classifier's AUC."""
    sizes = general.k_marginal.by_size
    told = [_mapped(sizes[n], lambda score: score / 1000) for n in ("3", "4") if n in sizes]
    # Of the classifier less is better, down to one half.
    told.append(_mapped(general.classifier, lambda auc: 1.5 - max(auc, 0.5)))
    known = [(score, ceiling) for score, ceiling in told if score is not None]
    near = sum(is_near(score, ceiling) for score, ceiling in known)
    name = text("Relation of three or more columns")
    unit = text("scores near their ceiling")
    return _judged("several_columns", name, unit, near, len(known))


def _mapped(
    told: ReferencedScore, to_share: Callable[[float], float]
) -> tuple[float | None, float | None]:
    """Score and ceiling on a scale where 1 is best."""
    score, ceiling = (
        None if figure is None else to_share(figure) for figure in (told.score, told.ceiling)
    )
    return score, ceiling


def _groups(told: GroupFigures) -> Use | None:
    """Group figures that differ from the real ones by no more than their sampling errors."""
    score, figures = told.score, told.figures
    if score is None:
        return None
    best = 1 - AGREES[0] if told.ceiling is None else told.ceiling
    answer = _answer(-below_ceiling(score, best), -AGREES[0], -AGREES[1])
    name = text("Figures by group")
    unit = text("group figures agree, apart from sampling error")
    known = _scored(told.columns)
    far = [n for n, found in known.items() if _below(found, told.columns[n], best) > AGREES[0]]
    far.sort(key=lambda n: known[n])
    return Use("groups", name, answer, round(score * figures), figures, unit, tuple(far))


def _below(score: float, of_column: ReferencedScore, best: float) -> float:
    """How far a column's figures are below their ceiling, or below `best` where they have none."""
    return below_ceiling(score, best if of_column.ceiling is None else of_column.ceiling)


def _indicators(indicators: Sequence[IndicatorFigures]) -> Use | None:
    overlaps = [(indicator, _overlaps(indicator.figures)) for indicator in indicators]
    every = [overlap for _, told in overlaps for overlap in told]
    far = sorted(
        ((min(told), i.label) for i, told in overlaps if told and min(told) <= 0),
        key=lambda worst: worst[0],
    )
    name = text("The survey's indicators")
    unit = text("figures whose intervals overlap")
    return _judged(
        "indicators",
        name,
        unit,
        sum(overlap > 0 for overlap in every),
        len(every),
        [label for _, label in far],
    )


def _overlaps(figures: Sequence[Figure]) -> list[float]:
    """Of the figures that real people give; one without a synthetic figure is infinitely apart."""
    known = [figure for figure in figures if figure.real is not None]
    overlaps = [-math.inf if figure.synthetic is None else figure.overlap for figure in known]
    return [overlap for overlap in overlaps if overlap is not None]


def _models(targets: Sequence[Target]) -> Use | None:
    """Judged by the worst column: what its best model loses by learning from synthetic rows."""
    known = {t.target: t.scores["auc"].difference for t in targets if t.scores}
    if not known:
        return None
    worst = min(known.values())
    answer = _answer(worst, *LEARNS)
    far = sorted((n for n, loss in known.items() if loss < LEARNS[0]), key=lambda n: known[n])
    name = text("Training models that predict")
    unit = text("columns lose less than {most} of AUC", most=-LEARNS[0])
    return Use("models", name, answer, len(known) - len(far), len(known), unit, tuple(far))
