"""What a spec says of disclosure: floors, holdout, attackers' knowledge, limits of the gates."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from include.espejo.survey.column import Strict


class Floor(Strict):
    """The fewest real people and households behind anything that may be modelled or shown."""

    people: int = Field(default=10, ge=3)
    households: int = Field(default=3, ge=1)

    @model_validator(mode="after")
    def _has_people_for_its_households(self) -> Self:
        if self.households > self.people:
            raise ValueError(
                f"{self.households} households have at least as many people; write people: "
                f"{self.households} or more"
            )
        return self


class Limits(Strict):
    """What an attack may win over its control before a gate closes.

    A gate closes where the excess is significant, at `significance` corrected by Holm over all
    gates, and above its limit. Limits are differences of shares; `membership` is one of AUC. That
    of `closest_record` is above what the training margins alone give (docs/decisions/0017).
    """

    significance: float = Field(default=0.001, gt=0, lt=0.5)
    attribute_inference: float = Field(default=0.07, ge=0, lt=1)
    closest_record: float = Field(default=0.05, ge=0, lt=1)
    membership: float = Field(default=0.0, ge=0, lt=0.5)
    unique_matches: float = Field(default=0.01, ge=0, lt=1)
    replicated_uniques: float = Field(default=0.01, ge=0, lt=1)
    disclosive: float = Field(default=0.03, ge=0, lt=1)


class Disclosure(Strict):
    """How a survey is protected, attacked and gated.

    `key_sets`: sets of columns that an attacker is taken to know of a person. `panel_key`: the
    columns that name a household in every quarter; without it, the household key. `periods`: the
    training data of how many periods, with the present one, a release is held against.
    `attempts`: how many releases of one period may be tried at the gate.
    """

    floor: Floor = Floor()
    holdout_share: float = Field(default=0.3, ge=0.05, le=0.5)
    key_sets: dict[str, tuple[str, ...]] = Field(min_length=1)
    panel_key: tuple[str, ...] | None = Field(default=None, min_length=1)
    periods: int = Field(default=5, ge=1)
    attempts: int = Field(default=3, ge=1)
    limits: Limits = Limits()
