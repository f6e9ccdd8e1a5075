"""Which storage a URI names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.espejo.lake.local import LocalLake
from include.espejo.lake.s3 import S3Lake
from include.espejo.lake.store import Lake


def open_lake(uri: str, options: Mapping[str, Any] | None = None, identity: str = "") -> Lake:
    """A lake for URIs like this one; `options` are s3fs's (key, secret, endpoint_url), `identity`
    is what messages call whoever has these rights."""
    return S3Lake(options or {}, identity) if uri.startswith("s3://") else LocalLake()
