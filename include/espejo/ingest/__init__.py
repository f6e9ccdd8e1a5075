"""Ingest: from the file that the office ships to a typed table."""

from include.espejo.ingest.read import Ingested, find_input, ingest

__all__ = ["Ingested", "find_input", "ingest"]
