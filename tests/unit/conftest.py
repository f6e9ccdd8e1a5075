"""Fixtures that several folders share."""

from tests.support.sheets import (  # noqa: F401  fixtures are found by their names here
    assert_no_canary,
    enoe,
    ingest_bytes,
    ingested,
    parks,
    parks_sheet,
    period,
    sheet,
    survey_csv,
)
