"""The data lake: bytes by URI, on S3 or on a local disk, as one identity sees them."""

from include.espejo.lake.store import Lake, Lakes, Stored, join, open_lake

__all__ = ["Lake", "Lakes", "Stored", "join", "open_lake"]
