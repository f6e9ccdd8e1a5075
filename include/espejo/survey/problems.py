"""What a check of a spec yields: where in the spec a problem is, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

Location = tuple[str | int, ...]
Problems = Iterator[tuple[Location, str]]
