"""The data lake: bytes by URI, on S3 or on a local disk, as one identity sees them."""

from include.espejo.lake.conditional import (
    change_document,
    change_object,
    document_bytes,
    read_document,
)
from include.espejo.lake.store import Lake, Lakes, Stored, join, open_lake

__all__ = [
    "Lake",
    "Lakes",
    "Stored",
    "change_document",
    "change_object",
    "document_bytes",
    "join",
    "open_lake",
    "read_document",
]
