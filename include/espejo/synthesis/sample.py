"""Sample: draw rows from a model, and count what they break."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from include.espejo.process.private_folder import private_folder
from include.espejo.survey import Period, SurveySpec
from include.espejo.synthesis.engines import make_engine
from include.espejo.synthesis.interface.engine import SampleRequest
from include.espejo.table.document import BrokenRule
from include.espejo.table.keeping import breaches, unknown_places


@contextmanager
def sampled_parquet(
    files: Mapping[str, bytes], engine: str, spec: SurveySpec, request: SampleRequest
) -> Iterator[tuple[Path, float]]:
    """Draw rows from the model in `files` straight into a Parquet file, a chunk at a time.

    Gives the file, which is gone at the end of the block, and the seconds it took.
    """
    started = time.monotonic()
    with private_folder() as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        drawn = folder / "drawn.parquet"
        writer: pq.ParquetWriter | None = None
        for chunk in make_engine(engine).sample(folder, spec, request):
            writer = writer or pq.ParquetWriter(drawn, chunk.schema, compression="zstd")
            writer.write_table(chunk)
        if writer is not None:
            writer.close()
        yield drawn, time.monotonic() - started


def broken_rules(
    synthetic: pd.DataFrame, real: pd.DataFrame, spec: SurveySpec, period: Period
) -> list[BrokenRule]:
    """The rules that synthetic rows break; `real`: the rows that were learnt from (see
    frames.to_frame).

    A place that was not learnt is broken, too.
    """
    found = breaches(synthetic, real, spec, period) + unknown_places(synthetic, real, spec)
    return [
        BrokenRule(rule=b.rule, columns=b.columns, rows=b.count, share=b.count / len(synthetic))
        for b in found
    ]
