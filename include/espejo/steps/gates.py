"""What lets a release pass: its gates, or a reason that stands although one failed."""

from __future__ import annotations

from include.espejo.disclose.gates import Audit, read_audit
from include.espejo.disclose.verdict import Override, require
from include.espejo.errors import GateError
from include.espejo.steps.run import Run


def require_gates(run: Run) -> Override | None:
    """The override that the release stands on; None where every gate passes. Raises GateError.

    The first reason given for a release is the one that stands: what is published is not changed.
    """
    beyond = _reason_beyond_attempts(run)
    audit = read_audit(run.lakes.work.read(run.work.audit))
    _refuse_outdated(audit, run)
    passed = require(audit, run.override)
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


def _refuse_outdated(audit: Audit, run: Run) -> None:
    """An earlier period may have been published since the table was held against those before."""
    from include.espejo.steps.earlier import earlier_releases, is_outdated

    if is_outdated(audit, run, earlier_releases(run)):
        raise GateError(
            f"audit: releases of earlier periods have come or gone since {run.job.period} was held "
            "against them; clear the task disclose, and all that follows it"
        )


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
