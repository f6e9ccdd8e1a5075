"""On which workers a step runs: said by the deployment, not by the survey.

Without these variables every step runs where Airflow runs tasks, and LocalExecutor needs no more:

    ESPEJO_TRAIN_QUEUE    queue of the training, for the workers that have the memory or the GPU
    ESPEJO_TRAIN_POOL     pool of the training: its slots are the trainings at the same time
    ESPEJO_PODS           for KubernetesExecutor: a folder of what steps' pods have beside others, a
                          file of the step's name (`train.yaml`) in the form of a pod

The scheduler, the DAG processor and the workers must be given the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from include.espejo.steps.table import Step


def placement(step: Step) -> dict[str, Any]:
    """The arguments of the step's task that say where it runs."""
    placed: dict[str, Any] = {}
    if step.trains:
        for name in ("queue", "pool"):
            if given := os.environ.get(f"ESPEJO_TRAIN_{name.upper()}"):
                placed[name] = given
    if folder := os.environ.get("ESPEJO_PODS"):
        described = Path(folder) / f"{step.name}.yaml"
        if described.is_file():
            placed["executor_config"] = {"pod_override": _pod(described)}
    return placed


def _pod(described: Path) -> Any:
    """The pod of a file. Its library comes with the executor: only who asks for it needs it."""
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    return PodGenerator.deserialize_model_dict(yaml.safe_load(described.read_text()))
