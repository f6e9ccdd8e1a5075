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
from typing import Any, Literal

from include.espejo.report.page.formats import DECIMALS
from include.espejo.survey.column import Label

NEAR, GOOD = 0.05, 0.9
MOST_APART = 0.1  # of an association, real against synthetic
_FINE, _CARE = 0.9, 0.5
LEARNS = (-0.05, -0.15)  # AUC that a model may lose
AGREES = (0.05, 0.2)  # of the share of group figures, below that of other real people

Answer = Literal["fit", "care", "not_fit"]
Figures = Mapping[str, Any]


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


def uses(quality: Figures, utility: Figures) -> list[Use]:
    """The uses that the release has evidence on, from the least demanding up."""
    general, specific = utility.get("general") or {}, utility.get("specific") or {}
    found = (
        _files(quality),
        _columns(general),
        _pairs(general),
        _together(general),
        _places(general),
        _groups(specific),
        _indicators(specific),
        _models(specific),
    )
    return [use for use in found if use is not None]


def fit_for(quality: Figures, utility: Figures) -> dict[str, Answer]:
    """What the manifest and the command line tell: by use, `fit`, `care` or `not_fit`."""
    return {use.key: use.answer for use in uses(quality, utility)}


def is_near(score: float, ceiling: float | None) -> bool:
    return score >= GOOD if ceiling is None else below_ceiling(score, ceiling) <= NEAR


def below_ceiling(score: float, ceiling: float) -> float:
    """What a score lacks, 0 above the ceiling. Rounded as both are: 0.95 - 0.9 is over 0.05."""
    return max(0.0, round(ceiling - score, DECIMALS))


def judge_pairs(general: Figures) -> Iterator[tuple[tuple[str, str], bool]]:
    """The pairs that are associated in either table, and whether each is near.

    A pair is if its cells are, and if the association itself is kept. Weak ones count from
    `MOST_APART` up: an association of 0.2 that is gone is missed in every analysis by group.
    None is kept that the synthetic rows do not have, as where a column has one value alone.
    """
    real, other, apart = (
        _associations(general, side) for side in ("real", "synthetic", "difference")
    )
    for pair in (general.get("pair_trends") or {}).get("pairs") or ():
        names = pair["columns"][0], pair["columns"][1]
        moved = abs(apart.get(names) or 0) > MOST_APART
        related = pair["associated"] or moved or abs(real.get(names) or 0) > MOST_APART
        lost = real.get(names) is not None and other.get(names) is None
        if related and (lost or pair.get("score") is not None):
            kept = not (moved or lost) and is_near(pair["score"], pair.get("ceiling"))
            yield names, kept


def _associations(general: Figures, side: str) -> dict[tuple[str, str], float | None]:
    known = general.get("associations") or {}
    names = known.get("columns") or []
    return {(a, b): known[side][i][j] for i, a in enumerate(names) for j, b in enumerate(names)}


def _judged(
    key: str, name: Label, unit: Label, near: int, of: int, but: Sequence[str | Label] = ()
) -> Use | None:
    if not of:
        return None
    answer = _answer(near / of, _FINE, _CARE)
    return Use(key, name, answer, near, of, unit, tuple(but))


def _answer(figure: float, fit: float, care: float) -> Answer:
    return "fit" if figure >= fit else "care" if figure >= care else "not_fit"


def _files(quality: Figures) -> Use | None:
    checks = [
        (quality.get("diagnostic") or {}).get("data_structure") == 1,
        not quality.get("broken_rules"),
    ]
    name = Label(
        es="Conocer la estructura, escribir y probar programas",
        en="Learning the structure, writing and testing programs",
    )
    unit = Label(
        es="comprobaciones de formato y reglas pasan", en="checks of layout and rules pass"
    )
    return _judged("structure", name, unit, sum(checks), len(checks))


def _columns(general: Figures) -> Use | None:
    scores = (general.get("column_shapes") or {}).get("columns") or {}
    known = {n: s for n, s in scores.items() if s.get("score") is not None}
    far = [n for n, s in known.items() if not is_near(s["score"], s.get("ceiling"))]
    name = Label(es="Distribución de una columna", en="Distribution of one column")
    unit = Label(es="columnas cercanas a su techo", en="columns near their ceiling")
    far.sort(key=lambda n: known[n]["score"])
    return _judged("columns", name, unit, len(known) - len(far), len(known), far)


def _pairs(general: Figures) -> Use | None:
    judged = dict(judge_pairs(general))
    apart, real = (_associations(general, side) for side in ("difference", "real"))
    far = [pair for pair, near in judged.items() if not near]

    def moved(pair: tuple[str, str]) -> float:
        """What is gone altogether has no difference: all of it is lost."""
        difference = apart.get(pair)
        return abs((real.get(pair) if difference is None else difference) or 0)

    far.sort(key=moved, reverse=True)
    name = Label(es="Relación entre dos columnas", en="Relation of two columns")
    unit = Label(es="pares relacionados se conservan", en="related pairs are kept")
    but = [f"{a} × {b}" for a, b in far]
    return _judged("pairs", name, unit, len(judged) - len(far), len(judged), but)


