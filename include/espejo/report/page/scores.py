"""The headline scores: each on a track between its baseline and its ceiling."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.general.document import PropensityModel
from include.espejo.evaluate.periods.document import Comparison, EarlierSummary
from include.espejo.evaluate.quality.document import Quality
from include.espejo.evaluate.scoring.references import ReferencedScore
from include.espejo.evaluate.specific.document import Target
from include.espejo.language import Label, text


@dataclass(frozen=True)
class Track:
    """Where marks lie on a track, in per cent of its width; None for what there is not."""

    score: float
    ceiling: float | None
    baseline: float | None
    previous: float | None = None


@dataclass(frozen=True)
class Headline:
    """A score with its references, on equally many rows. `whole`: written without decimals.

    `change`: since the previous release, both scored alike. `all_rows`: the score of every row,
    which the manifest tells; None where there is no other than `score`.
    """

    name: Label
    about: Label
    score: float
    ceiling: float | None
    baseline: float | None
    baseline_is: Label
    change: float | None
    track: Track
    whole: bool = False
    all_rows: float | None = None


_SHUFFLED = text("columns shuffled")
_EVEN = text("all values equally frequent")
_OVERALL = text("Overall quality")
_SHAPES = text("Columns")
_PAIRS = text("Associated pairs")
_NOTHING_LEARNT = text("a model that learns nothing")
_VIEWS = {
    "3": text("Three columns at a time"),
    "4": text("Four columns at a time"),
}
_CLASSIFIER = text("Distinguishability (AUC)")
_GROUPS = text("Figures by group")
_MODELS = text("Loss of models (AUC)")
_PROPENSITY = text("Propensity (pMSE)")

_ABOUTS = {
    "overall": text("Mean of columns and pairs (SDMetrics)."),
    "column_shapes": text("Does each column have the same distribution?"),
    "column_pair_trends": text("Are related columns still related?"),
    "k_marginal": text("Overlap in views of these columns, 0 to 1000 (k-marginal, NIST)."),
    "propensity": text(
        "Can a decision tree recognise synthetic rows? 1 means that it cannot; lower is better."
    ),
    "classifier": text(
        "Can boosted trees recognise synthetic rows? 0.5 means that they cannot; lower is better."
    ),
    "groups": text("How many agree with the real figures, apart from sampling error?"),
    "models": text("The AUC that a model loses by learning from synthetic rows; lower is better."),
}


def headlines(quality: Quality, utility: Utility, comparison: Comparison) -> list[Headline]:
    """The scores of the first screen that the release has."""
    general, specific = utility.general, utility.specific
    return [
        *_quality(quality, general.column_shapes.uniform, next(iter(comparison.previous), None)),
        *_marginals(general.k_marginal.by_size),
        *_propensity(general.propensity.tree),
        *_classifier(general.classifier),
        *_groups(specific.groups),
        *_models(specific.learning.targets or ()),
    ]


def _quality(quality: Quality, uniform: float, before: EarlierSummary | None) -> Iterator[Headline]:
    names = {"overall": _OVERALL, "column_shapes": _SHAPES, "column_pair_trends": _PAIRS}
    for name, label in names.items():
        score: float | None = getattr(quality, name)
        if score is None:
            continue
        known = quality.references[name]
        equal, baseline, baseline_is = known.score, known.floor, _SHUFFLED
        if name == "column_shapes":
            # Shuffling keeps every column as it is: that baseline would say nothing.
            baseline, baseline_is = uniform, _EVEN
        shown = score if equal is None else equal
        last = _before(before, name, equal_rows=equal is not None)
        yield Headline(
            label,
            _ABOUTS[name],
            shown,
            known.ceiling,
            baseline,
            baseline_is,
            None if last is None else shown - last,
            track(shown, known.ceiling, baseline, last),
            all_rows=None if equal is None else score,
        )


def _before(before: EarlierSummary | None, name: str, *, equal_rows: bool) -> float | None:
    """Like with like: a score of all rows is higher than one of fewer."""
    if before is None:
        return None
    every: float | None = getattr(before, name)
    return before.equal_rows.get(name) if equal_rows else every


def _marginals(by_size: Mapping[str, ReferencedScore]) -> Iterator[Headline]:
    for size, name in _VIEWS.items():
        known = by_size.get(size)
        if known is not None and known.score is not None:
            place = track(known.score, known.ceiling, known.floor, best=1000)
            yield _of_shuffled(name, "k_marginal", known.score, known, place, whole=True)


def _classifier(known: ReferencedScore) -> Iterator[Headline]:
    if known.score is not None:
        place = _falling(known.score, known.ceiling, known.floor, best=0.5)
        yield _of_shuffled(_CLASSIFIER, "classifier", known.score, known, place)


def _groups(known: ReferencedScore) -> Iterator[Headline]:
    if known.score is not None:
        place = track(known.score, known.ceiling, known.floor)
        yield _of_shuffled(_GROUPS, "groups", known.score, known, place)


def _of_shuffled(
    name: Label,
    about: str,
    score: float,
    known: ReferencedScore,
    place: Track,
    *,
    whole: bool = False,
) -> Headline:
    """A score with shuffled columns as its baseline, which earlier releases did not publish."""
    ceiling, baseline = known.ceiling, known.floor
    return Headline(
        name, _ABOUTS[about], score, ceiling, baseline, _SHUFFLED, None, place, whole=whole
    )


def _models(targets: Sequence[Target]) -> Iterator[Headline]:
    """The mean loss over the columns that can be scored; real people lose nothing. A model that
    learns nothing has an AUC of one half, which is what shuffled columns leave of it."""
    known = [target.scores["auc"] for target in targets if target.scores]
    if known:
        lost = -sum(auc.difference for auc in known) / len(known)
        baseline = sum(auc.train_real for auc in known) / len(known) - 0.5
        yield Headline(
            _MODELS,
            _ABOUTS["models"],
            lost,
            0.0,
            baseline,
            _NOTHING_LEARNT,
            None,
            _falling(lost, 0.0, baseline, best=0.0),
        )


def _propensity(tree: PropensityModel) -> Iterator[Headline]:
    sides = (tree.score, tree.ceiling, tree.floor)
    score, ceiling, baseline = (None if side is None else side.ratio for side in sides)
    if score is not None:
        # Ratios: one of 2 is as far from 1 as one of 4 is from 2. The best is 1, on the right.
        logs = [None if v is None else -math.log(max(v, 1e-3)) for v in (score, ceiling, baseline)]
        place = track(logs[0] or 0.0, logs[1], logs[2], best=0)
        yield Headline(
            _PROPENSITY, _ABOUTS["propensity"], score, ceiling, baseline, _SHUFFLED, None, place
        )


def _falling(score: float, ceiling: float | None, baseline: float | None, best: float) -> Track:
    """A track on which less is better: the best is on the right."""
    turned = [None if mark is None else -mark for mark in (score, ceiling, baseline)]
    return track(turned[0] or 0.0, turned[1], turned[2], best=-best)


def track(
    score: float,
    ceiling: float | None,
    baseline: float | None,
    previous: float | None = None,
    best: float = 1.0,
) -> Track:
    """Places of the marks, from just under the lowest on the left to `best` on the right."""
    marks = [mark for mark in (score, ceiling, baseline, previous) if mark is not None]
    high = max(best, *marks)
    low = min(*marks, high - abs(high) * 0.05 - 1e-9)
    low -= (high - low) * 0.06

    def place(mark: float | None) -> float | None:
        return None if mark is None else round(100 * (mark - low) / (high - low), 1)

    return Track(place(score) or 0.0, place(ceiling), place(baseline), place(previous))
