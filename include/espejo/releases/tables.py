"""The table of a published release, be it in one file or in several."""

from __future__ import annotations

import pyarrow as pa

from include.espejo.errors import InputError
from include.espejo.lake import Lake, join
from include.espejo.lake.keys import MANIFEST, parquet_files
from include.espejo.releases.documents import Manifest, parse
from include.espejo.table.frames import from_parquet


def read_released(lake: Lake, folder: str) -> pa.Table:
    """The table, in the order of its files.

    Raises LakeError if a file of it is not there, InputError if one is of another form.
    """
    uri = join(folder, MANIFEST)
    names = parquet_files(file.name for file in parse(Manifest, lake.read(uri), uri).files)
    if not names:
        raise InputError(uri, ["rule form: it names no Parquet file; restore it"])
    return pa.concat_tables([_read(lake, join(folder, name)) for name in names])


def _read(lake: Lake, uri: str) -> pa.Table:
    content = lake.read(uri)
    try:
        return from_parquet(content)
    except (pa.ArrowException, OSError):
        unreadable = InputError(uri, ["rule form: not a Parquet file; restore the file"])
    raise unreadable
