"""Step ingest: the survey's file becomes a typed table in the scratch folder."""

from __future__ import annotations

import logging

from include.espejo.errors import InputError, without_values
from include.espejo.lake.document import document_bytes
from include.espejo.steps.documents import IngestedFile
from include.espejo.steps.run import Run, Summary

log = logging.getLogger(__name__)


@without_values
def ingest(run: Run) -> Summary:
    """Read the file, or the files, that the run's source names."""
    from include.espejo.ingest import find_input, read_survey
    from include.espejo.process.private_folder import require_room
    from include.espejo.report.drawings.browser import require_browser
    from include.espejo.table.frames import to_parquet

    require_browser()  # now, rather than after hours of training
    require_room()
    lake = run.lakes.ingest
    sources = find_input(lake, run.source, run.spec.source.parts)
    joined = find_input(lake, run.joined)[0] if run.joined else None
    try:
        survey = read_survey(lake, sources, run.spec, joined)
    except InputError as error:
        if error.refused:
            run.lakes.work.write(run.refused, document_bytes({"refused": error.refused}))
        raise
    rows = survey.table.num_rows
    run.lakes.work.write(run.scratch_table, to_parquet(survey.table))
    facts = IngestedFile(
        source=survey.source,
        sha256=survey.sha256,
        size=survey.size,
        encoding=survey.encoding,
        rows=rows,
        warnings=survey.warnings,
    )
    run.write(run.ingested, facts)
    log.info("%s: %d rows, %s", survey.source, rows, survey.encoding)
    return {"rows": rows}
