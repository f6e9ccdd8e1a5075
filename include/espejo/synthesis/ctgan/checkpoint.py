"""A training's state as bytes: safetensors, with the plain numbers as JSON beside the tensors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from include.espejo.errors import ModelError
from include.espejo.synthesis.ctgan.trainings import Trainings
from include.espejo.synthesis.interface.engine import EpochProgress

_NUMBERS = "numbers"


@dataclass
class Tally:
    """What a training has come to: its last step that was kept, its time, rows and losses."""

    best_step: int = 0
    seconds: float = 0.0
    rows_learnt: int = 0
    losses: list[EpochProgress] = field(default_factory=list)


def pack(trainings: Trainings, tally: Tally) -> bytes:
    """Everything that the next step depends on."""
    start, adversary = trainings.start, trainings.adversary
    training = trainings.current
    tensors: dict[str, Tensor] = {
        "random": training.random.get_state(),
        **_named("generator", trainings.generator.state_dict()),
        **_named("averaged", training.averaged.state_dict()),
        **_named("kept", trainings.kept.state),
        **_optimiser("adam_g", training.optimiser),
    }
    if adversary is None:
        tensors["order"] = start.order
    else:
        tensors |= _named("critic", adversary.critic.state_dict())
        tensors |= _optimiser("adam_c", adversary.optimiser_c)
    numbers = {
        "fits": _fits(trainings),
        "start_steps": start.steps,
        "start_stale": start.stale,
        "start_surprise": start.surprise,
        "adversary": None if adversary is None else [adversary.steps, adversary.stale],
        "best_step": tally.best_step,
        "seconds": tally.seconds,
        "rows": tally.rows_learnt,
        "losses": [asdict(epoch) for epoch in tally.losses],
    }
    text = json.dumps(numbers).encode()
    tensors[_NUMBERS] = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy())
    return save({name: tensor.contiguous().clone() for name, tensor in tensors.items()})


def unpack(content: bytes, trainings: Trainings) -> Tally:
    """Put a saved state into trainings that were set up alike. Raises ModelError if it does not
    fit."""
    try:
        tensors = load(content)
        numbers = json.loads(bytes(tensors.pop(_NUMBERS).numpy()))
        if numbers["fits"] != _fits(trainings):
            raise ValueError("another table, or other settings")
        _restore_training(numbers, tensors, trainings)
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        problem = type(error).__name__
    else:
        losses = [EpochProgress(**epoch) for epoch in numbers["losses"]]
        return Tally(numbers["best_step"], numbers["seconds"], numbers["rows"], losses)
    raise ModelError(f"checkpoint: it does not fit this training ({problem}); delete it")


def _restore_training(
    numbers: dict[str, Any], tensors: dict[str, Tensor], trainings: Trainings
) -> None:
    trainings.kept.restore(trainings.generator, _part("kept", tensors))
    trainings.start.steps, trainings.start.stale = numbers["start_steps"], numbers["start_stale"]
    trainings.start.surprise = numbers["start_surprise"]
    if numbers["adversary"] is None:
        trainings.start.order = tensors["order"]
    else:
        trainings.begin_adversary()
        assert trainings.adversary is not None
        trainings.adversary.steps, trainings.adversary.stale = numbers["adversary"]
        trainings.adversary.critic.load_state_dict(_part("critic", tensors))
        _restore("adam_c", trainings.adversary.optimiser_c, tensors)
    trainings.generator.load_state_dict(_part("generator", tensors))
    trainings.current.averaged.load_state_dict(_part("averaged", tensors))
    _restore("adam_g", trainings.current.optimiser, tensors)
    trainings.current.random.set_state(tensors["random"])


def _fits(trainings: Trainings) -> str:
    """What a training is of: its table and the settings that decide its steps."""
    settings, recipe = trainings.settings, str(trainings.recipe)
    decides = [settings.batch_size, settings.epochs, settings.seed, recipe]
    digest = hashlib.sha256(json.dumps(decides).encode())
    for array in (trainings.table.rows, trainings.table.leaves):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _part(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _optimiser(prefix: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    state: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
    return {f"{prefix}/{i}/{name}": t for i, entry in state.items() for name, t in entry.items()}


def _restore(prefix: str, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _part(prefix, tensors).items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
