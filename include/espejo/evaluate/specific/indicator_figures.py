"""Whether the spec's indicators agree with the training people's: shares and means by group.

The figures are those of `specific_cells.tabulate`; medians and quartiles have an interval there,
but no error in a simple sample, and are left to it. The floor is the training people with the
indicator's values shuffled among all that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from include.espejo.evaluate.scoring.agreement import Agreed, Estimates, agree, means, shares
from include.espejo.evaluate.scoring.references import least_people
from include.espejo.evaluate.specific.cells import Cells
from include.espejo.survey import SurveySpec
from include.espejo.survey.model import Indicator
from include.espejo.table.floors import few_of_each
from include.espejo.table.people import Population

Answers = tuple[np.ndarray, np.ndarray]  # of people: group int64 and value, (rows,)


def indicator_agreement(
    indicator: Indicator,
    cells: Cells,
    copy: Cells,
    population: Population,
    spec: SurveySpec,
    random: np.random.Generator,
) -> list[Agreed]:
    """Which figures agree, by contestant, boolean (figures,), one array a statistic and category.

    `cells`: of all real people, `copy`: of the synthetic rows. As everywhere, `score`, `ceiling`
    and `floor` are of equally many rows, and `all_rows` of every synthetic one.
    """
    train = np.arange(population.train_rows)
    held = np.arange(population.train_rows, len(population.real))
    has_ceiling = len(held) >= least_people(spec)
    synthetic = np.arange(len(copy.cell))
    rows = min(len(train), len(synthetic), len(held) if has_ceiling else len(train))
    others = {
        "all_rows": _answers(copy, synthetic, cells.groups),
        "score": _answers(copy, random.permutation(synthetic)[:rows], cells.groups),
        "floor": _shuffled(_answers(cells, random.permutation(train)[:rows], cells.groups), random),
    }
    if has_ceiling:
        others["ceiling"] = _answers(cells, random.permutation(held)[:rows], cells.groups)
    floor, size = spec.disclosure.floor, len(cells.groups)
    some = few_of_each(population.household[train], floor)
    behind = np.bincount(_answers(cells, train[some], cells.groups)[0], minlength=size)
    real = _estimates(indicator, _answers(cells, train, cells.groups), size, cells.values)
    figures = {
        name: list(_estimates(indicator, told, size, cells.values)) for name, told in others.items()
    }
    found: list[Agreed] = []
    for place, one in enumerate(real):
        told = (behind >= floor.people) & one.stand(floor)
        found.append({name: agree(one, side[place])[told] for name, side in figures.items()})
    return found


def _answers(cells: Cells, rows: np.ndarray, groups: tuple[str, ...]) -> Answers:
    """Group, as numbered in `groups`, and value of those rows that are in a cell and a group."""
    number = {name: place for place, name in enumerate(groups)}
    moved = np.array([number.get(name, -1) for name in cells.groups], dtype=np.int64)
    cell = cells.cell[rows]
    cell = cell[cell >= 0]
    group = moved[cells.group[cell]]
    return group[group >= 0], cells.values[cell][group >= 0]


def _shuffled(answers: Answers, random: np.random.Generator) -> Answers:
    return answers[0], random.permutation(answers[1])


def _estimates(
    indicator: Indicator, answers: Answers, size: int, known: np.ndarray
) -> Iterator[Estimates]:
    """Each statistic that has an error, in each group: (groups,). `known`: the real values."""
    group, values = answers
    people = np.bincount(group, minlength=size)
    for statistic in indicator.statistics:
        if statistic == "share":
            yield shares(np.bincount(group[values.astype(bool)], minlength=size), people)
        elif statistic == "distribution":
            for value in sorted(set(known)):
                yield shares(np.bincount(group[values == value], minlength=size), people)
        elif statistic == "mean":
            yield means(group, values.astype(float), size)