def _places(general: Figures) -> Use | None:
    parts = (general.get("parts") or {}).get("parts") or {}
    trends = [p["pair_trends"] for p in parts.values() if p["pair_trends"].get("score") is not None]
    if len(trends) < 2:
        return None
    near = sum(is_near(t["score"], t.get("ceiling")) for t in trends)
    name = Label(es="Análisis de un lugar", en="Analysis of one place")
    unit = Label(es="lugares cercanos a su techo", en="places near their ceiling")
    return _judged("places", name, unit, near, len(trends))


def _together(general: Figures) -> Use | None:
    """Several columns at once: views of three and four columns, and whether trees can tell rows."""
    sizes = (general.get("k_marginal") or {}).get("by_size") or {}
    told = [_mapped(sizes.get(size) or {}, lambda score: score / 1000) for size in ("3", "4")]
    # Of the classifier less is better, down to one half.
    told.append(_mapped(general.get("classifier") or {}, lambda auc: 1.5 - max(auc, 0.5)))
    known = [figures for figures in told if "score" in figures]
    near = sum(is_near(figures["score"], figures.get("ceiling")) for figures in known)
    name = Label(es="Relación entre tres o más columnas", en="Relation of three or more columns")
    unit = Label(es="calificaciones cercanas a su techo", en="scores near their ceiling")
    return _judged("several_columns", name, unit, near, len(known))


def _mapped(figures: Figures, to_share: Callable[[float], float]) -> dict[str, float]:
    """Score and ceiling, where there are, on a scale of which 1 is best."""
    names = ("score", "ceiling")
    return {n: to_share(figures[n]) for n in names if figures.get(n) is not None}


def _groups(specific: Figures) -> Use | None:
    """Group figures that differ from the real ones by no more than their sampling errors."""
    told = specific.get("groups") or {}
    score, ceiling, figures = told.get("score"), told.get("ceiling"), told.get("figures") or 0
    if score is None or not figures:
        return None
    best = 1 - AGREES[0] if ceiling is None else ceiling
    answer = _answer(-below_ceiling(score, best), -AGREES[0], -AGREES[1])
    name = Label(es="Cifras por grupo", en="Figures by group")
    unit = Label(
        es="cifras por grupo coinciden, salvo error de muestreo",
        en="group figures agree, but for sampling error",
    )
    columns = told.get("columns") or {}
    apart = {n: c for n, c in columns.items() if c.get("score") is not None}
    far = [n for n, c in apart.items() if _below(c, best) > AGREES[0]]
    far.sort(key=lambda n: apart[n]["score"])
    return Use("groups", name, answer, round(score * figures), figures, unit, tuple(far))


def _below(of_column: Figures, best: float) -> float:
    """How far a column's figures are below their ceiling, or below `best` where they have none."""
    ceiling = of_column.get("ceiling")
    return below_ceiling(of_column["score"], best if ceiling is None else ceiling)


def _indicators(specific: Figures) -> Use | None:
    overlaps = [(i, _overlaps(i["figures"])) for i in specific.get("indicators") or ()]
    every = [overlap for _, told in overlaps for overlap in told]
    far = sorted(
        ((min(told), i["label"]) for i, told in overlaps if told and min(told) <= 0),
        key=lambda worst: worst[0],
    )
    name = Label(es="Los indicadores de la encuesta", en="The survey's indicators")
    unit = Label(es="cifras con intervalos que se traslapan", en="figures whose intervals overlap")
    return _judged(
        "indicators",
        name,
        unit,
        sum(overlap > 0 for overlap in every),
        len(every),
        [Label.model_validate(label) for _, label in far],
    )


def _overlaps(figures: Sequence[Figures]) -> list[float]:
    """Of the figures that real people give; one without a synthetic figure is infinitely apart."""
    return [
        -math.inf if figure["synthetic"] is None else figure["overlap"]
        for figure in figures
        if figure["real"] is not None
        and (figure["synthetic"] is None or figure.get("overlap") is not None)
    ]


def _models(specific: Figures) -> Use | None:
    """Judged by the worst column: what its best model loses by learning from synthetic rows."""
    targets = (specific.get("learning") or {}).get("targets") or ()
    lost = {t["target"]: t["scores"]["auc"]["difference"] for t in targets if t.get("scores")}
    known = {name: loss for name, loss in lost.items() if loss is not None}
    if not known:
        return None
    worst = min(known.values())
    answer = _answer(worst, *LEARNS)
    far = sorted((n for n, loss in known.items() if loss < LEARNS[0]), key=lambda n: known[n])
    name = Label(es="Entrenar modelos que predicen", en="Training models that predict")
    unit = Label(
        es=f"columnas pierden menos de {-LEARNS[0]} de AUC",
        en=f"columns lose less than {-LEARNS[0]} of AUC",
    )
    return Use("models", name, answer, len(known) - len(far), len(known), unit, tuple(far))
