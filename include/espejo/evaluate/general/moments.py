"""Moments and quantiles of numbers, real and synthetic, none of which is one person's value.

Special codes and blanks are no amounts: they are left out, and their shares told beside.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from include.espejo.evaluate.general.document import Moments, NumberComparison
from include.espejo.evaluate.scoring.coding import CodedColumn, Rows

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

OTHERS = "others"


def describe_numbers(
    fields: tuple[CodedColumn, ...], train: Rows, synthetic: Rows, floor: int
) -> dict[str, NumberComparison]:
    """By column: the figures of the real rows, of the synthetic, and synthetic less real."""
    return {
        field.name: _compare(
            field,
            np.bincount(train[field.name], minlength=field.levels),
            np.bincount(synthetic[field.name], minlength=field.levels),
            floor,
        )
        for field in fields
        if field.number
    }


def _compare(
    field: CodedColumn, train: np.ndarray, synthetic: np.ndarray, floor: int
) -> NumberComparison:
    groups = share_groups(train, field, floor)
    real, other = (
        describe(counts, field, floor, _shares(counts, groups)) for counts in (train, synthetic)
    )
    return NumberComparison(real=real, synthetic=other, difference=_difference(real, other))


def describe(
    counts: np.ndarray, field: CodedColumn, floor: int, shares: Mapping[str, float]
) -> Moments:
    """Figures of one table's amounts; `counts`: (levels,). None stands on fewer than `floor`."""
    amounts = field.values[field.ordinary]
    people = counts[field.ordinary]
    total = int(people.sum())
    mean = deviation = None
    if total >= floor:
        mean = float(people @ amounts / total)
        deviation = float(np.sqrt(people @ (amounts - mean) ** 2 / max(total - 1, 1)))
    return Moments(
        mean=mean,
        standard_deviation=deviation,
        quantiles={f"{s:g}": floored_quantile(amounts, people, s, floor) for s in SHARES},
        shares=dict(shares),
    )


def share_groups(train: np.ndarray, field: CodedColumn, floor: int) -> dict[str, np.ndarray]:
    """Levels whose shares are published: boolean, (levels,), by name; together all rows.

    `ordinary`, `blank` and each special code; those on fewer than `floor` of the training rows
    are one, `others`, which takes in the next smallest until nothing follows by subtraction.
    Empty where not even two groups hold the floor.
    """
    apart = {field.labels[at]: int(at) for at in np.flatnonzero(~field.ordinary[:-1])}
    apart["blank"] = field.levels - 1
    groups = {name: np.arange(field.levels) == at for name, at in apart.items()}
    groups["ordinary"] = field.ordinary
    people = {name: int(train[levels].sum()) for name, levels in groups.items()}
    merged = {name for name in groups if 0 < people[name] < floor}
    for name in sorted(groups, key=lambda n: people[n]):
        if not 0 < sum(people[n] for n in merged) < floor:
            break
        if people[name]:
            merged.add(name)
    if merged == {name for name in groups if people[name]}:
        return {}
    told = {name: levels for name, levels in groups.items() if name not in merged}
    if merged:
        told[OTHERS] = np.any([groups[name] for name in merged], axis=0)
    return told


def _shares(counts: np.ndarray, groups: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(counts[levels].sum() / counts.sum()) for name, levels in groups.items()}


def floored_quantile(
    amounts: np.ndarray, people: np.ndarray, share: float, floor: int
) -> float | None:
    """The lowest amount that `share` of the people do not exceed, if it stands on the floor.

    `amounts`: (values,), rising; `people`: (values,), how many have each. None with fewer than
    `floor` people on either side of it. An amount that fewer than `floor` share is replaced by
    the mean of the `floor` people around it in rank: nobody's own.
    """
    total = int(people.sum())
    if min(share, 1 - share) * total < floor:
        return None
    last = np.cumsum(people)
    rank = int(np.ceil(share * total)) - 1
    at = int(np.searchsorted(last, rank, side="right"))
    if people[at] >= floor:
        return float(amounts[at])
    first = max(rank - floor // 2, 0)
    ranks = np.arange(first, min(first + floor, total))
    return float(amounts[np.searchsorted(last, ranks, side="right")].mean())


def _difference(real: Moments, other: Moments) -> Moments:
    """Synthetic less real, figure by figure; None where either is."""
    return Moments(
        mean=_less(other.mean, real.mean),
        standard_deviation=_less(other.standard_deviation, real.standard_deviation),
        quantiles={n: _less(other.quantiles[n], figure) for n, figure in real.quantiles.items()},
        shares={n: _less(other.shares[n], share) for n, share in real.shares.items()},
    )


def _less(synthetic: float | None, real: float | None) -> float | None:
    return None if synthetic is None or real is None else synthetic - real
