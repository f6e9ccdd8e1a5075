"""The process in which SDV's CTGAN fits and samples: `engine.py` starts it.

The library can be seeded only through the global generators, here those of this process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch  # noqa: F401  so that it is seeded with the others

from include.espejo.process.child import Request, answer, tell

_TABLE = "table"
_LOSSES = re.compile(r"Gen\. \(\s*(\S+?)\) \| Discrim\. \(\s*(\S+?)\)")


def handle(request: Request) -> None:
    """Fit or sample, as asked."""
    {"fit": _fit, "sample": _sample}[request["task"]](request)


def _fit(request: Request) -> None:
    import ctgan.synthesizers.ctgan as library
    import joblib
    from sdv.metadata import Metadata
    from sdv.single_table import CTGANSynthesizer

    library.tqdm = _Epochs
    table = pq.read_table(request["table"])
    synthesizer = CTGANSynthesizer(
        Metadata.load_from_dict({"tables": {_TABLE: {"columns": _column_types(table)}}}),
        epochs=request["epochs"],
        batch_size=request["batch_size"],
        verbose=True,
        enable_gpu=False,
    )
    # Its process pool's children would outlive the task; its threads would share one generator.
    with joblib.parallel_config(backend="sequential"):
        synthesizer.fit({_TABLE: _plain_frame(table)})
    synthesizer.save(request["model"])
    pq.write_table(table.schema.empty_table(), Path(request["model"]).with_suffix(".schema"))


def _sample(request: Request) -> None:
    from sdv.utils import load_synthesizer

    synthesizer = load_synthesizer(request["model"])
    schema = pq.read_schema(Path(request["model"]).with_suffix(".schema"))
    # Left alone it would draw from a seed of its own, the same after every load.
    synthesizer._set_random_state(request["seed"])
    drawn = synthesizer.sample(num_rows=request["rows"])
    frame = drawn[_TABLE] if isinstance(drawn, dict) else drawn
    arrays = [_typed(frame[field.name], field.type) for field in schema]
    pq.write_table(pa.table(arrays, names=schema.names), request["drawn"])


class _Epochs:
    """Replaces the library's progress bar and reports the losses after each epoch."""

    def __init__(self, epochs: range, **_: Any):
        self._epochs = epochs
        self._done = 0

    def __iter__(self) -> Iterator[int]:
        for epoch in self._epochs:
            self._done = epoch + 1
            yield epoch

    def set_description(self, text: str) -> None:
        losses = _LOSSES.search(text)
        if losses and self._done:
            tell(
                {
                    "epoch": self._done,
                    "generator_loss": float(losses[1]),
                    "critic_loss": float(losses[2]),
                }
            )


def _column_types(table: pa.Table) -> dict[str, dict[str, str]]:
    return {
        field.name: {"sdtype": "categorical" if _is_code(field.type) else "numerical"}
        for field in table.schema
    }


def _is_code(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind))


def _plain_frame(table: pa.Table) -> pd.DataFrame:
    """Codes as text with None for blank, numbers as floats: what the library takes."""
    frame = table.to_pandas()
    for field in table.schema:
        kind = "object" if _is_code(field.type) else "float64"
        frame[field.name] = frame[field.name].astype(kind)
    return frame


def _typed(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if _is_code(kind):
        return pa.array(values.astype(object).where(values.notna(), None), pa.string()).cast(kind)
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    return pa.array(
        np.rint(numbers) if pa.types.is_integer(kind) else numbers, from_pandas=True
    ).cast(kind)


if __name__ == "__main__":
    answer(handle)
