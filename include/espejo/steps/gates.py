"""What lets a release pass: its gates, or a reason that stands although one failed."""

from __future__ import annotations

from include.espejo.disclose.gates import read_audit
from include.espejo.disclose.verdict import Override, require
from include.espejo.errors import GateError
from include.espejo.steps.run import Run


def require_gates(run: Run) -> Override | None:
    """The override that the release stands on; None where every gate passes. Raises GateError.

    The first reason given for a release is the one that stands: what is published is not changed.
    """
    beyond = _reason_beyond_attempts(run)
    passed = require(read_audit(run.lakes.work.read(run.work.audit)), run.override)
    gates, reasons = [], []
    if beyond is not None:
        gates.append("attempts")
        reasons.append(beyond)
    if passed is not None:
        gates += passed.gates
        reasons.append(passed.reason)
    if not gates:
        return None
    override = Override(gates=tuple(gates), reason=" / ".join(dict.fromkeys(reasons)))
    run.lakes.work.create(run.work.override, override.to_json())
    return run.read(Override, run.work.override)


def override_in_force(run: Run) -> Override | None:
    """The same for a page: None also if a gate stops the release, which `publish` explains."""
    if run.ledger is None:
        return None
    try:
        return require_gates(run)
    except GateError:
        return None


def _reason_beyond_attempts(run: Run) -> str | None:
    """The reason that took the release past the limit of attempts."""
    if run.ledger is None:
        return None
    limit = run.spec.disclosure.attempts
    return run.ledger.reason_beyond(run.job.period, run.release, limit)
