"""Which figures are sent of a run, to whom, and how exact."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from include.espejo.disclose.gates import Audit, Gate, Outcome
from include.espejo.errors import LakeError
from include.espejo.lake.local import LocalLake
from include.espejo_airflow import metrics
from tests.conftest import ROOT

Sent = list[tuple[str, float, dict[str, str]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    told: Sent = []
    monkeypatch.setattr(
        "airflow.sdk.observability.stats.gauge",
        lambda name, value, tags: told.append((name, value, tags)),
    )
    return told


def gate(name: str, figure: float | None, outcome: Outcome, **more: Any) -> Gate:
    given = {"unit": "share", "limit": 0.05, "remedy": "-", "interval": None, "p": None}
    return Gate.model_validate(
        {"name": name, "figure": figure, "outcome": outcome, "detectable": 0.01} | given | more
    )


def run_with(lake: Any, audit: Audit | None = None) -> Any:
    return SimpleNamespace(
        spec=SimpleNamespace(survey="parks", disclosure=SimpleNamespace(attempts=3)),
        lakes=SimpleNamespace(work=lake),
        work=SimpleNamespace(audit="audit", progress="progress"),
        job=SimpleNamespace(period="2026T3"),
        ledger=SimpleNamespace(attempts=lambda period: 2),
    )


def test_time_and_memory_of_a_step_that_succeeds(sent: Sent) -> None:
    with metrics.watched("parks", "train"):
        pass
    labels = {"survey": "parks", "step": "train"}
    assert [(name, tags) for name, _, tags in sent] == [
        ("espejo.step.seconds", labels),
        ("espejo.step.memory_mb", labels),
    ]
    assert sent[1][1] > 10
    sent.clear()
    with pytest.raises(LakeError), metrics.watched("parks", "train"):
        raise LakeError("no answer")
    assert sent == []


def test_gates_are_told_rounded_and_floors_without_a_figure(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = SimpleNamespace(
        gates=(
            gate("membership", 0.123456, Outcome.LEAK),
            gate("closest_record", 0.0123, Outcome.PASSED),
            gate("floor", 7.0, Outcome.PASSED, limit=10),
            gate("disclosive", None, Outcome.NOT_COMPUTED),
        )
    )
    monkeypatch.setattr("include.espejo.disclose.gates.read_audit", lambda _: audit)
    lake = SimpleNamespace(read=lambda _: b"")
    metrics.tell_step(run_with(lake), "disclose", {"passed": False})
    told = {(name, tags.get("gate")): value for name, value, tags in sent}
    assert told["espejo.gate.margin", "membership"] == -0.07
    assert told["espejo.gate.margin", "closest_record"] == 0.04
    assert told["espejo.gate.passed", "membership"] == 0
    assert told["espejo.gate.passed", "floor"] == 1
    assert ("espejo.gate.margin", "floor") not in told
    assert ("espejo.gate.margin", "disclosive") not in told
    assert told["espejo.attempts.left", None] == 1


def test_no_step_fails_for_its_figures(sent: Sent, caplog: pytest.LogCaptureFixture) -> None:
    def gone(_: str) -> bytes:
        raise LakeError("audit: no answer")

    metrics.tell_step(run_with(SimpleNamespace(read=gone)), "disclose", {"rows": 5})
    assert sent == [("espejo.step.rows", 5, {"survey": "parks", "step": "disclose"})]
    assert "figures of disclose are not sent" in caplog.text
    metrics.tell_step(run_with(LocalLake()), "train", {})  # no progress was written


def test_a_figure_has_the_labels_that_are_declared() -> None:
    with pytest.raises(KeyError, match="other labels"):
        metrics.send_figure("espejo.step.rows", 1, "parks")


def test_dashboard_and_documents_have_every_figure() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/espejo.json").read_text())
    asked = {
        re.sub(r"\{.*", "", target["expr"])
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    assert asked == {f"airflow_{name.replace('.', '_')}" for name in metrics.METRICS}
    for page in ("operations.md", "operations.es.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert set(re.findall(r"`(espejo(?:\.\w+)+)`", text)) == set(metrics.METRICS)
