"""The audit: attack a synthetic table, with people it never saw as the control, and gate it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from include.espejo.disclose.attacks.attack import REMEDY, Attack
from include.espejo.disclose.attacks.inference import inference_attacks
from include.espejo.disclose.attacks.matches import match_attacks
from include.espejo.disclose.attacks.proximity import proximity_attacks
from include.espejo.disclose.checks import check_floors, check_rules
from include.espejo.disclose.distance.distances import (
    Distances,
    join_shards,
    measure_shard,
)
from include.espejo.disclose.distance.encode import encode_population
from include.espejo.disclose.distance.shards import Shard
from include.espejo.disclose.gates import Audit, Gate, Outcome, finite, not_applicable
from include.espejo.disclose.statistics.excess import Excess, holm, measure_excess
from include.espejo.disclose.statistics.score import TrainedHouseholds
from include.espejo.language import message
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.people import Population, gather


def run_audit(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    period: Period,
    seed: int,
    threads: int = 2,
    across_periods: bool = False,
) -> Audit:
    """Attack `synthetic` as an outsider would, and say which gates it passes.

    `train` and `holdout` are typed tables (see frames.to_frame) with the modelled columns and
    those of the household key; `synthetic` has the modelled columns alone. A household without
    a key in the spec is a row. Survey weights are left out: with one of its own, a copied row would
    not be told as a copy. `across_periods`: see `gather`. The same seed gives the same
    answer. Without a holdout the gates that need a control are failed. Raises InputError for
    tables that cannot be compared.
    """
    population = audited_population(train, holdout, synthetic, spec, seed, across_periods)
    return audit_population(population, spec, period, seed, threads)


def audited_population(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    spec: SurveySpec,
    seed: int,
    across_periods: bool = False,
) -> Population:
    """The tables as `audit_population` takes them, who may let go of them then: see `run_audit`."""
    if spec.weight is not None:
        dropped = spec.weight.column
        train, synthetic = (table.drop(columns=dropped) for table in (train, synthetic))
        holdout = None if holdout is None else holdout.drop(columns=dropped)
    return gather(train, holdout, synthetic, spec.without_weight(), seed, across_periods)


def search_population(
    population: Population, spec: SurveySpec, shard: Shard, threads: int = 2
) -> Distances:
    """The neighbours of the shard's rows: see `measure_shard`."""
    # Not kept here: the search lets go of the encoded tables on its way.
    spec = spec.without_weight()
    return measure_shard(encode_population(population, spec), population, threads, shard)


def audit_population(
    population: Population,
    spec: SurveySpec,
    period: Period,
    seed: int,
    threads: int = 2,
    distances: Distances | None = None,
) -> Audit:
    """See `run_audit`. `distances`: where the neighbours have been searched before."""
    spec = spec.without_weight()
    # The kernel's own threads share work without waiting on each other; those of BLAS and of the
    # trees spin, and on a busy machine two have been seen to take ten times as long as one.
    with threadpool_limits(1):
        if distances is None:
            distances = join_shards([search_population(population, spec, Shard(), threads)])
        information = _information(distances, population)
        near = proximity_attacks(distances, population, spec)
        guessed = inference_attacks(distances, population, spec, seed, threads)
        del distances  # of a census half a gigabyte, which the matches need
        attacks = [*near, *match_attacks(population, spec), *guessed]
        tested = _test(attacks, population, spec, seed)
    gates = [
        check_rules(population, spec, period),
        *check_floors(population, spec),
        *tested,
        *_without_target(spec),
    ]
    return Audit(gates=tuple(gates), information=information)


