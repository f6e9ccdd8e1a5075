"""Sampling: rows from a model, in blocks of a fixed size whose randomness is their own.

A block's rows depend on the model, the seed and the block's number only, so that a table is the
same whatever the size of the chunks in which it is written, and memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from include.espejo.errors import ParameterError, UnexpectedError
from include.espejo.synthesis.ctgan.calibrate import POOL, draw_without_replacement, rake
from include.espejo.synthesis.ctgan.encoding.fields import Field
from include.espejo.synthesis.ctgan.keeping import decode_keeping_rules, replace_rows
from include.espejo.synthesis.ctgan.model import Model
from include.espejo.synthesis.ctgan.threads import call_in_order, one_torch_thread
from include.espejo.synthesis.interface.engine import SampleRequest
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import relations

BLOCK = 50_000
_SLICE = 4096
_CANDIDATES = 16  # rows drawn for each one kept where codes are asked for
_TRIES = 20


def sample_rows(model: Model, request: SampleRequest) -> Iterator[pa.Table]:
    """The rows asked for, a table a block. Raises ParameterError on a code never seen."""
    wanted = _Wanted.of(model, request.conditions or {})

    def block(number: int, size: int) -> pa.Table:
        generator = np.random.default_rng([request.seed, number])
        leaves, codes = _block(model, size, generator, request, wanted)
        return _decode(model, leaves, codes, generator, wanted)

    starts = range(0, request.rows, BLOCK)
    sizes = [min(BLOCK, request.rows - start) for start in starts]
    yield from call_in_order(block, range(len(sizes)), sizes)


@dataclass(frozen=True)
class _Wanted:
    """Conditions as probabilities of the leaves and as codes by field."""

    leaf_shares: np.ndarray
    codes: dict[int, int]

    @classmethod
    def of(cls, model: Model, conditions: Mapping[str, str]) -> _Wanted:
        places = model.encoding.places
        counts = np.ones(1) if places is None else places.to_draw
        codes: dict[int, int] = {}
        fields = {f.column: i for i, f in enumerate(model.encoding.fields)}
        for column, code in conditions.items():
            if places is not None and column in places.tuples:
                counts = counts * (places.tuples[column] == code).to_numpy()
            elif column in fields:
                field = model.encoding.fields[fields[column]]
                found = field.code_of(code)
                if found is None:
                    raise ParameterError(f"condition {column}: {_unknown(field)}")
                codes[fields[column]] = found
            else:
                raise ParameterError(f"condition {column}: it is not a modelled column")
        if not counts.sum():
            raise ParameterError(
                f"conditions on {', '.join(conditions)}: no place satisfies all of them"
            )
        return cls(counts / counts.sum(), codes)


def _unknown(field: Field) -> str:
    """Why a condition cannot be met. Which numbers training has seen is not said."""
    if field.kind == "code":
        return "the training table does not have this code"
    return (
        "this number is not modelled as a value of its own; name a special code, a constant that "
        "a rule compares the column with, or a number that many people have"
    )


def _block(
    model: Model, size: int, generator: np.random.Generator, request: SampleRequest, wanted: _Wanted
) -> tuple[np.ndarray, np.ndarray]:
    if request.conditions or not request.calibrate:  # the margins are those of the whole table
        return _draw(model, size, generator, wanted)
    leaves, codes = _draw(model, POOL * size, generator, wanted)
    rows = model.layout.rows(leaves, codes)
    weighted = rake(rows, model.margins, model.layout)
    kept = draw_without_replacement(weighted.weights, size, generator)
    return leaves[kept], codes[kept]


def _draw(
    model: Model, size: int, generator: np.random.Generator, wanted: _Wanted
) -> tuple[np.ndarray, np.ndarray]:
    """Leaves by true frequency, and fields from the network: (rows,), (rows, fields)."""
    candidates = _CANDIDATES if wanted.codes else 1
    leaves = generator.choice(len(wanted.leaf_shares), size * candidates, p=wanted.leaf_shares)
    torch_generator = torch.Generator().manual_seed(int(generator.integers(2**62)))
    kept, parts = [], []
    for start in range(0, len(leaves), _SLICE * candidates):
        some = leaves[start : start + _SLICE * candidates]
        with one_torch_thread():
            if wanted.codes:
                some, codes = _draw_with_codes(model, some, torch_generator, wanted)
            else:
                codes = _draw_slice(model, some, torch_generator)[0]
        kept.append(some)
        parts.append(codes)
    return np.concatenate(kept), np.concatenate(parts)


def _draw_slice(
    model: Model,
    leaves: np.ndarray,
    generator: torch.Generator,
    fixed: dict[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Drawn codes of some rows, and the log-probability of the codes that were fixed."""
    layout, network = model.layout, model.generator
    rows = len(leaves)
    codes = torch.zeros(rows, len(layout.sizes), dtype=torch.long)
    codes[:, : layout.given] = torch.from_numpy(layout.given_by_leaf[leaves]).long()
    uniform = torch.rand(rows, len(layout.sizes), generator=generator)
    at = {index + layout.given: code for index, code in (fixed or {}).items()}
    codes, weight = network.draw(
        codes, torch.from_numpy(leaves), layout.given, model.masks, uniform, at
    )
    return codes[:, layout.given :].numpy().astype(np.int32), weight.numpy()


def _draw_with_codes(
    model: Model, leaves: np.ndarray, generator: torch.Generator, wanted: _Wanted
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that have the codes asked for, by importance: of several candidates, each with a leaf
    of its own and the codes fixed, one is kept with the probability that the model gives them
    there. Gives leaves and codes of the rows kept."""
    codes, weight = _draw_slice(model, leaves, generator, wanted.codes)
    uniform = torch.rand(len(leaves), generator=generator).numpy()
    keys = weight - np.log(-np.log(np.clip(uniform, 1e-12, 1 - 1e-7)))
    best = keys.reshape(-1, _CANDIDATES).argmax(1)
    chosen = np.arange(len(best)) * _CANDIDATES + best
    return leaves[chosen], codes[chosen]


def _decode(
    model: Model,
    leaves: np.ndarray,
    codes: np.ndarray,
    generator: np.random.Generator,
    wanted: _Wanted,
) -> pa.Table:
    """The table of these rows, with rows that break a rule drawn again: rules may contradict each
    other in a row, or one had too many combinations to be written out. A rule that cannot be kept
    is an error, never a silent wrong table."""
    encoding = model.encoding
    table, wrong = decode_keeping_rules(encoding, leaves, codes, generator)
    for _ in range(_TRIES):
        if not len(wrong):
            return table
        leaves, codes = _draw(model, len(wrong), generator, wanted)
        again, still = decode_keeping_rules(encoding, leaves, codes, generator)
        table, wrong = replace_rows(table, wrong, again), wrong[still]
    if not len(wrong):
        return table
    found = relations(to_frame(table), encoding.spec, encoding.period)
    names = ", ".join(b.rule for b in found if b.count)
    if wanted.codes:
        raise ParameterError(f"conditions: rows that have them all keep breaking {names}")
    raise UnexpectedError(
        f"engine ctgan: rows keep breaking {names}; these rules contradict others"
    )
