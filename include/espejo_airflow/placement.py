"""On which workers a step runs: said by the deployment, not by the survey.

Without these variables every step runs where Airflow runs tasks, and LocalExecutor needs no more:

    ESPEJO_TRAIN_QUEUE    queue of the training, for the workers that have the memory or the GPU
    ESPEJO_TRAIN_POOL     pool of the training: its slots are the trainings at the same time
    ESPEJO_POD_TEMPLATES  folder of pod templates, for KubernetesExecutor: a step with a file of its
                          name there (`train.yaml`) runs in such a pod

The scheduler, the DAG processor and the workers must be given the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from include.espejo.steps.table import Step


def placement(step: Step) -> dict[str, Any]:
    """The arguments of the step's task that say where it runs."""
    placed: dict[str, Any] = {}
    if step.trains:
        for name in ("queue", "pool"):
            if given := os.environ.get(f"ESPEJO_TRAIN_{name.upper()}"):
                placed[name] = given
    if templates := os.environ.get("ESPEJO_POD_TEMPLATES"):
        template = Path(templates) / f"{step.name}.yaml"
        if template.is_file():
            placed["executor_config"] = {"pod_template_file": str(template)}
    return placed