def _test(attacks: list[Attack], population: Population, spec: SurveySpec, seed: int) -> list[Gate]:
    """Each attack's excess, and its gate; Holm over those that can close."""
    if not population.has_holdout:
        return [_untested(attack, Outcome.NO_CONTROL) for attack in attacks]
    households = TrainedHouseholds(population.household, population.household_in_train)
    significance = spec.disclosure.limits.significance
    shares = _shares(attacks)
    if households.least_p_value() > significance * min(shares):
        return [_untested(attack, Outcome.TOO_FEW) for attack in attacks]
    scores = [score for attack in attacks for score in attack.scores]
    measured = iter(measure_excess(scores, shares, households, significance, seed))
    found = [_strongest([next(measured) for _ in attack.scores]) for attack in attacks]
    adjusted = _adjust(attacks, [p for _, p in found])
    return [
        _gate(attack, excess, p, significance)
        for attack, (excess, _), p in zip(attacks, found, adjusted, strict=True)
    ]


def _shares(attacks: list[Attack]) -> list[float]:
    """The part of the significance of each score of each attack, by the weights."""
    total = sum(attack.weight for attack in attacks)
    return [a.weight / total / len(a.scores) for a in attacks for _ in a.scores]


def _adjust(attacks: list[Attack], chances: list[float]) -> list[float]:
    """Holm's p-values over the attacks that can close a gate; those of others as they are."""
    gated = [k for k, attack in enumerate(attacks) if attack.only_reported is None]
    corrected = holm([chances[k] for k in gated], [attacks[k].weight for k in gated])
    adjusted = list(chances)
    for k, p in zip(gated, corrected, strict=True):
        adjusted[k] = p
    return adjusted


def _strongest(options: list[Excess]) -> tuple[Excess, float]:
    """The most significant of an attack's scores, and its p-value by Bonferroni."""
    best = min(options, key=lambda option: option.p_value)
    return best, min(best.p_value * len(options), 1.0)


def _gate(attack: Attack, excess: Excess, p: float, significance: float) -> Gate:
    figure = finite(excess.figure)
    return Gate(
        name=attack.name,
        figure=figure,
        unit=attack.unit,
        limit=attack.limit,
        outcome=_outcome(attack, figure, excess.detectable, p <= significance),
        about=attack.only_reported or "",
        remedy=REMEDY,
        interval=excess.interval if np.isfinite(excess.interval).all() else None,
        p=p,
        detectable=excess.detectable,
    )


def _outcome(
    attack: Attack, figure: float | None, detectable: float | None, significant: bool
) -> Outcome:
    if attack.only_reported is not None:
        return Outcome.REPORTED
    if figure is None:
        return Outcome.NOT_COMPUTED
    if detectable is None:
        return Outcome.TOO_FEW
    return Outcome.LEAK if significant and figure > attack.limit else Outcome.PASSED


def _untested(attack: Attack, outcome: Outcome) -> Gate:
    remedy = message("hold out whole households as a control; if there are too few, hold out more")
    return Gate(
        name=attack.name,
        figure=None,
        unit=attack.unit,
        limit=attack.limit,
        outcome=outcome,
        remedy=remedy,
    )


def _without_target(spec: SurveySpec) -> list[Gate]:
    if spec.with_role("sensitive"):
        return []
    reason = "the spec models no sensitive column"
    names = ("attribute_inference", "disclosive")
    return [not_applicable(name, "share of rows", reason) for name in names]


def _information(distances: Distances, population: Population) -> dict[str, float | None]:
    """Table sizes and the usual distance figures: reported, not gated (arXiv 2505.01524)."""
    held = population.has_holdout
    return {
        "train_rows": float(population.train_rows),
        "holdout_rows": float(len(population.real) - population.train_rows),
        "synthetic_rows": float(len(population.synthetic)),
        "households": float(population.household.max() + 1),
        "distance_to_train_p5": float(np.percentile(distances.to_train, 5)),
        "distance_to_holdout_p5": float(np.percentile(distances.to_holdout, 5)) if held else None,
        "nearer_to_train_share": float(distances.train_shares.mean()) if held else None,
        "nearer_to_train_expected": population.train_rows / len(population.real) if held else None,
    }
