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
    from include.espejo.ctgan.fit import _Run

_NUMBERS = "numbers"


def pack(run: _Run) -> bytes:
    """Everything that the next step depends on."""
    training = run.training
    tensors: dict[str, Tensor] = {
        "random": training.random.get_state(),
        "remembered": training.remembered,
        **_named("generator", training.generator.state_dict()),
        **_named("averaged", training.averaged.state_dict()),
        **_named("critic", training.critic.state_dict()),
        **_named("best", run.best),
        **_optimiser("adam_g", training.optimiser_g),
        **_optimiser("adam_c", training.optimiser_c),
    }
    numbers = {"fits": _fits(run), "steps": training.steps, "best_step": run.best_step,
               "stale": run.stale, "best_score": run.best_score, "score": run.score,
               "seconds": run.seconds,
               "losses": [asdict(told) for told in run.losses]}  # fmt: skip
    text = json.dumps(numbers).encode()
    tensors[_NUMBERS] = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy())
    return save({name: tensor.contiguous().clone() for name, tensor in tensors.items()})


def unpack(content: bytes, run: _Run) -> None:
    """Put a saved state into a run that was set up alike. Raises ModelError if it does not fit."""
    training = run.training
    try:
        tensors = load(content)
        numbers = json.loads(bytes(tensors.pop(_NUMBERS).numpy()))
        if numbers["fits"] != _fits(run):
            raise ValueError("another table, or other settings")
        training.generator.load_state_dict(_part("generator", tensors))
        training.averaged.load_state_dict(_part("averaged", tensors))
        training.critic.load_state_dict(_part("critic", tensors))
        for name, optimiser in (("adam_g", training.optimiser_g), ("adam_c", training.optimiser_c)):
            _restore(name, optimiser, tensors)
        training.remembered.copy_(tensors["remembered"])
        training.random.set_state(tensors["random"])
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        problem = type(error).__name__
    else:
        training.steps = numbers["steps"]
        run.best = _part("best", tensors)
        run.best_step, run.stale = numbers["best_step"], numbers["stale"]
        run.best_score, run.score = numbers["best_score"], numbers["score"]
        run.seconds = numbers["seconds"]
        run.losses = [EpochProgress(**told) for told in numbers["losses"]]
        return
    raise ModelError(f"checkpoint: it does not fit this training ({problem}); delete it")


def _fits(run: _Run) -> str:
    """What a training is of: its table and the settings that decide its steps."""
    training = run.training
    settings = [training.batch_size, training.planned, run.settings.seed, str(training.rates)]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for tensor in (training.moments, training.sampler._rows, training.sampler._leaves):
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
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
