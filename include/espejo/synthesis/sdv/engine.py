"""Engine `sdv`: the CTGAN of SDV 2.0, in a process of its own.

The library seeds through the global generators of Python, NumPy and torch, starts a process
pool, and keeps its memory. In a child process all of that ends with the fit, and nothing of
it touches the process that runs the flow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.espejo.errors import ParameterError
from include.espejo.process.child import run_child
from include.espejo.process.private_folder import private_folder
from include.espejo.process.resources import PeakMemory
from include.espejo.survey import SurveySpec
from include.espejo.synthesis.interface.engine import (
    EpochProgress,
    FitResult,
    FitSettings,
    Learning,
    PretrainingShare,
    Progress,
    SampleRequest,
    Store,
)

_CHILD = "include.espejo.synthesis.sdv.child"


class SdvEngine:
    """The reference that the project's own engine is measured against; see interface.Engine."""

    def fit(
        self,
        learning: Learning,
        settings: FitSettings,
        model: Path,
        progress: Progress,
        store: Store,
        pretrained: Sequence[Path] = (),
    ) -> FitResult:
        table = learning.table
        learnt, empty = _without_empty_columns(table)
        started = time.monotonic()
        losses: list[EpochProgress] = []
        model.mkdir(parents=True, exist_ok=True)
        with PeakMemory() as memory, _exchange(learnt) as folder:
            request = {
                "task": "fit",
                "epochs": settings.epochs,
                "batch_size": settings.batch_size,
                "seed": settings.seed,
                "table": str(folder / "table.parquet"),
                "model": str(model / "sdv.pkl"),
            }
            for message in run_child(_CHILD, request):
                seconds = time.monotonic() - started
                losses.append(EpochProgress(**message, epochs=settings.epochs, seconds=seconds))
                progress(losses[-1])
        (model / "columns.json").write_text(json.dumps({"order": table.column_names}))
        _write_empty_schema(empty, model)
        steps = settings.epochs * max(table.num_rows // settings.batch_size, 1)
        seconds = time.monotonic() - started
        return FitResult(steps, seconds, memory.peak_mb, tuple(losses), steps)

    def pretrain(
        self,
        learning: Learning,
        settings: FitSettings,
        model: Path,
        progress: Progress,
        store: Store,
        share: PretrainingShare,
    ) -> None:
        """Nothing: a model of SDV is not learnt in shares, nor goes on from another."""

    def sample(self, model: Path, spec: SurveySpec, request: SampleRequest) -> Iterator[pa.Table]:
        if request.conditions:
            raise ParameterError("engine sdv: it cannot sample with conditions; use ctgan")
        order = json.loads((model / "columns.json").read_text())["order"]
        with private_folder() as folder:
            drawn = folder / "drawn.parquet"
            asked = {
                "task": "sample",
                "rows": request.rows,
                "seed": request.seed,
                "drawn": str(drawn),
                "model": str(model / "sdv.pkl"),
            }
            for _ in run_child(_CHILD, asked):
                pass
            table = pq.read_table(drawn)
        for field in pq.read_schema(model / "empty.parquet"):
            table = table.append_column(field, pa.nulls(request.rows, field.type))
        yield table.select(order)


def _without_empty_columns(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """A column that is blank throughout teaches nothing: it is left out and put back."""
    empty = [n for n in table.column_names if table.column(n).null_count == table.num_rows]
    return table.drop_columns(empty), table.select(empty)


def _write_empty_schema(empty: pa.Table, model: Path) -> None:
    pq.write_table(empty.schema.empty_table(), model / "empty.parquet")


@contextmanager
def _exchange(table: pa.Table) -> Iterator[Path]:
    """A private folder holding the table, gone at the end: the child's input."""
    with private_folder() as folder:
        pq.write_table(table, folder / "table.parquet")
        yield folder
