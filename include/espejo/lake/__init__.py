"""The data lake: bytes by URI, on S3 or on a local disk, as one identity sees them."""

from include.espejo.lake.conditional import change_object
from include.espejo.lake.document import Document, document_bytes
from include.espejo.lake.opening import open_lake
from include.espejo.lake.store import Lake, Lakes, Stored, join

__all__ = [
    "Document",
    "Lake",
    "Lakes",
    "Stored",
    "change_object",
    "document_bytes",
    "join",
    "open_lake",
]
