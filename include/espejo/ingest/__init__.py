"""Ingest: from the file that the office ships to a typed table."""

from include.espejo.ingest.read import Ingested, csv_of, find_input, narrowed, read_survey

__all__ = ["Ingested", "csv_of", "find_input", "narrowed", "read_survey"]
