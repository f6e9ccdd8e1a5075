"""Sample: draw rows from a model, and count what they break."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.espejo.survey import Column, Period, SurveySpec
from include.espejo.synthesis.engines import make_engine
from include.espejo.synthesis.interface.engine import SampleRequest
from include.espejo.table.document import BrokenRule
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import Breach, group_numbers, relations


@contextmanager
def sampled_parquet(
    files: Mapping[str, bytes], engine: str, spec: SurveySpec, request: SampleRequest
) -> Iterator[tuple[Path, float]]:
    """Draw rows from the model in `files` straight into a Parquet file, a chunk at a time.

    Gives the file, which is gone at the end of the block, and the seconds it took.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="espejo-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        drawn = Path(folder) / "drawn.parquet"
        writer: pq.ParquetWriter | None = None
        for chunk in make_engine(engine).sample(Path(folder), spec, request):
            writer = writer or pq.ParquetWriter(drawn, chunk.schema, compression="zstd")
            writer.write_table(chunk)
        if writer is not None:
            writer.close()
        yield drawn, time.monotonic() - started


def broken_rules(
    synthetic: pa.Table, real: pa.Table, spec: SurveySpec, period: Period
) -> list[BrokenRule]:
    """The declared rules that synthetic rows break.

    Beside the declared relations: code lists, ranges, and places (tuples of the geography's
    levels) that the real table does not have.
    """
    frame, original = to_frame(synthetic), to_frame(real)
    found = relations(frame, spec, period)
    found += [Breach("values", (n,), _outside(frame[n], spec.columns[n])) for n in frame]
    levels = [level for level in spec.geography_levels() if level in frame]
    if levels:
        rows = _unseen(frame[levels], original[levels])
        found.append(Breach("places_that_exist", tuple(levels), rows))
    return [
        BrokenRule(rule=b.rule, columns=b.columns, rows=b.count, share=b.count / len(frame))
        for b in found
        if b.count
    ]


def _outside(values: pd.Series, column: Column) -> np.ndarray:
    """Rows whose value is no code of the list, or out of range and no special code."""
    known = values.notna().to_numpy()
    if column.code_set:
        return np.asarray(known & ~values.isin(column.code_set))
    if column.range is None:
        return np.zeros(len(values), dtype=bool)
    low, high = column.range
    allowed = values.between(low, high) | values.isin(list(column.special))
    return np.asarray(known & ~allowed)


def _unseen(synthetic: pd.DataFrame, real: pd.DataFrame) -> np.ndarray:
    """Rows whose tuple of values no real row has."""
    together = pd.concat([real.astype(object), synthetic.astype(object)], ignore_index=True)
    groups = group_numbers(together)
    return ~np.isin(groups[len(real) :], groups[: len(real)])
