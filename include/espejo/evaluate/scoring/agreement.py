"""Figures of groups that differ by no more than sampling error.

A figure is a share or a mean among the people of a group. Two tables agree on it if
|difference| <= 1.96 * hypot(error, error), the errors being those of a simple sample: so 95 % of
the figures of two samples of one population agree, and fewer where households are alike, which
the ceiling shows. Raab, Nowok and Dibben (2017), "Guidelines for producing useful synthetic
data", arXiv:1712.04078, call the same quotient the standardised difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from include.espejo.evaluate.scoring.references import ReferencedScore, with_position
from include.espejo.lake.publication import Exact
from include.espejo.survey.disclosure import Floor

LEAST_PEOPLE = 30  # behind a real figure; the floor where that is more
_LEAST_OTHER = 5  # rows behind a figure that is held against it: fewer have no error to speak of
_TWO_SIDED = 1.96  # 95 % of a normal distribution

Agreed = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Estimates:
    """Figures, and their standard errors in a simple sample: float64; `people`: int64. (figures,)

    Where nobody is behind a figure it is 0. `share`: of people, not a mean of amounts.
    """

    people: np.ndarray
    value: np.ndarray
    error: np.ndarray
    share: bool

    def stand(self, floor: Floor) -> np.ndarray:
        """Which figures are of enough people to be held against others: boolean, (figures,).

        Of shares only those with a floor of people to be expected on either side, by the share of
        all groups together: not by the group's own, which would choose by chance.
        """
        enough = self.people >= max(LEAST_PEOPLE, floor.people)
        if self.share:
            # In whole people: 1 - 0.9 is less than 0.1 to a computer.
            everybody = int(self.people.sum())
            with_it = int(np.rint((self.value * self.people).sum()))
            rarer = min(with_it, everybody - with_it)
            enough &= self.people * rarer >= floor.people * everybody
        return np.asarray(enough)


def shares(counts: np.ndarray, people: np.ndarray) -> Estimates:
    """Shares of people, from counts of those who have something; both int64, of one shape."""
    total = np.maximum(people, 1)
    share = counts / total
    return Estimates(people, share, np.sqrt(share * (1 - share) / total), True)


def means(group: np.ndarray, values: np.ndarray, size: int) -> Estimates:
    """The mean of each of `size` groups; `group`: int64 (rows,), `values`: float64 (rows,)."""
    people = np.bincount(group, minlength=size)
    total = np.maximum(people, 1)
    mean = np.bincount(group, values, size) / total
    # Around the mean of all: squares of large numbers lose their last digits.
    centre = values.mean() if len(values) else 0.0
    square = np.bincount(group, (values - centre) ** 2, size) / total - (mean - centre) ** 2
    return Estimates(people, mean, np.sqrt(np.maximum(square, 0) / total), False)


def agree(real: Estimates, other: Estimates) -> np.ndarray:
    """Which figures differ by no more than both their errors allow: boolean, (figures,)."""
    apart = np.abs(real.value - other.value)
    allowed = _TWO_SIDED * np.hypot(real.error, other.error) + 1e-9  # of rounding
    return np.asarray((apart <= allowed) & (other.people >= _LEAST_OTHER))


class Agreement(ReferencedScore):
    """The share of figures that agree, by contestant; `figures`: how many figures there are."""

    figures: Exact[int]


def agreement(found: Iterable[Agreed]) -> Agreement:
    """How many figures agree. All None without a figure.

    `found`: boolean (figures,) by contestant, of any number of views.
    """
    listed = list(found)
    names = listed[0] if listed else ()
    joined = {name: np.concatenate([one[name] for one in listed]) for name in names}
    figures = len(next(iter(joined.values()))) if joined else 0
    scores = {n: float(told.mean()) if figures else None for n, told in joined.items()}
    return with_position({"all_rows": None} | scores).within(Agreement, figures=figures)
