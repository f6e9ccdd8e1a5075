"""The verdict: what may be overridden, and that nobody outside is told an exact figure."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from include.espejo.disclose.gates import Audit, Gate, Outcome, not_applicable, read_audit
from include.espejo.disclose.verdict import (
    ABSOLUTE,
    Override,
    across_periods,
    failure_lines,
    public_verdict,
    require,
)
from include.espejo.errors import GateError, ParameterError
from include.espejo.lake.document import document_bytes

WHO = "the director of the survey, 3 May"
REASON = f" identical, membership: {WHO} "
# Told, each of these could be asked for again and again until the rows are known.
FIGURE, LIMIT, LOW, HIGH, P, DETECTABLE, FEWEST = (
    0.123456,
    0.034567,
    0.045678,
    0.156789,
    0.000345,
    0.067891,
    7.0,
)
SECRETS = [*(f"{figure:g}"[:5] for figure in (FIGURE, LOW, HIGH, P, DETECTABLE)), "0.0003"]
FINE = re.compile(r"\d\.\d{3}|\d[eE]-\d|(?<![.\d])7(?!\d)")  # the last: the fewest people


def attack(name: str = "identical", outcome: Outcome = Outcome.LEAK, **more: Any) -> Gate:
    given: dict[str, Any] = {
        "figure": FIGURE,
        "unit": "share of rows",
        "limit": LIMIT,
        "interval": (LOW, HIGH),
        "p": P,
        "detectable": DETECTABLE,
        "remedy": "train shorter",
    } | more
    return Gate(name=name, outcome=outcome, **given)


def passing(name: str = "identical", **more: Any) -> Gate:
    return attack(name, Outcome.PASSED, **more)


def floor(name: str = "floor", outcome: Outcome = Outcome.BROKEN) -> Gate:
    about = f"column MAN, rule floor: 1 under it, the fewest people {FEWEST}"
    return Gate(
        name=name,
        figure=FEWEST,
        unit="people",
        limit=10.0,
        outcome=outcome,
        about=about,
        remedy="protect the input again",
    )


def rules(outcome: Outcome = Outcome.BROKEN) -> Gate:
    about = "column SEX, rule code_list: 3 rows"
    return Gate(
        name="rules",
        figure=3.0,
        unit="rows",
        limit=0.0,
        outcome=outcome,
        about=about,
        remedy="mend the engine",
    )


def missing(name: str = "membership") -> Gate:
    return Gate(
        name=name,
        figure=None,
        unit="AUC",
        limit=0.0,
        outcome=Outcome.NO_CONTROL,
        remedy="hold back whole households",
    )


def blind(name: str = "membership") -> Gate:
    """A figure, and too few households to say whether it is chance."""
    return attack(name, Outcome.TOO_FEW, detectable=None)


def audit(*gates: Gate) -> Audit:
    """As it is read back from the workspace."""
    return read_audit(Audit(gates=gates, information={"distance_to_train_p5": 17.25}).to_json())


def assert_rounded(text: str) -> None:
    assert not FINE.search(text), text
    assert not [secret for secret in SECRETS if secret in text]


# --- what is let through -----------------------------------------------------------------------


def test_gates_that_all_pass_need_no_reason_and_record_none() -> None:
    fine = audit(passing(), floor(outcome=Outcome.PASSED), rules(Outcome.PASSED))
    assert require(fine, None) is None
    assert require(fine, REASON) is None


def test_a_failed_gate_holds_back_and_says_which_by_how_much_and_what_to_do() -> None:
    with pytest.raises(GateError) as caught:
        require(audit(attack(), passing("closest_record")), None)
    text = str(caught.value)
    assert caught.value.failed == ("identical",)
    assert "held back by identical\n" in text
    assert "by about 0.12 (share of rows; limit 0.03)" in text
    assert "train shorter" in text
    assert "closest_record" not in text


def test_a_reason_lets_an_attack_pass_and_is_recorded() -> None:
    found = require(audit(attack(), attack("membership"), floor(outcome=Outcome.PASSED)), REASON)
    assert found == Override(gates=("identical", "membership"), reason=REASON.strip())


@pytest.mark.parametrize("gate", [rules(), floor(), floor("floor_codes"), missing(), blind()])
def test_no_reason_overrides_a_floor_a_rule_or_what_could_not_be_judged(gate: Gate) -> None:
    with pytest.raises(GateError, match=f"no reason can override {gate.name}\n") as caught:
        require(audit(gate), REASON)
    assert caught.value.failed == (gate.name,)
    with pytest.raises(GateError, match=f"no reason can override {gate.name}\n"):
        require(audit(attack(), gate), REASON)  # nor where an attack beside it could be


def test_what_cannot_be_overridden_is_what_is_named() -> None:
    assert set(ABSOLUTE) == {"rules", "floor", "floor_codes"}


@pytest.mark.parametrize(
    ("reason", "enough"),
    [
        ("identical", False),
        ("identical!", True),
        (" identical  ", False),
    ],
)
def test_a_reason_is_more_than_a_word(reason: str, enough: bool) -> None:
    if enough:
        assert require(audit(attack()), reason) == Override(gates=("identical",), reason=reason)
    else:
        with pytest.raises(ParameterError, match="override_reason"):
            require(audit(attack()), reason)


@pytest.mark.parametrize(
    ("gate", "reason", "named"),
    [
        ("identical", f"identical: {WHO}", True),
        ("identical", f"({WHO}) identical.", True),
        ("identical", WHO, False),
        ("identical", "", False),
        # The name of one gate is a part of another's.
        ("identical", f"identical_quasi, {WHO}", False),
        ("identical", f"near_identical, {WHO}", False),
        ("identical", f"identical_across_periods, {WHO}", False),
        ("identical_quasi", f"identical, {WHO}", False),
        ("disclosive:neighbour:INGOCUP", f"disclosive:neighbour:INGOCUP: {WHO}", True),
        ("disclosive:neighbour:INGOCUP", f"disclosive:neighbour, {WHO}", False),
    ],
)
def test_a_reason_names_the_gates_that_it_is_for(gate: str, reason: str, named: bool) -> None:
    if named:
        assert require(audit(attack(gate)), reason) == Override(gates=(gate,), reason=reason)
    else:
        with pytest.raises(GateError, match=f"held back by {gate}, which the override's reason"):
            require(audit(attack(gate)), reason)


def test_every_gate_that_failed_is_named() -> None:
    with pytest.raises(GateError, match="held back by membership, which") as caught:
        require(audit(attack(), attack("membership")), f"identical: {WHO}")
    assert caught.value.failed == ("identical", "membership")


def as_stored(audit: Audit, **changes: Any) -> bytes:
    return document_bytes(audit.model_dump(mode="json") | changes)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"not json",
        as_stored(audit(attack()), gates=[]),
        as_stored(audit(attack()), gates=[{"name": "identical", "passed": True}]),
        as_stored(audit(attack(), attack("membership")), failed=["identical"]),
        as_stored(audit(attack(), attack("membership")), passed=True),
        as_stored(audit(passing()), passed=False),
        as_stored(audit(passing()), failed=["identical"]),
        as_stored(audit(attack()), failed=[], passed=True),
    ],
)
def test_an_audit_that_does_not_hold_together_is_no_pass(content: bytes) -> None:
    with pytest.raises(GateError, match="held back by audit"):
        read_audit(content)


def test_an_audit_without_gates_lets_nothing_pass() -> None:
    with pytest.raises(GateError, match="held back by audit"):
        require(audit(), REASON)


def test_an_audit_without_gates_has_not_passed() -> None:
    assert not Audit(gates=()).passed


# --- what is told ------------------------------------------------------------------------------


@pytest.mark.parametrize("override", [None, REASON])
def test_no_message_tells_an_exact_figure(override: str | None) -> None:
    every = audit(attack(), attack("membership"), floor(), floor("floor_codes"), missing("near"))
    with pytest.raises(GateError) as unnamed:
        require(audit(attack()), WHO)
    assert_rounded(str(unnamed.value))
    for line in failure_lines(every):
        assert_rounded(line)
    with pytest.raises(GateError) as caught:
        require(every, override)
    assert_rounded(str(caught.value))
    assert "fewer than 10 people" in str(caught.value)
    assert "gate near: no holdout" in str(caught.value)


def test_a_gate_too_weak_to_tell_says_so_and_claims_no_leak() -> None:
    (line,) = failure_lines(audit(blind()))
    assert "too few households" in line
    assert "exceeds" not in line
    assert_rounded(line)


def test_a_broken_rule_is_told_by_its_columns_and_synthetic_rows() -> None:
    (line,) = failure_lines(audit(rules()))
    assert line == "gate rules: column SEX, rule code_list: 3 rows; mend the engine"


def test_the_public_verdict_is_pass_or_fail_and_a_rounded_bound() -> None:
    absent = not_applicable("floor", "people", "no geography")
    reported = attack("outliers", Outcome.REPORTED)
    gates = passing(), attack("near"), absent, reported, missing()
    public = [gate.model_dump() for gate in public_verdict(audit(*gates))]
    assert public == [
        {"name": "identical", "applicable": True, "passed": True, "safe_to_within": 0.07},
        {"name": "near", "applicable": True, "passed": False, "safe_to_within": None},
        {"name": "floor", "applicable": False, "passed": True, "safe_to_within": None},
        {"name": "outliers", "applicable": False, "passed": True, "safe_to_within": None},
        {"name": "membership", "applicable": True, "passed": False, "safe_to_within": None},
    ]
    assert_rounded(json.dumps(public))


@pytest.mark.parametrize(
    ("exact", "told_as"),
    [
        (0.0, 0.0),
        (0.0001, 0.01),
        (0.01, 0.01),
        (0.0101, 0.02),
        (0.07, 0.07),
        (0.999, 1.0),
        (1.0, 1.0),
    ],
)
def test_a_bound_is_rounded_up_never_down(exact: float, told_as: float) -> None:
    (gate,) = public_verdict(audit(passing(detectable=exact, limit=0.0)))
    assert gate.safe_to_within == told_as


# --- several periods ---------------------------------------------------------------------------


def test_a_bound_under_the_limit_is_the_limit() -> None:
    (gate,) = public_verdict(audit(passing(detectable=0.01, limit=0.07)))
    assert gate.safe_to_within == 0.07


def test_the_attacks_of_several_periods_stand_beside_this_ones_own() -> None:
    now = Audit(
        gates=(rules(Outcome.PASSED), floor(outcome=Outcome.PASSED), passing()),
        information={"train_rows": 1.0},
    )
    outliers = attack("membership_outliers", Outcome.REPORTED)
    union = Audit(
        gates=(rules(), floor(), floor("floor_codes"), attack(), outliers), information={}
    )
    both = across_periods(now, union)
    names = ["rules", "floor", "identical", "identical_across_periods"]
    assert [gate.name for gate in both.gates] == names
    assert both.failed == ("identical_across_periods",)
    assert both.information == now.information
    with pytest.raises(GateError):
        require(both, None)
    reason = f"identical_across_periods: {WHO}"
    found = require(both, reason)
    assert found == Override(gates=("identical_across_periods",), reason=reason)
