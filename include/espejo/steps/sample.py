"""Step sample: the model draws the synthetic table."""

from __future__ import annotations

import logging

from include.espejo.errors import without_values
from include.espejo.lake import join
from include.espejo.steps.documents import SamplingSummary, TrainingSummary
from include.espejo.steps.run import Run, Summary

log = logging.getLogger(__name__)


def _weighted(run: Run, content: bytes) -> bytes:
    """The table with its weights raked to the survey's totals, where the spec has a weight.

    Of a part nothing is known of the totals: those of the whole are raked once it is together.
    """
    from include.espejo.table.frames import read_frame, to_parquet, to_table
    from include.espejo.table.weights import raked_weights

    if run.spec.weight is None or run.part:
        return content
    frame = read_frame(content)
    frame[run.spec.weight.column] = raked_weights(frame, run.weight_margins(), run.spec)
    return to_parquet(to_table(frame, run.spec))


@without_values
def sample(run: Run) -> Summary:
    """Draw the synthetic table and count the declared rules that its rows break."""
    from include.espejo.synthesis.interface.engine import SampleRequest
    from include.espejo.synthesis.sample import sampled_parquet

    work, lake, job = run.work, run.lakes.work, run.job
    done = run.done_before(SamplingSummary, work.sampling)
    if done is not None:
        return done.model_dump(mode="json")
    rows = run.rows_to_draw()
    if not rows:  # of few rows over many parts, one may have none
        done = SamplingSummary(rows=0, sample_seconds=0.0, broken_rules=())
        run.write(work.sampling, done)
        return done.model_dump(mode="json")
    names = run.read(TrainingSummary, work.training).files
    files = {name: lake.read(join(work.model, name)) for name in names}
    request = SampleRequest(rows, run.seed, job.parameters.calibrate)
    with sampled_parquet(files, job.parameters.engine, job.spec, request) as (path, seconds):
        content = path.read_bytes()
    return keep_sampled(run, content, seconds)


def keep_sampled(run: Run, content: bytes, seconds: float) -> Summary:
    """Keep a synthetic table, Parquet, with the count of declared rules that its rows break."""
    from include.espejo.synthesis.sample import broken_rules
    from include.espejo.table.frames import read_frame

    work, lake, job = run.work, run.lakes.work, run.job
    content = _weighted(run, content)
    real = read_frame(lake.read(work.train), job.spec.model_columns())
    drawn = read_frame(content)
    broken = broken_rules(drawn, real, job.spec, job.period)
    for breach in broken:
        log.warning(
            "synthetic rows break rule %s: %d (%.1f%%)",
            breach.rule,
            breach.rows,
            breach.share * 100,
        )
    lake.write(work.synthetic, content)
    done = SamplingSummary(
        rows=len(drawn), sample_seconds=round(seconds, 3), broken_rules=tuple(broken)
    )
    run.write(work.sampling, done)
    return done.model_dump(mode="json")
