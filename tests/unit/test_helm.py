"""What the office's Kubernetes is told: no secret, no guess, and nothing that the image lacks."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from demo.lake_identities import ACTIONS
from include.espejo.steps.table import STAGES, steps_in_parts

ROOT = Path(__file__).resolve().parents[2]
VALUES = ROOT / "deploy/helm/values.yaml"
PODS = sorted((ROOT / "deploy/pods").glob("*.yaml"))
SCHEMA = os.environ.get("ESPEJO_CHART_SCHEMA", "")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return dict(yaml.safe_load(VALUES.read_text(encoding="utf-8")))


@pytest.mark.skipif(not SCHEMA, reason="ESPEJO_CHART_SCHEMA names no values.schema.json")
def test_the_chart_takes_the_values(values: dict[str, Any]) -> None:
    jsonschema.validate(values, json.loads(Path(SCHEMA).read_text(encoding="utf-8")))


def test_every_secret_is_named_and_none_is_there(values: dict[str, Any]) -> None:
    connections = {secret["envName"]: secret for secret in values["secret"]}
    assert set(connections) == {
        f"AIRFLOW_CONN_ESPEJO_{name.upper()}" for name in ACTIONS if name != "admin"
    }
    for secret in connections.values():
        assert secret["secretName"]
        assert secret["secretKey"] == secret["envName"].rpartition("_")[2].lower()
    for name in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"):
        assert values[name]
    assert values["data"]["metadataSecretName"]
    words = re.findall(r"[A-Za-z0-9+/_-]{24,}", VALUES.read_text(encoding="utf-8"))
    assert [word for word in words if re.search(r"\d", word) and "/" not in word] == []


def test_the_image_has_what_the_values_name(values: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    named = {variable["name"]: variable["value"] for variable in values["env"]}
    for place in (
        named["ESPEJO_PODS"],
        *(values["config"]["core"][f"{n}_folder"] for n in ("dags", "plugins")),
    ):
        copied = place.removeprefix("/opt/espejo/")
        assert f"COPY {copied}/ {copied}/" in dockerfile
    version = re.search(r"^apache-airflow==(.+)$", (ROOT / "requirements.txt").read_text(), re.M)
    assert version is not None
    assert values["airflowVersion"] == version[1]
    assert int(re.findall(r"^USER (\d+)", dockerfile, re.M)[-1]) == values["uid"]
    assert "cncf-kubernetes" in (ROOT / "requirements-server.txt").read_text()


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.stem)
def test_a_pod_is_of_a_step_and_has_bounds(path: Path) -> None:
    assert path.stem in {step.name for step in steps_in_parts()}
    (container,) = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["containers"]
    assert container["name"] == "base"
    resources = container["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert int(resources["limits"]["memory"][:-2]) > int(resources["requests"]["memory"][:-2])


def test_steps_that_run_beside_each_other_have_pods_of_their_own() -> None:
    beside = {step.name for stage in STAGES if len(stage) > 1 for step in stage}
    assert beside <= {path.stem for path in PODS}


def test_a_task_reaches_the_lake_and_airflow_and_nobody_reaches_it() -> None:
    policy = yaml.safe_load((ROOT / "deploy/helm/network-policies.yaml").read_text())
    rules = policy["spec"]
    assert set(rules["policyTypes"]) == {"Ingress", "Egress"}
    assert rules["ingress"] == []
    ports = {port["port"] for rule in rules["egress"] for port in rule["ports"]}
    assert ports == {53, 8080, 443}
    assert all(rule["to"] for rule in rules["egress"])  # an empty list is the whole world
