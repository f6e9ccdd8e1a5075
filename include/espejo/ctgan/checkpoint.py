"""A training's state as bytes: safetensors, with the plain numbers as JSON beside the tensors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from include.espejo.engines.interface import EpochProgress
from include.espejo.errors import ModelError

if TYPE_CHECKING:
    from include.espejo.ctgan.run import Run

_NUMBERS = "numbers"


def pack(run: Run) -> bytes:
    """Everything that the next step depends on."""
    start, adversary = run.start, run.adversary
    training = run.training
    tensors: dict[str, Tensor] = {
        "random": training.random.get_state(),
        **_named("generator", run.generator.state_dict()),
        **_named("averaged", training.averaged.state_dict()),
        **_named("kept", run.kept.state),
        **_optimiser("adam_g", training.optimiser),
    }
    if adversary is None:
        tensors["order"] = start.order
    else:
        tensors |= _named("critic", adversary.critic.state_dict())
        tensors |= _optimiser("adam_c", adversary.optimiser_c)
    numbers = {"fits": _fits(run), "start_steps": start.steps, "start_stale": start.stale,
               "start_surprise": start.surprise,
               "adversary": None if adversary is None else [adversary.steps, adversary.stale],
               "best_step": run.best_step, "seconds": run.seconds, "rows": run.rows_learnt,
               "losses": [asdict(told) for told in run.losses]}  # fmt: skip
    text = json.dumps(numbers).encode()
    tensors[_NUMBERS] = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy())
    return save({name: tensor.contiguous().clone() for name, tensor in tensors.items()})


def unpack(content: bytes, run: Run) -> None:
    """Put a saved state into a run that was set up alike. Raises ModelError if it does not fit."""
    try:
        tensors = load(content)
        numbers = json.loads(bytes(tensors.pop(_NUMBERS).numpy()))
        if numbers["fits"] != _fits(run):
            raise ValueError("another table, or other settings")
        _restore_training(numbers, tensors, run)
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        problem = type(error).__name__
    else:
        run.best_step, run.seconds = numbers["best_step"], numbers["seconds"]
        run.rows_learnt = numbers["rows"]
        run.losses = [EpochProgress(**told) for told in numbers["losses"]]
        return
    raise ModelError(f"checkpoint: it does not fit this training ({problem}); delete it")


def _restore_training(numbers: dict[str, Any], tensors: dict[str, Tensor], run: Run) -> None:
    run.kept.restore(run.generator, _part("kept", tensors))
    run.start.steps, run.start.stale = numbers["start_steps"], numbers["start_stale"]
    run.start.surprise = numbers["start_surprise"]
    if numbers["adversary"] is None:
        run.start.order = tensors["order"]
    else:
        run.begin_adversary()
        assert run.adversary is not None
        run.adversary.steps, run.adversary.stale = numbers["adversary"]
        run.adversary.critic.load_state_dict(_part("critic", tensors))
        _restore("adam_c", run.adversary.optimiser_c, tensors)
    run.generator.load_state_dict(_part("generator", tensors))
    run.training.averaged.load_state_dict(_part("averaged", tensors))
    _restore("adam_g", run.training.optimiser, tensors)
    run.training.random.set_state(tensors["random"])


def _fits(run: Run) -> str:
    """What a training is of: its table and the settings that decide its steps."""
    settings = [run.settings.batch_size, run.settings.epochs, run.settings.seed, str(run.recipe)]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for array in (run.table.rows, run.table.leaves):
        digest.update(np.ascontiguousarray(array).tobytes())
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
